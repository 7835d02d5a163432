"""Selecting rows by many ids gives the same rows as filtering them in Python."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, func, select

from db.bulk import MAX_IN_PARAMETERS, insert_many, rows_where_in
from db.engine import writing

metadata = MetaData()
things = Table(
    "numbered",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("parity", BigInteger),
)
STORED = [step * (2**62 // 4000) - 2**61 for step in range(4000)]


@pytest.fixture
def store(bare_engine: Engine) -> Iterator[Engine]:
    """A database with numbers from one end of 63 bits to the other."""
    metadata.create_all(bare_engine)
    with writing(bare_engine) as connection:
        insert_many(connection, things, [{"number": n, "parity": n % 2} for n in STORED])
    yield bare_engine


def test_the_rows_of_the_given_ids_are_returned_however_many_there_are(store: Engine) -> None:
    dice = random.Random(1)
    with store.connect() as connection:
        for size in (
            0,
            1,
            MAX_IN_PARAMETERS - 1,
            MAX_IN_PARAMETERS,
            MAX_IN_PARAMETERS + 1,
            3 * MAX_IN_PARAMETERS,
        ):
            existing = dice.sample(STORED, min(size, len(STORED)) // 2)
            ids = [*existing, *(dice.choice(STORED) + 1 for _ in range(size - len(existing)))]
            statement = select(things.c.number, things.c.parity)
            rows = rows_where_in(connection, statement, things.c.number, [*ids, *ids])
            expected = sorted((n, n % 2) for n in STORED if n in set(ids))
            assert sorted(tuple(row) for row in rows) == expected, size


def test_conditions_and_grouping_of_the_statement_are_kept(store: Engine) -> None:
    ids = STORED[:100]
    count = select(things.c.parity, func.count()).where(things.c.number > ids[9])
    with store.connect() as connection:
        rows = rows_where_in(connection, count.group_by(things.c.parity), things.c.number, ids)
        counts = {parity: n for parity, n in rows}
    odd = sum(n % 2 for n in ids[10:])
    assert counts == {parity: n for parity, n in ((0, 90 - odd), (1, odd)) if n}
