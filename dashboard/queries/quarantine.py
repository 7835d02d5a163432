"""Rows that could not be read, of each source's newest published run."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from db.history.runs import PUBLISHED
from db.sources import source_label
from db.tables import collection_runs, quarantined_records

MAX_ROWS = 50


class QuarantinedRow(NamedTuple):
    """One unreadable row: its source, its key when that could be read, and the reason."""

    source: str
    source_key: str | None
    reason: str

    @property
    def label(self) -> str:
        """The label of the source."""
        return source_label(self.source)


def quarantined_rows(connection: Connection) -> list[QuarantinedRow]:
    """The quarantined rows of each source's newest published run, at most `MAX_ROWS`."""
    runs = collection_runs.c
    newest = (
        select(runs.source, func.max(runs.business_date).label("day"))
        .where(PUBLISHED)
        .group_by(runs.source)
        .subquery("newest")
    )
    rows = connection.execute(
        select(runs.source, quarantined_records.c.source_key, quarantined_records.c.reason)
        .join(collection_runs, runs.run_id == quarantined_records.c.run_id)
        .join(newest, (newest.c.source == runs.source) & (newest.c.day == runs.business_date))
        .where(PUBLISHED)
        .order_by(runs.source, quarantined_records.c.position)
        .limit(MAX_ROWS)
    )
    return [QuarantinedRow(*row) for row in rows]


def quarantine_reason(connection: Connection, run_id: int, device_id: int) -> str | None:
    """Why a run could not read the row of a device; None when it could."""
    rows = quarantined_records.c
    reason: str | None = connection.scalar(
        select(rows.reason)
        .where(rows.run_id == run_id, rows.device_id == device_id)
        .order_by(rows.position)
        .limit(1)
    )
    return reason
