"""The versions of the thresholds, and what a shorter retention would delete."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from db import thresholds
from db.history.kept import KeptDays
from db.history.runs import kept_days
from db.settings import Settings, active_settings
from db.thresholds import ENVIRONMENT, Thresholds


@dataclass(frozen=True)
class Version:
    """One version, with who saved it, when and why; the environment's has no `created_at` while
    nobody has saved another."""

    number: int
    values: Thresholds
    author: str
    created_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Loss:
    """What shorter retention would delete: `days` from `first` on that are kept now and are no
    month-ends, and so many month-ends."""

    days: int
    first: date | None
    months: int


def versions(connection: Connection, settings: Settings | None = None) -> list[Version]:
    """All versions, the newest first."""
    saved = [
        Version(row.version, thresholds.parse(row.thresholds), row.author, row.created_at,
                row.reason)
        for row in thresholds.versions(connection)
    ]  # fmt: skip
    return saved or [Version(1, active_settings(settings).thresholds, ENVIRONMENT)]


def current(connection: Connection, settings: Settings | None = None) -> Version:
    """The version in use."""
    return versions(connection, settings)[0]


def loss(connection: Connection, after: Thresholds, settings: Settings | None = None) -> Loss:
    """What saving `after` would delete with the next run."""
    now = kept_days(connection, settings)
    if now is None:
        return Loss(0, None, 0)
    then = replace(
        now, days=after.retention_days, months=after.month_end_retention_months
    )  # fmt: skip
    days = (then.daily_from - now.daily_from).days
    gone = set(_ends(now)) - set(_ends(then)) - {
        end for end in _ends(now) if end >= then.daily_from
    }  # fmt: skip
    return Loss(max(days, 0), now.daily_from if days > 0 else None, len(gone))


def _ends(kept: KeptDays) -> list[date]:
    return kept.month_ends()
