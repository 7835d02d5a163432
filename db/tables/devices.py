"""What is known of devices, sites and machines. Each comment says what one row is."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, String

from db.tables.base import MATCH_NAME_LENGTH, NAME_LENGTH, id_column, table
from db.types import Blob, LongText, SerialId, UtcDateTime

# Canonical site: one customer under one name. `merged_into`: the site that its aliases answer to
# since a decision. `expected_sources` (names joined by ", "): which sources it is expected to
# have; null: what the rules say.
sites = table(
    "sites",
    Column("site_id", SerialId, primary_key=True, autoincrement=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("match_name", String(MATCH_NAME_LENGTH), nullable=False, index=True),
    Column("needs_review", Boolean, nullable=False),
    Column("internal", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("merged_into", BigInteger),
    Column("expected_sources", String(64)),
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
# asset, which are resolved, not said. `unmanaged`: why its source does not manage it, which the
# reason of an excluded record tells too. `restated_by`: the entry of the audit log whose decision
# made the stretch begin, or say other things than the one before it.
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
    Column("unmanaged", String(400)),
    Column("restated_by", BigInteger),
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
# payload of the newest stretch it makes the newest full payload. `macs`: the hardware addresses
# by which the source tells the machine, sorted ("00155d..,3cecef..").
device_latest = table(
    "device_latest",
    Column("device_id", SerialId, primary_key=True, autoincrement=False),
    Column("last_contact", UtcDateTime),
    Column("online", Boolean),
    Column("ip", String(64)),
    Column("volatile", LongText, nullable=False),
    Column("macs", String(NAME_LENGTH)),
    # Every row is rewritten every day: with room beside it, PostgreSQL does that in its page, and
    # the table stays as small as it is.
    postgresql_with={"fillfactor": "45"},
)

# Key that a device bears or once bore: 63 bits of blake2b of a serial number, a hostname, its first
# 15 characters or a hardware address, as compared. By them a day's matching finds who to look at.
device_keys = table(
    "device_keys",
    id_column("device_id"),
    Column("key", BigInteger, primary_key=True, autoincrement=False, index=True),
)

# Link of a device to another device's machine, in force from `since` up to but without `until`;
# with both equal it never was. `method`: manual, serial, mac, hostname or prefix (probable);
# `score`: how sure, 0 to 100. A run begins and ends it (`opened_by`, `closed_by`), or an entry of
# the audit log (`decided_by`, `undone_by`).
asset_links = table(
    "asset_links",
    Column("link_id", SerialId, primary_key=True, autoincrement=True),
    Column("device_id", BigInteger, nullable=False, index=True),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("asset_id", BigInteger, nullable=False, index=True),
    Column("other_device_id", BigInteger, nullable=False),
    Column("method", String(16), nullable=False),
    Column("evidence", String(400), nullable=False),
    Column("score", Integer),
    Column("author", String(NAME_LENGTH), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("opened_by", BigInteger),
    Column("closed_by", BigInteger),
    Column("decided_by", BigInteger),
    Column("undone_by", BigInteger),
)

# Two devices that somebody said are two machines, the lesser id first; `decided_by`: the entry of
# the audit log. Undoing that decision deletes the row.
kept_apart = table(
    "kept_apart",
    Column("decided_by", BigInteger, primary_key=True, autoincrement=False),
    id_column("device_id"),
    id_column("other_device_id"),
)
