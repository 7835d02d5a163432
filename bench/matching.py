"""Matching records to machines: three sources of one fleet, from nothing, and on a day on which one
record in a hundred changed. The limits are for 100,000 records."""

import gc
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import psutil
from sqlalchemy import URL, Connection, Engine, delete, select, update

from bench.fleet import DEVICES_PER_SITE
from bench.measurements import Measurement
from bench.publishing import LAST_DAY
from bench.stores import Store
from db.engine import open_engine, writing
from db.rules import Rules
from db.tables import OPEN_END, asset_links, device_snapshots
from etl.collect import run_log
from etl.machines.links import OpenStretches, resolve_assets, write_links
from etl.records.record import Record
from etl.records.states import DeviceState, evaluate_record
from etl.rules.macs import canonical_macs
from etl.snapshots.publish import publish
from etl.snapshots.site_plan import apply_site_plan, plan_sites

FULL_LIMIT, DAY_LIMIT, MEMORY_LIMIT = 10.0, 1.0, 500.0
SOURCES = ("ninja", "threatlocker", "agent")
RULES = Rules(1)
FIRST_DAY = LAST_DAY - timedelta(days=2)
CHANGING = 0.01


@dataclass(frozen=True)
class Machine:
    """What the records of one machine say of it."""

    number: int
    site: int
    host: str
    serial: str
    mac: str


def measure(store: Store, records: int) -> Iterator[Measurement]:
    """Fill `store` and measure matching on it."""
    devices = round(records / (0.9 * len(SOURCES)))
    machines = fleet_of(devices)
    for day in (FIRST_DAY, FIRST_DAY + timedelta(days=1)):
        for source in SOURCES:
            publish_day(store.ours, source, day, states_of(source, machines))
    store.run_maintenance()
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        whole, grown = process.submit(_from_nothing, store.ours.url, devices).result(timeout=3000)
    yield Measurement(store.kind, "matching from nothing", "s", whole, None, FULL_LIMIT)
    yield Measurement(store.kind, "matching, memory it takes", "MB", grown, None, MEMORY_LIMIT)
    changed = next_day(machines)
    seconds = sum(
        publish_day(store.ours, source, LAST_DAY, states_of(source, changed)) for source in SOURCES
    )
    yield Measurement(store.kind, "matching a day", "s", seconds, None, DAY_LIMIT)


def fleet_of(devices: int) -> list[Machine]:
    """`devices` machines, at sites of the usual size."""
    rng = random.Random(5)
    sites = max(2, devices // DEVICES_PER_SITE)
    return [_machine(rng, number, sites) for number in range(devices)]


def _machine(rng: random.Random, number: int, sites: int) -> Machine:
    host = f"LONG-HOSTNAME-{number:06d}" if number % 40 == 0 else f"PC-{number:06d}"
    mac = f"3c{rng.getrandbits(40):010x}"
    return Machine(number, rng.randrange(sites), host, f"SN{rng.getrandbits(40):010X}", mac)


def next_day(machines: list[Machine]) -> list[Machine]:
    """The fleet with one in a hundred renamed, moved, repaired or replaced."""
    rng = random.Random(6)
    sites = 1 + max(machine.site for machine in machines)
    changed = list(machines)
    for position in rng.sample(range(len(changed)), max(1, round(len(changed) * CHANGING))):
        was, kind = changed[position], rng.randrange(4)
        if kind == 0:
            changed[position] = replace(was, host=f"NEW-{was.number:06d}")
        elif kind == 1:
            changed[position] = replace(was, site=rng.randrange(sites))
        elif kind == 2:
            changed[position] = replace(was, serial=f"SN{rng.getrandbits(40):010X}")
        else:
            changed[position] = _machine(rng, len(machines) + position, sites)
    return changed


def states_of(source: str, machines: list[Machine]) -> list[DeviceState]:
    """The records of a source; it lacks one machine in ten and knows one in three by name only."""
    turn = SOURCES.index(source)
    return [
        evaluate_record(source, _record(source, machine), RULES, (), {})
        for machine in machines
        if (machine.number + 3 * turn) % 10
    ]


def _record(source: str, machine: Machine) -> Record:
    n = machine.number
    named_only = source != "agent" and (n + SOURCES.index(source)) % 3 == 0
    host = f"{machine.host}.example.local" if source == "ninja" else machine.host
    return Record(
        source_key=f"{n}", alias_key=f"{machine.site}", alias_name=f"Customer {machine.site}",
        payload={"n": n, "host": host, "site": machine.site, "serial": machine.serial},
        hostname=host[:15] if source == "threatlocker" else host,
        node_class="WINDOWS_WORKSTATION" if source == "ninja" else None,
        serial=None if named_only else machine.serial,
        macs=None if source == "threatlocker" else canonical_macs([machine.mac]),
        last_contact=datetime(2026, 11, 20, n % 24, tzinfo=UTC),
    )  # fmt: skip


def publish_day(engine: Engine, source: str, day: date, states: list[DeviceState]) -> float:
    """Publish a day; returns the seconds of its matching, taken in an extra run, rolled back."""
    now = datetime.combine(day, datetime.min.time(), UTC)
    run_id = run_log.start_run(engine, source, day, "UTC", now)
    names = {s.alias_key: s.alias_name for s in states if s.alias_key is not None}
    with engine.connect() as connection:
        plan = plan_sites(connection, source, day, names, ())
        site_of_alias = apply_site_plan(connection, plan, names, RULES, day, now)
        site_of = {s.device_id: site_of_alias[s.alias_key or ""] for s in states}
        have = _have(connection, source)
        gc.disable()  # As while a day is published.
        begun = time.perf_counter()
        assets = resolve_assets(connection, source, day, states, site_of, have)
        write_links(connection, assets, day, now, run_id=run_id)
        seconds = time.perf_counter() - begun
        gc.enable()
        connection.rollback()
    with writing(engine) as connection:
        plan = plan_sites(connection, source, day, names, ())
        publish(connection, source, day, run_id, states, RULES, plan, now)
        run_log.update_run(connection, run_id, state=run_log.COMPLETE, rule_version=1)
    return seconds


def _have(connection: Connection, source: str) -> OpenStretches:
    c = device_snapshots.c
    rows = connection.execute(
        select(c.device_id, c.state_hash, c.site_id, c.asset_id).where(
            c.source == source, c.valid_to == OPEN_END
        )
    ).all()
    return {device: (state_hash, site, asset) for device, state_hash, site, asset in rows}


def _from_nothing(url: URL, devices: int) -> tuple[float, float]:
    """The seconds in which every source finds all of its links, and by how many MB the resident
    memory of this process grows at most meanwhile. Nothing of it is kept."""
    engine = open_engine(url)
    fleet = {source: states_of(source, fleet_of(devices)) for source in SOURCES}
    seconds = grown = 0.0
    with engine.connect() as connection:
        connection.execute(delete(asset_links))
        c = device_snapshots.c
        connection.execute(update(device_snapshots).values(asset_id=c.device_id))
        for source, states in fleet.items():
            have = _have(connection, source)
            site_of = {device_id: site for device_id, (_, site, _) in have.items()}
            with _MemoryWatch() as memory:
                begun = time.perf_counter()
                assets = resolve_assets(
                    connection, source, LAST_DAY, states, site_of, have, is_replaced=True
                )
                seconds += time.perf_counter() - begun
            grown = max(grown, memory.megabytes)
            _check_most_linked(assets.asset_of)
        connection.rollback()
    engine.dispose()
    return seconds, grown


def _check_most_linked(asset_of: Mapping[int, int]) -> None:
    linked = sum(device_id != asset_id for device_id, asset_id in asset_of.items())
    if linked < len(asset_of) / 2:
        raise RuntimeError(f"Only {linked} of {len(asset_of)} records were linked.")


class _MemoryWatch:
    """By how many MB the resident memory of this process grows at most inside the block."""

    megabytes = 0.0

    def __enter__(self) -> "_MemoryWatch":
        gc.collect()
        gc.disable()
        self._process, self._done = psutil.Process(), threading.Event()
        self._before = self._process.memory_info().rss
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while True:
            over = self._done.wait(0.02)
            now = self._process.memory_info().rss
            self.megabytes = max(self.megabytes, (now - self._before) / 1e6)
            if over:
                return

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()
        gc.enable()
