"""Publishing a day: time and disk, against loading it into the layout of `seed_layout`."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median

from tqdm import tqdm

from bench import seed_layout
from bench.fleet import Fleet
from bench.measurements import Measurement, timed
from bench.stores import Store
from db import rules as rule_versions
from db.engine import writing
from db.settings import Settings
from etl.collect import run_log
from etl.collect.gather import read_rows
from etl.collect.verdict import Attempt, publish_or_hold
from etl.records.record import FetchStats, Raw
from etl.records.states import evaluate_record
from etl.runtime import lease
from etl.snapshots.publish import publish
from etl.snapshots.site_plan import internal_aliases, plan_sites
from etl.sources import Source, discover

LAST_DAY = date(2026, 11, 22)
DISK_LIMIT, LOADING_LIMIT = 1 / 20, 1 / 5


@dataclass
class Timings:
    """Seconds per day (ours, floor) without the first day. `transaction` is the publish alone,
    `whole` starts with the rows as fetched."""

    transaction: list[tuple[float, float]] = field(default_factory=list)
    whole: list[tuple[float, float]] = field(default_factory=list)


def load(stores: Sequence[Store], fleet: Fleet, days: int) -> dict[str, Timings]:
    """Load `days` days up to LAST_DAY into every store."""
    timings = {store.kind: Timings() for store in stores}
    sources = discover()
    for number in tqdm(range(days), unit="day", disable=None, leave=False):
        day = LAST_DAY - timedelta(days=days - 1 - number)
        fleet.advance(day)
        rows = {sources[name]: raws for name, raws in fleet.rows().items()}
        for store in stores:
            _load_day(store, timings[store.kind], rows, day, number)
    return timings


def _load_day(
    store: Store, timings: Timings, rows: Mapping[Source, Sequence[Raw]], day: date, number: int
) -> None:
    store.run_maintenance()
    prepared: list[seed_layout.Row] = []

    def prepare() -> None:
        for source, raws in rows.items():
            prepared.extend(seed_layout.rows_of(source, raws, day))

    def floor() -> None:
        seed_layout.load(store.floor, prepared)

    # Alternately the whole way from fetched rows and the transaction alone: to time one within the
    # other would need a hook in the product.
    ours = collect_day if number % 2 else _publish
    if number // 2 % 2:
        seconds = sum(ours(store, source, raws, day) for source, raws in rows.items())
        text, loading = timed(prepare), timed(floor)
    else:
        text, loading = timed(prepare), timed(floor)
        seconds = sum(ours(store, source, raws, day) for source, raws in rows.items())
    if number == 0:
        return
    if ours is collect_day:
        timings.whole.append((seconds, text + loading))
    else:
        timings.transaction.append((seconds, loading))


def _clock(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 2, tzinfo=UTC)


@contextmanager
def _attempt(store: Store, source: Source, day: date) -> Iterator[Attempt]:
    with lease.take(store.ours) as held:
        run_id = run_log.start_run(store.ours, source.FACTS.name, day, "UTC", _clock(day))
        yield Attempt(
            store.ours, held, source, day, run_id, lambda: _clock(day), None, FetchStats()
        )


def collect_day(store: Store, source: Source, raws: Sequence[Raw], day: date) -> float:
    """Publish a source's rows as fetched on `day`; the seconds that it takes.

    Raises:
        RuntimeError: the run is not complete.
    """
    with _attempt(store, source, day) as attempt:
        begun = time.perf_counter()
        outcome = publish_or_hold(attempt, read_rows(source, raws))
        seconds = time.perf_counter() - begun
    _check_complete(outcome.state, outcome.reason)
    return seconds


def _publish(store: Store, source: Source, raws: Sequence[Raw], day: date) -> float:
    """The seconds of the transaction that publishes evaluated rows."""
    with _attempt(store, source, day) as attempt:
        collected = read_rows(source, raws)
        names = {r.alias_key: r.alias_name for r in collected.records if r.alias_key is not None}
        with writing(store.ours) as connection:
            rules = rule_versions.adopt_environment(connection, attempt.clock(), Settings())
            plan = plan_sites(connection, source.FACTS.name, day, names, ())
            internal = internal_aliases(connection, plan, rules)
        states = [
            evaluate_record(source.FACTS.name, r, rules, source.VOLATILE, internal)
            for r in collected.records
        ]
        begun = time.perf_counter()
        with writing(store.ours) as connection:
            attempt.lease.hold(connection)
            plan = plan_sites(connection, source.FACTS.name, day, names, ())
            publish(
                connection,
                source.FACTS.name,
                day,
                attempt.run_id,
                states,
                rules,
                plan,
                attempt.clock(),
            )
            run_log.update_run(
                connection, attempt.run_id, state=run_log.COMPLETE, rule_version=rules.version
            )
        return time.perf_counter() - begun


def _check_complete(state: str, reason: str | None) -> None:
    if state != run_log.COMPLETE:
        raise RuntimeError(f"A day was {state} ({reason}): the fleet changes more than it should.")


def measure(store: Store, timings: Timings) -> Iterator[Measurement]:
    """The measurements of one store after `load`."""
    ours, floor = store.megabytes()
    yield Measurement(store.kind, "disk after all days", "MB", ours, floor, DISK_LIMIT)
    yield _median(store, "publishing a day, its transaction", timings.transaction, LOADING_LIMIT)
    yield _median(store, "publishing a day, from fetched rows on", timings.whole, None)


def _median(
    store: Store, name: str, pairs: Sequence[tuple[float, float]], limit: float | None
) -> Measurement:
    ours, floor = (median(side) * 1000 for side in zip(*pairs, strict=True))
    return Measurement(store.kind, name, "ms", ours, floor, limit)
