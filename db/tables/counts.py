"""How many: on a day, at a month's end. Each comment says what one row is."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, String, false

from db.tables.base import table

# How many on one date: by basis (a source, or assets), site, type and billing status.
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

# How many at the end of one month ('2026-11'), in the shape of daily_counts. `imported`: from a
# file, of a time before the source was collected.
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
