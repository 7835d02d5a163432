"""Random histories: every number that the JSON API gives equals that of an oracle written from
PRODUCT.md alone (tests/support/oracle), and `process` changes nothing afterwards."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL

from db import migrate
from db.engine import open_engine, sqlite_url
from tests.support.oracle.answers import Question
from tests.support.oracle.classify import Row
from tests.support.oracle.hub import SOURCES
from tests.support.oracle_histories import ALL, DAY_ONE, History, Served
from tests.support.samples import FULL, samples
from tests.support.servers import DatabaseServer

ORGS = {"2": "Harbor Inc", "3": "Pelican", "4": "Pelican Freight", "5": None, "6": "Pelican Ltd"}
USED = ("ninja", "threatlocker")
HOSTNAMES = ("pc-1", "pc-1.harbor.example", "pc-2", "SPARE-3")
SERIALS = (None, None, "SN-77AB12", "5CG0K1XR9P")

row = st.builds(
    lambda key, org, hostname, display, location, os, node_class, serial, managed, readable: Row(
        key, None if org == "5" else org, ORGS[org], hostname, display, location, os, node_class,
        serial, managed, readable,
    ),
    st.integers(0, 7).map(str),
    st.sampled_from(sorted(ORGS)),
    st.sampled_from((None, *HOSTNAMES)),
    st.sampled_from((None, None, "SPARE-07", "Desk")),
    st.sampled_from((None, None, "Spare closet")),
    st.sampled_from(("Windows 11", "Windows Server 2022", "Ubuntu 24.04.1 LTS", None)),
    st.sampled_from(("WINDOWS_SERVER", "VMWARE_VM_GUEST", "MAC")),
    st.sampled_from(SERIALS),
    st.sampled_from((True, True, True, False)),
    st.sampled_from((True, True, True, True, False)),
)  # fmt: skip
machine = st.builds(
    lambda hostname, site, os, serial: Row(
        "", org_name=site, hostname=hostname, os=os, serial=serial
    ),
    st.sampled_from(HOSTNAMES),
    st.sampled_from(("Harbor", "Harbor", "Pelican", None)),
    st.sampled_from(("Windows 11", "Windows Server 2022", "Debian GNU/Linux 12")),
    st.sampled_from(SERIALS),
)
source = st.sampled_from(USED)
number = st.integers(0, 20)
collect = st.tuples(
    st.just("collect"), source, st.sampled_from((0, 1, 1, 1, 2, 9, 31)),
    st.lists(row, max_size=3, unique_by=lambda each: each.key),
    st.sets(st.integers(0, 7).map(str), max_size=2),
    st.sampled_from(("run",) * 7 + ("fail", "late", "half")),
)  # fmt: skip
agents = st.one_of(
    st.tuples(
        st.just("report"), st.integers(0, 2),
        st.lists(machine, min_size=1, max_size=3, unique_by=lambda each: each.hostname),
    ),
    st.tuples(st.just("add_machine"), machine),
    st.tuples(st.just("remove_machine"), st.sampled_from(HOSTNAMES)),
    st.tuples(
        st.just("collect_agents"), st.integers(0, 2), st.sampled_from(("run", "run", "late"))
    ),
)  # fmt: skip
deed = st.one_of(
    st.tuples(st.sampled_from(("close", "close", "reopen"))),
    st.tuples(st.sampled_from(("accept", "reject", "withdraw", "end")), st.sampled_from(SOURCES)),
    st.tuples(st.sampled_from(("merge", "alias")), number, number),
    st.tuples(st.just("imports"), st.integers(1, 4), source, number, st.integers(0, 99)),
    st.tuples(st.just("undo"), number),
    st.tuples(st.just("remove_import"), st.integers(1, 4)),
    st.tuples(st.just("rules"), number, number, number),
)
history = st.tuples(
    st.lists(st.one_of(collect, collect, agents, deed), min_size=2, max_size=12),
    st.sampled_from((0, 12, 60)), st.sampled_from(((400, 366), (400, 3), (5, 3))),
    number, number, number,
)  # fmt: skip


def replay(
    served: Served, steps: Any, quiet: int, days_kept: tuple[int, int], back: int, site: int,
    kind: int,
) -> History:  # fmt: skip
    here = History(served, quiet=quiet, retention=days_kept[0], close_days=days_kept[1])
    try:
        for each in steps:
            here.step(*each)
        newest = here.oracle.newest() or DAY_ONE
        days = [newest - timedelta(days=3 * back), newest - timedelta(days=1), newest, here.day]
        here.compare(sorted(set(days)), questions(here, site, kind))
        here.check_process_changes_nothing()
    except AssertionError as wrong:
        raise AssertionError(f"{wrong}\n" + "\n".join(map(str, here.log))) from None
    return here


def questions(here: History, site: int, kind: int) -> list[Question]:
    sites = sorted(here.oracle.site_names)
    one = frozenset({sites[site % len(sites)]}) if sites else frozenset()
    types = (frozenset({"server"}), frozenset({"workstation", "unknown"}), frozenset())[kind % 3]
    statuses = (frozenset({"billable"}), frozenset({"billable", "spare"}), frozenset(ALL))
    return [
        Question(("assets", "records")[kind % 2]),
        Question((*SOURCES, "assets", "records")[kind % 5], one, types, statuses[site % 3]),
    ]


@pytest.fixture(scope="module")
def served_from_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from served(sqlite_url(tmp_path_factory.mktemp("oracle") / "hub.db"))


@pytest.fixture(scope="module")
def served_from_postgres(postgres_server: DatabaseServer) -> Iterator[Served]:
    url = postgres_server.create()
    yield from served(url)
    postgres_server.drop(url)


@pytest.fixture(scope="module")
def served_from_mariadb(mariadb_server: DatabaseServer) -> Iterator[Served]:
    url = mariadb_server.create()
    yield from served(url)
    mariadb_server.drop(url)


def served(url: URL) -> Iterator[Served]:
    engine = open_engine(url)
    migrate.upgrade(engine)
    yield Served(engine)
    engine.dispose()


def check(served: Served, examples: int) -> None:
    # A random history still finds a corner now and then: that is for the full sample, not for
    # whoever runs the tests.
    @settings(max_examples=examples, derandomize=not FULL)
    @given(history)
    def holds(history: Any) -> None:
        replay(served, *history)

    holds()


# Short histories of what random ones found, each with what is right in the end.

FREIGHT = Row("1", "4", "Pelican Freight", "pc-1", node_class="WINDOWS_SERVER")
PELICAN = Row("2", "6", "Pelican Ltd", "pc-2", node_class="WINDOWS_SERVER")


def run(gap: int, *rows: Row, source: str = "ninja", how: str = "run") -> tuple[Any, ...]:
    return "collect", source, gap, list(rows), set(), how


MOVED = [run(0, FREIGHT, PELICAN), ("alias", 1, 0)]
IMPORTED = ("imports", 1, "threatlocker", 1, 50)
FOUND: dict[str, tuple[list[Any], dict[str, int]]] = {
    "an alias moved back to a site merged since is at the site that this became": (
        [*MOVED, ("merge", 1, 0), ("undo", 0)], {"1": 1, "2": 1},
    ),
    "a move undone after its month was closed is undone in it once reopened": (
        [*MOVED, run(9), ("close",), ("undo", 0), run(1), ("reopen",)], {"1": 1, "2": 2},
    ),
    "a new alias that joins what an internal site was merged into is not internal": (
        [
            run(0, FREIGHT, PELICAN), ("rules", 0, 1, 0), ("merge", 1, 0),
            run(0, replace(PELICAN, key="3"), source="threatlocker"),
        ],
        {"3": 1, "2026-08": 3},
    ),
    "an import of a month after the newest snapshot counts": (
        [*MOVED[:1], run(31, how="fail"), run(31, how="fail"), IMPORTED], {"2026-09": 52},
    ),
    "an import counts again when the first snapshot of its source is withdrawn": (
        [
            *MOVED[:1], run(5), IMPORTED, run(1, FREIGHT, source="threatlocker", how="late"),
            ("withdraw", "threatlocker"),
        ],
        {"2026-08": 52},
    ),
    "a machine of two records of one source is at the site of the one that speaks": (
        [
            run(0, replace(FREIGHT, org=None, org_name=None, serial="5CG0K1XR9P"),
                source="threatlocker"),
            run(1, replace(PELICAN, hostname="pc-1", serial="5CG0K1XR9P"), source="threatlocker"),
        ],
        {"1": 0, "2": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", FOUND)
def test_a_history_that_was_wrong_once_is_right(served_from_sqlite: Served, story: str) -> None:
    steps, expected = FOUND[story]
    here = replay(served_from_sqlite, steps, 0, (400, 366), 1, 0, 1)
    items = here.listed(here.day, "records")
    found = {item["source_key"]: here.turns[item["site_id"]] for item in items}
    months = served_from_sqlite.get("/api/months", basis="records")["items"]
    found |= {item["month"]: item["billable_devices"] for item in months}
    assert {name: found[name] for name in expected} == expected


def test_every_number_matches_the_oracle_on_sqlite(served_from_sqlite: Served) -> None:
    check(served_from_sqlite, samples(12, 10_000))


def test_every_number_matches_the_oracle_on_postgresql(served_from_postgres: Served) -> None:
    check(served_from_postgres, samples(3, 2_000))


def test_every_number_matches_the_oracle_on_mariadb(served_from_mariadb: Served) -> None:
    check(served_from_mariadb, samples(3, 2_000))
