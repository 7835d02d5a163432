"""What a page asks of the worker: written down as a job by whoever may, with their name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from flask import g
from sqlalchemy import Connection, select
from werkzeug.exceptions import BadRequest, Forbidden

from dashboard.base.access import JOBS, Actor
from dashboard.base.params import SOURCES
from dashboard.web.context import current
from db import jobs
from db.engine import writing
from db.rules import Rules
from db.tables import collection_runs

LONGEST_REASON = 200


def actor() -> Actor:
    """Who asks."""
    found: Actor = g.actor
    return found


def may(kind: str, *, needs_administrator: bool = False) -> bool:
    """Whether who asks may ask for a job of `kind`: what a page offers."""
    return actor().may_start(kind, needs_administrator=needs_administrator)


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
        if not _CHECKS.get(f"{kind}.{name}", _CHECKS.get(name, _is_id))(arguments[name]):
            raise BadRequest(f"{name} of the job {kind} cannot be {str(arguments[name])[:40]!r}.")
    if kind == jobs.PREVIEW:
        return {**arguments, "with": checked(arguments["job"], arguments["with"])}
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


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**63


def _is_text(value: Any, longest: int = LONGEST_REASON) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value.strip()) <= longest
        and not re.search(r"[\x00-\x1f\ud800-\udfff]", value)
    )


def _are_sources(value: Any) -> bool:
    """Some of the sources, each once."""
    return (
        isinstance(value, list)
        and all(one in SOURCES for one in value)
        and len(set(value)) == len(value)
    )


def _are_rules(value: Any) -> bool:
    """Every field of `db.rules.Rules` but the version."""
    return (
        isinstance(value, dict)
        and set(value) == RULE_FIELDS
        and all(isinstance(one, list) and len(one) <= MOST_WORDS for one in value.values())
        and all(_is_text(word) for words in value.values() for word in words)
        and _are_sources(value["expected_sources"])
        and _are_sources(value["source_order"])
        and len(value["source_order"]) == len(SOURCES)
    )


RULE_FIELDS = {field.name for field in fields(Rules)} - {"version"}
MOST_WORDS = 2000
"""Entries of one setting of the rules at most: as many as there may be sites."""

PREVIEWED = (*jobs.RESTATING, jobs.EXPECT_SOURCES, jobs.UNDO)
"""What is shown before it is done: the worker tries it on a copy."""

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    jobs.COLLECT: ("source",),
    jobs.ACCEPT_RUN: ("run_id",),
    jobs.REJECT_RUN: ("run_id",),
    jobs.WITHDRAW_DAY: ("source", "day"),
    jobs.END_SOURCE: ("source",),
    jobs.CLOSE_MONTH: ("month",),
    jobs.REOPEN_MONTH: ("month", "reason"),
    jobs.LINK_DEVICES: ("device_id", "other_device_id"),
    jobs.SPLIT_DEVICE: ("device_id",),
    jobs.KEEP_APART: ("device_id", "other_device_id"),
    jobs.MERGE_SITES: ("site_id", "into"),
    jobs.MOVE_ALIAS: ("source", "alias_key", "site_id"),
    jobs.CONFIRM_SITE: ("site_id",),
    jobs.EXPECT_SOURCES: ("site_id", "sources"),
    jobs.SAVE_RULES: ("rules", "reason"),
    jobs.ACCEPT_FINDING: ("finding_id", "reason", "expires"),
    jobs.WITHDRAW_ACCEPTANCE: ("exception_id",),
    jobs.UNDO: ("entry_id",),
    jobs.PREVIEW: ("job", "with"),
}
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "source": lambda value: value in SOURCES,
    "day": _is_day,
    "month": lambda value: isinstance(value, str) and _is_day(f"{value}-01"),
    "reason": _is_text,
    "alias_key": _is_text,
    "expires": lambda value: value is None or _is_day(value),
    "rules": _are_rules,
    "sources": lambda value: value is None or _are_sources(value),
    f"{jobs.MOVE_ALIAS}.site_id": lambda value: value is None or _is_id(value),
    "job": lambda value: value in PREVIEWED,
    "with": lambda value: isinstance(value, dict),
}
"""By the argument's name, or by job and name; what is not here is an id."""
