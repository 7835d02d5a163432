"""Bulk statements store and read back the same values on every database."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Engine,
    MetaData,
    String,
    Table,
    delete,
    func,
    select,
)
from sqlalchemy.exc import IntegrityError, StatementError

from db.bulk import COPY_FROM_ROWS, insert_many, update_many, upsert
from db.engine import writing
from db.types import Blob, LongText, UtcDateTime
from tests.support.samples import samples

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("thing_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(255)),
    Column("note", LongText),
    Column("body", Blob),
    Column("online", Boolean),
    Column("share", Double),
    Column("day", Date),
    Column("at", UtcDateTime),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
pairs = Table(
    "pairs",
    metadata,
    Column("left", String(64), primary_key=True),
    Column("right", BigInteger, primary_key=True, autoincrement=False),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)

links = Table(
    "links",
    metadata,
    Column("left", String(64), primary_key=True),
    Column("right", BigInteger, primary_key=True, autoincrement=False),
    Column("seen", Date),
)
D = date(2024, 2, 29)

FEW, MANY = 3, COPY_FROM_ROWS + 50
SIZES = pytest.mark.parametrize("size", [FEW, MANY], ids=["few", "many"])

NASTY = (
    None, "", " ", "plain", "a,b", 'say "x"', '"', "'; DROP TABLE things; --", "line\nfeed",
    "\r\n", "\r", "tab\tstop", "\\", "\\N", "\\n", "\\.", "N", "NULL", "null", "\\\\N", "a\\",
    "%s", "%(name)s", "{0}", "$1", ":name", "Ünïcode", "日本語", "🖥️", "e\u0301", "\u200b", "\ufeff",
    "\u2028", "\x01\x1f\x7f", "\x0b\x0c", "A1", "a1", "x" * 255,
)  # fmt: skip
BODIES = (None, b"", b"\x00", b"\\N", b"\\x00", b"a\tb\nc\r\\", bytes(range(256)), b"\xff\xfe")
INSTANTS = (
    None,
    datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
    datetime(1999, 1, 1, tzinfo=timezone(timedelta(hours=14))),
)
DAYS = (None, date(2024, 2, 29), date(9999, 12, 31), date(1970, 1, 1))


@pytest.fixture
def store(bare_engine: Engine) -> Iterator[Engine]:
    """A database with the tables of this file."""
    metadata.create_all(bare_engine)
    yield bare_engine


def rows_of(size: int, shift: int = 0) -> list[dict[str, Any]]:
    """`size` rows through which all of the nasty values pass, each beside another."""
    return [
        {
            "thing_id": 2**62 + number,
            "name": NASTY[(number + shift) % len(NASTY)],
            "note": NASTY[(number * 7 + shift) % len(NASTY)],
            "body": BODIES[(number + shift) % len(BODIES)],
            "online": (None, True, False)[(number + shift) % 3],
            "share": (None, 0.1, -1e300, 5e-324, 100.0)[(number + shift) % 5],
            "day": DAYS[(number + shift) % len(DAYS)],
            "at": INSTANTS[(number + shift) % len(INSTANTS)],
        }
        for number in range(size)
    ]


def stored(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        query = select(things).order_by(things.c.thing_id)
        return [dict(row) for row in connection.execute(query).mappings()]


@SIZES
def test_upserted_values_are_read_back_unchanged(store: Engine, size: int) -> None:
    rows = rows_of(size)
    with writing(store) as connection:
        upsert(connection, things, rows)
    assert stored(store) == rows


@SIZES
def test_insert_many_stores_the_same_values_as_upsert(store: Engine, size: int) -> None:
    rows = rows_of(size)
    with writing(store) as connection:
        insert_many(connection, things, rows)
    assert stored(store) == rows


@SIZES
def test_upsert_replaces_rows_with_the_same_key_and_keeps_others(store: Engine, size: int) -> None:
    first, second = rows_of(size), rows_of(size, shift=5)
    with writing(store) as connection:
        upsert(connection, things, first)
    with writing(store) as connection:
        upsert(connection, things, second[1:])
        # Twice in one transaction: the second finds what the first left behind.
        upsert(connection, things, second[1:])
    assert stored(store) == [first[0], *second[1:]]


@SIZES
def test_upsert_keeps_columns_that_are_not_given(store: Engine, size: int) -> None:
    rows = rows_of(size)
    with writing(store) as connection:
        upsert(connection, things, rows)
        upsert(connection, things, [{"thing_id": row["thing_id"], "name": "new"} for row in rows])
    assert stored(store) == [row | {"name": "new"} for row in rows]


@SIZES
def test_rows_of_key_columns_only_are_stored_once(store: Engine, size: int) -> None:
    rows = [{"left": "A1" if number % 2 else "a1", "right": number // 2} for number in range(size)]
    for _time in range(2):
        with writing(store) as connection:
            upsert(connection, pairs, rows)
    with store.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(pairs)) == size


@SIZES
def test_a_datetime_without_timezone_is_refused(store: Engine, size: int) -> None:
    rows = [row | {"at": datetime(2026, 1, 1)} for row in rows_of(size)]
    with pytest.raises(Exception, match="has no zone"), writing(store) as connection:
        upsert(connection, things, rows)
    assert stored(store) == []


@SIZES
def test_inserting_an_existing_key_raises_and_stores_nothing(store: Engine, size: int) -> None:
    rows = rows_of(size)
    with writing(store) as connection:
        insert_many(connection, things, rows[:1])
    with pytest.raises(IntegrityError), writing(store) as connection:
        insert_many(connection, things, rows[1:])
        insert_many(connection, things, rows)
    assert stored(store) == rows[:1]


@SIZES
def test_rolled_back_rows_are_not_stored(store: Engine, size: int) -> None:
    class Stop(Exception):
        pass

    with pytest.raises(Stop), writing(store) as connection:
        upsert(connection, things, rows_of(size))
        raise Stop
    with writing(store) as connection:
        upsert(connection, things, rows_of(size, shift=1)[:2])
    assert stored(store) == rows_of(size, shift=1)[:2]


def test_a_connection_survives_a_changed_table_between_writes(store: Engine) -> None:
    for table in (things, wider()):
        with writing(store) as connection:
            table.drop(connection)
            table.create(connection)
            rows = [{**row, "extra": "x"} if table is not things else row for row in rows_of(MANY)]
            upsert(connection, table, rows)
    with writing(store) as connection:
        wider().drop(connection)


def wider() -> Table:
    """`things` after a migration that gave it one more column."""
    table = things.to_metadata(MetaData())
    table.append_column(Column("extra", String(8)))
    return table


def test_no_rows_execute_no_statement(store: Engine) -> None:
    with writing(store) as connection:
        upsert(connection, things, [])
        insert_many(connection, things, [])
    assert stored(store) == []


texts = st.none() | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40
)


@settings(
    max_examples=samples(30, 1000), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.tuples(texts, st.none() | st.binary(max_size=40)), min_size=1))
def test_any_text_and_bytes_are_read_back_unchanged(
    store: Engine, values: list[tuple[str | None, bytes | None]]
) -> None:
    rows = [
        {"thing_id": number, "note": note, "body": body}
        for number in range(MANY)
        for note, body in [values[number % len(values)]]
    ]
    with writing(store) as connection:
        connection.execute(delete(things))
        upsert(connection, things, rows)
    with store.connect() as connection:
        stored = connection.execute(select(things).order_by(things.c.thing_id)).all()
    assert [(row.note, row.body) for row in stored] == [(row["note"], row["body"]) for row in rows]


@SIZES
def test_update_many_sets_only_the_named_columns_of_its_rows(store: Engine, size: int) -> None:
    before, after = rows_of(size), rows_of(size, shift=5)
    names = ("name", "note", "body", "online", "share", "day", "at")
    updates = [*after[: size // 2], {**after[0], "thing_id": 1}]
    with writing(store) as connection:
        upsert(connection, things, before)
        update_many(connection, things, names, [])
        update_many(connection, things, names, updates)
        update_many(connection, things, ("day",), [{"thing_id": before[-1]["thing_id"], "day": D}])
    expected = [*after[: size // 2], *before[size // 2 :]]
    expected[-1] = {**expected[-1], "day": D}
    assert stored(store) == expected


def test_update_many_finds_rows_by_a_composite_key(store: Engine) -> None:
    with writing(store) as connection:
        insert_many(connection, links, [{"left": "a", "right": n, "seen": None} for n in (1, 2)])
        update_many(connection, links, ("seen",), [{"left": "a", "right": 2, "seen": D}])
        stored = connection.execute(select(links).order_by(links.c.right)).all()
    assert [tuple(row) for row in stored] == [("a", 1, None), ("a", 2, D)]


def test_an_update_refuses_a_datetime_without_timezone(store: Engine) -> None:
    rows = rows_of(1)
    zoneless = {**rows[0], "at": datetime(2026, 1, 1)}
    with pytest.raises((ValueError, StatementError)), writing(store) as connection:
        upsert(connection, things, rows)
        update_many(connection, things, ("at",), [zoneless])
    assert stored(store) == []
