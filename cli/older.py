"""Machines that share a hostname: which of them are the older rows of one machine."""

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

LIVES, OTHER_SERIAL = "it still reports: these are two", "its serial number is another one"


@dataclass
class Group:
    """Machines of one hostname and site: the newest, the older ones, and those not sure to be it,
    each with the reason."""

    newest: Row[Any]
    gone: list[Row[Any]] = field(default_factory=list)
    left: list[tuple[Row[Any], str]] = field(default_factory=list)

    def told(self) -> Iterator[str]:
        """What is done to them, a line each."""
        site = f" at {printable(self.newest.site)}" if self.newest.site else ""
        yield f"{printable(self.newest.hostname)}{site}:"
        yield _line("keeps", self.newest)
        for machine in self.gone:
            yield _line("deletes", machine)
        for machine, why in self.left:
            yield f"{_line('leaves', machine)}  {why}"


def find(connection: Connection, now: datetime) -> list[Group]:
    """The groups of two and more, by hostname. Names are compared exactly; no name is no group."""
    machine = inventory.c
    asked: Select[Any] = select(
        machine.machine_id, machine.hostname, machine.site, machine.serial, machine.received_at
    )
    rows = rows_for_update(connection, asked)
    named = sorted((row for row in rows if row.hostname), key=_order)
    groups = []
    for _, together in groupby(named, key=_name):
        newest, *others = together
        group = Group(newest)
        for machine_row in others:
            why = _another(newest, machine_row, now)
            if why is None:
                group.gone.append(machine_row)
            else:
                group.left.append((machine_row, why))
        if others:
            groups.append(group)
    return groups


def _another(newest: Row[Any], row: Row[Any], now: datetime) -> str | None:
    """Why `row` may be another machine than `newest`."""
    if newest.serial and row.serial and newest.serial != row.serial:
        return OTHER_SERIAL
    return LIVES if row.received_at >= now - LATE_WITHIN else None


def _name(row: Row[Any]) -> tuple[str, str]:
    return row.hostname, row.site or ""


def _order(row: Row[Any]) -> tuple[str, str, float, str]:
    return *_name(row), -row.received_at.timestamp(), row.machine_id


def _line(what: str, row: Row[Any]) -> str:
    return f"  {what:7} {row.machine_id}  last report {minute(row.received_at)}"
