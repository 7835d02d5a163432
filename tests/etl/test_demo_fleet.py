"""The invented fleet: deterministic by seed, small changes from day to day, every kind of event."""

import json
from collections import Counter
from datetime import date, timedelta

import pytest

from db.thresholds import Thresholds
from etl.demo.fleet import Fleet, NinjaRows, ThreatLockerRows

LAST_DAY = date(2026, 3, 14)
SHAPES = [
    *((1, 400, 12), (2, 60, 3), (3, 60, 60), (4, 137, 25)),
    *(
        pytest.param(*shape, marks=pytest.mark.full)
        for shape in ((5, 800, 40), (6, 5000, 60), (7, 5000, 3))
    ),
]
"""(seed, devices, sites)"""


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=1, devices=400, sites=12, last_day=LAST_DAY)


@pytest.fixture(scope="module")
def ninja(fleet: Fleet) -> NinjaRows:
    return fleet.ninja(LAST_DAY)


@pytest.fixture(scope="module")
def threatlocker(fleet: Fleet) -> ThreatLockerRows:
    return fleet.threatlocker(LAST_DAY)


def test_same_arguments_give_the_same_rows_in_any_order_of_calls() -> None:
    one = Fleet(seed=7, devices=80, sites=5, last_day=LAST_DAY)
    other = Fleet(seed=7, devices=80, sites=5, last_day=LAST_DAY)
    days = one.days()

    told = {day: json.dumps([one.ninja(day), one.threatlocker(day)]) for day in days}
    backwards = {
        day: json.dumps([other.ninja(day), other.threatlocker(day)]) for day in reversed(days)
    }

    assert told == backwards
    assert one.events == other.events


def test_another_seed_gives_another_fleet() -> None:
    one, other = (Fleet(seed=seed, devices=60, sites=4, last_day=LAST_DAY) for seed in (1, 2))

    assert one.ninja(LAST_DAY).devices != other.ninja(LAST_DAY).devices


@pytest.mark.parametrize(
    ("last_day", "months", "first"),
    [
        (date(2026, 3, 14), 14, date(2025, 2, 1)),
        (date(2025, 12, 31), 12, date(2025, 1, 1)),
        (date(2026, 1, 1), 1, date(2026, 1, 1)),
    ],
)
def test_the_history_begins_with_the_first_day_of_the_first_month(
    last_day: date, months: int, first: date
) -> None:
    fleet = Fleet(devices=60, sites=3, last_day=last_day, months=months)

    assert fleet.first_day == first
    assert len(fleet.ninja(first).devices) > 40


def test_a_demo_collects_the_last_65_days_and_of_each_month_before_its_end_and_its_closing(
    fleet: Fleet,
) -> None:
    days = fleet.days()

    assert days == sorted(set(days))
    assert days[-65:] == [LAST_DAY - timedelta(days=back) for back in range(64, -1, -1)]
    before = days[:-65]
    assert before[:5] == [
        date(2025, 2, 27), date(2025, 2, 28), date(2025, 3, 3), date(2025, 3, 30),
        date(2025, 3, 31),
    ]  # fmt: skip
    ends = [day for day in before if (day + timedelta(days=2)).month != day.month]
    assert {day.day for day in before if day not in ends} == {Thresholds().month_close_days}
    assert (len(ends), len(before)) == (22, 33)


@pytest.mark.parametrize(("seed", "devices", "sites"), SHAPES)
def test_the_last_day_has_as_many_devices_as_asked_for(seed: int, devices: int, sites: int) -> None:
    fleet = Fleet(seed, devices, sites, last_day=LAST_DAY)

    assert len(fleet.ninja(LAST_DAY).devices) == devices
    assert len(fleet.ninja(LAST_DAY).organizations) == sites


@pytest.mark.parametrize(("seed", "devices", "sites"), SHAPES)
def test_no_two_collected_days_differ_so_much_that_a_collector_would_hold_the_second(
    seed: int, devices: int, sites: int
) -> None:
    fleet = Fleet(seed, devices, sites, last_day=LAST_DAY)
    before: dict[str, dict[object, tuple[object, ...]]] = {}

    for day in fleet.days():
        for vendor, now in (
            ("ninja", _ninja(fleet, day)),
            ("threatlocker", _computers(fleet, day)),
        ):
            was = before.get(vendor, now)
            few = max(3, 0.03 * len(was))
            assert len(was.keys() - now.keys()) <= few, (vendor, day)
            changed = [key for key in was.keys() & now.keys() if was[key] != now[key]]
            assert len(changed) <= few, (vendor, day)
            assert len(now) < len(was) * 1.2, (vendor, day)
            sites_now = Counter(state[0] for state in now.values())
            for site, count in Counter(state[0] for state in was.values()).items():
                assert count < 5 or sites_now[site] > 0, (vendor, day, site)
            before[vendor] = now


def test_the_fleet_grows_by_about_one_percent_a_month(fleet: Fleet) -> None:
    counts = [len(fleet.ninja(day).devices) for day in (fleet.days()[0], LAST_DAY)]

    assert 1.09 < counts[1] / counts[0] < 1.25


@pytest.mark.parametrize(("seed", "devices", "sites"), SHAPES)
def test_everything_that_can_happen_happens_near_the_end(
    seed: int, devices: int, sites: int
) -> None:
    fleet = Fleet(seed, devices, sites, last_day=LAST_DAY)
    lately = {e.kind for e in fleet.events if (LAST_DAY - e.day).days < 65}

    kinds = {
        "hired", "left", "moved", "relocated", "renamed", "reassigned", "spare by name",
        "spare by location", "back in use", "re-imaged", "decommissioned", "protected",
        "unprotected", "organization renamed", "outage", "partial answer",
    }  # fmt: skip
    assert kinds - lately == set()
    assert [e.day for e in fleet.events] == sorted(e.day for e in fleet.events)


@pytest.mark.parametrize("seed", range(30))
def test_the_bad_days_are_two_and_spare_the_last_day_and_month_ends(seed: int) -> None:
    fleet = Fleet(seed, 60, 3, last_day=LAST_DAY)

    assert fleet.outage is not None and fleet.partial_day is not None
    outage, vendor = fleet.outage
    assert vendor in ("ninja", "threatlocker")
    assert outage != fleet.partial_day
    assert 0 < (LAST_DAY - outage).days < 40
    assert 0 < (LAST_DAY - fleet.partial_day).days < 30
    for day in (outage, fleet.partial_day):
        assert (day + timedelta(days=1)).month == day.month


@pytest.mark.parametrize(("seed", "devices", "sites"), SHAPES)
def test_in_the_last_three_weeks_one_site_grows_and_one_shrinks_clearly(
    seed: int, devices: int, sites: int
) -> None:
    fleet = Fleet(seed, devices, sites, last_day=LAST_DAY)
    then, now = (
        Counter(row["organizationId"] for row in fleet.ninja(day).devices)
        for day in (LAST_DAY - timedelta(days=21), LAST_DAY)
    )
    moved = sorted(now[site] - then[site] for site in now | then)

    clearly = 2 if devices < 100 else 3 if devices < 200 else 8
    assert moved[-1] >= clearly
    assert moved[0] <= -clearly
    moves = [e for e in fleet.events if e.kind == "moved" and (LAST_DAY - e.day).days <= 21]
    assert len(moves) >= 2


def test_node_classes_are_mixed_as_in_a_real_fleet(ninja: NinjaRows) -> None:
    classes = Counter(row["nodeClass"] for row in ninja.devices)
    total = len(ninja.devices)

    workstations = sum(classes[c] for c in ("WINDOWS_WORKSTATION", "MAC", "LINUX_WORKSTATION"))
    servers = sum(
        classes[c] for c in ("WINDOWS_SERVER", "LINUX_SERVER", "VMWARE_VM_HOST", "HYPERV_VMM_HOST")
    )
    assert 0.62 < workstations / total < 0.8
    assert 0.09 < servers / total < 0.18
    assert classes["VMWARE_VM_GUEST"] and classes["HYPERV_VMM_GUEST"]
    assert sum(count for name, count in classes.items() if name.startswith("NMS_")) > 10
    assert classes["CLOUD_MONITOR_TARGET"] == 1
    assert classes["EDGE_SENSOR"] == 1
    statuses = Counter(row["approvalStatus"] for row in ninja.devices)
    assert statuses["PENDING"] and statuses["STAGED"] and statuses["DECOMMISSIONED"]
    assert statuses["APPROVED"] > 0.95 * total


def test_ninja_rows_have_the_quirks_of_the_contract(ninja: NinjaRows) -> None:
    rows = ninja.devices
    windows = [row for row in rows if row["nodeClass"].startswith("WINDOWS")]

    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    for key in ("displayName", "os", "system", "dnsName", "locationId", "uid", "parentDeviceId"):
        assert any(key in row for row in rows) and any(key not in row for row in rows), key
    assert any(row.get("displayName") == "" for row in rows)
    assert any(" | " in row.get("displayName", "") for row in rows)
    names = [row.get("dnsName") for row in windows]
    assert any(name == "" for name in names)
    assert any(name and name.endswith(".local") for name in names)
    assert any(name and "." not in name for name in names)
    assert any(name and name.endswith(".LOCAL") for name in names)
    assert any(isinstance(row["created"], int) for row in rows)
    assert any(isinstance(row["created"], float) for row in rows)
    assert all(len(row["systemName"]) <= 15 for row in windows)
    cut = Counter((row["organizationId"], row["systemName"]) for row in windows)
    assert max(cut.values()) > 1, "two machines of one site collide on 15 characters"
    hosts: dict[str, set[int]] = {}
    for row in rows:
        hosts.setdefault(row["systemName"], set()).add(row["organizationId"])
    assert any(len(organizations) > 1 for organizations in hosts.values())


def test_many_machines_are_in_both_vendors_each_with_its_own_spelling(
    fleet: Fleet, ninja: NinjaRows, threatlocker: ThreatLockerRows
) -> None:
    computers = {
        row["serialNumber"]: row
        for row in threatlocker.computers
        if not row["isDeleted"] and row.get("serialNumber", "").startswith("SN")
    }
    names = {row["id"]: row["name"] for row in ninja.organizations}
    both = [
        (row, computers[row["system"]["serialNumber"]])
        for row in ninja.devices
        if row.get("system", {}).get("serialNumber") in computers
    ]

    assert len(both) > 150
    assert any(len(there["hostname"]) > 15 for _, there in both)
    assert any(here["systemName"] != there["hostname"] for here, there in both)
    assert any(names[here["organizationId"]] != there["organization"] for here, there in both)
    assert any(there["computerName"] != here.get("displayName") for here, there in both)


def test_threatlocker_covers_about_four_fifths_of_the_computers(
    ninja: NinjaRows, threatlocker: ThreatLockerRows
) -> None:
    computers = [row for row in ninja.devices if "os" in row]
    covered = [row for row in threatlocker.computers if not row["isDeleted"]]

    assert 0.7 < len(covered) / len(computers) < 0.92


def test_threatlocker_rows_have_the_quirks_of_the_contract(
    fleet: Fleet, threatlocker: ThreatLockerRows
) -> None:
    rows = threatlocker.computers

    assert len({row["computerId"] for row in rows}) == len(rows)
    assert any(row["operatingSystem"].endswith(" ") for row in rows)
    assert any(row["lastCheckin"] is None for row in rows)
    assert any("." in (row["lastCheckin"] or "") for row in rows)
    assert any(row["installDate"] is None for row in rows)
    assert any(row["isDeleted"] for row in rows)
    assert any("serialNumber" not in row for row in rows)
    assert any(row["hostname"].endswith(".local") for row in rows)
    assert any(" | " in row["hostname"] for row in rows)
    assert any("| SPARE" in row["computerName"] for row in rows)
    assert any("L.L.C." in row["organization"] for row in rows)
    hosts = Counter(row["hostname"] for row in rows if not row["isDeleted"])
    assert max(hosts.values()) > 1
    counts = Counter(row["organizationId"] for row in rows if not row["isDeleted"])
    for organization in threatlocker.organizations:
        assert organization["computerCount"] == counts[organization["organizationId"]]


def test_a_re_imaged_machine_has_new_ids_and_its_old_serial_number(fleet: Fleet) -> None:
    event = next(e for e in reversed(fleet.events) if e.kind == "re-imaged")
    serial = event.text.split(", ")[-1]
    days = event.day - timedelta(days=1), event.day

    before, after = (
        {
            row["id"]
            for row in fleet.ninja(day).devices
            if row.get("system", {}).get("serialNumber") == serial
        }
        for day in days
    )

    assert before and after and before.isdisjoint(after)


def test_a_renamed_organization_keeps_its_id_and_the_other_vendor_follows_later(
    fleet: Fleet,
) -> None:
    event = next(e for e in fleet.events if e.kind == "organization renamed")
    old, new = event.text.split(" to ")
    ids = [
        {row["name"]: row["id"] for row in fleet.ninja(day).organizations}
        for day in (event.day - timedelta(days=1), event.day)
    ]

    assert ids[0][old] == ids[1][new]
    names = [
        {row["displayName"] for row in fleet.threatlocker(day).organizations}
        for day in (event.day, event.day + timedelta(days=4))
    ]
    assert names[0] != names[1]


def test_most_devices_change_only_volatile_keys_from_day_to_day(fleet: Fleet) -> None:
    volatile = {
        "lastContact", "lastUpdate", "offline", "ipAddresses", "publicIP", "lastLoggedInUser",
    }  # fmt: skip

    def lasting(day: date) -> dict[int, str]:
        return {row["id"]: json.dumps(_without(row, volatile)) for row in fleet.ninja(day).devices}

    yesterday, today = LAST_DAY - timedelta(days=1), LAST_DAY
    was, now = lasting(yesterday), lasting(today)
    whole = [
        {row["id"]: json.dumps(row) for row in fleet.ninja(day).devices}
        for day in (yesterday, today)
    ]

    same = [key for key in now if was.get(key) == now[key]]
    touched = [key for key in now if whole[0].get(key) != whole[1][key]]
    assert len(same) > 0.97 * len(now)
    assert len(touched) > 0.7 * len(now)


def test_no_contact_lies_in_the_future(fleet: Fleet) -> None:
    for day in fleet.days()[::9]:
        midnight = (day - date(1970, 1, 1)).days * 86400
        for row in fleet.ninja(day).devices:
            assert row["lastUpdate"] <= row["lastContact"] <= midnight
        for row in fleet.threatlocker(day).computers:
            assert (row["lastCheckin"] or "")[:10] <= day.isoformat()


def test_a_day_outside_the_history_is_refused(fleet: Fleet) -> None:
    with pytest.raises(ValueError, match="history has 2025-02-01 to 2026-03-14 only"):
        fleet.ninja(LAST_DAY + timedelta(days=1))


def test_rows_of_a_day_are_cached(fleet: Fleet) -> None:
    assert fleet.ninja(LAST_DAY) is fleet.ninja(LAST_DAY)


def _ninja(fleet: Fleet, day: date) -> dict[object, tuple[object, ...]]:
    answer = fleet.ninja(day)
    spare_places = {row["id"] for row in answer.locations if "spare" in row["name"].lower()}
    return {
        row["id"]: (
            row["organizationId"],
            "spare" in row.get("displayName", "").lower() or row.get("locationId") in spare_places,
            row["approvalStatus"],
        )
        for row in answer.devices
    }


def _computers(fleet: Fleet, day: date) -> dict[object, tuple[object, ...]]:
    return {
        row["computerId"]: (row["organizationId"], "spare" in row["computerName"].lower())
        for row in fleet.threatlocker(day).computers
        if not row["isDeleted"]
    }


def _without(row: dict[str, object], volatile: set[str]) -> dict[str, object]:
    kept = {key: value for key, value in row.items() if key not in volatile}
    if "os" in kept:
        kept["os"] = {**kept["os"], "lastBootTime": 0, "needsReboot": 0}  # type: ignore[dict-item]
    if "volumes" in kept:
        kept["volumes"] = len(kept["volumes"])  # type: ignore[arg-type]
    return kept
