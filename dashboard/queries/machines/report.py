"""TatuScan's report: one row per machine, in its six columns."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from db.tables import inventory

COLUMNS = ("hostname", "os", "os_version", "created_at", "updated_at", "computer_activation")
"""What it shows and sorts by, in its order."""

_TEXTS = COLUMNS[:3]


def count(connection: Connection) -> int:
    """How many machines there are."""
    found: int = connection.execute(select(func.count()).select_from(inventory)).scalar_one()
    return found


def rows(connection: Connection, sort: str, *, descending: bool = False) -> Iterator[Sequence[Any]]:
    """Every machine, streamed; those without a value in the column `sort` come last."""
    m = inventory.c
    key = func.lower(m[sort]) if sort in _TEXTS else m[sort]
    found = select(*(m[name] for name in COLUMNS)).order_by(
        m[sort].is_(None), key.desc() if descending else key.asc(), m.machine_id
    )
    yield from connection.execution_options(yield_per=1000).execute(found)
