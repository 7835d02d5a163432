"""Which records become one machine: random fleets of three sources, collected on one day, are
linked as rule 12 says, which tests/support/oracle/links.py has in plain Python."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db import migrate
from db.engine import open_engine, sqlite_url
from tests.support.oracle.classify import Row
from tests.support.oracle.hub import SOURCES, Key
from tests.support.oracle.links import Machines
from tests.support.oracle_histories import DAY_ONE, History, Served, of_source
from tests.support.samples import FULL, samples

# A machine: what records of it may be called, may give as serial number, and its card's address.
JUNK = (None, "To be filled by O.E.M.", "0000000", "Default string", "123456789")
COMPUTERS = (
    (("PC-1", "pc-1.harbor.local", "PC-1 | Anna"), ("SN-77AB12", "sn 77ab12"), "00:15:5d:01:02"),
    (("pc-2", "PC-2"), ("5CG0K1XR9P", "5cg-0k1xr9p"), "00:15:5d:01:03"),
    (("bdg-minipc-0001", "BDG-MINIPC-0001-north"), ("PF2X81KQ",), "00:15:5d:01:04"),
)
STRANGERS = ("pc-1.other.example", "10.0.0.7-db", "4711", "localhost", "iPhone", "pc-1")
GIVEN_MACS = ("20:41:53:59:4e:ff", "00:a0:c6:00:00:00")
CUSTOMERS = {"1": "Harbor", "3": "Pelican"}
key, org = st.integers(0, 4).map(str), st.sampled_from("113")


@st.composite
def computer(draw: st.DrawFn) -> Row:
    hostnames, serials, card = draw(st.sampled_from(COMPUTERS))
    place = draw(org)
    mac = draw(st.sampled_from((None, f"{card}:0{place}", *GIVEN_MACS)))
    return Row(
        draw(key), place, CUSTOMERS[place], draw(st.sampled_from(hostnames)),
        os=draw(st.sampled_from(("Windows 11", "Windows Server 2022", None))),
        node_class=draw(st.sampled_from(("WINDOWS_SERVER", "WINDOWS_WORKSTATION"))),
        serial=draw(st.sampled_from((*JUNK, *serials, *serials))), macs=(mac,) if mac else (),
    )  # fmt: skip


@st.composite
def stranger(draw: st.DrawFn) -> Row:
    place = draw(org)
    return Row(
        draw(key), place, CUSTOMERS[place], draw(st.sampled_from(STRANGERS)), os="Windows 11",
        node_class=draw(st.sampled_from(("WINDOWS_SERVER", "NMS_SWITCH", "ANDROID"))),
        serial=draw(st.sampled_from(JUNK)), macs=draw(st.sampled_from(((), GIVEN_MACS))),
    )  # fmt: skip


fleet = st.lists(
    st.one_of(computer(), computer(), stranger()), min_size=1, max_size=4,
    unique_by=lambda row: row.key,
)  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    engine = open_engine(sqlite_url(tmp_path_factory.mktemp("links") / "hub.db"))
    migrate.upgrade(engine)
    yield Served(engine)
    engine.dispose()


def linked(served: Served, fleets: tuple[list[Row], ...]) -> tuple[set[frozenset[Key]], History]:
    """The machines that rule 12 makes of three fleets, and the history of their collection."""
    history, expected = History(served, quiet=0), set[frozenset[Key]]()
    machines = Machines()
    for source, rows in zip(SOURCES, fleets, strict=True):
        # ThreatLocker tells no MAC address.
        rows = [of_source(source, row) for row in rows]
        if source == "threatlocker":
            rows = [replace(row, macs=()) for row in rows]
        history.publish(source, DAY_ONE, rows, fails=False)
        expected = machines.match(history.oracle.records(DAY_ONE))
    return expected, history


def test_records_are_linked_as_the_oracle_says(served: Served) -> None:
    # The same few each time: random ones sometimes are two records of one source that are one
    # machine by serial number, both called as a record of another source; the product links these
    # when the other source is collected the next time.
    @settings(max_examples=samples(25, 10_000), derandomize=not FULL)
    @given(st.tuples(fleet, fleet, fleet))
    def holds(fleets: tuple[list[Row], ...]) -> None:
        expected, history = linked(served, fleets)
        groups: dict[str, set[Key]] = defaultdict(set)
        for item in history.listed(DAY_ONE, "records"):
            groups[item["asset_id"]].add((item["source"], item["source_key"]))
        told = {frozenset(group) for group in groups.values()}
        assert told == expected, history.oracle.records(DAY_ONE).values()

    holds()
