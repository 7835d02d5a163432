"""Whatever JSON a vendor sends as a row: a record that can be stored, or a reason why not."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.tables import device_latest, device_snapshots
from etl.records.record import BadRecord, Raw, Record
from etl.records.text import canonical
from etl.sources import ninja, threatlocker

TEXT = st.text(st.characters(), max_size=300)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just("x" * 10_000),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "serialNumber", "location", "a"]), inner)
    ),
    max_leaves=6,
)
LENGTHS = {
    column.name: column.type.length  # type: ignore[attr-defined]  # of texts only
    for table in (device_snapshots, device_latest)
    for column in table.c
    if getattr(column.type, "length", None)
} | {"source_key": 128, "alias_name": 255}


def rows(ids: list[str], keys: list[str]) -> st.SearchStrategy[Any]:
    good_ids = st.sampled_from([7, "12", "7c000000-0000-4000-8000-000000000031"])
    row = st.fixed_dictionaries(
        dict.fromkeys(ids, good_ids | JSON), optional=dict.fromkeys(keys, JSON)
    )
    return row | JSON


NINJA = st.fixed_dictionaries({
    "device": rows(
        ["id", "organizationId"],
        ["displayName", "systemName", "dnsName", "netbiosName", "nodeClass", "approvalStatus", "os",
         "system", "references", "lastContact", "offline", "publicIP", "locationId"],
    ),
    "organization": st.none() | st.fixed_dictionaries({"id": st.just(7), "name": JSON}),
    "location": st.none() | st.fixed_dictionaries({"id": st.just(7), "name": JSON}),
})  # fmt: skip
THREATLOCKER = st.fixed_dictionaries({
    "computer": rows(
        ["computerId", "organizationId"],
        ["hostname", "computerName", "operatingSystem", "serialNumber", "lastCheckin", "isDeleted",
         "lastCheckinIPAddress", "organization"],
    ),
    "organization": st.none() | st.fixed_dictionaries({"displayName": JSON, "name": JSON}),
})  # fmt: skip


def check(raw: Raw, to_record: Callable[[Raw], Record]) -> None:
    json.loads(canonical(raw))
    try:
        record = to_record(raw)
    except BadRecord as bad:
        assert len(bad.reason) <= 400 and bad.reason.isprintable()
        return
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, str):
            assert 0 < len(value) <= LENGTHS.get(field.name, 400), field.name
            assert "\0" not in value and value.encode("utf-8") and value == value.strip()
    assert record.last_contact is None or record.last_contact.tzinfo is not None
    assert record.payload in raw.values()


@given(NINJA)
def test_sec_11_any_ninja_row_is_a_storable_record_or_quarantined(raw: Raw) -> None:
    check(raw, ninja.to_record)


@given(THREATLOCKER)
def test_sec_11_any_threatlocker_row_is_a_storable_record_or_quarantined(raw: Raw) -> None:
    check(raw, threatlocker.to_record)


@pytest.mark.parametrize("source", [ninja, threatlocker])
def test_volatile_paths_are_well_formed_and_unique(source: Any) -> None:
    assert len(set(source.VOLATILE)) == len(source.VOLATILE)
    for path in source.VOLATILE:
        assert all(part.removesuffix("[]").isidentifier() for part in path.split("."))
