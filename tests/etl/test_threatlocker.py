"""ThreatLocker's collector against the simulated vendor and against scripted answers."""

import ast
import copy
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.settings import load
from etl.demo.fleet import Fleet
from etl.demo.rows import NinjaRows, Row, ThreatLockerRows
from etl.demo.servers import SimulatedVendors
from etl.demo.sites import PARENT_TENANT
from etl.records.record import BadRecord, FetchStats, Raw, Record, UnreadableId
from etl.records.text import canonical, merge_volatile, split_volatile
from etl.sources import open_session, threatlocker
from etl.sources.threatlocker import ThreatLockerSettings, count_warnings
from etl.vendor.http import CollectionError, Session
from tests.support.scripted_vendor import ReceivedRequest, Reply, Script, ok, scripted, session_to

LAST = date(2026, 3, 14)
KEY = "ab" * 32
TENANT = "0a000000-0000-4000-8000-000000000011"


def guid(number: int) -> str:
    return f"7c000000-0000-4000-8000-{number:012d}"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=1, devices=160, sites=6, last_day=LAST, months=3)


@pytest.fixture
def vendors(fleet: Fleet) -> Iterator[SimulatedVendors]:
    with SimulatedVendors(fleet) as running:
        yield running


def fetched(
    vendors: SimulatedVendors, folder: Path, **environ: str
) -> tuple[list[Raw], FetchStats]:
    settings = load({**vendors.environ(), "DATA_DIR": str(folder), **environ})
    session = open_session(threatlocker, settings, FetchStats())
    session.sleep = lambda seconds: None
    return list(threatlocker.fetch(session)), session.stats


def standing(fleet: Fleet, day: date = LAST) -> list[Row]:
    return [row for row in fleet.threatlocker(day).computers if not row["isDeleted"]]


def scripted_session(url: str, folder: Path) -> Session:
    settings = ThreatLockerSettings(
        threatlocker_base_url="https://portalapi.threatlocker.com/portalapi",
        threatlocker_api_key=KEY, threatlocker_organization_id=TENANT,
    )  # fmt: skip
    return session_to(url, folder, settings=settings)


def computers(script: Script) -> Script:
    """`script` answers for the computers; there is one organization."""

    def both(asked: ReceivedRequest) -> Reply:
        if "Organization/" in asked.path:
            rows = [{"organizationId": TENANT, "name": "bdg", "displayName": "Bayou"}]
            return ok(rows, Pagination='{"totalItems": 1}')
        return script(asked)

    return both


def collected(script: Script, folder: Path) -> tuple[list[Any], FetchStats]:
    with scripted(computers(script)) as vendor:
        session = scripted_session(vendor.url, folder)
        return [raw["computer"] for raw in threatlocker.fetch(session)], session.stats


def pages(*found: list[Row], total: int | None = None, header: bool = True) -> Script:
    """Pages by number, empty ones behind; `total` in the header or in the rows."""

    def script(asked: ReceivedRequest) -> Reply:
        number = asked.json()["pageNumber"]
        rows = found[number - 1] if number <= len(found) else []
        if total is not None and header:
            return ok(rows, Pagination=json.dumps({"totalItems": total, "totalPages": 9}))
        return ok([{**row, "totalRows": total} if total is not None else row for row in rows])

    return script


def some(*numbers: int) -> list[Row]:
    return [{"computerId": guid(number), "organizationId": TENANT} for number in numbers]


def raw(**computer: Any) -> Raw:
    return {
        "computer": {"computerId": guid(31), "organizationId": TENANT, **computer},
        "organization": {"organizationId": TENANT, "name": "bdg", "displayName": "Bayou Dental"},
    }


def record(**computer: Any) -> Record:
    return threatlocker.to_record(raw(**computer))


# The fleet, whole


def test_every_computer_comes_with_its_organization(
    vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    raws, stats = fetched(vendors, tmp_path)
    rows = standing(fleet)
    assert {each["computer"]["computerId"] for each in raws} == {row["computerId"] for row in rows}
    assert len(raws) == len(rows) == stats.promised == stats.rows
    assert stats.organizations == len(fleet.threatlocker(LAST).organizations)
    assert stats.locations is None and stats.warnings == []
    records = [threatlocker.to_record(each) for each in raws]
    assert all(each.alias_name and each.hostname and each.display_name for each in records)
    assert not any((each.os or "").endswith(" ") for each in records)
    assert any(each["computer"]["operatingSystem"].endswith(" ") for each in raws)
    assert any(each.last_contact is None for each in records)
    assert all(each.repaired is None for each in records)
    own = [each for each in raws if each["computer"]["organizationId"] == PARENT_TENANT]
    assert own and all(each["organization"] is None for each in own)


def test_the_request_is_the_recommended_one(vendors: SimulatedVendors, tmp_path: Path) -> None:
    fetched(vendors, tmp_path)
    assert [request.path for request in vendors.requests] == [
        "/portalapi/organization/organizationgetchildorganizationsbyparameters",
        "/portalapi/computer/computergetbyallparameters",
    ]
    organizations, fleet = (request.params for request in vendors.requests)
    assert organizations["includeAllChildren"] is organizations["childOrganizations"] is True
    assert fleet == {
        "searchText": "", "orderBy": "computername", "isAscending": True, "pageNumber": 1,
        "pageSize": 500, "childOrganizations": True, "showLastCheckIn": True, "showDeleted": False,
    }  # fmt: skip


def test_the_key_is_sent_unchanged_with_the_managed_organization(tmp_path: Path) -> None:
    with scripted(computers(pages(some(1), total=1))) as vendor:
        list(threatlocker.fetch(scripted_session(vendor.url, tmp_path)))
        for asked in vendor.asked:
            assert asked.headers["Authorization"] == KEY
            assert asked.headers["ManagedOrganizationId"] == TENANT


def test_the_organization_id_defaults_to_the_keys_own(
    vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    raws, _ = fetched(vendors, tmp_path, THREATLOCKER_ORGANIZATION_ID="")
    assert len(raws) == len(standing(fleet))


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1000, 1001])
def test_no_row_is_lost_at_page_boundaries(count: int, tmp_path: Path) -> None:
    rows = [
        {"computerId": guid(n), "organizationId": PARENT_TENANT, "computerName": f"PC-{n % 7}"}
        for n in range(count)
    ]
    world = NinjaRows([], [], [], []), ThreatLockerRows([], rows)
    with SimulatedVendors(world) as vendors:
        raws, stats = fetched(vendors, tmp_path)
    assert sorted(each["computer"]["computerId"] for each in raws) == [
        guid(n) for n in range(count)
    ]
    assert stats.promised == count and stats.pages == -(-count // 500)


def test_an_empty_body_is_an_empty_list(tmp_path: Path) -> None:
    world = NinjaRows([], [], [], []), ThreatLockerRows([], [])
    with SimulatedVendors(world) as vendors:
        raws, stats = fetched(vendors, tmp_path)
    assert raws == [] and stats.promised == 0 and stats.organizations == 0
    assert collected(lambda asked: Reply(200, b""), tmp_path)[0] == []
    assert collected(lambda asked: Reply(204, b""), tmp_path)[0] == []


EVENTS = {
    "computerName", "hostname", "operatingSystem", "ipOperatingSystem", "organization",
    "organizationId", "serviceVersion", "threatLockerVersion", "versionMinor",
}  # fmt: skip


def test_without_its_volatile_keys_a_computer_changes_by_events_only(fleet: Fleet) -> None:
    compared, changed = 0, set()
    for back in range(1, 15):
        today = {row["computerId"]: row for row in standing(fleet, LAST - timedelta(days=back))}
        for row in standing(fleet, LAST - timedelta(days=back + 1)):
            if row["computerId"] in today:
                compared += 1
                one = split_volatile(row, threatlocker.VOLATILE)[0]
                other = split_volatile(today[row["computerId"]], threatlocker.VOLATILE)[0]
                changed |= {key for key in one | other if one.get(key) != other.get(key)}
    assert compared > 500 and changed <= EVENTS


def test_splitting_and_merging_volatile_keys_restores_the_payload(fleet: Fleet) -> None:
    for row in fleet.threatlocker(LAST).computers:
        assert merge_volatile(*split_volatile(row, threatlocker.VOLATILE)) == row


def test_every_field_that_is_read_exists_at_the_vendor(fleet: Fleet) -> None:
    rows = fleet.threatlocker(LAST)
    known = {key for row in [*rows.computers, *rows.organizations] for key in row}
    tree = ast.parse(Path(threatlocker.__file__).read_text())
    read = {
        str(call.args[0].value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        and call.func.attr == "get" and isinstance(call.args[0], ast.Constant)
    }  # fmt: skip
    assert {"hostname", "computerName", "lastCheckin", "isDeleted"} <= read <= known


FULL: Row = {
    "computerId": "7C000000-0000-4000-8000-00000000003F", "organizationId": TENANT.upper(),
    "hostname": "BDG-MINIPC25100031", "computerName": "BDG-MINIPC25100031 | Kiosk",
    "organization": "Bayou Dental Group", "operatingSystem": "Windows 11 Business ",
    "serialNumber": "SN-EX-25100031", "lastCheckin": "2025-11-10T23:58:12Z",
    "lastCheckinIPAddress": "203.0.113.10", "isDeleted": False, "someNewField": {"a": [1]},
}  # fmt: skip


def test_a_full_row_becomes_a_record() -> None:
    organization = {"organizationId": TENANT, "name": "bdg", "displayName": "Bayou Dental, L.L.C."}
    assert threatlocker.to_record({"computer": FULL, "organization": organization}) == Record(
        source_key="7c000000-0000-4000-8000-00000000003f", alias_key=TENANT,
        alias_name="Bayou Dental, L.L.C.", payload=FULL, hostname="BDG-MINIPC25100031",
        display_name="BDG-MINIPC25100031 | Kiosk", os="Windows 11 Business",
        serial="SN-EX-25100031", last_contact=datetime(2025, 11, 10, 23, 58, 12, tzinfo=UTC),
        ip="203.0.113.10",
    )  # fmt: skip


def test_the_name_of_an_organization_comes_from_the_list_else_from_the_row() -> None:
    row = raw(organization="Bayou Dental Group")
    assert threatlocker.to_record(row).alias_name == "Bayou Dental"
    row["organization"] = {"name": "bdg", "displayName": ""}
    assert threatlocker.to_record(row).alias_name == "bdg"
    row["organization"] = None
    assert threatlocker.to_record(row).alias_name == "Bayou Dental Group"
    assert threatlocker.to_record({**raw(), "organization": None}).alias_name is None


@pytest.mark.parametrize(("text", "instant"), [
    ("2025-09-06T02:43:00Z", datetime(2025, 9, 6, 2, 43, tzinfo=UTC)),
    ("2025-09-16T05:20:00.435815Z", datetime(2025, 9, 16, 5, 20, 0, 435815, tzinfo=UTC)),
    ("2025-09-16T05:20:00.4358157Z", datetime(2025, 9, 16, 5, 20, 0, 435815, tzinfo=UTC)),
    ("2025-09-16T05:20:00.4", datetime(2025, 9, 16, 5, 20, 0, 400000, tzinfo=UTC)),
    ("2025-09-16T07:20:00+02:00", datetime(2025, 9, 16, 5, 20, tzinfo=UTC)),
    ("0001-01-01T00:00:00", None), ("0001-01-01T00:00:00+14:00", None), ("9999-12-31", None),
    ("", None), ("yesterday", None), (None, None), (1757123456, None), (True, None),
])  # fmt: skip
def test_the_last_check_in_is_an_instant_in_utc_or_nothing(
    text: object, instant: datetime | None
) -> None:
    found = record(lastCheckin=text).last_contact
    assert found == instant
    assert found is None or found.tzinfo is UTC


def test_a_deleted_computer_in_the_list_is_unmanaged() -> None:
    assert record(isDeleted=True).unmanaged == "deleted in ThreatLocker"
    assert record(isDeleted=False).unmanaged is None
    assert record().unmanaged is None


def test_whether_a_computer_is_online_is_unknown() -> None:
    assert record(isDeleted=False).online is None


@pytest.mark.parametrize("bad", [
    None, "", " ", 5, True, [], "computer-1", "7c000000-0000-4000-8000", guid(1) + "0",
    "00000000-0000-0000-0000-000000000000", "7c000000-0000-4000-8000-00000000003g",
])  # fmt: skip
def test_an_unreadable_id_is_named_in_the_error(bad: object) -> None:
    with pytest.raises(UnreadableId, match="no GUID"):
        record(computerId=bad)


@pytest.mark.parametrize("row", [None, 5, "text", []])
def test_a_row_that_is_no_object_has_an_unreadable_id(row: object) -> None:
    with pytest.raises(BadRecord, match="not a computer"):
        threatlocker.to_record({"computer": row, "organization": None})


@pytest.mark.parametrize("bad", [None, "", "  ", 11, {}, "x" * 129, "a\0b"])
def test_a_computer_without_an_organization_is_quarantined_under_its_key(bad: object) -> None:
    with pytest.raises(BadRecord, match="names no organization") as caught:
        record(organizationId=bad)
    assert caught.value.source_key == guid(31) and not isinstance(caught.value, UnreadableId)


OPTIONAL = sorted(set(FULL) - {"computerId", "organizationId"})


@pytest.mark.parametrize("key", OPTIONAL)
@pytest.mark.parametrize("wrong", ["absent", None, "", 17, 1.5, True, [], {}, float("nan")])
def test_no_missing_or_wrong_value_breaks_the_mapper(key: str, wrong: object) -> None:
    row = copy.deepcopy(FULL)
    if wrong == "absent":
        del row[key]
    else:
        row[key] = wrong
    each = threatlocker.to_record({"computer": row, "organization": {"displayName": wrong}})
    assert "" not in (each.hostname, each.display_name, each.os, each.serial, each.ip)


def test_equal_host_names_are_two_computers() -> None:
    one, two = record(hostname="SRV02"), record(hostname="SRV02", computerId=guid(99))
    assert one.source_key != two.source_key


# Rows and pages that are spoilt on the way


@pytest.mark.parametrize(("fault", "says"), [
    ("nul", "hostname: 2 NUL characters replaced"),
    ("surrogate", "hostname: 1 half surrogate pair replaced"),
    ("long_text", "hostname: cut from 10000 to 255 characters"),
])  # fmt: skip
def test_a_malformed_name_is_repaired_and_its_payload_kept(
    fault: Any, says: str, vendors: SimulatedVendors, tmp_path: Path
) -> None:
    vendors.threatlocker_faults.add(fault, "computerget", row=3, field="hostname")
    raws, _ = fetched(vendors, tmp_path)
    each = threatlocker.to_record(raws[3])
    assert each.repaired == says
    assert json.loads(canonical(each.payload)) == each.payload


def test_a_row_without_an_id_is_counted_and_quarantined(
    vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    vendors.threatlocker_faults.add("missing_id", "computerget", row=2)
    raws, _ = fetched(vendors, tmp_path)
    assert len(raws) == len(standing(fleet))
    with pytest.raises(UnreadableId):
        threatlocker.to_record(raws[2])


@pytest.mark.parametrize("fault", ["no_pagination", "doubled_row"])
def test_a_missing_total_header_or_a_duplicate_row_is_tolerated(
    fault: Any, vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    vendors.threatlocker_faults.add(fault, "", times=None)
    raws, stats = fetched(vendors, tmp_path)
    assert len(raws) == len(standing(fleet)) == stats.promised


def test_without_any_total_all_pages_are_read_with_a_warning(tmp_path: Path) -> None:
    rows, stats = collected(pages(some(1, 2), some(3)), tmp_path)
    assert len(rows) == 3 and stats.promised is None
    assert any("promised no total" in warning for warning in stats.warnings)


@pytest.mark.parametrize("header", [True, False])
def test_pages_smaller_than_requested_are_read_to_the_promised_total(
    header: bool, tmp_path: Path
) -> None:
    rows, stats = collected(
        pages(some(1, 2), some(3, 4), some(5), total=5, header=header), tmp_path
    )
    assert [row["computerId"] for row in rows] == [guid(n) for n in range(1, 6)]
    assert stats.promised == 5 and stats.pages == 4  # one of them the organizations


def test_rows_that_moved_between_pages_count_once(tmp_path: Path) -> None:
    rows, _ = collected(pages(some(1, 2), some(2, 3), total=3), tmp_path)
    assert [row["computerId"] for row in rows] == [guid(1), guid(2), guid(3)]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("found", [
    [some(1, 2), some(3)], [some(1, 2), [], some(3, 4)], [some(1, 2, 3)], [some(1, 1, 2), some(3)],
])  # fmt: skip
def test_fewer_rows_than_promised_are_an_error(
    found: list[list[Row]], header: bool, tmp_path: Path
) -> None:
    with pytest.raises(CollectionError, match="fewer rows than promised.* of 4"):
        collected(pages(*found, total=4, header=header), tmp_path)


def test_more_rows_than_promised_are_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="more rows than promised"):
        collected(pages(some(1, 2, 3), total=2), tmp_path)


def test_a_total_that_shrinks_during_the_run_is_an_error(tmp_path: Path) -> None:
    def script(asked: ReceivedRequest) -> Reply:
        first = asked.json()["pageNumber"] == 1
        rows, total = (some(1, 2, 3), 6) if first else (some(5, 6), 5)
        return ok(
            rows if asked.json()["pageNumber"] < 3 else [], Pagination=f'{{"totalItems": {total}}}'
        )

    with pytest.raises(CollectionError, match="5 of 6"):
        collected(script, tmp_path)


def test_a_page_that_repeats_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="rows of earlier pages only"):
        collected(lambda asked: ok(some(1, 2), Pagination='{"totalItems": 4}'), tmp_path)


@pytest.mark.parametrize(
    "header", ["", "{", "[]", "7", '{"totalItems": "x"}', '{"totalItems": -1}']
)
def test_a_malformed_pagination_header_is_ignored(header: str, tmp_path: Path) -> None:
    def script(asked: ReceivedRequest) -> Reply:
        return ok(some(1) if asked.json()["pageNumber"] == 1 else [], Pagination=header)

    assert len(collected(script, tmp_path)[0]) == 1


def test_pages_without_end_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.vendor.pagers.MAX_PAGES", 20)
    with pytest.raises(CollectionError, match="did not come to an end"):
        collected(lambda asked: ok(some(asked.json()["pageNumber"])), tmp_path)


def test_an_organization_whose_count_differs_is_a_warning(
    vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    rows = fleet.threatlocker(LAST)
    organizations = copy.deepcopy(rows.organizations)
    organizations[0]["computerCount"] += 3
    vendors.world = fleet.ninja(LAST), ThreatLockerRows(organizations, rows.computers)
    _, stats = fetched(vendors, tmp_path)
    (warning,) = stats.warnings
    assert warning.startswith(f"{organizations[0]['displayName']}: the organization list counts")


@pytest.mark.parametrize(
    ("listed", "warned"),
    [
        ((4, 3, 2), []),
        ((9, 5, 2), []),
        ((4, 5, 2), []),
        ((10, 5, 2), ["Top: the organization list counts 10 computers, 4 were collected, 9 with"]),
        ((9, 6, 2), ["Middle: the organization list counts 6 computers, 3 were collected, 5 with"]),
        ((9, 5, 3), ["Low: the organization list counts 3 computers, 2 were collected."]),
    ],
)
def test_an_organization_counts_its_own_computers_or_also_those_below_it(
    listed: tuple[int, int, int], warned: list[str]
) -> None:
    parents, own = {"top": guid(0), "middle": "TOP", "low": "middle"}, (4, 3, 2)
    organizations: dict[str | None, Row] = {
        name: {"displayName": name.title(), "parentId": parent, "computerCount": count}
        for (name, parent), count in zip(parents.items(), listed, strict=True)
    }
    collected: Counter[str | None] = Counter(dict(zip(parents, own, strict=True)))
    warnings = count_warnings(organizations, collected)

    assert [text[: len(start)] for text, start in zip(warnings, warned, strict=True)] == warned


def test_organizations_that_are_each_others_parents_are_counted_once() -> None:
    organizations: dict[str | None, Row] = {
        "a": {"parentId": "b", "computerCount": 3},
        "b": {"parentId": "a", "computerCount": 3},
    }

    assert count_warnings(organizations, Counter({"a": 1, "b": 2})) == []


def test_many_count_warnings_are_summarized(tmp_path: Path) -> None:
    rows = [{"organizationId": f"org-{n}", "computerCount": 1} for n in range(25)]
    world = (
        NinjaRows([], [], [], []),
        ThreatLockerRows([{**row, "parentId": PARENT_TENANT, "name": "n"} for row in rows], []),
    )
    with SimulatedVendors(world) as vendors:
        _, stats = fetched(vendors, tmp_path)
    assert len(stats.warnings) == 11 and stats.warnings[-1].startswith("15 more organizations")


# A vendor that errs


@pytest.mark.parametrize(("fault", "says"), [
    ("html", "a web page"), ("truncated", "no JSON"), ("error_object", "where a list belongs"),
    ("forbidden", "TOKEN_REVOKED.*instance letter"), ("unauthorized", "Check THREATLOCKER_API_KEY"),
    ("not_found", "Check THREATLOCKER_BASE_URL"), ("redirect", "redirect"),
    ("huge", "MB at once"), ("gzip_bomb", "MB at once"), ("server_error", "answered 503"),
    ("too_many_requests", "answered 429"), ("dropped", "broke the connection"),
    ("missing_page", "fewer rows than promised"), ("fewer_rows", "fewer rows than promised"),
])  # fmt: skip
@pytest.mark.parametrize("where", ["organizationget", "computerget"])
def test_an_error_is_never_read_as_an_empty_list(
    where: str, fault: Any, says: str, vendors: SimulatedVendors, tmp_path: Path
) -> None:
    vendors.threatlocker_faults.add(fault, where, times=None)
    with pytest.raises(CollectionError, match=says) as caught:
        fetched(vendors, tmp_path)
    assert str(caught.value).startswith("ThreatLocker ")
    assert vendors.environ()["THREATLOCKER_API_KEY"] not in str(caught.value)


@pytest.mark.parametrize("fault", ["server_error", "too_many_requests", "dropped"])
def test_a_transient_failure_only_delays_the_run(
    fault: Any, vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    vendors.threatlocker_faults.add(fault, "computerget", times=1)
    assert len(fetched(vendors, tmp_path)[0]) == len(standing(fleet))


def test_a_key_with_bearer_before_it_is_refused_with_the_fix(
    vendors: SimulatedVendors, tmp_path: Path
) -> None:
    key = f"Bearer {vendors.environ()['THREATLOCKER_API_KEY']}"
    with pytest.raises(CollectionError, match="without Bearer before it") as caught:
        fetched(vendors, tmp_path, THREATLOCKER_API_KEY=key)
    assert caught.value.permanent


def test_an_organization_out_of_scope_is_refused_with_the_fix(
    vendors: SimulatedVendors, tmp_path: Path
) -> None:
    with pytest.raises(CollectionError, match="View Computers") as caught:
        fetched(vendors, tmp_path, THREATLOCKER_ORGANIZATION_ID=guid(5))
    assert caught.value.permanent


def test_a_key_that_the_vendor_sends_back_is_not_shown(tmp_path: Path) -> None:
    with scripted(lambda asked: Reply(403, f"key {KEY} is revoked".encode())) as vendor:
        session = scripted_session(vendor.url, tmp_path)
        with pytest.raises(CollectionError) as caught:
            list(threatlocker.fetch(session))
    assert "key (secret) is revoked" in str(caught.value)
