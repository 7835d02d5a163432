"""The tables. Each comment says what one row is.

`device_snapshots`, `device_payloads`, `device_latest`, `devices` may one day be distributed by
device_id: their keys start with it, nothing is unique without it, no sequence feeds them.
The other tables are small.
"""

from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from db.types import Blob, LongText, SerialId, UtcDateTime

OPEN_END = date(9999, 12, 31)
"""`valid_to` of a stretch that still lasts."""

NO_SITE_ID = 0
"""The site of a machine whose source names none; it has no row in `sites`."""

MATCH_NAME_LENGTH = NAME_LENGTH = 255

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *items: Any, **options: Any) -> Table:
    # Binary collation: MySQL would otherwise take 'a1' for 'A1' in keys, joins and groups.
    options |= {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
    return Table(name, metadata, *items, **options)


def _id(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


# Canonical site: one customer under one name.
sites = _table(
    "sites",
    Column("site_id", SerialId, primary_key=True, autoincrement=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("match_name", String(MATCH_NAME_LENGTH), nullable=False, index=True),
    Column("needs_review", Boolean, nullable=False),
    Column("internal", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# What one source calls a site, by the source's own id of it.
site_aliases = _table(
    "site_aliases",
    Column("source", String(16), primary_key=True),
    Column("alias_key", String(128), primary_key=True),
    Column("site_id", BigInteger, nullable=False, index=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("last_seen", Date, nullable=False),
)

# Device: one record of one source. `last_seen` is null while the source still has it.
devices = _table(
    "devices",
    Column("device_id", SerialId, primary_key=True, autoincrement=False),
    Column("source", String(16), nullable=False),
    Column("source_key", String(128), nullable=False),
    Column("first_seen", Date, nullable=False),
    Column("last_seen", Date),
)

# Unbroken stretch of days, valid_from up to but without valid_to, in which a source said the
# same of a device. `state_hash` covers every column from alias_key to payload_hash but site and
# asset, which are resolved, not said.
device_snapshots = _table(
    "device_snapshots",
    _id("device_id"),
    Column("valid_from", Date, primary_key=True),
    Column("valid_to", Date, nullable=False),
    Column("source", String(16), nullable=False),
    Column("site_id", BigInteger, nullable=False),
    Column("asset_id", BigInteger, nullable=False),
    Column("alias_key", String(128)),
    Column("location", String(NAME_LENGTH)),
    Column("hostname", String(NAME_LENGTH)),
    Column("display_name", String(NAME_LENGTH)),
    Column("device_type", String(16), nullable=False),
    Column("type_reason", String(400), nullable=False),
    Column("billing_status", String(16), nullable=False),
    Column("reason", String(400), nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("os", String(NAME_LENGTH)),
    Column("node_class", String(64)),
    Column("serial", String(128)),
    Column("repaired", String(NAME_LENGTH)),
    Column("payload_hash", BigInteger, nullable=False),
    Column("state_hash", BigInteger, nullable=False),
    Column("opened_by", BigInteger, nullable=False),
    Column("closed_by", BigInteger),
    Index(None, "source", "valid_to", "valid_from"),
    Index(None, "asset_id"),
    Index(None, "serial"),
)

# Distinct payload of a device without its volatile keys: zlib of canonical JSON.
device_payloads = _table(
    "device_payloads",
    _id("device_id"),
    Column("payload_hash", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Blob, nullable=False),
)

# Device: what changes hourly. `volatile` is the JSON of the payload's volatile keys; with the
# payload of the newest stretch it makes the newest full payload.
device_latest = _table(
    "device_latest",
    Column("device_id", SerialId, primary_key=True, autoincrement=False),
    Column("last_contact", UtcDateTime),
    Column("online", Boolean),
    Column("ip", String(64)),
    Column("volatile", LongText, nullable=False),
    # Every row is rewritten every day: with room beside it, PostgreSQL does that in its page, and
    # the table stays as small as it is.
    postgresql_with={"fillfactor": "45"},
)

# Attempt to collect one source for one business day. `published` marks the one run whose
# snapshot stands for its source and day; `hold` says what became of a suspicious run.
collection_runs = _table(
    "collection_runs",
    Column("run_id", SerialId, primary_key=True, autoincrement=True),
    Column("source", String(16), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("published", Boolean, nullable=False),
    Column("hold", String(16)),
    Column("started_at", UtcDateTime, nullable=False),
    Column("heartbeat_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("pages", Integer),
    Column("records", Integer),
    Column("promised", Integer),
    Column("organizations", Integer),
    Column("locations", Integer),
    Column("quarantined", Integer),
    Column("added", Integer),
    Column("removed", Integer),
    Column("changed", Integer),
    Column("changed_percent", Double),
    Column("changed_keys", String(NAME_LENGTH)),
    Column("reason", LongText),
    Column("rule_version", Integer),
    Column("correlation_id", String(36), nullable=False),
    Index(None, "source", "business_date"),
)

# Row of a run that could not be read as a device, with the reason and its JSON.
quarantined_records = _table(
    "quarantined_records",
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("device_id", BigInteger),
    Column("source_key", String(128)),
    Column("reason", String(400), nullable=False),
    Column("body", Blob, nullable=False),
)

# Row, as fetched, of a suspicious run that waits for a decision.
held_records = _table(
    "held_records",
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("body", Blob, nullable=False),
)

# Version of the rules: their settings as JSON, from when, by whom.
rule_versions = _table(
    "rule_versions",
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("rules", LongText, nullable=False),
    Column("author", String(NAME_LENGTH), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# Link of a device to another device's machine, in force from `since` up to but without `until`.
asset_links = _table(
    "asset_links",
    _id("device_id"),
    Column("since", Date, primary_key=True),
    Column("until", Date, nullable=False),
    Column("asset_id", BigInteger, nullable=False),
    Column("other_device_id", BigInteger, nullable=False),
    Column("method", String(16), nullable=False),
    Column("evidence", String(400), nullable=False),
    Column("author", String(NAME_LENGTH), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("opened_by", BigInteger, nullable=False),
    Column("closed_by", BigInteger),
)

# How many on one date: by basis (a source, or assets), site, type and billing status.
daily_counts = _table(
    "daily_counts",
    Column("snapshot_date", Date, primary_key=True),
    Column("basis", String(16), primary_key=True),
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("device_type", String(16), primary_key=True),
    Column("billing_status", String(16), primary_key=True),
    Column("n", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# How many at the end of one month ('2026-11'), in the shape of daily_counts.
month_end_counts = _table(
    "month_end_counts",
    Column("month", String(7), primary_key=True),
    Column("basis", String(16), primary_key=True),
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("device_type", String(16), primary_key=True),
    Column("billing_status", String(16), primary_key=True),
    Column("n", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Month that has been closed at least once; a month without a row is open.
months = _table(
    "months",
    Column("month", String(7), primary_key=True),
    Column("closed", Boolean, nullable=False),
)

# Task that one process at a time may do, and who does it now.
leases = _table(
    "leases",
    Column("name", String(32), primary_key=True),
    Column("token", String(36)),
    Column("holder", String(NAME_LENGTH)),
    Column("host", String(NAME_LENGTH)),
    Column("pid", Integer),
    Column("process_started", Double),
    Column("acquired_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
)

# Fact about this database as a whole, e.g. that it is a demo.
meta = _table(
    "meta",
    Column("name", String(64), primary_key=True),
    Column("value", LongText, nullable=False),
)
