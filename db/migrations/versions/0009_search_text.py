"""Texts to search in, folded the same way on every database.

Revision: 0009
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from db.search import (
    DEVICE_TEXTS,
    MACHINE_TEXTS,
    audit_search_text,
    device_search_text,
    fold,
    latest_search_text,
    machine_search_text,
)
from db.types import LongText

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PAGE = 5000

# Table, its key, the columns that the text is made of, and how. Who logged in last is in the next
# snapshot of each source.
FILLED: Sequence[tuple[str, Sequence[str], Sequence[str], Callable[[Any], str]]] = (
    ("device_snapshots", ("device_id", "valid_from"), DEVICE_TEXTS, device_search_text),
    (
        "device_latest", ("device_id",), ("ip", "macs"),
        lambda row: latest_search_text(row.ip, row.macs, None),
    ),
    ("sites", ("site_id",), ("name",), lambda row: fold(row.name)),
    (
        "inventory", ("machine_id",), (*MACHINE_TEXTS, "mac_addresses"),
        lambda row: machine_search_text(row._mapping),
    ),
    (
        "audit_log", ("entry_id",), ("subject", "detail"),
        lambda row: audit_search_text(row.subject, row.detail),
    ),
)  # fmt: skip


def upgrade() -> None:
    for name, keys, texts, make in FILLED:
        kind = LongText if name == "audit_log" else sa.Text()
        op.add_column(name, sa.Column("search_text", kind, nullable=True))
        _fill(op.get_bind(), name, keys, texts, make)


def _fill(
    connection: sa.Connection,
    name: str,
    keys: Sequence[str],
    texts: Sequence[str],
    make: Callable[[Any], str],
) -> None:
    table = sa.table(name, *(sa.column(each) for each in (*keys, *texts, "search_text")))
    key = sa.tuple_(*(table.c[each] for each in keys))
    statement = (
        sa.update(table)
        .where(*(table.c[each] == sa.bindparam(f"key_{each}") for each in keys))
        .values(search_text=sa.bindparam("text"))
    )
    page = sa.select(*(table.c[each] for each in (*keys, *texts))).order_by(*key).limit(PAGE)
    rows = connection.execute(page).all()
    while rows:
        connection.execute(
            statement,
            [
                {f"key_{each}": getattr(row, each) for each in keys} | {"text": make(row)}
                for row in rows
            ],
        )
        last = tuple(rows[-1])[: len(keys)]
        rows = connection.execute(page.where(key > last)).all()


def downgrade() -> None:
    for name, *_ in FILLED:
        with op.batch_alter_table(name) as batch_op:
            batch_op.drop_column("search_text")
