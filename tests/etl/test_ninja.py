"""NinjaRMM's collector against the simulated vendor and against scripted answers."""

import ast
import copy
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.settings import load
from db.tables import NAME_LENGTH
from etl.demo.fleet import Fleet
from etl.demo.rows import NinjaRows, Row, ThreatLockerRows
from etl.demo.servers import SimulatedVendors
from etl.records.record import BadRecord, FetchStats, Raw, Record, UnreadableId
from etl.records.text import canonical, merge_volatile, split_volatile
from etl.sources import ninja, open_session
from etl.sources.ninja import NinjaSettings
from etl.vendor.http import CollectionError, Session
from tests.support.samples import some
from tests.support.scripted_vendor import FakeTime, ReceivedRequest, Reply, ok, scripted, session_to

LAST = date(2026, 3, 14)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=1, devices=120, sites=6, last_day=LAST, months=3)


@pytest.fixture
def vendors(fleet: Fleet) -> Iterator[SimulatedVendors]:
    with SimulatedVendors(fleet) as running:
        yield running


def session(vendors: SimulatedVendors, folder: Path, time: FakeTime | None = None) -> Session:
    opened = open_session(ninja, load({**vendors.environ(), "DATA_DIR": str(folder)}), FetchStats())
    time = time or FakeTime()
    opened.sleep = time.sleep
    opened.retry_budget._clock = time.clock
    return opened


def fetched(vendors: SimulatedVendors, folder: Path) -> tuple[list[Raw], FetchStats]:
    opened = session(vendors, folder)
    return list(ninja.fetch(opened)), opened.stats


def small_world(count: int) -> tuple[NinjaRows, ThreatLockerRows]:
    """`count` bare devices of one organization."""
    devices: list[Row] = [{"id": 7 * n, "organizationId": 11} for n in range(1, count + 1)]
    rows = NinjaRows([{"id": 11, "name": "Bayou Dental"}], [], devices, [])
    return rows, ThreatLockerRows([], [])


def raw(**device: Any) -> Raw:
    return {
        "device": {"id": 1201, "organizationId": 11, **device},
        "organization": {"id": 11, "name": "Bayou Dental Group"},
        "location": None,
    }


def record(**device: Any) -> Record:
    return ninja.to_record(raw(**device))


# The fleet, whole


def test_every_device_comes_with_its_organization_and_location(
    vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    raws, stats = fetched(vendors, tmp_path)
    rows = fleet.ninja(LAST)
    assert [each["device"] for each in raws] == rows.devices
    assert (stats.organizations, stats.locations) == (len(rows.organizations), len(rows.locations))
    assert stats.rows == len(rows.devices) and stats.promised is None
    for each in raws:
        device = each["device"]
        assert each["organization"]["id"] == device["organizationId"]
        assert (each["location"] or {}).get("id") == device.get("locationId")
    records = [ninja.to_record(each) for each in raws]
    assert len({each.source_key for each in records}) == len(raws)
    assert all(each.hostname and each.display_name and each.alias_name for each in records)


def test_lists_are_requested_one_after_the_other_and_no_device_alone(
    vendors: SimulatedVendors, tmp_path: Path
) -> None:
    fetched(vendors, tmp_path)
    asked = [request.path for request in vendors.requests]
    assert asked[0] == "/ws/oauth/token" and asked.count("/ws/oauth/token") == 1
    assert set(asked[1:]) == {"/v2/organizations", "/v2/locations", "/v2/devices-detailed"}
    assert len(asked) == 10
    assert vendors.requests[0].params["scope"] == "monitoring"
    assert all(request.params["pageSize"] == "1000" for request in vendors.requests[1:])


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2000, 2001])
def test_no_row_is_lost_at_page_boundaries(count: int, tmp_path: Path) -> None:
    with SimulatedVendors(small_world(count)) as vendors:
        raws, stats = fetched(vendors, tmp_path)
    assert [each["device"]["id"] for each in raws] == [7 * n for n in range(1, count + 1)]
    assert stats.rows == count


def test_pages_smaller_than_requested_are_read_to_the_end_of_the_list(tmp_path: Path) -> None:
    with SimulatedVendors(small_world(1001), page_limit=250) as vendors:
        raws, stats = fetched(vendors, tmp_path)
    assert len(raws) == 1001


def test_progress_is_reported_after_each_page(tmp_path: Path) -> None:
    seen = []
    with SimulatedVendors(small_world(5), page_limit=2) as vendors:
        opened = session(vendors, tmp_path)
        opened.stats.on_page = lambda stats: seen.append(stats.rows)
        list(ninja.fetch(opened))
    assert seen == [0, 2, 4, 5]


def test_a_renamed_organization_keeps_its_key_and_a_moved_device_its_own(
    fleet: Fleet, vendors: SimulatedVendors, tmp_path: Path
) -> None:
    names: dict[str | None, set[str | None]] = {}
    alias_of: dict[str, set[str | None]] = {}
    for day in (fleet.first_day + timedelta(days=1), LAST):
        vendors.day = day
        for each in map(ninja.to_record, fetched(vendors, tmp_path)[0]):
            names.setdefault(each.alias_key, set()).add(each.alias_name)
            alias_of.setdefault(each.source_key, set()).add(each.alias_key)
    assert any(len(aliases) == 2 for aliases in alias_of.values())
    kinds = {event.kind for event in fleet.events}
    assert any(len(found) == 2 for found in names.values()) or not any(
        "rename" in kind for kind in kinds
    )


def test_without_its_volatile_keys_a_device_changes_by_events_only(fleet: Fleet) -> None:
    compared = changed = 0
    for back in range(1, 15):
        today = {row["id"]: row for row in fleet.ninja(LAST - timedelta(days=back)).devices}
        for row in fleet.ninja(LAST - timedelta(days=back + 1)).devices:
            if row["id"] in today:
                compared += 1
                one = split_volatile(row, ninja.VOLATILE)[0]
                other = split_volatile(today[row["id"]], ninja.VOLATILE)[0]
                changed += canonical(one) != canonical(other)
    assert compared > 1000
    assert changed / compared < 0.02


def test_splitting_and_merging_volatile_keys_restores_the_payload(fleet: Fleet) -> None:
    for row in fleet.ninja(LAST).devices:
        assert merge_volatile(*split_volatile(row, ninja.VOLATILE)) == row


# What the mapper reads


def _keys_read() -> set[str]:
    """Every literal that to_record looks up with .get or by its own name."""
    tree = ast.parse(Path(ninja.__file__).read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in ("to_record", "fetch"):
            for call in ast.walk(node):
                match call:
                    case ast.Call(ast.Attribute(attr="get"), [ast.Constant(str(key)), *_]):
                        found.add(key)
    return found


def test_every_field_that_is_read_exists_at_the_vendor(fleet: Fleet) -> None:
    rows = fleet.ninja(LAST)
    known: set[str] = {"references"}  # expanded rows only; never depended on
    for row in [*rows.devices, *rows.organizations, *rows.locations]:
        known.update(row)
        for value in row.values():
            known.update(value if isinstance(value, dict) else ())
    read = _keys_read()
    assert {"dnsName", "publicIP", "approvalStatus", "organizationId"} <= read
    assert read - {"location"} <= known  # location: a key of references


def test_every_volatile_path_exists_at_the_vendor(fleet: Fleet) -> None:
    taken: set[str] = set()
    for row in fleet.ninja(LAST).devices:
        taken |= set(split_volatile(row, ninja.VOLATILE)[1])
    named = {path.split(".")[0].removesuffix("[]") for path in ninja.VOLATILE}
    assert named - taken == {"maintenance", "references"}  # usually absent, says the contract


FULL: Row = {
    "id": 1210, "organizationId": 11, "locationId": 31, "nodeClass": "WINDOWS_WORKSTATION",
    "approvalStatus": "APPROVED", "offline": False, "systemName": "BDG-MINIPC25100",
    "dnsName": "BDG-MINIPC25100031.bdg.local", "netbiosName": "BDG-MINIPC25100",
    "displayName": "BDG-MINIPC25100031 | Kiosk", "lastContact": 1762819200.75,
    "publicIP": "203.0.113.10", "os": {"name": "Windows 11 Professional Edition"},
    "system": {"name": "BDG-MINIPC25100", "serialNumber": "SN-1", "biosSerialNumber": "SN-2"},
}  # fmt: skip


def test_a_full_row_becomes_a_record() -> None:
    organization = {"id": 11, "name": " Bayou Dental Group "}
    location = {"id": 31, "name": "Main Office"}
    each = ninja.to_record({"device": FULL, "organization": organization, "location": location})
    assert each == Record(
        source_key="1210", alias_key="11", alias_name="Bayou Dental Group", payload=FULL,
        hostname="BDG-MINIPC25100031.bdg.local", display_name="BDG-MINIPC25100031 | Kiosk",
        location="Main Office", os="Windows 11 Professional Edition",
        node_class="WINDOWS_WORKSTATION", serial="SN-1", unmanaged=None,
        last_contact=datetime(2025, 11, 11, 0, 0, 0, 750_000, tzinfo=UTC), online=True,
        ip="203.0.113.10", repaired=None,
    )  # fmt: skip


OPTIONAL = sorted(set(FULL) - {"id", "organizationId"})


@pytest.mark.parametrize("key", OPTIONAL)
@pytest.mark.parametrize("missing", ["absent", "null", "empty"])
def test_any_optional_key_may_be_absent_null_or_empty(key: str, missing: str) -> None:
    row = copy.deepcopy(FULL)
    if missing == "absent":
        del row[key]
    else:
        row[key] = None if missing == "null" else ""
    each = ninja.to_record({"device": row, "organization": None, "location": None})
    assert each.source_key == "1210" and each.alias_name is None
    texts = (each.hostname, each.display_name, each.location, each.os, each.serial, each.ip)
    assert "" not in texts


@pytest.mark.parametrize("key", OPTIONAL)
@pytest.mark.parametrize("wrong", [17, 1.5, True, [], ["x"], {}, {"name": 3}, "x", float("nan")])
def test_no_wrong_type_breaks_the_mapper(key: str, wrong: object) -> None:
    each = ninja.to_record(
        {"device": {**FULL, key: wrong}, "organization": {"name": wrong}, "location": {"name": 7}}
    )
    assert each.payload[key] is wrong


def test_the_dns_name_is_preferred_as_hostname() -> None:
    names = {"dnsName": "a.x.local", "systemName": "b", "netbiosName": "C"}
    assert record(**names, system={"name": "d"}).hostname == "a.x.local"
    assert record(**{**names, "dnsName": ""}).hostname == "b"
    assert record(**{**names, "dnsName": None, "systemName": " "}).hostname == "C"
    assert record(system={"name": "d"}).hostname == "d"
    assert record().hostname is None


def test_two_devices_with_one_truncated_name_stay_two() -> None:
    one = record(id=1, systemName="BDG-MINIPC25100", dnsName="BDG-MINIPC25100031.bdg.local")
    two = record(id=2, systemName="BDG-MINIPC25100", dnsName="BDG-MINIPC25100032.bdg.local")
    assert one.source_key != two.source_key and one.hostname != two.hostname


def test_the_system_name_replaces_a_missing_display_name() -> None:
    assert record(displayName=None, systemName="PC-SPARE-1").display_name == "PC-SPARE-1"
    assert record(displayName="  ", systemName="PC-1").display_name == "PC-1"


def test_the_location_comes_from_the_list_else_from_the_row() -> None:
    row = raw(references={"location": {"name": "Spare Closet"}})
    assert ninja.to_record(row).location == "Spare Closet"
    row["location"] = {"id": 3, "name": "Main Office"}
    assert ninja.to_record(row).location == "Main Office"
    assert record(locationId=99).location is None


@pytest.mark.parametrize(("status", "unmanaged"), [
    ("APPROVED", None), (None, None), ("PENDING", "approval status is PENDING"),
    ("STAGED", "approval status is STAGED"), ("SUBMITTED", "approval status is SUBMITTED"),
    ("DECOMMISSIONED", "approval status is DECOMMISSIONED"),
])  # fmt: skip
def test_only_approved_devices_are_managed(status: str | None, unmanaged: str | None) -> None:
    assert record(approvalStatus=status).unmanaged == unmanaged


def test_an_absent_status_is_managed() -> None:
    assert record().unmanaged is None


@pytest.mark.parametrize(("seconds", "instant"), [
    (1700000000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
    (1700000000.25, datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)),
    (0, None), (-5, None), (1e300, None), (10**400, None), (1700000000000, None),
    (float("nan"), None), (float("inf"), None), (True, None), ("1700000000", None), (None, None),
])  # fmt: skip
def test_the_last_contact_is_an_instant_in_utc_or_nothing(
    seconds: object, instant: datetime | None
) -> None:
    found = record(lastContact=seconds).last_contact
    assert found == instant
    assert found is None or found.tzinfo is UTC


def test_an_unknown_node_class_is_kept_as_it_is() -> None:
    assert record(nodeClass="QUANTUM_TOASTER").node_class == "QUANTUM_TOASTER"


@pytest.mark.parametrize("bad", [
    None, True, 1.0, 0, -4, "", "x12", "１２", [], {}, 2**63, "9" * 30, float("nan"),
])  # fmt: skip
def test_an_unreadable_id_is_named_in_the_error(bad: object) -> None:
    with pytest.raises(UnreadableId, match="names no device"):
        record(id=bad)


@pytest.mark.parametrize(("good", "key"), [(12, "12"), ("12", "12"), (2**63 - 1, str(2**63 - 1))])
def test_an_id_is_an_integer_or_its_decimal_digits(good: object, key: str) -> None:
    assert record(id=good).source_key == key


@pytest.mark.parametrize("row", [None, 5, "text", [], [{"id": 1}]])
def test_a_row_that_is_no_object_has_an_unreadable_id(row: object) -> None:
    with pytest.raises(BadRecord, match="not a device"):
        ninja.to_record({"device": row, "organization": None, "location": None})


@pytest.mark.parametrize("bad", [None, "", "x", 1.5, False, {}])
def test_a_device_without_an_organization_is_quarantined_under_its_key(bad: object) -> None:
    with pytest.raises(BadRecord, match="device 1201 names no organization") as caught:
        record(organizationId=bad)
    assert caught.value.source_key == "1201" and not isinstance(caught.value, UnreadableId)


# Rows that are spoilt on the way


@pytest.mark.parametrize(("fault", "says"), [
    ("nul", "2 NUL characters replaced"), ("surrogate", "1 half surrogate pair replaced"),
    ("long_text", "cut from 10000 to 255 characters"),
])  # fmt: skip
def test_a_malformed_name_is_repaired_and_its_payload_kept(
    fault: Any, says: str, vendors: SimulatedVendors, tmp_path: Path
) -> None:
    vendors.ninja_faults.add(fault, "devices-detailed", row=3, field="displayName")
    raws, _ = fetched(vendors, tmp_path)
    each = ninja.to_record(raws[3])
    assert each.repaired == f"display name: {says}"
    assert each.display_name is not None and len(each.display_name) <= NAME_LENGTH
    assert json.loads(canonical(each.payload)) == each.payload
    assert all(ninja.to_record(other).repaired is None for other in raws[4:])


def test_rows_without_id_or_organization_do_not_stop_the_others(
    vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    vendors.ninja_faults.add("missing_id", "devices-detailed", row=2)
    raws, _ = fetched(vendors, tmp_path)
    assert len(raws) == len(fleet.ninja(LAST).devices)
    with pytest.raises(UnreadableId):
        ninja.to_record(raws[2])
    vendors.ninja_faults.add("missing_field", "devices-detailed", row=2)
    raws, _ = fetched(vendors, tmp_path)
    with pytest.raises(BadRecord):
        ninja.to_record(raws[2])


@pytest.mark.parametrize("fault", ["nulls", "int_timestamps"])
def test_nulls_and_whole_seconds_give_the_same_records_as_absence_and_fractions(
    fault: Any, vendors: SimulatedVendors, tmp_path: Path
) -> None:
    plain = [ninja.to_record(each) for each in fetched(vendors, tmp_path)[0]]
    vendors.ninja_faults.add(fault, "", times=None)
    other = [ninja.to_record(each) for each in fetched(vendors, tmp_path)[0]]
    told = [(each.source_key, each.hostname, each.location, each.unmanaged) for each in plain]
    assert told == [
        (each.source_key, each.hostname, each.location, each.unmanaged) for each in other
    ]


def test_an_organization_deleted_meanwhile_leaves_the_name_empty(tmp_path: Path) -> None:
    world = small_world(2)
    world[0].devices[1].update(organizationId=404, locationId=405)
    with SimulatedVendors(world) as vendors:
        records = [ninja.to_record(each) for each in fetched(vendors, tmp_path)[0]]
    assert [each.alias_name for each in records] == ["Bayou Dental", None]
    assert [each.alias_key for each in records] == ["11", "404"]


# A vendor that errs


ERRORS = (
    ("html", "a web page"), ("truncated", "no JSON"), ("error_object", "where a list belongs"),
    ("forbidden", "scope Monitoring"), ("not_found", "Check NINJA_BASE_URL"),
    ("redirect", "redirect"), ("repeated_page", "same page again"),
    ("huge", "MB at once"), ("gzip_bomb", "MB at once"), ("server_error", "answered 503"),
    ("too_many_requests", "answered 429"), ("dropped", "broke the connection"),
    ("unauthorized", "API client still exists"),
)  # fmt: skip
PLACES = ("/organizations", "/locations", "/devices-detailed")


@pytest.mark.parametrize(
    ("where", "fault", "says"),
    some([(where, *error) for where in PLACES for error in ERRORS], 13),
)
def test_an_error_is_never_read_as_an_empty_list(
    where: str, fault: Any, says: str, vendors: SimulatedVendors, tmp_path: Path
) -> None:
    vendors.ninja_faults.add(fault, where, times=None)
    with pytest.raises(CollectionError, match=says) as caught:
        fetched(vendors, tmp_path)
    assert str(caught.value).startswith("NinjaRMM ")
    assert "simulated-client-secret" not in str(caught.value)


@pytest.mark.parametrize("fault", [
    "server_error", "too_many_requests", "dropped", "unauthorized",
])  # fmt: skip
def test_a_transient_failure_only_delays_the_run(
    fault: Any, vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    vendors.ninja_faults.add(fault, "devices-detailed", times=1)
    raws, _ = fetched(vendors, tmp_path)
    assert len(raws) == len(fleet.ninja(LAST).devices)


def test_a_token_that_expires_during_the_run_is_renewed_once(tmp_path: Path) -> None:
    with SimulatedVendors(small_world(5), page_limit=2) as vendors:
        vendors.ninja_faults.add("unauthorized", "devices-detailed", times=1, after=1)
        raws, _ = fetched(vendors, tmp_path)
        tokens = [each for each in vendors.requests if each.path.endswith("/oauth/token")]
    assert len(raws) == 5 and len(tokens) == 2


def test_a_missing_page_is_detected_in_the_middle_and_at_the_end(tmp_path: Path) -> None:
    with SimulatedVendors(small_world(5), page_limit=2) as vendors:
        for after in (0, 1, 2):
            vendors.ninja_faults.clear()
            vendors.ninja_faults.add("missing_page", "devices-detailed", times=1, after=after)
            with pytest.raises(CollectionError, match="empty page where rows follow"):
                fetched(vendors, tmp_path)


def test_a_cursor_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.vendor.pagers.MAX_PAGES", 20)

    def script(asked: ReceivedRequest) -> Reply:
        if asked.path.endswith("/token"):
            return ok({"access_token": "a", "expires_in": 3600})
        return ok([{"id": int(asked.query.get("after", 0)) + 1}])

    with scripted(script) as vendor, pytest.raises(CollectionError, match="did not come to an end"):
        list(ninja.fetch(_scripted_session(vendor.url, tmp_path)))


def test_a_vendor_whose_after_is_inclusive_gives_each_row_once_or_an_error(tmp_path: Path) -> None:
    def script(asked: ReceivedRequest) -> Reply:
        if asked.path.endswith("/token"):
            return ok({"access_token": "a", "expires_in": 3600})
        after = int(asked.query.get("after", 0))
        return ok([{"id": each} for each in range(1, 6) if each >= after][:2])

    with scripted(script) as vendor, pytest.raises(CollectionError, match="same page again"):
        list(ninja.fetch(_scripted_session(vendor.url, tmp_path)))


def test_both_path_prefixes_and_both_token_paths_are_tried(tmp_path: Path) -> None:
    def script(asked: ReceivedRequest) -> Reply:
        if asked.path == "/oauth/token":
            return ok({"access_token": "a", "expires_in": 3600})
        if asked.path.startswith("/api/v2/"):
            return ok([{"id": 5, "organizationId": 1}] if "after" not in asked.query else [])
        return Reply(404, b"<html>Not found</html>")

    with scripted(script) as vendor:
        raws = list(ninja.fetch(_scripted_session(vendor.url, tmp_path)))
    assert [each["device"]["id"] for each in raws] == [5]
    assert [asked.path for asked in vendor.asked][:4] == [
        "/ws/oauth/token", "/oauth/token", "/v2/organizations", "/api/v2/organizations",
    ]  # fmt: skip


def _scripted_session(url: str, folder: Path) -> Session:
    settings = NinjaSettings(ninja_client_id="client", ninja_client_secret="secret")
    return session_to(url, folder, settings=settings)
