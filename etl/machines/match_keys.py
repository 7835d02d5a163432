"""Who shares what: an index of the keys by which records are matched, so that a day's matching
looks at what changed and at who it may concern, not at the fleet.

A device keeps the keys that it once bore: what is found too much costs a look, and taking back a
day needs no word here.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, Connection, Select, select

from db.bulk import rows_where_in, upsert_tuples
from db.keys import hash63
from db.tables import OPEN_END, asset_links, device_keys, device_snapshots
from etl.rules.evidence import Identity, host_key, prefix_key, real_serial
from etl.rules.macs import split_macs

VERSION = 1
"""Of what the keys are made; another one makes the index anew."""


def keys_of(identity: Identity) -> Iterable[int]:
    """What a record may share with another one of its machine."""
    named = {
        "serial": real_serial(identity.serial),
        "host": host_key(identity.hostname),
        "prefix": prefix_key(identity.hostname),
    }
    texts = {f"{kind} {text}" for kind, text in named.items() if text is not None}
    texts |= {f"mac {mac}" for mac in split_macs(identity.macs)}
    return (hash63(text.encode()) for text in texts)


def add_keys(connection: Connection, identities: Iterable[Identity]) -> None:
    """Add the keys of some records."""
    rows = [(identity.device_id, key) for identity in identities for key in keys_of(identity)]
    upsert_tuples(connection, device_keys, ("device_id", "key"), rows)


def connected_devices(
    connection: Connection, device_ids: Collection[int], most: int
) -> set[int] | None:
    """These devices, everybody who shares a key or a machine with one of them, and so on; None
    when they are more than `most`."""
    found: set[int] = set()
    fresh = set(device_ids)
    keys: set[int] = set()
    asked: set[int] = set()
    while fresh:
        found |= fresh
        if len(found) > most:
            return None
        k, c, link = device_keys.c, device_snapshots.c, asset_links.c
        borne = _all(connection, select(k.key), k.device_id, fresh) - keys
        keys |= borne
        standing, in_force = c.valid_to == OPEN_END, link.until == OPEN_END
        machines = _all(connection, select(c.asset_id).where(standing), c.device_id, fresh) | fresh
        machines |= _all(connection, select(link.asset_id).where(in_force), link.device_id, fresh)
        fresh = machines | _all(connection, select(k.device_id), k.key, borne)
        machines -= asked
        asked |= machines
        fresh |= _all(connection, select(c.device_id).where(standing), c.asset_id, machines)
        fresh |= _all(connection, select(link.device_id).where(in_force), link.asset_id, machines)
        fresh -= found
    return found


def _all(
    connection: Connection,
    statement: Select[tuple[int]],
    column: ColumnElement[int],
    wanted: Collection[int],
) -> set[int]:
    """The numbers that `statement` answers where `column` is among the wanted."""
    return {number for (number,) in rows_where_in(connection, statement, column, wanted)}
