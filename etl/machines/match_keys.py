"""An index of the keys by which records are matched (table `device_keys`), so that a day's matching
compares the records that changed with those that share a key with them, not the whole fleet.

Keys are only ever added. A record that had a key once is still found by it, which costs an
unnecessary comparison but makes undoing a day simple: the index need not change.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, Connection, Select, select

from db.bulk import rows_where_in, upsert_tuples
from db.keys import hash63
from db.tables import OPEN_END, asset_links, device_keys, device_snapshots
from etl.rules.evidence import Identity, identifying_host, prefix_key, real_serial
from etl.rules.macs import split_macs

VERSION = 2
"""The version of `keys_of`. With another version the index is built again."""


def keys_of(identity: Identity) -> Iterable[int]:
    """The hashes of what two records of one machine may share: serial number, hostname, its first
    15 characters, hardware addresses."""
    named = {
        "host": identifying_host(identity.hostname),
        "prefix": prefix_key(identity.hostname),
    }
    texts = {f"{kind} {text}" for kind, text in named.items() if text is not None}
    texts |= {f"mac {mac}" for mac in split_macs(identity.macs)}
    keys = {hash63(text.encode()) for text in texts}
    serial = real_serial(identity.serial)
    return keys if serial is None else keys | {serial_key(serial)}


def serial_key(serial: str) -> int:
    """The hash of a serial number in comparable form."""
    return hash63(f"serial {serial}".encode())


def add_keys(connection: Connection, identities: Iterable[Identity]) -> None:
    """Add the keys of these records to the index."""
    rows = [(identity.device_id, key) for identity in identities for key in keys_of(identity)]
    upsert_tuples(connection, device_keys, ("device_id", "key"), rows)


def add_former_serials(connection: Connection, source: str) -> None:
    """Add the serial numbers that records of a source had, present or not, to the index."""
    c = device_snapshots.c
    known = select(c.device_id, c.serial).where(c.source == source, c.serial.is_not(None))
    rows = {
        (device_id, serial_key(serial))
        for device_id, stored in connection.execute(known.distinct())
        if (serial := real_serial(stored)) is not None
    }
    upsert_tuples(connection, device_keys, ("device_id", "key"), sorted(rows))


def devices_with_serials(connection: Connection, serials: Collection[str]) -> set[int]:
    """The devices that have or had one of these serial numbers, in comparable form."""
    keys = {serial_key(serial) for serial in serials}
    return _select_ids(connection, select(device_keys.c.device_id), device_keys.c.key, keys)


def connected_devices(
    connection: Connection, device_ids: Collection[int], limit: int
) -> set[int] | None:
    """The transitive closure of these devices over shared keys, shared machines and links in force;
    None if it has more than `limit` devices."""
    connected: set[int] = set()
    fresh = set(device_ids)
    keys: set[int] = set()
    seen_machines: set[int] = set()
    while fresh:
        connected |= fresh
        if len(connected) > limit:
            return None
        k, c, link = device_keys.c, device_snapshots.c, asset_links.c
        new_keys = _select_ids(connection, select(k.key), k.device_id, fresh) - keys
        keys |= new_keys
        is_open, in_force = c.valid_to == OPEN_END, link.until == OPEN_END
        machines = (
            _select_ids(connection, select(c.asset_id).where(is_open), c.device_id, fresh) | fresh
        )
        machines |= _select_ids(
            connection, select(link.asset_id).where(in_force), link.device_id, fresh
        )
        fresh = machines | _select_ids(connection, select(k.device_id), k.key, new_keys)
        machines -= seen_machines
        seen_machines |= machines
        fresh |= _select_ids(connection, select(c.device_id).where(is_open), c.asset_id, machines)
        fresh |= _select_ids(
            connection, select(link.device_id).where(in_force), link.asset_id, machines
        )
        fresh -= connected
    return connected


def _select_ids(
    connection: Connection,
    statement: Select[tuple[int]],
    column: ColumnElement[int],
    ids: Collection[int],
) -> set[int]:
    """The ids that `statement` selects where `column` is one of `ids`."""
    return {selected for (selected,) in rows_where_in(connection, statement, column, ids)}
