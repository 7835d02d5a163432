"""Days are loaded into both databases of a store in turns: how long it takes, how large it gets."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median

from tqdm import tqdm

from bench import seed_layout
from bench.figures import Figure, timed
from bench.fleet import Fleet
from bench.stores import Store
from db import rules as rule_versions
from db.engine import writing
from etl.collect import run_log
from etl.collect.gather import read
from etl.collect.verdict import Attempt, decide
from etl.records.record import FetchStats, Raw
from etl.records.states import evaluate_record
from etl.runtime import lease
from etl.snapshots.publish import publish
from etl.snapshots.site_plan import internal_aliases, plan_sites
from etl.sources import Source, discover

LAST_DAY = date(2026, 11, 22)
DISK_LIMIT, LOADING_LIMIT = 1 / 20, 1 / 5


@dataclass
class Clocked:
    """Seconds per day of one store, the first day left out: `transaction` is the publish alone,
    `whole` begins with the rows as fetched."""

    transaction: list[tuple[float, float]] = field(default_factory=list)
    whole: list[tuple[float, float]] = field(default_factory=list)


def load(stores: Sequence[Store], fleet: Fleet, days: int) -> dict[str, Clocked]:
    """Load `days` days up to LAST_DAY into every store."""
    clocked = {store.kind: Clocked() for store in stores}
    sources = discover()
    for number in tqdm(range(days), unit="day", disable=None, leave=False):
        day = LAST_DAY - timedelta(days=days - 1 - number)
        fleet.advance(day)
        rows = {sources[name]: raws for name, raws in fleet.rows().items()}
        for store in stores:
            _load_day(store, clocked[store.kind], rows, day, number)
    return clocked


def _load_day(
    store: Store, clocked: Clocked, rows: Mapping[Source, Sequence[Raw]], day: date, number: int
) -> None:
    store.settle()
    prepared: list[seed_layout.Row] = []

    def prepare() -> None:
        for source, raws in rows.items():
            prepared.extend(seed_layout.rows_of(source, raws, day))

    def floor() -> None:
        seed_layout.load(store.floor, prepared)

    # By turns the whole way from fetched rows on, and the transaction alone: timing one inside
    # the other would need a hook in the product.
    ours = _decide if number % 2 else _publish
    if number // 2 % 2:
        seconds = sum(ours(store, source, raws, day) for source, raws in rows.items())
        text, loading = timed(prepare), timed(floor)
    else:
        text, loading = timed(prepare), timed(floor)
        seconds = sum(ours(store, source, raws, day) for source, raws in rows.items())
    if number == 0:
        return
    if ours is _decide:
        clocked.whole.append((seconds, text + loading))
    else:
        clocked.transaction.append((seconds, loading))


def _clock(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 2, tzinfo=UTC)


@contextmanager
def _attempt(store: Store, source: Source, day: date) -> Iterator[Attempt]:
    with lease.take(store.ours) as held:
        run_id = run_log.begin(store.ours, source.FACTS.name, day, "UTC", _clock(day))
        yield Attempt(store.ours, held, source, day, run_id, lambda: _clock(day), {}, FetchStats())


def _decide(store: Store, source: Source, raws: Sequence[Raw], day: date) -> float:
    """The seconds from rows as fetched to what `decide` makes of them."""
    with _attempt(store, source, day) as attempt:
        begun = time.perf_counter()
        outcome = decide(attempt, read(source, raws))
        seconds = time.perf_counter() - begun
    _must_be_complete(outcome.state, outcome.reason)
    return seconds


def _publish(store: Store, source: Source, raws: Sequence[Raw], day: date) -> float:
    """The seconds of the transaction in which judged rows are published."""
    with _attempt(store, source, day) as attempt:
        gathered = read(source, raws)
        names = {r.alias_key: r.alias_name for r in gathered.records if r.alias_key is not None}
        with writing(store.ours) as connection:
            rules = rule_versions.adopt_environment(connection, attempt.clock(), {})
            internal = internal_aliases(connection, source.FACTS.name, names, rules)
        states = [
            evaluate_record(source.FACTS.name, r, rules, source.VOLATILE, internal)
            for r in gathered.records
        ]
        begun = time.perf_counter()
        with writing(store.ours) as connection:
            attempt.lease.hold(connection)
            plan = plan_sites(connection, source.FACTS.name, names, set(names))
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
            run_log.end(
                connection, attempt.run_id, state=run_log.COMPLETE, rule_version=rules.version
            )
        return time.perf_counter() - begun


def _must_be_complete(state: str, reason: str | None) -> None:
    if state != run_log.COMPLETE:
        raise RuntimeError(f"A day was {state} ({reason}): the fleet changes more than it should.")


def figures(store: Store, clocked: Clocked) -> Iterator[Figure]:
    """What loading tells of one store."""
    ours, floor = store.megabytes()
    yield Figure(store.kind, "disk after all days", "MB", ours, floor, DISK_LIMIT)
    yield _median(store, "publishing a day, its transaction", clocked.transaction, LOADING_LIMIT)
    yield _median(store, "publishing a day, from fetched rows on", clocked.whole, None)


def _median(
    store: Store, name: str, pairs: Sequence[tuple[float, float]], limit: float | None
) -> Figure:
    ours, floor = (median(side) * 1000 for side in zip(*pairs, strict=True))
    return Figure(store.kind, name, "ms", ours, floor, limit)
