"""Whatever is collected and decided in whatever order, late days, imports, failures: each
step changes what it says and nothing else, no stored number is stale afterwards, and decisions that
are undone in reverse leave the same numbers."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy import Engine, select

from db import migrate
from db.engine import open_engine, reading
from db.tables import audit_log
from etl.decisions.undo import undo
from tests.support.decision_oracle import Counts, check, check_nothing_is_stale, check_restatements
from tests.support.demo_dashboard import LAST_DAY, small_demo
from tests.support.random_hub import RandomHub, decision_context, decisions, histories, steps
from tests.support.samples import samples
from tests.support.servers import DatabaseServer


def random_decisions(engine: Engine, steps: list[Any]) -> None:
    world = RandomHub(engine)
    for kind, *arguments in steps:
        before, newest = world.frozen(), world.newest()
        world.step(kind, *arguments)
        with reading(engine) as connection:
            check(connection)
        if kind in ("reopen", "close") or before is None:
            continue
        *stood, counted = before
        *stand, count = world.frozen()
        assert stand == stood
        # Days after the newest one have no counts: the withdrawal of that one may leave some so.
        same = min(newest, world.newest())
        assert _until(same, count) == _until(same, counted)
    check_nothing_is_stale(world.hub, world.day)


def _until(day: date, counted: dict[tuple[str, date], Counts]) -> dict[tuple[str, date], Counts]:
    return {key: n for key, n in counted.items() if key[1] <= day}


def undone_in_reverse(engine: Engine, history: list[Any], decisions: list[Any]) -> None:
    world = RandomHub(engine)
    for kind, *arguments in history:
        world.step(kind, *arguments)
    before = world.numbers()
    with reading(engine) as connection:
        known = set(connection.scalars(select(audit_log.c.entry_id)))
    for kind, *arguments in decisions:
        world.step(kind, *arguments)
    with reading(engine) as connection:
        entries = sorted(set(connection.scalars(select(audit_log.c.entry_id))) - known)
    for entry in reversed(entries):
        with decision_context(world.hub, world.day) as by:
            undo(by, entry)
    after = world.numbers()
    # A decision may leave a day on which nothing changes any more to be looked at.
    same = before[0].keys() & after[0].keys()
    assert {key: after[0][key] for key in same} == {key: before[0][key] for key in same}
    assert after[1] == before[1]
    with reading(engine) as connection:
        check(connection)


def world_on(server: DatabaseServer) -> Iterator[Engine]:
    url = server.create()
    engine = open_engine(url)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()
    server.drop(url)


@pytest.fixture(scope="module")
def postgres_world(postgres_server: DatabaseServer) -> Iterator[Engine]:
    yield from world_on(postgres_server)


@pytest.fixture(scope="module")
def mariadb_world(mariadb_server: DatabaseServer) -> Iterator[Engine]:
    yield from world_on(mariadb_server)


def change_nothing_else(engine: Engine, examples: int) -> None:
    @settings(max_examples=examples)
    @given(steps)
    def holds(steps: list[Any]) -> None:
        random_decisions(engine, steps)

    holds()


def test_random_histories_change_what_they_say_and_leave_nothing_stale_on_sqlite(
    sqlite_world: Engine,
) -> None:
    change_nothing_else(sqlite_world, samples(5, 10_000))


def test_random_histories_change_what_they_say_and_leave_nothing_stale_on_postgresql(
    postgres_world: Engine,
) -> None:
    change_nothing_else(postgres_world, samples(2, 2_000))


def test_random_histories_change_what_they_say_and_leave_nothing_stale_on_mariadb(
    mariadb_world: Engine,
) -> None:
    change_nothing_else(mariadb_world, samples(2, 2_000))


def test_decisions_undone_in_reverse_order_leave_the_same_numbers_on_sqlite(
    sqlite_world: Engine,
) -> None:
    @settings(max_examples=samples(7, 3000))
    @given(histories, decisions)
    def holds(history: list[Any], decisions: list[Any]) -> None:
        undone_in_reverse(sqlite_world, history, decisions)

    holds()


def test_decisions_undone_in_reverse_order_leave_the_same_numbers_on_postgresql(
    postgres_world: Engine,
) -> None:
    @settings(max_examples=samples(3, 1000))
    @given(histories, decisions)
    def holds(history: list[Any], decisions: list[Any]) -> None:
        undone_in_reverse(postgres_world, history, decisions)

    holds()


def test_no_stored_number_of_the_demo_is_stale_after_random_decisions(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    small_demo(sqlite_engine, str(tmp_path), devices=samples(20, 120))
    kinds = ("link", "split", "apart", "merge", "alias", "rules", "undo", "close", "reopen",
             "withdraw", "reject", "follow up")  # fmt: skip
    world = RandomHub(sqlite_engine, {"TIMEZONE": "UTC"}, filled_until=LAST_DAY)
    chance, done = random.Random(13), Counter[str]()
    for _time in range(samples(12, 200)):
        kind = chance.choice(kinds)
        done[kind] += world.step(kind, chance.randrange(1000), chance.randrange(1000))
    assert len(+done) >= 8, done
    check_nothing_is_stale(world.hub, LAST_DAY)
    with reading(sqlite_engine) as connection:
        check_restatements(connection)
