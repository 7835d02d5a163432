"""`machine delete-older`: machines of one hostname, and which are old rows of the same machine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from cli.terminal import minute, printable
from dashboard.queries.machines.latest import LATE_WITHIN
from db.machines import rows_for_update
from db.tables import inventory

STILL_REPORTS, OTHER_SERIAL = "it still reports: these are two", "its serial number is another one"
ADDED_BY_HAND = "it was added by hand: DELETE /api/machines/<id> takes it out"


@dataclass
class HostnameGroup:
    """Machines of one hostname and site: the newest, its older rows, and those that may be other
    machines, each with the reason."""

    newest: Row[Any]
    older: list[Row[Any]] = field(default_factory=list)
    kept: list[tuple[Row[Any], str]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """What is done to each machine, for the terminal."""
        site = f" at {printable(self.newest.site)}" if self.newest.site else ""
        yield f"{printable(self.newest.hostname)}{site}:"
        yield _line("keeps", self.newest)
        for machine in self.older:
            yield _line("deletes", machine)
        for machine, reason in self.kept:
            yield f"{_line('leaves', machine)}  {reason}"


def hostname_groups(connection: Connection, now: datetime) -> list[HostnameGroup]:
    """The groups of two or more machines, sorted by hostname, which is compared exactly."""
    machine = inventory.c
    statement: Select[Any] = select(
        machine.machine_id, machine.hostname, machine.site, machine.serial, machine.received_at
    )
    rows = rows_for_update(connection, statement)
    named = sorted((row for row in rows if row.hostname), key=_sort_key)
    groups = []
    for _, together in groupby(named, key=_group_key):
        newest, *others = together
        group = HostnameGroup(newest)
        for machine_row in others:
            reason = _reason_to_keep(newest, machine_row, now)
            if reason is None:
                group.older.append(machine_row)
            else:
                group.kept.append((machine_row, reason))
        if others:
            groups.append(group)
    return groups


def _reason_to_keep(newest: Row[Any], row: Row[Any], now: datetime) -> str | None:
    """Why `row` may be another machine than `newest`; None when it is an old row of it."""
    if row.received_at is None:
        return ADDED_BY_HAND
    if newest.serial and row.serial and newest.serial != row.serial:
        return OTHER_SERIAL
    return STILL_REPORTS if row.received_at >= now - LATE_WITHIN else None


def _group_key(row: Row[Any]) -> tuple[str, str]:
    return row.hostname, row.site or ""


def _sort_key(row: Row[Any]) -> tuple[str, str, float, str]:
    last = row.received_at.timestamp() if row.received_at else 0.0
    return *_group_key(row), -last, row.machine_id


def _line(action: str, row: Row[Any]) -> str:
    last = minute(row.received_at) if row.received_at else "none"
    return f"  {action:7} {row.machine_id}  last report {last}"
