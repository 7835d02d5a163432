"""The machines that report themselves, as the agent source reads them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, select

from db.engine import reading
from db.tables import inventory, report_days

SOURCE = "agent"


def ever_reported(connection: Connection) -> bool:
    """Whether any machine has reported on any day."""
    return connection.execute(select(report_days.c.day).limit(1)).first() is not None


def present(engine: Engine, days: int, zone: tzinfo) -> Iterator[Mapping[str, Any]]:
    """One row per machine that reported within the last `days` days on which any machine did:
    while nothing reports at all, our own server may be what is down (PRODUCT.md rule 5).

    Args:
        zone: of the business day.
    """
    with reading(engine) as connection:
        day = report_days.c.day
        newest = connection.scalars(select(day).order_by(day.desc()).limit(days)).all()
        if not newest:
            return
        since = datetime.combine(newest[-1], time.min, zone).astimezone(UTC)
        machines = (
            select(inventory)
            .where(inventory.c.received_at >= since)
            .order_by(inventory.c.machine_id)
        )
        for row in connection.execution_options(yield_per=1000).execute(machines).mappings():
            yield dict(row)
