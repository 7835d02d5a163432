"""Devices, sites and machines. Each comment says what a row is.

The fields that a snapshot stores of a device are declared here and nowhere else. The records that
sources build, the states that a publish writes, the state hash, the members of closed months,
device rows in pages, files and API, and a device's history derive from `NameFields`,
`SystemFields` and the columns of `device_snapshots`. To store another field of a source: declare it
in `SystemFields`, write the migration of both tables, set it in the source's `to_record`, and
give it a label in `dashboard.words.field_words`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, String, Text
from sqlalchemy.types import TypeEngine

from db.tables.base import ALIAS_KEY_LENGTH, MATCH_NAME_LENGTH, NAME_LENGTH, id_column, table
from db.types import Blob, LongText, SerialId, UtcDateTime

_HASHED = {"hashed": "always"}
_HASHED_IF_SET = {"hashed": "if set"}
_HISTORY = {"history": True}
_LISTED = {"listed": True, "history": True}
"""The entries of a column's `info`.

hashed: part of `state_hash`, so that another value opens another stretch. Columns that were added
after hashes had been stored are "if set": a hash covers them only where they have a value, and the
hashes of older rows stay valid.
listed: part of every device row: grid, API, files, members of a closed month.
history: shown and compared in the history of a device.
"""


def _stored(kind: TypeEngine[Any], hashed: dict[str, Any] = _HASHED_IF_SET) -> Any:
    """A listed dataclass field with a column of the type `kind`; None unless it is set."""
    return field(default=None, metadata={"type": kind, "info": {**hashed, **_LISTED}})


@dataclass(frozen=True, kw_only=True)
class NameFields:
    """A device's names and its place, as its source reports them."""

    __slots__ = ()

    location: str | None = _stored(String(NAME_LENGTH), _HASHED)
    hostname: str | None = _stored(String(NAME_LENGTH), _HASHED)
    display_name: str | None = _stored(String(NAME_LENGTH), _HASHED)


@dataclass(frozen=True, kw_only=True)
class SystemFields:
    """A device's system, as its source reports it. New fields go to the end."""

    __slots__ = ()

    os: str | None = _stored(String(NAME_LENGTH), _HASHED)
    node_class: str | None = _stored(String(64), _HASHED)
    serial: str | None = _stored(String(128), _HASHED)


def _columns(declared: type[NameFields] | type[SystemFields]) -> Iterator[Column[Any]]:
    for each in fields(declared):
        yield Column(each.name, each.metadata["type"], info=each.metadata["info"])


# Canonical site: one customer under one name. `merged_into`: the site that took its place by a
# decision. `expected_sources`, separated by ", ": the sources that the site should have; null:
# those of the rules.
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
    Column("search_text", Text),
)

# Alias of a site: a source's own id and name of it.
site_aliases = table(
    "site_aliases",
    Column("source", String(16), primary_key=True),
    Column("alias_key", String(ALIAS_KEY_LENGTH), primary_key=True),
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

# Stretch of days, valid_from up to but without valid_to, in which a source reported the same state
# of a device. `state_hash` covers the columns marked as hashed; not site and asset, which are
# resolved from the alias and the links, nor `unmanaged`: why its source does not manage it, which
# the reason of an excluded record repeats. `added_by_hand`: true of a machine that was added by
# hand and has not reported, else null. `restated_by`: the entry of the audit log whose decision
# made the stretch begin, or differ from the one before it. `search_text`: see `db.search`.
device_snapshots = table(
    "device_snapshots",
    id_column("device_id"),
    Column("valid_from", Date, primary_key=True),
    Column("valid_to", Date, nullable=False),
    Column("source", String(16), nullable=False),
    Column("site_id", BigInteger, nullable=False),
    Column("asset_id", BigInteger, nullable=False),
    Column("alias_key", String(ALIAS_KEY_LENGTH), info=_HASHED),
    *_columns(NameFields),
    Column("device_type", String(16), nullable=False, info=_HASHED | _LISTED),
    Column("type_reason", String(400), nullable=False, info=_HASHED | _HISTORY),
    Column("billing_status", String(16), nullable=False, info=_HASHED | _LISTED),
    Column("reason", String(400), nullable=False, info=_HASHED | _LISTED),
    Column("rule_version", Integer, nullable=False, info=_HASHED | _HISTORY),
    *_columns(SystemFields),
    Column("repaired", String(NAME_LENGTH), info=_HASHED),
    Column("payload_hash", BigInteger, nullable=False, info=_HASHED),
    Column("state_hash", BigInteger, nullable=False),
    Column("opened_by", BigInteger, nullable=False),
    Column("closed_by", BigInteger),
    Column("unmanaged", String(400)),
    Column("added_by_hand", Boolean, info=_HASHED_IF_SET),
    Column("restated_by", BigInteger),
    Column("search_text", Text),
    Index(None, "source", "valid_to", "valid_from"),
    Index(None, "asset_id"),
    Index(None, "serial"),
)


def is_hashed_if_set(column: Column[Any]) -> bool:
    """Whether hashes cover the column only where it has a value."""
    return column.info.get("hashed") == "if set"


def _fields(flag: str, value: object = True) -> tuple[str, ...]:
    # `Column.name` is a subclass of str that JSON libraries refuse.
    return tuple(str(c.name) for c in device_snapshots.c if c.info.get(flag) == value)


HASHED_FIELDS = _fields("hashed", "always")
"""The columns of `state_hash`, in the order in which it takes them: changing it would change every
stored hash, and open a new stretch for every device."""

HASHED_IF_SET = _fields("hashed", "if set")
LISTED_FIELDS = _fields("listed")
HISTORY_FIELDS = _fields("history")


def listed_columns() -> Iterator[Column[Any]]:
    """The columns of `LISTED_FIELDS`, for another table that stores device rows."""
    for name in LISTED_FIELDS:
        c = device_snapshots.c[name]
        yield Column(c.name, c.type, nullable=c.nullable, info=c.info)


# Distinct payload of a device without its volatile keys: zlib of canonical JSON.
device_payloads = table(
    "device_payloads",
    id_column("device_id"),
    Column("payload_hash", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Blob, nullable=False),
)

# Device: what changes hourly. `volatile` is the JSON of the payload's volatile keys; with the
# payload of the newest stretch it makes the newest full payload. `macs`: the hardware addresses
# that identify the machine, sorted ("00155d..,3cecef.."). `search_text`: these, `ip` and the user,
# see `db.search`.
device_latest = table(
    "device_latest",
    Column("device_id", SerialId, primary_key=True, autoincrement=False),
    Column("last_contact", UtcDateTime),
    Column("online", Boolean),
    Column("ip", String(64)),
    Column("volatile", LongText, nullable=False),
    Column("macs", String(NAME_LENGTH)),
    Column("search_text", Text),
    # Every row is rewritten every day: with room beside it, PostgreSQL does that in its page, and
    # the table stays as small as it is.
    postgresql_with={"fillfactor": "45"},
)

# Key that a device has or had: 63 bits of blake2b of a serial number, a hostname, its first 15
# characters or a hardware address, each in comparable form. See `etl.machines.match_keys`.
device_keys = table(
    "device_keys",
    id_column("device_id"),
    Column("key", BigInteger, primary_key=True, autoincrement=False, index=True),
)

# Link of a device to another device's machine, in force from `since` up to but without `until`;
# with both equal on no day at all. `method`: manual, serial, mac, hostname or prefix (probable);
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

# Two devices that a person declared to be two machines, the lesser id first. `decided_by`: the
# entry of the audit log. Undoing that decision deletes the row.
kept_apart = table(
    "kept_apart",
    Column("decided_by", BigInteger, primary_key=True, autoincrement=False),
    id_column("device_id"),
    id_column("other_device_id"),
)
