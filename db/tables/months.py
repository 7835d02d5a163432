"""Months and their closings. Each comment says what a row is."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, String

from db.tables.base import NAME_LENGTH, id_column, table
from db.tables.devices import listed_columns
from db.types import Blob, LongText, SerialId, UtcDateTime

ALL_SITES = -1
"""The site id of rows about all sites together."""

# Month that has been closed at least once; a month without a row is open.
months = table(
    "months",
    Column("month", String(7), primary_key=True),
    Column("closed", Boolean, nullable=False),
)


# Closing of a month. Closings are only ever added: the newest one of a closed month is in force.
month_closings = table(
    "month_closings",
    Column("closing_id", SerialId, primary_key=True, autoincrement=True),
    Column("month", String(7), nullable=False, index=True),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("author", String(NAME_LENGTH), nullable=False),
    Column("rule_version", Integer, nullable=False),
    # JSON: the runs in force at the month's end, and at the end of the month before, by source:
    # {source: {"date": "2026-10-31", "finished_at": "...", "run_id": "7"}}.
    Column("dates", LongText, nullable=False),
    Column("dates_before", LongText, nullable=False),
    Column("members", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    # The form of the files in its invoice packs (`db.months.closings.PACK_FORM`); no part of the
    # hash.
    Column("pack_form", Integer, nullable=False, server_default="1"),
)

# Record that was present at the end of a closed month, with the listed fields of its snapshot as
# they were then. `days`: on how many days of the month it was billable. `speaks` marks the primary
# record of its machine; only that one has the machine's type, sources and days.
month_members = table(
    "month_members",
    Column("closing_id", BigInteger, primary_key=True, autoincrement=False),
    id_column("device_id"),
    Column("source", String(16), nullable=False),
    Column("source_key", String(128), nullable=False),
    Column("site_id", BigInteger, nullable=False),
    Column("site", String(NAME_LENGTH), nullable=False),
    *listed_columns(),
    Column("first_seen", Date, nullable=False),
    Column("asset_id", BigInteger, nullable=False),
    Column("days", Integer, nullable=False),
    Column("speaks", Boolean, nullable=False),
    Column("asset_type", String(16)),
    Column("sources", String(64)),
    Column("asset_days", Integer),
)

# Count at the end of a closed month, grouped as in daily_counts, as of the closing: of the members,
# and from a file for sources that began later.
month_closing_counts = table(
    "month_closing_counts",
    Column("closing_id", BigInteger, primary_key=True, autoincrement=False),
    Column("basis", String(16), primary_key=True),
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("device_type", String(16), primary_key=True),
    Column("billing_status", String(16), primary_key=True),
    Column("n", Integer, nullable=False),
)

# Bases for billing a closed month: the billable devices of one site, or of all (site_id ALL_SITES),
# at its end, on the average day (device_days / days) and on the highest day.
month_bases = table(
    "month_bases",
    Column("closing_id", BigInteger, primary_key=True, autoincrement=False),
    Column("basis", String(16), primary_key=True),
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("month_end", Integer, nullable=False),
    Column("device_days", Integer, nullable=False),
    Column("days", Integer, nullable=False),
    Column("peak", Integer, nullable=False),
    Column("peak_day", Date, nullable=False),
)

# Device, or in the basis "assets" machine, that changed between the end of the month before and the
# end of a closed month: zlib of the JSON of a `db.history.changes.EntityChange`.
month_changes = table(
    "month_changes",
    Column("closing_id", BigInteger, primary_key=True, autoincrement=False),
    Column("basis", String(16), primary_key=True),
    Column("entity_id", BigInteger, primary_key=True, autoincrement=False),
    Column("site_then", BigInteger),
    Column("site_now", BigInteger),
    Column("body", Blob, nullable=False),
)
