"""Publishing a run: completely or not at all, and what remains of the days before."""

import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert

from db import migrate
from db.engine import open_engine, sqlite_url, writing
from db.keys import device_id
from db.tables import (
    HASHED_IF_SET,
    collection_runs,
    daily_counts,
    device_latest,
    device_payloads,
    device_snapshots,
    devices,
    held_records,
    metadata,
    months,
    quarantined_records,
    sites,
)
from etl.collect.collect import collect
from etl.records.states import hash_state
from etl.records.text import merge_volatile
from etl.runtime import lease
from etl.snapshots.publish import PublishRefused
from tests.conftest import DATABASES
from tests.support.small_hub import Hub, Pc, contents, pcs

DAY = date(2024, 3, 14)
NEXT = DAY + timedelta(days=1)
THIRD = DAY + timedelta(days=2)
TEN = pcs(range(10))


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return Hub(sqlite_engine)


@pytest.fixture(scope="module", params=DATABASES)
def shared_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """One migrated database of each kind for all tests of this file."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path_factory.mktemp("shared") / "inventory.db")
    else:
        name = "postgres_server" if request.param == "postgresql" else "mariadb_server"
        url = request.getfixturevalue(name).create()
    engine = open_engine(url)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def everywhere(shared_engine: Engine) -> Hub:
    """An empty hub on each database."""
    with writing(shared_engine) as connection:
        for table in metadata.tables.values():
            connection.execute(delete(table))
    return Hub(shared_engine)


@pytest.fixture
def another(tmp_path: Path, migrated_file: Path) -> Iterator[Callable[[], Hub]]:
    """Makes more hubs, each empty, to compare with."""
    engines: list[Engine] = []

    def make() -> Hub:
        path = tmp_path / f"another-{len(engines)}.db"
        shutil.copyfile(migrated_file, path)
        engines.append(open_engine(sqlite_url(path)))
        return Hub(engines[-1])

    yield make
    for engine in engines:
        engine.dispose()


def test_the_first_complete_run_stores_every_device_and_reports_it(everywhere: Hub) -> None:
    outcome = everywhere.collect(DAY, TEN)

    assert outcome.state == "complete" and outcome.published is not None
    assert (outcome.records, outcome.published.added, outcome.published.removed) == (10, 10, 0)
    (run,) = everywhere.runs()
    assert (run.state, run.published, run.business_date, run.timezone) == (
        "complete", True, DAY, "UTC",
    )  # fmt: skip
    assert (run.records, run.added, run.removed, run.changed, run.quarantined) == (10, 10, 0, 0, 0)
    assert run.finished_at is not None and run.reason is None and run.rule_version == 1
    assert set(everywhere.on(DAY)) == {pc.key for pc in TEN}
    assert all(everywhere.spans(pc.key) == [(DAY, None)] for pc in TEN)
    assert everywhere.counted("ninja", DAY) == everywhere.counted("assets", DAY) == {"billable": 10}


def test_an_unchanged_day_stores_no_new_stretch(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    before = hub.all(device_snapshots), hub.all(device_payloads)

    outcome = hub.collect(NEXT, TEN)

    assert (hub.all(device_snapshots), hub.all(device_payloads)) == before
    assert outcome.published is not None and outcome.published.changed == 0
    assert hub.counted("ninja", NEXT) == {"billable": 10}


def test_collecting_a_day_twice_leaves_only_the_second_result(
    everywhere: Hub, another: Callable[[], Hub]
) -> None:
    first = [
        *TEN[:7], replace(TEN[7], hostname="renamed"), replace(TEN[8], org="2", org_name="Pelican"),
        Pc("new"), Pc("newer"),
    ]  # fmt: skip
    second = [*TEN[1:8], replace(TEN[9], note="other"), Pc("newer", hostname="pc"), Pc("newest")]
    straight = another()
    for hub, versions in ((everywhere, (first, second)), (straight, (second,))):
        hub.collect(DAY, TEN)
        for rows in versions:
            assert hub.collect(NEXT, rows).state == "complete"

    stored, expected = contents(everywhere.engine), contents(straight.engine)
    # Sites that the first version brought stay: somebody may have worked on them since.
    for table in ("devices", "device_snapshots", "device_payloads", "daily_counts"):
        assert stored[table] == expected[table], table
    assert [run.published for run in everywhere.runs()] == [True, False, True]


def test_repeating_a_day_keeps_the_links_of_machines(
    everywhere: Hub, another: Callable[[], Hub]
) -> None:
    portal = [Pc(f"t{n}", hostname=f"PC-{n}.local", node_class=None) for n in range(4)]
    straight = another()
    for hub, times in ((everywhere, 3), (straight, 1)):
        hub.collect(DAY, pcs(range(2), hostname="pc-0"))
        hub.collect(DAY, [Pc("0", hostname="pc-0"), Pc("1", hostname="pc-1")])
        for _ in range(times):
            hub.collect(NEXT, portal, "threatlocker")

    stored, expected = contents(everywhere.engine), contents(straight.engine)
    assert stored["asset_links"] == expected["asset_links"] and len(stored["asset_links"]) == 2
    assert stored["device_snapshots"] == expected["device_snapshots"]
    assert everywhere.counted("assets", NEXT) == {"billable": 4}


# What publishes nothing


def standing(hub: Hub) -> object:
    tables = (device_snapshots, devices, device_latest, device_payloads, daily_counts, sites)
    return [hub.all(table) for table in tables]


@pytest.mark.parametrize(
    ("rows", "trouble", "reason"),
    [
        ([], {}, "answered no devices at all"),
        (TEN[:4], {"failure": "The vendor broke off."}, "The vendor broke off."),
        (TEN, {"organizations": 0}, "answered no organizations, the last run had 3"),
        (TEN, {"locations": 0}, "answered no locations, the last run had 5"),
        (pcs(range(10), trouble="no organization"), {}, "None of 10 rows could be read"),
    ],
)
def test_a_failed_run_reports_why_and_keeps_yesterdays_numbers(
    everywhere: Hub, rows: list[Pc], trouble: dict[str, str | int], reason: str
) -> None:
    source = everywhere.sources["ninja"]
    source.organizations, source.locations = 3, 5
    everywhere.collect(DAY, TEN)
    before = standing(everywhere)
    for name, value in trouble.items():
        setattr(source, name, value)

    outcome = everywhere.collect(NEXT, rows)

    assert outcome.state == "failed" and reason in (outcome.reason or "")
    assert standing(everywhere) == before
    run = everywhere.runs()[-1]
    assert (run.state, run.published, run.reason) == ("failed", False, outcome.reason)
    assert run.finished_at is not None


def test_a_failed_run_of_the_same_day_leaves_the_good_one_published(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    before = standing(hub)
    hub.sources["ninja"].failure = "The vendor broke off."

    assert hub.collect(DAY, TEN[:3]).state == "failed"

    assert standing(hub) == before
    assert [run.published for run in hub.runs()] == [True, False]


def test_a_source_that_never_had_locations_does_not_fail_without_them(hub: Hub) -> None:
    hub.sources["ninja"].organizations = hub.sources["ninja"].locations = 0
    hub.collect(DAY, TEN)

    assert hub.collect(NEXT, TEN).state == "complete"


def test_a_suspicious_run_is_held_and_keeps_yesterdays_numbers(everywhere: Hub) -> None:
    everywhere.collect(DAY, TEN)
    before = standing(everywhere)

    outcome = everywhere.collect(NEXT, TEN[:4])

    assert outcome.state == "suspicious"
    assert (outcome.reason or "").startswith("6 of 10 devices vanished at once (half of them)")
    assert standing(everywhere) == before
    run = everywhere.runs()[-1]
    assert (run.state, run.published, run.hold, run.reason) == (
        "suspicious", False, "held", outcome.reason,
    )  # fmt: skip
    assert len(everywhere.all(held_records, run_id=run.run_id)) == 4


def test_the_next_run_marks_a_dead_run_as_failed(hub: Hub) -> None:
    with writing(hub.engine) as connection:
        connection.execute(
            insert(collection_runs).values(
                source="ninja", business_date=DAY, timezone="UTC", state="running",
                published=False, started_at=datetime.now(UTC), heartbeat_at=datetime.now(UTC),
                correlation_id="x",
            )
        )  # fmt: skip

    hub.collect(DAY, TEN)

    died, done = hub.runs()
    assert died.state == "failed" and died.finished_at is not None
    assert "ended before the run did" in died.reason
    assert done.state == "complete"


# Dates (rule 14)


def refused(hub: Hub, day: date, today: date | None = None) -> str:
    before, runs = standing(hub), hub.runs()
    with pytest.raises(PublishRefused) as caught:
        hub.collect(day, TEN[:9], today=today)
    assert (standing(hub), hub.runs()) == (before, runs), "something was begun"
    return str(caught.value)


def test_a_date_in_the_future_is_refused_before_anything_is_begun(hub: Hub) -> None:
    assert "is in the future: today is 2024-03-14" in refused(hub, NEXT, today=DAY)


def test_a_date_before_the_newest_published_one_is_refused(hub: Hub) -> None:
    hub.collect(NEXT, TEN)

    assert "is before 2024-03-15, the newest published day of ninja" in refused(hub, DAY)


def test_a_date_before_the_newest_published_one_of_another_source_is_accepted(hub: Hub) -> None:
    hub.collect(NEXT, TEN)

    assert hub.collect(DAY, TEN, "threatlocker", today=NEXT).state == "complete"


def test_a_failed_later_day_does_not_prevent_an_earlier_one(hub: Hub) -> None:
    hub.sources["ninja"].failure = "The vendor broke off."
    hub.collect(NEXT, TEN)
    hub.sources["ninja"].failure = None

    assert hub.collect(DAY, TEN, today=NEXT).state == "complete"


def test_a_date_in_a_closed_month_is_refused_up_to_its_last_day(hub: Hub) -> None:
    with writing(hub.engine) as connection:
        connection.execute(insert(months).values(month="2024-02", closed=True))

    assert "closed month, which ends on 2024-02-29" in refused(hub, date(2024, 2, 29))
    assert hub.collect(date(2024, 3, 1), TEN).state == "complete"


def test_days_of_a_reopened_month_can_be_published_again(hub: Hub) -> None:
    with writing(hub.engine) as connection:
        connection.execute(insert(months).values(month="2024-02", closed=False))

    assert hub.collect(date(2024, 2, 29), TEN).state == "complete"


def test_the_business_date_is_in_the_configured_time_zone_which_is_stored_with_it(hub: Hub) -> None:
    hub.environ["TIMEZONE"] = "America/Chicago"
    evening = datetime(2024, 3, 15, 4, 30, tzinfo=UTC)  # 23:30 on the 14th in Chicago
    source = hub.sources["ninja"]
    source.rows = TEN

    with lease.take(hub.engine) as held:
        with pytest.raises(PublishRefused):
            collect(hub.engine, held, source, NEXT, lambda: evening, hub.settings)
        collect(hub.engine, held, source, DAY, lambda: evening, hub.settings)

    (run,) = hub.runs()
    assert (run.business_date, run.timezone) == (DAY, "America/Chicago")
    assert run.started_at == evening


# Devices that come, go, move and change


def test_a_vanished_device_was_last_seen_the_day_before_and_has_no_open_stretch(
    everywhere: Hub,
) -> None:
    everywhere.collect(DAY, TEN)
    everywhere.collect(NEXT, TEN)

    outcome = everywhere.collect(THIRD, TEN[1:])

    assert outcome.published is not None and outcome.published.removed == 1
    assert everywhere.spans("0") == [(DAY, THIRD)]
    assert everywhere.seen("0") == (DAY, NEXT)
    assert everywhere.seen("1") == (DAY, None)
    assert everywhere.counted("ninja", THIRD) == {"billable": 9}
    (stretch,) = everywhere.stretches("0")
    assert stretch.closed_by == everywhere.runs()[-1].run_id


def test_a_device_vanished_after_missing_days_was_last_seen_on_the_last_published_day(
    hub: Hub,
) -> None:
    later = DAY + timedelta(days=6)
    hub.collect(DAY, TEN)
    hub.sources["ninja"].failure = "The vendor broke off."
    hub.collect(NEXT, TEN)
    hub.sources["ninja"].failure = None

    hub.collect(later, TEN[1:])

    assert hub.seen("0") == (DAY, DAY)
    assert "0" in hub.on(later - timedelta(days=1)), "a missing day is not a drop"
    assert "0" not in hub.on(later)


def test_a_device_that_returns_is_the_same_device_with_a_second_stretch(everywhere: Hub) -> None:
    everywhere.collect(DAY, TEN)
    everywhere.collect(NEXT, TEN[1:])
    assert everywhere.seen("0") == (DAY, DAY)

    outcome = everywhere.collect(THIRD, TEN)

    assert outcome.published is not None and outcome.published.added == 1
    assert everywhere.spans("0") == [(DAY, NEXT), (THIRD, None)]
    assert everywhere.seen("0") == (DAY, None)


def test_undoing_the_return_of_a_device_restores_last_seen(everywhere: Hub) -> None:
    everywhere.collect(DAY, TEN)
    everywhere.collect(NEXT, TEN[1:])
    everywhere.collect(THIRD, [*TEN, Pc("new")])

    everywhere.collect(THIRD, TEN[1:])

    assert everywhere.spans("0") == [(DAY, NEXT)]
    assert everywhere.seen("0") == (DAY, DAY)
    assert everywhere.seen("new") is None


def test_undoing_a_removal_leaves_one_unbroken_stretch(everywhere: Hub) -> None:
    everywhere.collect(DAY, TEN)
    everywhere.collect(NEXT, TEN[1:])

    everywhere.collect(NEXT, TEN)

    assert everywhere.spans("0") == [(DAY, None)]
    assert everywhere.seen("0") == (DAY, None)
    assert everywhere.stretches("0")[0].closed_by is None


def test_a_device_that_moves_is_at_its_new_site_from_that_day_on(everywhere: Hub) -> None:
    everywhere.collect(DAY, TEN)

    everywhere.collect(NEXT, [replace(TEN[0], org="2", org_name="Pelican Freight"), *TEN[1:]])

    assert everywhere.spans("0") == [(DAY, NEXT), (NEXT, None)]
    before, after = everywhere.stretches("0")
    assert before.site_id == everywhere.site_of("1").site_id
    assert after.site_id == everywhere.site_of("2").site_id != before.site_id
    assert (before.alias_key, after.alias_key) == ("1", "2")
    assert everywhere.seen("0") == (DAY, None)


@pytest.mark.parametrize(
    "change",
    [
        {"hostname": "renamed"}, {"display_name": "SPARE-1"}, {"location": "Attic"},
        {"os": "Windows 11"}, {"node_class": "WINDOWS_SERVER"}, {"serial": "SN-0001"},
        {"managed": False}, {"note": "a key that has no column"},
    ],
)  # fmt: skip
def test_any_changed_field_opens_another_stretch_of_the_same_device(
    hub: Hub, change: dict[str, object]
) -> None:
    hub.collect(DAY, TEN)

    outcome = hub.collect(NEXT, [replace(TEN[0], **change), *TEN[1:]])  # type: ignore[arg-type]

    assert outcome.published is not None
    assert (outcome.published.added, outcome.published.changed) == (0, 1)
    assert hub.spans("0") == [(DAY, NEXT), (NEXT, None)]
    assert hub.spans("1") == [(DAY, None)]
    assert hub.seen("0") == (DAY, None)


def test_renaming_an_organization_changes_no_device_and_no_site(
    everywhere: Hub,
) -> None:
    everywhere.collect(DAY, TEN)
    before = everywhere.all(device_snapshots)
    renamed = [replace(pc, org_name="Bayou Dental Group") for pc in TEN]
    # The payload of a device holds the organization's id, not its name.
    source = everywhere.sources["ninja"]
    to_record = source.to_record
    source.to_record = lambda raw: replace(  # type: ignore[method-assign]
        to_record(raw), payload={**raw, "org_name": "Harbor Dental", "last_contact": None}
    )

    outcome = everywhere.collect(NEXT, renamed)

    assert outcome.published is not None and outcome.published.changed == 0
    assert everywhere.all(device_snapshots) == before
    assert everywhere.site_of("1").name == "Harbor Dental"


def test_volatile_values_open_no_stretch_and_are_stored_with_the_latest_value(
    everywhere: Hub,
) -> None:
    first, second = (datetime(2024, 3, day, 10, tzinfo=UTC) for day in (13, 14))
    everywhere.collect(DAY, [replace(pc, last_contact=first) for pc in TEN])

    everywhere.collect(NEXT, [replace(pc, seen=2, last_contact=second) for pc in TEN])

    assert everywhere.spans("0") == [(DAY, None)]
    (latest,) = everywhere.all(device_latest, device_id=device_id("ninja", "0"))
    assert latest.last_contact == second
    assert json.loads(latest.volatile) == {"seen": 2}


def test_payloads_of_all_days_are_readable_with_the_newest_volatile_values(
    everywhere: Hub,
) -> None:
    notes = ["first", "second", "second", "first", "third"]
    for back, note in enumerate(notes):
        day = DAY + timedelta(days=back)
        everywhere.collect(day, [*TEN[1:], Pc("0", note=note, seen=back)])

    for back, note in enumerate(notes):
        stored = everywhere.on(DAY + timedelta(days=back))["0"]
        (stored,) = everywhere.all(
            device_payloads, device_id=stored.device_id, payload_hash=stored.payload_hash
        )
        (latest,) = everywhere.all(device_latest, device_id=stored.device_id)
        stable = json.loads(zlib.decompress(stored.body))
        assert stable["note"] == note and "seen" not in stable
        assert merge_volatile(stable, json.loads(latest.volatile))["seen"] == 4
    assert len(everywhere.all(device_payloads, device_id=device_id("ninja", "0"))) == 3


def test_a_day_with_many_changes_names_the_differing_payload_keys(hub: Hub) -> None:
    hub.collect(DAY, TEN)

    hub.collect(NEXT, [replace(pc, note="x") for pc in TEN[:2]] + TEN[2:])
    hub.collect(THIRD, [replace(pc, note="y", location="Attic") for pc in TEN[:3]] + TEN[3:])

    _, few, many = hub.runs()
    assert (few.changed, few.changed_percent, few.changed_keys) == (2, 20.0, None)
    assert (many.changed, many.changed_percent) == (3, 30.0)
    assert many.changed_keys == "location, note"


# Rows that cannot be read


def test_an_unreadable_row_keeps_the_open_stretch_of_its_known_device(everywhere: Hub) -> None:
    everywhere.collect(DAY, TEN)
    spoilt = Pc("0", org="2", org_name="Pelican", trouble="device 0 names no organization")

    outcome = everywhere.collect(NEXT, [spoilt, *TEN[1:], Pc("new")])

    assert (outcome.state, outcome.quarantined) == ("complete", 1)
    assert everywhere.spans("0") == [(DAY, None)]
    assert everywhere.seen("0") == (DAY, None)
    assert "new" in everywhere.on(NEXT)
    (aside,) = everywhere.all(quarantined_records)
    assert aside.device_id == device_id("ninja", "0") and aside.source_key == "0"
    assert aside.reason == "device 0 names no organization"
    assert json.loads(zlib.decompress(aside.body))["org_name"] == "Pelican"
    assert aside.run_id == everywhere.runs()[-1].run_id
    assert everywhere.runs()[-1].quarantined == 1
    assert everywhere.counted("ninja", NEXT) == {"billable": 11}


def test_an_unreadable_row_of_an_unknown_device_is_quarantined(
    hub: Hub,
) -> None:
    hub.collect(DAY, [*TEN, Pc("new", trouble="device new names no organization")])

    assert "new" not in hub.on(DAY) and hub.seen("new") is None
    assert [aside.source_key for aside in hub.all(quarantined_records)] == ["new"]


def test_of_two_rows_with_the_same_id_the_second_is_quarantined(hub: Hub) -> None:
    outcome = hub.collect(DAY, [*TEN, Pc("0", hostname="the other")])

    assert (outcome.state, outcome.quarantined) == ("complete", 1)
    assert hub.on(DAY)["0"].hostname is None
    (aside,) = hub.all(quarantined_records)
    assert (aside.reason, aside.position) == ("id 0 appears twice; the first row counts", 10)


def test_one_unreadable_row_among_a_hundred_leaves_ninety_nine_devices(hub: Hub) -> None:
    rows = pcs(range(100))
    rows[50] = replace(rows[50], trouble="its organization is a list")

    outcome = hub.collect(DAY, rows)

    assert (outcome.state, len(hub.on(DAY)), outcome.quarantined) == ("complete", 99, 1)


# Two sources


def test_assets_are_counted_from_the_last_snapshot_of_each_source(everywhere: Hub) -> None:
    portal = [Pc(f"t{n}", hostname=f"pc-{n}", node_class=None) for n in range(6)]
    ninja = [Pc(str(n), hostname=f"PC-{n}") for n in range(4)]
    everywhere.collect(DAY, portal, "threatlocker")
    everywhere.collect(NEXT, ninja)
    everywhere.collect(THIRD, [*ninja, Pc("9", hostname="pc-9")])

    assert everywhere.counted("threatlocker", THIRD) == {"billable": 6}
    assert everywhere.counted("assets", DAY) == {"billable": 6}
    assert everywhere.counted("assets", NEXT) == {"billable": 6}
    assert everywhere.counted("assets", THIRD) == {"billable": 7}


def test_publishing_an_older_day_recounts_the_assets_of_later_days(everywhere: Hub) -> None:
    portal = [Pc(f"t{n}", hostname=f"pc-{n}", node_class=None) for n in range(6)]
    everywhere.collect(THIRD, pcs(range(4)))
    assert everywhere.counted("assets", THIRD) == {"billable": 4}

    everywhere.collect(NEXT, portal, "threatlocker", today=THIRD)

    assert everywhere.counted("assets", NEXT) == {"billable": 6}
    assert everywhere.counted("assets", THIRD) == {"billable": 10}
    assert everywhere.month_end("assets", "2024-03") == {"billable": 10}


def test_equal_keys_of_two_sources_are_two_devices(hub: Hub) -> None:
    hub.collect(DAY, pcs([1]))
    hub.collect(DAY, pcs([1]), "threatlocker")

    assert len(hub.all(devices)) == 2
    assert hub.counted("assets", DAY) == {"billable": 2}


def test_repeating_a_day_of_one_source_does_not_change_the_other(everywhere: Hub) -> None:
    everywhere.collect(DAY, TEN)
    everywhere.collect(DAY, TEN, "threatlocker")
    everywhere.collect(NEXT, TEN[1:])
    everywhere.collect(NEXT, TEN[2:], "threatlocker")

    everywhere.collect(NEXT, TEN)

    assert len(everywhere.on(NEXT)) == 10
    assert len(everywhere.on(NEXT, "threatlocker")) == 8
    assert everywhere.seen("0", "threatlocker") == (DAY, DAY)


def test_the_state_hash_of_stored_rows_never_changes() -> None:
    values = {
        "alias_key": "7", "location": "Front desk", "hostname": "pc-1", "display_name": None,
        "device_type": "workstation", "type_reason": "node class is MAC",
        "billing_status": "billable", "reason": "managed by its source and not spare",
        "rule_version": 1, "os": "macOS 15", "node_class": "MAC", "serial": "C02XK1",
        "repaired": None, "payload_hash": 12345,
    }  # fmt: skip
    assert hash_state(values | dict.fromkeys(HASHED_IF_SET)) == 261672508595454636
