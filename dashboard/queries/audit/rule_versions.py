"""The versions of the rules: who saved which, when, and which days each counts."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select

from db import rules
from db.rules import Rules, RulesByDay
from db.tables import rule_versions


@dataclass(frozen=True)
class Version:
    """One version, by whom and from when. The one of an empty hub has neither. It counts the days
    from `first` (None: the first one) to `last` (None: the newest); none at all where `counts` is
    false."""

    rules: Rules
    author: str | None = None
    created_at: datetime | None = None
    counts: bool = True
    first: date | None = None
    last: date | None = None


def versions(connection: Connection) -> list[Version]:
    """Every version, the newest first."""
    c = rule_versions.c
    rows = connection.execute(select(rule_versions).order_by(c.version.desc()))
    days = _days(rules.rules_by_day(connection))
    found = [
        Version(
            _read(row.version, row.rules), row.author, row.created_at,
            row.version in days, *days.get(row.version, ()),
        )
        for row in rows
    ]  # fmt: skip
    return found or [Version(current(connection))]


def _days(by_day: RulesByDay) -> dict[int, tuple[date | None, date | None]]:
    """The first and the last day that each version counts."""
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
