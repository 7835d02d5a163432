"""Changes between two days: compared with plain Python on random fleets, and their reasons."""

import json
import random
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, insert, update

from db.engine import reading, writing
from db.history.changes import EntityChange, changes_between
from db.history.kept import KeptDays
from db.history.runs import kept_days
from db.keys import device_id
from db.tables import collection_runs, device_snapshots
from tests.support.changes_oracle import DailyRecords, day
from tests.support.samples import samples
from tests.support.small_hub import Hub, Pc
from tests.support.worlds import ALWAYS, ORDER, TODAY, random_world, run_row

BASES = ("assets", "records", *ORDER)


def changes_by_key(
    engine: Engine, basis: str, then: date, now: date, kept: KeptDays | None = None
) -> dict[int, EntityChange]:
    with reading(engine) as connection:
        known = kept or kept_days(connection)
        assert known is not None
        return {
            one.key: one for one in changes_between(connection, basis, then, now, ALWAYS, known)
        }


@pytest.mark.parametrize("seed", range(samples(2, 4)))
def test_changes_and_their_days_match_a_plain_python_model(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    world = random_world(rng, days=14)
    world.save(engine)
    for basis in BASES:
        then = TODAY - timedelta(days=rng.randrange(4, 13))
        now = then + timedelta(days=rng.randrange(1, (TODAY - then).days + 1))
        plain = DailyRecords(world, basis, then, now)
        rows = changes_by_key(engine, basis, then, now, KeptDays(TODAY))
        assert rows.keys() == plain.differing()
        for key, one in rows.items():
            reasons: dict[str, set[date]] = {}
            for reason in one.reasons:
                assert str(reason)
                reasons.setdefault(reason.code, set()).add(reason.day)
            expected = plain.dated(key)
            codes = ("gone", "back", "first_seen", "source_began", "site", "billing_status")
            assert {code: reasons[code] for code in codes if code in reasons} == expected
            assert EntityChange.from_json(json.loads(json.dumps(one.to_json()))) == one
            for state, standing in ((one.then, plain.standing[0]), (one.now, plain.standing[-1])):
                expected_record = standing.get(key)
                assert (state is None) == (expected_record is None)
                if state is not None and expected_record is not None:
                    assert (state.device_id, state.site_id) == (
                        expected_record.device_id,
                        expected_record.site_id,
                    )
                    assert state.device_type == expected_record.device_type


DAY = date(2026, 11, 1)


def reasons(
    hub: Hub, key: str, until: int, basis: str = "ninja", source: str = "ninja"
) -> list[str]:
    """What is said of a device between the first and another day of November."""
    rows = changes_by_key(hub.engine, basis, DAY, day(until))
    return [str(reason) for reason in rows[device_id(source, key)].reasons]


OTHERS = [Pc(str(number), hostname=f"pc-{number}") for number in range(50, 62)]


def test_every_change_is_dated_by_the_first_day_of_its_present_value(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    old = Pc("1", hostname="pc-1", display_name="Front desk", location="Rack 1")
    hub.collect(DAY, [old, Pc("2", display_name="SPARE-02"), Pc("3"), *OTHERS])
    moved = Pc("1", "2", "Pelican Freight", hostname="pc-1", display_name="Front desk")
    hub.collect(day(3), [moved, Pc("2", display_name="Back desk"), Pc("4"), *OTHERS])
    renamed = Pc("1", "2", "Pelican Freight", hostname="pc-9", display_name="SPARE-07",
                 node_class="WINDOWS_SERVER", serial="SN-0001")  # fmt: skip
    hub.collect(day(5), [renamed, Pc("2", display_name="Back desk"), Pc("4"), *OTHERS])
    hub.collect(day(7), [renamed, Pc("2", display_name="Back desk"), Pc("4"), *OTHERS])
    assert reasons(hub, "1", 8) == [
        "organization changed: Harbor Dental to Pelican Freight on 3 Nov 2026",
        "location changed: Rack 1 to (none) on 3 Nov 2026",
        "hostname changed: pc-1 to pc-9 on 5 Nov 2026",
        "renamed Front desk to SPARE-07 on 5 Nov 2026",
        "type changed: workstation to server on 5 Nov 2026",
        "renamed to SPARE-07, so spare, on 5 Nov 2026",
        "serial number changed: (none) to SN-0001 on 5 Nov 2026",
        "node class changed: WINDOWS_WORKSTATION to WINDOWS_SERVER on 5 Nov 2026",
    ]
    assert reasons(hub, "2", 8)[-1] == "renamed to Back desk, so billable, on 3 Nov 2026"
    assert reasons(hub, "3", 8) == ["gone since 3 Nov 2026, last seen 1 Nov 2026"]
    assert reasons(hub, "4", 8) == ["first seen 3 Nov 2026"]


def test_a_device_that_returns_has_the_reason_back(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(date(2026, 10, 28), [Pc("1"), *OTHERS])
    hub.collect(DAY, [*OTHERS])
    hub.collect(day(4), [Pc("1"), *OTHERS])
    assert reasons(hub, "1", 4) == ["back since 4 Nov 2026"]


def test_devices_of_a_source_first_collected_in_between_have_the_reason_source_began(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(DAY, OTHERS)
    hub.collect(day(3), [Pc("a")], "threatlocker")
    hub.collect(day(4), [Pc("a"), Pc("b")], "threatlocker")
    began = "first collection of ThreatLocker on 3 Nov 2026"
    assert reasons(hub, "a", 5, "records", "threatlocker") == [began]
    assert reasons(hub, "b", 5, "records", "threatlocker") == [began, "first seen 4 Nov 2026"]


def test_devices_of_an_ended_source_have_the_reason_source_ended(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(DAY, [Pc("1")])
    end = run_row("ninja", day(4), kind="end", correlation_id="end")
    with writing(sqlite_engine) as connection:
        connection.execute(insert(collection_runs).values(end))
        connection.execute(update(device_snapshots).values(valid_to=day(4)))
    assert reasons(hub, "1", 4) == ["source ended: NinjaRMM on 4 Nov 2026"]


def test_a_machine_lists_new_links_and_a_new_primary_record(engine: Engine) -> None:
    hub = Hub(engine)
    others = [Pc(f"t{number}", hostname=f"tl-{number}") for number in range(4)]
    lone = Pc("a", hostname="pc-1")
    hub.collect(DAY, [lone, *others], "threatlocker")
    hub.collect(day(2), [Pc("1", hostname="PC-1.local"), *OTHERS])
    hub.collect(day(3), [Pc("1", hostname="PC-1.local"), *OTHERS])
    machine = device_id("threatlocker", "a")
    rows = changes_by_key(engine, "assets", DAY, day(3))
    assert [str(reason) for reason in rows[machine].reasons] == [
        "linked with NinjaRMM PC-1.local on 2 Nov 2026: hostname pc-1 at the same site",
        "now speaks: NinjaRMM instead of ThreatLocker, since 2 Nov 2026",
        "hostname changed: pc-1 to PC-1.local on 2 Nov 2026",
    ]
    # Another real serial at each of them undoes the link: two machines again.
    hub.collect(day(4), [Pc("a", hostname="pc-1", serial="AAAA-1"), *others], "threatlocker")
    hub.collect(day(5), [Pc("1", hostname="PC-1.local", serial="BBBB-2"), *OTHERS])
    rows = changes_by_key(engine, "assets", day(3), day(5))
    assert [str(reason) for reason in rows[device_id("ninja", "1")].reasons] == [
        "unlinked from ThreatLocker pc-1 on 5 Nov 2026",
    ]
    reasons = [str(reason) for reason in rows[machine].reasons]
    assert "unlinked from NinjaRMM PC-1.local on 5 Nov 2026" in reasons
    assert "now speaks: ThreatLocker instead of NinjaRMM, since 5 Nov 2026" in reasons


def test_a_machine_enrolled_again_is_replaced_not_removed_and_added(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(DAY, [Pc("1", serial="SN-0001", hostname="front-1"), *OTHERS])
    hub.collect(day(4), [Pc("9", serial="SN-0001", hostname="front-1"), *OTHERS])
    assert reasons(hub, "1", 4, "assets") == [
        "linked with NinjaRMM front-1 on 4 Nov 2026: serial sn0001 enrolled again",
        "replaced by another record of NinjaRMM on 4 Nov 2026",
    ]


def test_what_a_restating_decision_changed_is_an_adjustment(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(DAY, [Pc("1"), *OTHERS])
    hub.collect(day(4), [Pc("1", display_name="Spare"), *OTHERS])
    with writing(sqlite_engine) as connection:
        opened = device_snapshots.c.valid_from == day(4)
        connection.execute(update(device_snapshots).where(opened).values(restated_by=99))
    assert all(reason.startswith("adjustment: ") for reason in reasons(hub, "1", 4))


def test_days_that_are_not_kept_make_no_difference(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(DAY, [Pc("1", display_name="one"), *OTHERS])
    hub.collect(day(3), [*OTHERS])
    hub.collect(day(5), [Pc("1", display_name="two"), *OTHERS])
    hub.collect(day(9), [Pc("1", display_name="two"), *OTHERS])
    all_kept = changes_by_key(hub.engine, "ninja", DAY, day(9), KeptDays(day(9)))
    reasons = [str(reason) for reason in all_kept[device_id("ninja", "1")].reasons]
    assert reasons == ["back since 5 Nov 2026", "renamed one to two on 5 Nov 2026"]
    few_kept = changes_by_key(hub.engine, "ninja", DAY, day(9), KeptDays(day(9), days=5, months=0))
    reasons = [str(reason) for reason in few_kept[device_id("ninja", "1")].reasons]
    assert reasons == ["renamed one to two on 5 Nov 2026"]


def test_given_keys_are_returned_in_their_order_changed_or_not(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(DAY, [Pc("1"), Pc("2"), *OTHERS])
    hub.collect(day(2), [Pc("1", os="Windows 11"), Pc("2"), *OTHERS])
    keys = [device_id("ninja", key) for key in ("2", "1", "never")]
    with reading(hub.engine) as connection:
        rows = list(
            changes_between(connection, "ninja", DAY, day(2), ALWAYS, KeptDays(day(2)), keys)
        )
    assert [row.key for row in rows] == keys[:2]
    assert [str(reason) for reason in rows[1].reasons] == [
        "operating system changed: (none) to Windows 11 on 2 Nov 2026"
    ]
