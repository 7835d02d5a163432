"""Vendor text made fit to store, and payloads made fit to compare."""

import json
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.tables import NAME_LENGTH, device_latest, device_snapshots, site_aliases
from etl.records.text import (
    CLASS_LENGTH,
    IP_LENGTH,
    KEY_LENGTH,
    REPAIRED_LENGTH,
    TextCleaner,
    canonical,
    merge_volatile,
    split_volatile,
)  # fmt: skip


def mended(value: object, length: int = NAME_LENGTH) -> tuple[str | None, str | None]:
    cleaner = TextCleaner()
    return cleaner.text(value, "hostname", length), cleaner.repaired


@pytest.mark.parametrize(("value", "text", "repaired"), [
    (None, None, None),
    ("", None, None),
    ("  \t\n ", None, None),
    ("  PC-1 ", "PC-1", None),
    ("Zoë 🦜 北京", "Zoë 🦜 北京", None),
    ("\u00a0PC-1\u00a0", "PC-1", None),
    ("PC\0-1\0", "PC\ufffd-1\ufffd", "hostname: 2 NUL characters replaced"),
    ("PC\ud83d-1", "PC\ufffd-1", "hostname: 1 half surrogate pair replaced"),
    ("\0", "\ufffd", "hostname: 1 NUL character replaced"),
    ("PC\r\n1", "PC 1", "hostname: 1 run of control characters replaced"),
    ("PC\x9b1\u20282", "PC 1 2", "hostname: 2 runs of control characters replaced"),
    ("x" * 10_000, "x" * 255, "hostname: cut from 10000 to 255 characters"),
    ("x" * 254 + " y", "x" * 254, "hostname: cut from 256 to 255 characters"),
    (17, "17", "hostname: a number was read as text"),
    (1.5, "1.5", "hostname: a number was read as text"),
    (math.nan, "nan", "hostname: a number was read as text"),
    (True, None, "hostname: true or false was ignored, text belongs there"),
    (["PC-1"], None, "hostname: a list was ignored, text belongs there"),
    ({}, None, "hostname: an object was ignored, text belongs there"),
])  # fmt: skip
def test_a_text_is_cleaned_and_every_repair_is_listed(
    value: object, text: str | None, repaired: str | None
) -> None:
    assert mended(value) == (text, repaired)


def test_the_repairs_of_a_record_fit_their_column() -> None:
    cleaner = TextCleaner()
    cleaner.text("a\0", "hostname")
    cleaner.text("b\n1", "serial")
    assert cleaner.repaired == (
        "hostname: 1 NUL character replaced; serial: 1 run of control characters replaced"
    )
    for _ in range(20):
        cleaner.text("b\n1", "serial")
    assert cleaner.repaired is not None
    assert len(cleaner.repaired) == REPAIRED_LENGTH and cleaner.repaired.endswith("…")


@given(st.text(st.characters(), max_size=400), st.sampled_from([64, 128, 255]))
def test_sec_11_any_text_becomes_storable(value: str, length: int) -> None:
    text, repaired = mended(value, length)
    assert mended(text, length) == (text, None)
    if text is not None:
        assert 0 < len(text) <= length and text == text.strip() and "\0" not in text
        text.encode("utf-8")
    if text != (value.strip() or None):
        assert repaired


def test_lengths_are_those_of_the_columns() -> None:
    columns = device_snapshots.c
    for name, length in {
        "alias_key": KEY_LENGTH, "serial": KEY_LENGTH, "node_class": CLASS_LENGTH,
        "repaired": REPAIRED_LENGTH, "hostname": NAME_LENGTH, "display_name": NAME_LENGTH,
        "location": NAME_LENGTH, "os": NAME_LENGTH,
    }.items():  # fmt: skip
        assert columns[name].type.length == length, name  # type: ignore[attr-defined]  # a String
    assert device_latest.c.ip.type.length == IP_LENGTH  # type: ignore[attr-defined]  # a String
    assert site_aliases.c.alias_key.type.length == KEY_LENGTH  # type: ignore[attr-defined]  # too


PATHS = ("lastContact", "os.lastBootTime", "volumes[].freeSpace", "a.b[].c.d")
PAYLOAD: dict[str, Any] = {
    "id": 1,
    "lastContact": 1.5,
    "os": {"name": "Windows 11", "lastBootTime": 7},
    "volumes": [{"name": "C:", "freeSpace": 1}, {"name": "D:"}, "odd", None],
    "a": {"b": [{"c": {"d": 1, "e": 2}}]},
}


def test_volatile_keys_are_split_off_and_put_back() -> None:
    stable, volatile = split_volatile(PAYLOAD, PATHS)
    assert stable == {
        "id": 1,
        "os": {"name": "Windows 11"},
        "volumes": [{"name": "C:"}, {"name": "D:"}, "odd", None],
        "a": {"b": [{"c": {"e": 2}}]},
    }
    assert volatile == {
        "lastContact": 1.5,
        "os": {"lastBootTime": 7},
        "volumes": [{"freeSpace": 1}, {}, None, None],
        "a": {"b": [{"c": {"d": 1}}]},
    }
    assert merge_volatile(stable, volatile) == PAYLOAD


@pytest.mark.parametrize("payload", [
    {}, {"os": None}, {"os": ["lastBootTime"]}, {"os": "Windows"}, {"volumes": {"freeSpace": 1}},
    {"volumes": None}, {"volumes": []}, {"volumes": [[{"freeSpace": 1}]]}, {"os": {}},
    {"lastContact": None}, {"lastContact": {"a": [1]}},
])  # fmt: skip
def test_payloads_of_unexpected_shape_survive_the_split(payload: dict[str, Any]) -> None:
    before = json.dumps(payload)
    assert merge_volatile(*split_volatile(payload, PATHS)) == payload
    assert json.dumps(payload) == before


def test_the_newest_volatile_part_fits_an_older_payload() -> None:
    volatile = {"volumes": [{"freeSpace": 1}, {"freeSpace": 2}], "os": {"lastBootTime": 7}}
    assert merge_volatile({"volumes": [{"name": "C:"}], "os": None}, volatile) == {
        "volumes": [{"name": "C:", "freeSpace": 1}], "os": None,
    }  # fmt: skip
    volatile = {"volumes": [{"freeSpace": 1}]}
    assert merge_volatile({"volumes": [{"name": "C:"}, {"name": "D:"}]}, volatile) == {
        "volumes": [{"name": "C:", "freeSpace": 1}, {"name": "D:"}],
    }  # fmt: skip


@pytest.mark.parametrize("paths", [
    ("volumes[]",), ("os", "os.name"), ("os.name", "os"), ("a[].b", "a.c"),
])  # fmt: skip
def test_paths_that_contradict_each_other_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):
        split_volatile({}, paths)


_NAMES = st.sampled_from(["id", "lastContact", "os", "volumes", "a", "b", "c", "d", "freeSpace"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES, _JSON))
def test_every_payload_is_restored_exactly_after_split_and_storage(payload: dict[str, Any]) -> None:
    stable, volatile = split_volatile(payload, PATHS)
    stored = canonical(stable), canonical(volatile)
    back = merge_volatile(json.loads(stored[0]), json.loads(stored[1]))
    assert canonical(back) == canonical(payload)
    assert all(part.isascii() and b"\0" not in part for part in stored)


def test_equal_payloads_have_equal_bytes_whatever_their_order() -> None:
    assert canonical({"b": 1, "a": [{"d": 1, "c": 2}]}) == canonical(
        {"a": [{"c": 2, "d": 1}], "b": 1}
    )
    assert canonical({"a": math.nan, "b": -math.inf}) == b'{"a":NaN,"b":-Infinity}'
    assert canonical({"a": "\0\ud800é"}) == b'{"a":"\\u0000\\ud800\\u00e9"}'
    assert canonical({"a": [1, 2]}) != canonical({"a": [2, 1]})


def test_a_payload_is_split_for_a_few_times_what_writing_it_costs() -> None:
    payload = {
        **PAYLOAD, "volumes": [{"name": "C:", "freeSpace": 1, "serialNumber": "A" * 40}] * 4,
        **{f"key{number}": "value" * 8 for number in range(30)},
    }  # fmt: skip
    assert 1_900 < len(canonical(payload)) < 2_300

    def split() -> None:
        stable, volatile = split_volatile(payload, PATHS)
        canonical(stable), canonical(volatile)

    def took(each: Callable[[], object]) -> float:
        begun = time.process_time()
        for _ in range(200):
            each()
        return time.process_time() - begun

    pairs = [(took(split), took(lambda: json.dumps(payload))) for _ in range(7)]
    ours, bare = (min(each) for each in zip(*pairs, strict=True))
    assert ours < 6 * bare
