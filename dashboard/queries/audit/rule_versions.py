"""The versions of the rules, with their authors and the days that each evaluates."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select

from db import rules
from db.rules import Rules, RulesByDay
from db.tables import rule_versions


@dataclass(frozen=True)
class Version:
    """One version. That of an empty hub has no author and no `created_at`.

    Attributes:
        counts: whether any day is evaluated by it.
        first: the first day that it evaluates; None for the first one there is.
        last: the last day that it evaluates; None for the newest one.
    """

    rules: Rules
    author: str | None = None
    created_at: datetime | None = None
    counts: bool = True
    first: date | None = None
    last: date | None = None


def versions(connection: Connection) -> list[Version]:
    """All versions, the newest first."""
    c = rule_versions.c
    rows = connection.execute(select(rule_versions).order_by(c.version.desc()))
    days = _days(rules.rules_by_day(connection))
    saved = [
        Version(
            _read(row.version, row.rules), row.author, row.created_at,
            row.version in days, *days.get(row.version, ()),
        )
        for row in rows
    ]  # fmt: skip
    return saved or [Version(current(connection))]


def _days(by_day: RulesByDay) -> dict[int, tuple[date | None, date | None]]:
    """By version number the first and the last day that it evaluates."""
    ends = [first - timedelta(days=1) for first, _each in by_day.eras[1:]]
    return {
        each.version: (None if first == date.min else first, last)
        for (first, each), last in zip(by_day.eras, [*ends, None], strict=True)
    }


def current(connection: Connection) -> Rules:
    """The version to judge by now."""
    return rules.current_rules(connection)


def _read(version: int, text: str) -> Rules:
    return Rules(version, **{name: tuple(words) for name, words in json.loads(text).items()})
