"""Decisions: previewing, carrying out and undoing them. Three sources of one fleet over the days of
an open month; one record in a hundred changes a day."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Engine, select

from bench.matching import SOURCES, fleet_of, next_day, publish_day, states_of
from bench.measurements import Measurement
from bench.publishing import LAST_DAY
from bench.stores import Store
from db.engine import reading
from db.rules import current_rules
from db.settings import Settings
from db.tables import sites
from etl.decisions.preview import preview
from etl.decisions.registry import DecisionContext
from etl.decisions.rules import save_rules
from etl.decisions.sites import merge_sites
from etl.decisions.undo import undo
from etl.runtime import lease

DAYS = 10
LIMIT = 5.0
"""Seconds for the preview of a decision at 20,000 devices."""


def measure(store: Store, devices: int) -> Iterator[Measurement]:
    """Fill `store` and measure decisions on it."""
    machines = fleet_of(max(10, devices * 10 // 27))  # each source knows nine in ten
    for back in range(DAYS - 1, -1, -1):
        for source in SOURCES:
            publish_day(store.ours, source, LAST_DAY - timedelta(days=back),
                        states_of(source, machines))  # fmt: skip
        machines = next_day(machines)
    store.run_maintenance()
    with reading(store.ours) as connection:
        site_id, other_id = list(connection.scalars(select(sites.c.site_id).limit(2)))
        current = asdict(current_rules(connection))
    del current["version"]
    rules = {**{name: list(words) for name, words in current.items()}, "spare_words": ["00"]}

    def merge(engine: Engine) -> object:
        with _deciding(engine) as by:
            return merge_sites(by, site_id, other_id)

    def change_rules(engine: Engine) -> object:
        with _deciding(engine) as by:
            return save_rules(by, rules, "measured")

    for name, decide in (("a merge of sites", merge), ("new rules", change_rules)):
        seconds = _seconds(partial(preview, store.ours, decide, lambda _text: None))
        yield Measurement(store.kind, f"preview of {name}", "s", seconds, None, LIMIT)
    yield Measurement(
        store.kind, "a merge of sites, taken", "s", _seconds(lambda: merge(store.ours))
    )
    with _deciding(store.ours) as by:
        seconds = _seconds(lambda: undo(by, 1))
    yield Measurement(store.kind, "a merge of sites, undone", "s", seconds)
    yield Measurement(
        store.kind, "new rules, taken", "s", _seconds(lambda: change_rules(store.ours))
    )


@contextmanager
def _deciding(engine: Engine) -> Iterator[DecisionContext]:
    now = datetime.combine(LAST_DAY, datetime.min.time(), UTC)
    with lease.take(engine) as held:
        yield DecisionContext(engine, held, "bench", lambda: now, Settings())


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
