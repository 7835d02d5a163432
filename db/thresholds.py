"""Versions of the thresholds: how long days are kept, when months close, when a machine counts,
when a run is suspicious.

The environment's values are version 1. Once a person has saved a version, the environment's are
ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from db.tables import threshold_versions

ENVIRONMENT = "environment"
"""The author of the version that comes from the environment."""

_NEWEST = select(threshold_versions).order_by(threshold_versions.c.version.desc()).limit(1)


@dataclass(frozen=True)
class Thresholds:
    """One version of the thresholds (docs/rules.md, 5, 6 and 10).

    Kept are every day of the last `retention_days` and the last day of so many months. A month
    closes automatically `month_close_days` after its end. A machine counts for `agent_present_days`
    after its last report. The others say when a run is suspicious: more than both, of all devices
    in percent and in devices, vanish or change; a site of so many goes to zero; a growth by at
    least both; from `administrator_percent` of vanished devices on only an administrator accepts.
    """

    retention_days: int = 65
    month_end_retention_months: int = 24
    month_close_days: int = 3
    agent_present_days: int = 30
    vanished_percent: int = 5
    vanished_devices: int = 10
    changed_percent: int = 5
    changed_devices: int = 10
    emptied_site_devices: int = 5
    growth_percent: int = 25
    growth_devices: int = 50
    administrator_percent: int = 20


RANGES: Mapping[str, tuple[int, int]] = {
    "retention_days": (1, 36500),
    "month_end_retention_months": (0, 1200),
    "month_close_days": (0, 36500),
    "agent_present_days": (1, 3650),
    "vanished_percent": (0, 100),
    "vanished_devices": (0, 1_000_000),
    "changed_percent": (0, 100),
    "changed_devices": (0, 1_000_000),
    "emptied_site_devices": (1, 1_000_000),
    "growth_percent": (0, 1000),
    "growth_devices": (1, 1_000_000),
    "administrator_percent": (1, 100),
}
"""The least and the most that each may be, in their order."""


def out_of_range(values: Mapping[str, Any]) -> str | None:
    """The first threshold whose value is no whole number within its range; None where all are."""
    for name, (least, most) in RANGES.items():
        value = values.get(name)
        if not isinstance(value, int) or not least <= value <= most:
            return name
    return None


def are_thresholds(values: Mapping[str, int]) -> bool:
    """Whether `values` are a whole version: every threshold within its range. An administrator's
    share below what is suspicious at all would never be asked for."""
    return (
        values.keys() == RANGES.keys()
        and out_of_range(values) is None
        and values["administrator_percent"] >= values["vanished_percent"]
    )


def in_force(connection: Connection, from_environment: Thresholds) -> Thresholds:
    """The newest version saved; the environment's while none is."""
    row = _newest(connection)
    return from_environment if row is None else parse(row.thresholds)


def versions(connection: Connection) -> list[Row[Any]]:
    """Every version saved, the newest first."""
    newest_first = threshold_versions.c.version.desc()
    return list(connection.execute(select(threshold_versions).order_by(newest_first)))


def save(
    connection: Connection, before: Thresholds, after: Thresholds, author: str, reason: str,
    now: datetime,
) -> int:  # fmt: skip
    """Store a new version; its number. The first that a person saves is version 2: what the
    environment said until then (`before`) becomes version 1."""
    row = _newest(connection)
    if row is None:
        _insert(connection, 1, before, ENVIRONMENT, None, now)
    version = 2 if row is None else row.version + 1
    _insert(connection, version, after, author, reason, now)
    return version


def parse(text: str) -> Thresholds:
    """A stored version; thresholds that came later have their defaults."""
    return Thresholds(**json.loads(text))


def _newest(connection: Connection) -> Row[Any] | None:
    return connection.execute(_NEWEST).first()


def _insert(
    connection: Connection, version: int, values: Thresholds, author: str, reason: str | None,
    now: datetime,
) -> None:  # fmt: skip
    connection.execute(
        insert(threshold_versions).values(
            version=version, thresholds=json.dumps(asdict(values)), author=author, reason=reason,
            created_at=now,
        )
    )  # fmt: skip
