"""The last 24 hours of one machine, and its place among the devices."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, exists, select

from dashboard.queries.own_sites import own_sites
from db.tables import agent_hours, device_snapshots, inventory

HOURS = 24


@dataclass(frozen=True)
class Hour:
    """One hour from `start` on: its reports, and mean and peak of CPU and memory in percent; None
    where no report had them."""

    start: datetime
    reports: int = 0
    cpu_mean: float | None = None
    cpu_max: float | None = None
    memory_mean: float | None = None
    memory_max: float | None = None


def last_24_hours(connection: Connection, device_id: int, now: datetime) -> list[Hour]:
    """The hour that runs and the 23 before it, oldest first, also those without a report."""
    this = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = this - timedelta(hours=HOURS - 1)
    h = agent_hours.c
    rows = connection.execute(
        select(agent_hours).where(h.device_id == device_id, h.hour >= first, h.hour <= this)
    )
    by_hour = {
        row.hour: Hour(
            row.hour, row.n,
            row.cpu_sum / row.cpu_n if row.cpu_n else None, row.cpu_max if row.cpu_n else None,
            row.memory_sum / row.memory_n if row.memory_n else None,
            row.memory_max if row.memory_n else None,
        )
        for row in rows
    }  # fmt: skip
    starts = [first + timedelta(hours=n) for n in range(HOURS)]
    return [by_hour.get(start, Hour(start)) for start in starts]


def is_machine(connection: Connection, machine_id: str) -> bool:
    """Whether there is a machine of that id."""
    known = exists().where(inventory.c.machine_id == machine_id.lower())
    return bool(connection.scalar(select(known)))


def name_of(connection: Connection, machine_id: str) -> str | None:
    """The hostname of the machine of that id."""
    c = inventory.c
    return connection.scalar(select(c.hostname).where(c.machine_id == machine_id.lower()))


def is_device(connection: Connection, device_id: int) -> bool:
    """Whether the machine has a page among the devices: a day's snapshot that its reader sees holds
    it."""
    stretch, own = device_snapshots.c, own_sites(connection)
    seen = () if own is None else (stretch.site_id.in_(sorted(own)),)
    kept = exists().where(stretch.device_id == device_id, *seen)
    return bool(connection.scalar(select(kept)))
