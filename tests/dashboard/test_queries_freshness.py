"""What the freshness strip says: nothing while all is well, else what is wrong and since when."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, update

from dashboard.queries.freshness import freshness
from db.engine import reading, writing
from db.tables import collection_runs
from tests.support.api_server import NOW
from tests.support.worlds import TODAY, DeviceState, World, run_row

pytestmark = pytest.mark.any_database

YESTERDAY = TODAY - timedelta(days=1)


def _world(engine: Engine) -> None:
    world = World({1: "Alpha"})
    for source in ("ninja", "threatlocker"):
        for day in (YESTERDAY, TODAY):
            world.publish(source, day, [DeviceState(source, "1", 1)])
    world.save(engine)


def _add(engine: Engine, source: str, **values: object) -> None:
    with writing(engine) as connection:
        row = run_row(source, TODAY, published=False, **values)
        connection.execute(insert(collection_runs).values(row))


def _problems(engine: Engine, hours: float = 0) -> list[str]:
    with reading(engine) as connection:
        return [str(one) for one in freshness(connection, NOW + timedelta(hours=hours)).problems]


def test_after_last_nights_collections_there_are_no_problems(engine: Engine) -> None:
    _world(engine)
    assert _problems(engine) == []
    with reading(engine) as connection:
        found = freshness(connection, NOW)
    assert found.dates == {"ninja": TODAY, "threatlocker": TODAY}
    assert found.complete["ninja"].hour == 2
    assert found.newest_run == 4


def test_a_source_is_stale_after_26_hours(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    # Complete at 02:10; NOW is 14:30.
    assert _problems(sqlite_engine, hours=13.6) == []
    first, second = _problems(sqlite_engine, hours=13.7)
    assert first == (
        "NinjaRMM: no complete collection for 26 hours. Start the worker, or run "
        "inventory-hub collect ninja."
    )
    assert second.startswith("ThreatLocker")


def test_a_failed_run_is_reported_with_its_reason_and_the_day_in_force(engine: Engine) -> None:
    _world(engine)
    _add(engine, "ninja", state="failed", reason="NinjaRMM answered 500 five times")
    assert _problems(engine) == [
        "NinjaRMM: the collection of 2026-11-22 failed (showing 2026-11-22): "
        "NinjaRMM answered 500 five times"
    ]


def test_a_complete_run_after_a_failed_one_clears_it(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    _add(sqlite_engine, "ninja", state="failed", reason="down")
    _add(sqlite_engine, "ninja", state="complete")
    _add(sqlite_engine, "ninja", state="running", finished_at=None)
    assert _problems(sqlite_engine) == []


def test_a_held_run_waits_for_a_decision_until_it_is_made(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    _add(sqlite_engine, "ninja", state="suspicious", hold="held", reason="12 of 40 vanished")
    assert _problems(sqlite_engine) == [
        "NinjaRMM: the collection of 2026-11-22 waits for a decision (showing 2026-11-22): "
        "12 of 40 vanished"
    ]
    with writing(sqlite_engine) as connection:
        connection.execute(update(collection_runs).values(hold=None))
    assert _problems(sqlite_engine) == []


def test_a_source_that_never_succeeded_is_reported(sqlite_engine: Engine) -> None:
    _add(sqlite_engine, "threatlocker", state="failed", reason="401: check the key, 100% sure")
    assert _problems(sqlite_engine) == [
        "ThreatLocker: the collection of 2026-11-22 failed: 401: check the key, 100% sure"
    ]
    with reading(sqlite_engine) as connection:
        assert freshness(connection, NOW).newest_run is None


def test_quarantined_rows_of_a_run_in_force_are_reported(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    with writing(sqlite_engine) as connection:
        run = collection_runs.c
        connection.execute(update(collection_runs).where(run.run_id == 4).values(quarantined=3))
    (problem,) = _problems(sqlite_engine)
    assert "3 rows of 2026-11-22 could not be read" in problem


def test_the_version_changes_with_what_is_published_and_withdrawn(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    versions = []
    for published in (True, False, True):
        with writing(sqlite_engine) as connection:
            last = collection_runs.c.run_id == 3
            connection.execute(update(collection_runs).where(last).values(published=published))
        with reading(sqlite_engine) as connection:
            versions.append(freshness(connection, NOW).version)
    assert versions[0] == versions[2] != versions[1]
    _add(sqlite_engine, "ninja", state="failed", reason="down")
    with reading(sqlite_engine) as connection:
        assert freshness(connection, NOW).version == versions[2]


def test_without_a_reason_the_sentence_is_whole(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    _add(sqlite_engine, "ninja", state="suspicious", hold="held", reason=None)
    assert _problems(sqlite_engine) == [
        "NinjaRMM: the collection of 2026-11-22 waits for a decision."
    ]
