"""The as-of predicate and device ids on every database."""

from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from db.bulk import insert_many
from db.engine import reading, writing
from db.keys import as_of, device_id, hash63
from db.tables import OPEN_END, device_snapshots
from tests.support.samples import samples

FIRST = date(2024, 2, 20)


def stretch(device: int, start: date, end: date) -> dict[str, Any]:
    return {
        "device_id": device, "valid_from": start, "valid_to": end, "source": "ninja",
        "site_id": 1, "asset_id": device, "device_type": "server", "type_reason": "class",
        "billing_status": "billable", "reason": "managed", "rule_version": 1,
        "payload_hash": 1, "state_hash": 1, "opened_by": 1,
    }  # fmt: skip


stretches = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 12) | st.just(0)),
    max_size=12,
    unique_by=lambda pair: pair[0],
)


@settings(
    max_examples=samples(25, 500), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lengths=stretches)
def test_a_stretch_contains_its_first_day_but_not_valid_to(
    engine: Engine, lengths: list[tuple[int, int]]
) -> None:
    rows = [
        stretch(number, start, start + timedelta(days=length) if length else OPEN_END)
        for number, (offset, length) in enumerate(lengths)
        for start in [FIRST + timedelta(days=offset)]
    ]
    with writing(engine) as connection:
        connection.execute(device_snapshots.delete())
        insert_many(connection, device_snapshots, rows)
    with reading(engine) as connection:
        for offset in range(-1, 40):
            day = FIRST + timedelta(days=offset)
            there = connection.scalars(select(device_snapshots.c.device_id).where(as_of(day))).all()
            assert sorted(there) == [
                row["device_id"] for row in rows if row["valid_from"] <= day < row["valid_to"]
            ]


def test_as_of_accepts_another_table_and_a_column_as_the_day() -> None:
    other = device_snapshots.alias("other")
    condition = as_of(device_snapshots.c.valid_from, other)
    assert str(condition) == (
        "other.valid_from <= device_snapshots.valid_from"
        " AND other.valid_to > device_snapshots.valid_from"
    )


@given(source=st.text(max_size=20), key=st.text(max_size=40))
def test_ids_fit_a_signed_column_and_depend_on_source_and_key(source: str, key: str) -> None:
    number = device_id(source, key)
    assert 0 <= number < 2**63
    assert number == device_id(source, key)
    assert number != device_id(source, key + "x")
    assert number != device_id(source + "x", key)


def test_ids_never_change() -> None:
    assert device_id("ninja", "1") == 9177752900150677551
    assert hash63(b"") == 8238016292129134938
