"""One device's history as real collections write it: stretches, what changed, links, payload."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from dashboard.base.params import Filters
from dashboard.queries import moment
from dashboard.queries.devices import asset as machine
from dashboard.queries.devices import history, payloads
from dashboard.queries.devices.history import Stretch
from db.engine import reading
from db.keys import device_id
from tests.support.api_server import serve_api
from tests.support.callbacks import create_demo_app, run_callback
from tests.support.small_hub import Hub, Pc, pcs

pytestmark = pytest.mark.any_database

FIRST = date(2026, 11, 2)
PC = Pc("7", hostname="H-PC7", display_name="Front desk", serial="SN-777")
OTHERS = pcs(range(20, 26))


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@pytest.fixture
def hub(engine: Engine) -> Hub:
    """A device that stays two days, becomes spare, is gone a day, and comes back elsewhere."""
    hub = Hub(engine)
    hub.collect(day(0), [PC, *OTHERS])
    hub.collect(day(1), [replace(PC, seen=2), *OTHERS])
    spare = replace(PC, display_name="Front desk spare", note="moved to the shelf")
    hub.collect(day(2), [spare, *OTHERS])
    hub.collect(day(3), OTHERS)
    hub.collect(day(4), [replace(spare, org="2", org_name="Mueller Bau"), *OTHERS])
    return hub


def stretches_of(hub: Hub, key: str = "7", source: str = "ninja") -> list[Stretch]:
    with reading(hub.engine) as connection:
        found = moment.resolve(connection, Filters(), day(4))
        device = history.find(connection, str(device_id(source, key)))
        assert device is not None
        return history.stretches(connection, device, found.kept)


def test_a_timeline_lists_what_changed_from_stretch_to_stretch(hub: Hub) -> None:
    back, spare, first = stretches_of(hub)
    assert [(s.valid_from, s.valid_to, s.days) for s in (first, spare, back)] == [
        (day(0), day(2), 2), (day(2), day(3), 1), (day(4), None, 1),
    ]  # fmt: skip
    assert [s.follows for s in (first, spare, back)] == ["first", "on", "absent"]
    assert first.changes == ()
    changed = {change.field: (change.before, change.after) for change in spare.changes}
    assert changed["display_name"] == ("Front desk", "Front desk spare")
    assert changed["billing_status"] == ("billable", "spare")
    assert changed["reason"][1] == 'display name "Front desk spare" contains "spare"'
    assert changed["payload.note"] == ("", "moved to the shelf")
    assert not any("seen" in name for name in changed), "what changes hourly is no change"
    moved = {change.field: (change.before, change.after) for change in back.changes}
    assert moved["site"] == ("Harbor Dental", "Mueller Bau")
    assert back.run is not None and back.run.business_date == day(4)


def test_the_stretch_of_a_day_is_the_one_that_holds_on_it(hub: Hub) -> None:
    found = stretches_of(hub)
    places = [history.stretch_on(found, day(number)) for number in range(5)]
    assert [place and place.valid_from for place in places] == [
        day(0), day(0), day(2), None, day(4),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "x", "-1", "12", str(2**63), "9" * 40, "１２"])
def test_find_returns_none_for_unknown_ids(engine: Engine, text: str) -> None:
    with reading(engine) as connection:
        assert history.find(connection, text) is None


def test_the_payload_of_a_stretch_has_every_key_but_the_volatile_ones(hub: Hub) -> None:
    newest = stretches_of(hub)[0]
    known = device_id("ninja", "7")
    with reading(hub.engine) as connection:
        found = payloads.payloads_by_hash(connection, known, [newest.payload_hash])
        latest = payloads.volatile_values(connection, known)
    assert found[newest.payload_hash]["note"] == "moved to the shelf"
    assert "seen" not in found[newest.payload_hash]
    assert latest == {"seen": 1}


def test_payload_differences_are_listed_by_leaf() -> None:
    before = {"a": 1, "os": {"name": "10", "x": []}, "disks": [{"n": 1}, {"n": 2}]}
    after = {"a": 1, "os": {"name": "11", "x": []}, "disks": [{"n": 1}], "new": None}
    found = payloads.differences(before, after)
    assert found == [("disks[1].n", 2, None), ("os.name", "10", "11")]


def test_the_records_of_a_machine_are_listed_with_their_link_evidence(hub: Hub) -> None:
    shield = replace(PC, key="t7", org="2", org_name="Mueller Bau", hostname="h-pc7.example")
    hub.collect(day(4), [shield], "threatlocker")
    with reading(hub.engine) as connection:
        found = moment.resolve(connection, Filters(), day(4))
        asset = stretches_of(hub)[0].state["asset_id"]
        records = machine.records(connection, found, asset)
        links = machine.links(connection, [record.device_id for record in records])
        labels = machine.device_labels(connection, [record.device_id for record in records])
    assert [(r.source, r.is_primary) for r in records] == [("ninja", True), ("threatlocker", False)]
    assert [(link.method, link.until) for link in links] == [("serial", None)]
    assert "777" in links[0].evidence
    assert {name for _source, name in labels.values()} == {"H-PC7", "h-pc7.example"}


def test_the_api_returns_the_same_history(hub: Hub) -> None:
    found = stretches_of(hub)
    known = device_id("ninja", "7")
    with serve_api(hub.engine) as client:
        body = client.json(f"/api/devices/{known}/history?as_of={day(2)}")
        page = client.json(f"/api/devices/{known}/history?limit=1&offset=1")
        for wrong in ("1", "x", str(2**63), f"{known}0"):
            assert client.json(f"/api/devices/{wrong}/history", 404)["code"] == 404
        assert client.json(f"/api/devices/{known}/history?limit=0", 400)["parameter"] == "limit"
    assert body["device_id"] == str(known)
    assert [item["valid_from"] for item in body["items"]] == [str(s.valid_from) for s in found]
    assert [item["stands"] for item in body["items"]] == [False, True, False]
    assert body["items"][1]["changes"][0] == {
        "field": "display_name", "before": "Front desk", "after": "Front desk spare",
    }  # fmt: skip
    assert body["count"] == page["count"] == 3
    assert page["items"] == [body["items"][1] | {"stands": False}]


def test_the_page_of_a_device_warns_that_its_newest_row_was_unreadable(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(day(0), [PC, *OTHERS])
    hub.collect(day(1), [replace(PC, trouble="its organization is a list"), *OTHERS])
    bad = hub.runs()[-1].run_id
    unread, other, earlier = (
        str(head(engine, key, query))
        for key, query in (("7", ""), ("20", ""), ("7", f"as_of={day(0)}"))
    )
    assert "Row set aside" in unread and f"/collections?run={bad}" in unread
    said = "Its row of 3 Nov 2026 could not be read: its organization is a list. Its last readable"
    assert said in unread
    assert "Row set aside" not in other + earlier
    hub.collect(day(2), [PC, *OTHERS])
    assert "Row set aside" not in str(head(engine, "7", ""))


def head(engine: Engine, key: str, query: str) -> object:
    """The header card of a device of NinjaRMM."""
    values = {"filters": query, "device": str(device_id("ninja", key))}
    return run_callback(create_demo_app(engine), "device-head", **values)["response"]["device-head"]
