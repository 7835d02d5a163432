"""Stored counts: of days and of month-ends. Each comment says what a row is."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, String, false

from db.tables.base import table

# Count on one date, by basis (a source, or assets), site, type and billing status.
daily_counts = table(
    "daily_counts",
    Column("snapshot_date", Date, primary_key=True),
    Column("basis", String(16), primary_key=True),
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("device_type", String(16), primary_key=True),
    Column("billing_status", String(16), primary_key=True),
    Column("n", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Count at the end of one month ('2026-11'), grouped as in daily_counts. `imported`: from
# imported_counts, because the basis had no snapshot in that month or before.
month_end_counts = table(
    "month_end_counts",
    Column("month", String(7), primary_key=True),
    Column("basis", String(16), primary_key=True),
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("device_type", String(16), primary_key=True),
    Column("billing_status", String(16), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("imported", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)

# Count at the end of one month from a file, grouped as in daily_counts. It stays stored when the
# source's first snapshot ends that it counts: that snapshot may be withdrawn.
imported_counts = table(
    "imported_counts",
    Column("month", String(7), primary_key=True),
    Column("basis", String(16), primary_key=True),
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("device_type", String(16), primary_key=True),
    Column("billing_status", String(16), primary_key=True),
    Column("n", Integer, nullable=False),
    sqlite_with_rowid=False,
)
