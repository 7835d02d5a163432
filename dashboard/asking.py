"""What a page asks of the worker: written down as a job by whoever may, with their name."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from flask import g
from sqlalchemy import Connection, select
from werkzeug.exceptions import BadRequest, Forbidden

from dashboard.access import ADMINISTRATOR, JOBS, Actor
from dashboard.context import current
from dashboard.filters import SOURCES
from db import jobs
from db.engine import writing
from db.tables import collection_runs

LONGEST_REASON = 200


def actor() -> Actor:
    """Who asks."""
    found: Actor = g.actor
    return found


def may(kind: str, *, needs_administrator: bool = False) -> bool:
    """Whether who asks may ask for a job of `kind`: what a page offers."""
    return (ADMINISTRATOR if needs_administrator else JOBS[kind]) in actor().roles


def ask(kind: str, arguments: Mapping[str, Any]) -> int:
    """Write a job down; its id. What waits already is not asked for twice.

    Raises:
        BadRequest: no such job, or arguments that it does not have.
        Forbidden: who asks may not.
    """
    here = current()
    clean = checked(kind, arguments)
    with writing(here.engine) as connection:
        if not may(kind, needs_administrator=_is_large(connection, kind, clean)):
            raise Forbidden("Your role may not do this: ask an administrator of this hub.")
        return jobs.ask(connection, kind, clean, actor().name, here.clock())


def checked(kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`arguments` as the worker expects them.

    Raises:
        BadRequest: no such job, or arguments that it does not have.
    """
    expected = _ARGUMENTS.get(kind)
    if expected is None or kind not in JOBS:
        raise BadRequest(f"There is no job {kind[:40]!r}.")
    if set(arguments) != set(expected):
        raise BadRequest(f"The job {kind} takes {', '.join(expected)}.")
    for name in expected:
        if not _CHECKS[name](arguments[name]):
            raise BadRequest(f"{name} of the job {kind} cannot be {str(arguments[name])[:40]!r}.")
    return dict(arguments)


def _is_large(connection: Connection, kind: str, arguments: Mapping[str, Any]) -> bool:
    """Whether it is a run that loses so much that only an administrator may accept it."""
    if kind != jobs.ACCEPT_RUN:
        return False
    run = collection_runs.c
    large = select(run.needs_administrator).where(run.run_id == arguments["run_id"])
    return bool(connection.scalar(large))


def _is_day(value: Any) -> bool:
    try:
        return bool(date.fromisoformat(value).isoformat() == value)
    except (TypeError, ValueError):
        return False


_ARGUMENTS: dict[str, tuple[str, ...]] = {
    jobs.COLLECT: ("source",),
    jobs.ACCEPT_RUN: ("run_id",),
    jobs.REJECT_RUN: ("run_id",),
    jobs.WITHDRAW_DAY: ("source", "day"),
    jobs.END_SOURCE: ("source",),
    jobs.CLOSE_MONTH: ("month",),
    jobs.REOPEN_MONTH: ("month", "reason"),
    jobs.ACCEPT_FINDING: ("finding_id", "reason", "expires"),
    jobs.WITHDRAW_ACCEPTANCE: ("exception_id",),
}
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "source": lambda value: value in SOURCES,
    "run_id": lambda value: type(value) is int and 0 < value < 2**63,
    "finding_id": lambda value: type(value) is int and 0 < value < 2**63,
    "exception_id": lambda value: type(value) is int and 0 < value < 2**63,
    "expires": lambda value: value is None or _is_day(value),
    "day": _is_day,
    "month": lambda value: isinstance(value, str) and _is_day(f"{value}-01"),
    "reason": lambda value: (
        isinstance(value, str)
        and 0 < len(value.strip()) <= LONGEST_REASON
        and not re.search(r"[\x00-\x1f\ud800-\udfff]", value)
    ),
}
