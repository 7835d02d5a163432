"""Requests of pages for jobs: checked, then enqueued for the worker in the name of who requests."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select
from werkzeug.exceptions import BadRequest, Forbidden

from dashboard.web.context import current, current_actor
from db import jobs
from db.decisions import Decision, InvalidDecision, parse
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
        Forbidden: the actor's role does not suffice.
    """
    context, actor = current(), current_actor()
    with context.writing() as connection:
        needs_administrator = _needs_administrator(connection, decision)
        if not actor.may_start(type(decision), needs_administrator=needs_administrator):
            raise Forbidden("Your role may not do this: ask an administrator of this hub.")
        return jobs.enqueue(connection, decision, actor.name, context.clock())


def _needs_administrator(connection: Connection, decision: Decision) -> bool:
    """Whether the decision is about a run that only an administrator may accept."""
    if not decision.checks_administrator:
        return False
    run = collection_runs.c
    of_id = run.run_id == decision.arguments()["run_id"]
    return bool(connection.scalar(select(run.needs_administrator).where(of_id)))
