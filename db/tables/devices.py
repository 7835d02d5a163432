"""What is known of devices, sites and machines. Each comment says what one row is."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, String

from db.tables.base import MATCH_NAME_LENGTH, NAME_LENGTH, id_column, table
from db.types import Blob, LongText, SerialId, UtcDateTime

# Canonical site: one customer under one name.
sites = table(
    "sites",
    Column("site_id", SerialId, primary_key=True, autoincrement=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("match_name", String(MATCH_NAME_LENGTH), nullable=False, index=True),
    Column("needs_review", Boolean, nullable=False),
    Column("internal", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# What one source calls a site, by the source's own id of it.
site_aliases = table(
    "site_aliases",
    Column("source", String(16), primary_key=True),
    Column("alias_key", String(128), primary_key=True),
    Column("site_id", BigInteger, nullable=False, index=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("last_seen", Date, nullable=False),
)

# Device: one record of one source. `last_seen` is null while the source still has it.
devices = table(
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
device_snapshots = table(
    "device_snapshots",
    id_column("device_id"),
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
device_payloads = table(
    "device_payloads",
    id_column("device_id"),
    Column("payload_hash", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Blob, nullable=False),
)

# Device: what changes hourly. `volatile` is the JSON of the payload's volatile keys; with the
# payload of the newest stretch it makes the newest full payload.
device_latest = table(
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

# Link of a device to another device's machine, in force from `since` up to but without `until`.
asset_links = table(
    "asset_links",
    id_column("device_id"),
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
