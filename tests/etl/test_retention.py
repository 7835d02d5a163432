"""What retention keeps and purges, and the counts of month-ends, which are never purged."""

import json
import random
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from db.engine import open_engine, reading, sqlite_url, writing
from db.history.kept import KeptDays
from db.history.runs import kept_days
from db.settings import load
from db.tables import (
    OPEN_END,
    asset_links,
    daily_counts,
    device_latest,
    device_payloads,
    device_snapshots,
    devices,
    month_end_counts,
    months,
)
from tests.support.samples import some
from tests.support.small_hub import Hub, Pc, pcs

pytestmark = pytest.mark.any_database

START = date(2023, 11, 20)


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return Hub(sqlite_engine)


@pytest.fixture
def memory(tmp_path: Path, migrated_file: Path) -> Iterator[Hub]:
    """A hub that forgets nothing."""
    path = tmp_path / "memory.db"
    shutil.copyfile(migrated_file, path)
    engine = open_engine(sqlite_url(path))
    yield Hub(engine)
    engine.dispose()


def history(days: int, step: int = 1) -> Iterator[tuple[date, str, list[Pc]]]:
    """A fleet of two sources in which something changes on most days."""
    luck = random.Random(7)
    fleets = {"ninja": pcs(range(20)), "threatlocker": pcs(range(20))}
    for back in range(0, days, step):
        for source, fleet in fleets.items():
            if luck.random() < 0.2:
                continue  # a day on which it was not collected
            turn = luck.randrange(len(fleet))
            fleet[turn] = replace(fleet[turn], hostname=f"pc-{luck.randrange(40)}", note=str(back))
            if luck.random() < 0.3:
                fleet.pop(luck.randrange(len(fleet)))
                fleet.append(Pc(f"new-{back}"))
            yield START + timedelta(days=back), source, list(fleet)


def state_on(hub: Hub, day: date) -> list[tuple[object, ...]]:
    """What a hub says of `day`, payloads included."""
    state: list[tuple[object, ...]] = []
    bodies = {
        (row.device_id, row.payload_hash): json.loads(zlib.decompress(row.body))
        for row in hub.all(device_payloads)
    }
    for source in ("ninja", "threatlocker"):
        for key, row in hub.on(day, source).items():
            payload = bodies[row.device_id, row.payload_hash]
            state.append((source, key, row.hostname, row.asset_id, row.site_id, payload))
        state.append(tuple(hub.counted(source, day).items()))
    return state


@pytest.mark.parametrize(("days", "months_kept"), some([(5, 2), (30, 1), (1, 0)], 2))
def test_kept_days_are_unchanged_and_everything_else_is_purged(
    hub: Hub, memory: Hub, days: int, months_kept: int
) -> None:
    hub.environ = {
        "RETENTION_DAYS": str(days), "MONTH_END_RETENTION_MONTHS": str(months_kept),
    }  # fmt: skip
    purged = 0
    for turn, (day, source, fleet) in enumerate(history(120, step=3)):
        for each in (hub, memory):
            assert each.collect(day, fleet, source).state == "complete"
        purged += hub.retain() if turn % 4 == 0 else 0
    purged += hub.retain()

    with reading(hub.engine) as connection:
        kept = kept_days(connection, hub.settings)
    assert kept is not None
    newest = {source: max(r.business_date for r in hub.runs(source)) for source in hub.sources
              if hub.runs(source)}  # fmt: skip
    looked_at = [START + timedelta(days=back) for back in range(121)]
    for day in looked_at:
        if kept.kept_on_or_before(day) == day:
            assert state_on(hub, day) == state_on(memory, day), day
    for row in hub.all(device_snapshots):
        needed = kept.first_kept_in(row.valid_from, row.valid_to) is not None
        assert needed or row.valid_to == newest[row.source], "no kept day lies in it"
    left = len(hub.all(device_snapshots))
    assert purged > 10 and left + purged == len(memory.all(device_snapshots))

    alive = {row.device_id for row in hub.all(device_snapshots)}
    hashes = {(row.device_id, row.payload_hash) for row in hub.all(device_snapshots)}
    for table in (devices, device_latest):
        assert {row.device_id for row in hub.all(table)} == alive
    assert {(row.device_id, row.payload_hash) for row in hub.all(device_payloads)} == hashes
    assert {row.device_id for row in hub.all(asset_links)} <= alive
    assert hub.all(month_end_counts) == memory.all(month_end_counts)
    counted = {row.snapshot_date for row in hub.all(daily_counts)}
    assert len(counted) < len({row.snapshot_date for row in memory.all(daily_counts)})
    assert hub.retain() == 0, "a second time finds nothing"


def test_with_the_default_settings_65_days_and_24_month_ends_are_kept() -> None:
    kept = KeptDays.from_thresholds(date(2024, 3, 14), None, load({}).thresholds)

    assert kept.daily_from == date(2024, 1, 10)
    ends = kept.month_ends()
    assert (len(ends), ends[0], ends[-1]) == (24, date(2022, 3, 31), date(2024, 2, 29))


def test_retention_counts_from_the_newest_published_day(
    hub: Hub,
) -> None:
    hub.environ = {"RETENTION_DAYS": "2", "MONTH_END_RETENTION_MONTHS": "0"}
    for back in range(4):
        fleet = [*pcs(range(9)), Pc("x", note=str(back))]
        hub.collect(START + timedelta(days=back), fleet, today=date(2026, 1, 1))

    assert hub.retain() == 2

    assert [row.valid_from for row in hub.stretches("x")] == [
        START + timedelta(days=2), START + timedelta(days=3),
    ]  # fmt: skip


def test_every_day_after_the_border_is_kept_whatever_its_age(hub: Hub) -> None:
    hub.environ = {"RETENTION_DAYS": "2", "MONTH_END_RETENTION_MONTHS": "0"}
    for back in range(20):
        hub.collect(START + timedelta(days=back), [*pcs(range(9)), Pc("x", note=str(back))])
    with writing(hub.engine) as connection:
        connection.execute(insert(months).values(month="2023-11", closed=True))

    hub.retain()

    assert [row.valid_from for row in hub.stretches("x")] == [
        date(2023, 12, 1) + timedelta(days=back) for back in range(9)
    ]


def test_after_retention_the_newest_day_can_still_be_collected_again(hub: Hub, memory: Hub) -> None:
    hub.environ = {"RETENTION_DAYS": "1", "MONTH_END_RETENTION_MONTHS": "0"}
    fleet = [*pcs(range(9)), Pc("x", note="a")]
    days = [START + timedelta(days=back) for back in range(3)]
    for each in (hub, memory):
        each.collect(days[0], fleet)
        each.collect(days[1], [*fleet[:-1], Pc("x", note="b")])
    hub.collect(days[2], pcs(range(9)))
    hub.retain()

    for each in (hub, memory):
        each.collect(days[2], fleet[1:])

    assert state_on(hub, days[2]) == state_on(memory, days[2])
    assert hub.seen("0") == (days[0], days[1])
    assert hub.spans("x")[-2:] == [(days[1], days[2]), (days[2], None)]


def test_a_device_is_deleted_with_its_last_kept_day(engine: Engine) -> None:
    hub = Hub(engine)
    hub.environ = {"RETENTION_DAYS": "3", "MONTH_END_RETENTION_MONTHS": "1"}
    fleet = [*pcs(range(9)), Pc("x")]
    hub.collect(date(2024, 1, 31), fleet)
    hub.collect(date(2024, 2, 1), fleet[:-1])
    hub.collect(date(2024, 2, 28), fleet[:-1])
    hub.retain()
    assert hub.seen("x") == (date(2024, 1, 31), date(2024, 1, 31)), "January's end is kept"

    hub.collect(date(2024, 3, 1), fleet[:-1])
    hub.retain()

    assert hub.seen("x") is None
    assert [row for row in hub.all(device_payloads) if row.device_id not in
            {device.device_id for device in hub.all(devices)}] == []  # fmt: skip
    assert hub.month_end("ninja", "2024-01") == {"billable": 10}


def test_an_open_stretch_is_kept_whatever_its_age(hub: Hub) -> None:
    hub.environ = {"RETENTION_DAYS": "1", "MONTH_END_RETENTION_MONTHS": "0"}
    for back in (0, 400, 800):
        hub.collect(START + timedelta(days=back), pcs(range(9)))
        hub.retain()

    assert hub.spans("0") == [(START, None)]
    assert all(row.valid_to == OPEN_END for row in hub.all(device_snapshots))


# Month-ends (rule 6)


def collected(hub: Hub, *days: tuple[date, int], source: str = "ninja") -> None:
    """So many devices on each of the days."""
    for day, count in days:
        assert hub.collect(day, pcs(range(count)), source).state == "complete"


def ends(hub: Hub, basis: str) -> dict[str, int]:
    """Month -> how many at its end."""
    counts: dict[str, int] = {}
    for row in hub.all(month_end_counts, basis=basis):
        counts[row.month] = counts.get(row.month, 0) + row.n
    return counts


def test_a_month_end_has_the_counts_of_the_months_last_complete_day(
    engine: Engine,
) -> None:
    hub = Hub(engine)
    collected(hub, (date(2023, 12, 29), 20), (date(2023, 12, 30), 21), (date(2024, 1, 2), 22))

    assert ends(hub, "ninja") == ends(hub, "assets") == {"2023-12": 21, "2024-01": 22}


def test_february_ends_on_the_29th_in_a_leap_year_else_on_the_28th(hub: Hub) -> None:
    collected(
        hub, (date(2023, 2, 28), 20), (date(2023, 3, 1), 21), (date(2024, 2, 28), 22),
        (date(2024, 2, 29), 23), (date(2024, 3, 1), 24),
    )  # fmt: skip

    counts = ends(hub, "ninja")
    assert (counts["2023-02"], counts["2024-02"], counts["2024-03"]) == (20, 23, 24)


def test_a_month_without_a_complete_day_has_the_counts_of_the_month_before(hub: Hub) -> None:
    collected(hub, (date(2023, 11, 10), 20), (date(2024, 2, 5), 22))

    expected = {"2023-11": 20, "2023-12": 20, "2024-01": 20, "2024-02": 22}
    assert ends(hub, "ninja") == expected
    assert ends(hub, "assets") == expected


def test_a_source_without_a_run_for_a_month_keeps_its_counts(hub: Hub) -> None:
    collected(hub, (date(2024, 1, 20), 20), source="threatlocker")
    collected(hub, (date(2024, 1, 31), 10), (date(2024, 2, 1), 11), (date(2024, 3, 9), 12))

    assert ends(hub, "threatlocker") == {"2024-01": 20, "2024-02": 20, "2024-03": 20}
    assert ends(hub, "ninja") == {"2024-01": 10, "2024-02": 11, "2024-03": 12}
    assert ends(hub, "assets") == {"2024-01": 30, "2024-02": 31, "2024-03": 32}


def test_the_first_published_day_of_a_month_counts_it_for_all_sources(hub: Hub) -> None:
    collected(hub, (date(2024, 1, 20), 20), source="threatlocker")
    collected(hub, (date(2024, 1, 31), 10), (date(2024, 2, 1), 11))

    assert ends(hub, "threatlocker") == {"2024-01": 20, "2024-02": 20}


def test_a_source_that_catches_up_counts_the_months_in_between(hub: Hub) -> None:
    collected(hub, (date(2024, 1, 20), 20), source="threatlocker")
    collected(hub, (date(2024, 4, 2), 10))

    assert hub.collect(date(2024, 2, 10), pcs(range(24)), "threatlocker",
                       today=date(2024, 4, 2)).state == "complete"  # fmt: skip

    assert ends(hub, "threatlocker") == {"2024-01": 20, "2024-02": 24, "2024-03": 24, "2024-04": 24}
    assert ends(hub, "assets") == {"2024-01": 20, "2024-02": 24, "2024-03": 24, "2024-04": 34}


def test_repeating_the_last_day_of_a_month_replaces_its_counts(hub: Hub) -> None:
    collected(hub, (date(2024, 2, 29), 20), (date(2024, 2, 29), 23), (date(2024, 3, 1), 24))

    assert ends(hub, "ninja") == {"2024-02": 23, "2024-03": 24}


def test_after_a_failed_last_day_a_month_has_the_counts_of_the_day_before(hub: Hub) -> None:
    collected(hub, (date(2024, 2, 27), 20))
    assert hub.collect(date(2024, 2, 28), []).state == "failed"
    assert hub.collect(date(2024, 2, 29), pcs(range(9))).state == "suspicious"

    assert ends(hub, "ninja") == {"2024-02": 20}


def test_before_a_source_was_first_collected_it_has_no_month_ends(hub: Hub) -> None:
    collected(hub, (date(2024, 1, 31), 10), (date(2024, 2, 29), 11))
    collected(hub, (date(2024, 2, 29), 20), source="threatlocker")

    assert ends(hub, "threatlocker") == {"2024-02": 20}
    assert ends(hub, "assets") == {"2024-01": 10, "2024-02": 31}


def test_a_month_end_is_counted_by_site_type_and_status(hub: Hub) -> None:
    fleet = [
        Pc("1"), Pc("2", node_class="WINDOWS_SERVER"), Pc("3", display_name="Spare"),
        Pc("4", managed=False), Pc("5", org="2", org_name="Pelican"), Pc("6"),
    ]  # fmt: skip
    hub.collect(date(2024, 2, 29), fleet)

    rows = hub.all(month_end_counts, basis="ninja")

    here, there = hub.site_of("1").site_id, hub.site_of("2").site_id
    assert {(r.site_id, r.device_type, r.billing_status): r.n for r in rows} == {
        (here, "workstation", "billable"): 2,
        (here, "server", "billable"): 1,
        (here, "workstation", "spare"): 1,
        (here, "workstation", "excluded"): 1,
        (there, "workstation", "billable"): 1,
    }
