"""Matching only the records that changed, and those connected with them, gives the same links as
matching everything."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from db import migrate
from db.engine import open_engine, reading, sqlite_url, writing
from db.tables import asset_links, device_snapshots, meta, metadata
from etl.machines import pending
from tests.support.samples import samples
from tests.support.small_hub import Hub, Pc, noon

DAY = date(2024, 3, 14)
SOURCES = ("ninja", "threatlocker", "agent")
QUIET = [Pc(f"quiet-{number}", "Quiet", "Quiet") for number in range(40)]
NAMES = (None, "pc-1", "PC-1.local", "pc-2", "bdg-minipc-0001", "bdg-minipc-0001-n")
MACS = ("3c:ec:ef:00:00:01", "3c:ec:ef:00:00:02", "3c:ec:ef:00:00:03")

record = st.builds(
    Pc,
    key=st.integers(0, 7).map(str),
    org=st.sampled_from(("Harbor", "Harbor", "Pelican", None)),
    org_name=st.none(),
    hostname=st.sampled_from(NAMES),
    serial=st.sampled_from((None, None, "SN-0001", "SN-0002")),
    node_class=st.sampled_from((None, None, "VMWARE_VM_GUEST")),
    macs=st.lists(st.sampled_from(MACS), max_size=2, unique=True).map(tuple),
    last_contact=st.sampled_from((None, noon(DAY), noon(DAY + timedelta(days=3)))),
)  # fmt: skip
day = st.tuples(
    st.sampled_from(SOURCES),
    st.sampled_from((0, 0, 1)),
    st.lists(record, max_size=3, unique_by=lambda row: row.key),
    st.sets(st.integers(0, 7).map(str), max_size=1),
)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Engine]]:
    folder = tmp_path_factory.mktemp("looks")
    engines = tuple(open_engine(sqlite_url(folder / f"{name}.db")) for name in ("near", "whole"))
    for engine in engines:
        migrate.upgrade(engine)
    yield engines[0], engines[1]
    for engine in engines:
        engine.dispose()


def linked(hub: Hub) -> tuple[object, object]:
    c, link = device_snapshots.c, asset_links.c
    with reading(hub.engine) as connection:
        stretches = select(c.device_id, c.valid_from, c.valid_to, c.asset_id)
        links = select(link.device_id, link.since, link.until, link.asset_id, link.evidence)
        return (
            sorted(tuple(row) for row in connection.execute(stretches)),
            sorted(tuple(row) for row in connection.execute(links)),
        )


def test_matching_only_changes_links_the_same_as_matching_everything(
    engines: tuple[Engine, Engine],
) -> None:
    @settings(max_examples=samples(5, 3000))
    @given(st.lists(day, min_size=2, max_size=12))
    def holds(history: list[Any]) -> None:
        hubs = [Hub(engine) for engine in engines]
        for hub in hubs:
            with writing(hub.engine) as connection:
                for table in metadata.tables.values():
                    connection.execute(delete(table))
        now = DAY
        fleets: dict[str, dict[str, Pc]] = {source: {} for source in SOURCES}
        for source, gap, rows, gone in history:
            now += timedelta(days=gap)
            fleet = {**fleets[source], **{row.key: row for row in rows}}
            fleets[source] = {key: row for key, row in fleet.items() if key not in gone}
            for number, hub in enumerate(hubs):
                if number:
                    with writing(hub.engine) as connection:
                        connection.execute(delete(meta).where(meta.c.name.like("matched %")))
                hub.collect(now, [*fleets[source].values(), *QUIET], source)
            assert linked(hubs[0]) == linked(hubs[1])

    holds()


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    """Two sources with a day behind them on which nothing changed."""
    hub = Hub(sqlite_engine)
    for days in range(2):
        for source in ("ninja", "threatlocker"):
            hub.collect(DAY + timedelta(days=days), QUIET, source)
    return hub


def due(hub: Hub, source: str, days: int, *, again: bool = False) -> set[int] | None:
    with reading(hub.engine) as connection:
        when = DAY + timedelta(days=days)
        return pending.match_scope(connection, source, when, 40, again).device_ids


def test_an_unchanged_day_leaves_nothing_pending(hub: Hub) -> None:
    assert due(hub, "ninja", 2) == due(hub, "threatlocker", 2) == set()


def test_changes_of_one_source_are_pending_for_the_others(hub: Hub) -> None:
    hub.collect(DAY + timedelta(days=2), [Pc("quiet-0", "Quiet", "Quiet", hostname="pc-1"),
                                          *QUIET[1:]])  # fmt: skip

    pending_ids = due(hub, "threatlocker", 2)
    assert pending_ids == {hub.stretches("quiet-0")[0].device_id}


def test_after_a_repeated_day_every_source_matches_everything(hub: Hub) -> None:
    hub.collect(DAY + timedelta(days=1), QUIET)

    assert due(hub, "threatlocker", 2) is None
    assert due(hub, "ninja", 1, again=True) is None
