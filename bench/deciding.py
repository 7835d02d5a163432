"""What decisions cost: shown before they are taken, and taken. Three sources of one fleet over the
days of an open month, of which one record in a hundred changes each day."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from bench.figures import Figure
from bench.loading import LAST_DAY
from bench.matching import SOURCES, fleet_of, next_day, publish_day, states_of
from bench.stores import Store
from db.engine import reading
from db.rules import current_rules
from db.tables import sites
from etl.decisions.preview import preview
from etl.decisions.registry import DecisionContext
from etl.decisions.rules import save_rules
from etl.decisions.sites import merge_sites
from etl.decisions.undo import undo
from etl.runtime import lease

DAYS = 10
LIMIT = 5.0
"""Seconds in which the effect of a decision must be shown at 20,000 devices."""


def figures(store: Store, devices: int) -> Iterator[Figure]:
    """What decisions cost in one store, which is filled first."""
    machines = fleet_of(max(10, devices * 10 // 27))  # each source knows nine in ten
    for back in range(DAYS - 1, -1, -1):
        for source in SOURCES:
            publish_day(store.ours, source, LAST_DAY - timedelta(days=back),
                        states_of(source, machines))  # fmt: skip
        machines = next_day(machines)
    store.settle()
    with reading(store.ours) as connection:
        one, other = list(connection.scalars(select(sites.c.site_id).limit(2)))
        told = asdict(current_rules(connection))
    del told["version"]
    rules = {**{name: list(words) for name, words in told.items()}, "spare_words": ["00"]}

    def merge(engine: Engine) -> object:
        with _deciding(engine) as by:
            return merge_sites(by, one, other)

    def judge_again(engine: Engine) -> object:
        with _deciding(engine) as by:
            return save_rules(by, rules, "measured")

    for name, decide in (("a merge of sites", merge), ("new rules", judge_again)):
        shown = _clocked(lambda decide=decide: preview(store.ours, decide, lambda _text: None))
        yield Figure(store.kind, f"preview of {name}", "s", shown, None, LIMIT)
    yield Figure(store.kind, "a merge of sites, taken", "s", _clocked(lambda: merge(store.ours)))
    with _deciding(store.ours) as by:
        undone = _clocked(lambda: undo(by, 1))
    yield Figure(store.kind, "a merge of sites, undone", "s", undone)
    yield Figure(store.kind, "new rules, taken", "s", _clocked(lambda: judge_again(store.ours)))


@contextmanager
def _deciding(engine: Engine) -> Iterator[DecisionContext]:
    now = datetime.combine(LAST_DAY, datetime.min.time(), UTC)
    with lease.take(engine) as held:
        yield DecisionContext(engine, held, "bench", lambda: now, {})


def _clocked(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
