"""Requests of pages for jobs: checked, then enqueued for the worker in the name of who requests."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, select
from werkzeug.exceptions import BadRequest, Forbidden

from dashboard.base.refusals import Refusal, refusal_words
from dashboard.web.context import current, current_actor
from db import jobs
from db.decisions import Decision, InvalidDecision, parse
from db.history.runs import border
from db.tables import collection_runs


def parse_decision(kind: str, arguments: Mapping[str, Any]) -> Decision:
    """A decision as a page names it.

    Raises:
        BadRequest: there is no such kind, or these are not its arguments.
    """
    try:
        return parse(kind, arguments)
    except InvalidDecision as error:
        raise BadRequest(str(error)) from error


def enqueue(decision: Decision) -> int:
    """Enqueue a job for the worker; its id. An equal one that still waits is not repeated.

    Raises:
        Forbidden: the actor's role does not suffice, or it touches sites that they do not see.
    """
    context, actor = current(), current_actor()
    with context.writing(own_sites=True) as connection:
        if (refusal := refusal_of(connection, decision)) is not None:
            raise Forbidden(refusal_words(refusal))
        return jobs.enqueue(connection, decision, actor.name, context.clock())


def refusal_of(connection: Connection, decision: Decision) -> Refusal | None:
    """Why the actor may not request this decision; None when they may."""
    actor = current_actor()
    needs_administrator = _needs_administrator(connection, decision)
    refusal = actor.refusal(type(decision), needs_administrator=needs_administrator)
    if refusal is not None or actor.sites is None:
        return refusal
    closed = border(connection)
    first = date.min if closed is None else closed + timedelta(days=1)
    touched = decision.sites_touched(connection, first)
    return None if touched is not None and touched <= actor.sites else Refusal(decision.doing)


def _needs_administrator(connection: Connection, decision: Decision) -> bool:
    """Whether the decision is about a run that only an administrator may accept."""
    if not decision.checks_administrator:
        return False
    run = collection_runs.c
    of_id = run.run_id == decision.arguments()["run_id"]
    return bool(connection.scalar(select(run.needs_administrator).where(of_id)))
