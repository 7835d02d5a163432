"""Counting one date and comparing two: our queries against the same questions by hand."""

from collections.abc import Callable, Iterator
from dataclasses import astuple
from datetime import timedelta
from typing import Any

from bench import by_hand
from bench.by_hand import Bare
from bench.figures import Figure, interleaved
from bench.loading import LAST_DAY
from bench.stores import Store
from dashboard.base.params import Filters
from dashboard.queries import counts, moment
from dashboard.queries.changes import bars as changes
from db.engine import reading

LIMIT = 1.5
SEARCHED = "pc-00"


def figures(store: Store, days: int, runs: int) -> Iterator[Figure]:
    """What reading tells of one store that holds `days` days.

    Raises:
        AssertionError: a query and its SQL by hand give different answers.
    """
    then = LAST_DAY - timedelta(days=days // 2)
    values = {"now": LAST_DAY.isoformat(), "was": then.isoformat(), "q": f"%{SEARCHED}%"}
    with reading(store.ours) as connection, Bare(store.ours) as bare:

        def asked(basis: str, **changed: Any) -> Filters:
            return Filters(as_of=LAST_DAY, compare_to=then, basis=basis).having(**changed)

        def counting(filters: Filters) -> Callable[[], object]:
            found = moment.resolve(connection, filters, LAST_DAY)
            return lambda: counts.device_counts(connection, found, found.now, filters)

        def comparing(filters: Filters) -> Callable[[], object]:
            found = moment.resolve(connection, filters, LAST_DAY)
            return lambda: [astuple(changes.bars(connection, found, filters))]

        billable = ("billable",)
        questions = (
            ("counting one date", counting(asked("assets")), by_hand.COUNTS),
            (
                "counting one date, searched",
                counting(asked("records", q=SEARCHED)),
                by_hand.SEARCHED,
            ),
            (
                "comparing two dates, records",
                comparing(asked("records", statuses=billable)),
                by_hand.BARS_OF_RECORDS,
            ),
            (
                "comparing two dates, assets",
                comparing(asked("assets", statuses=billable)),
                by_hand.BARS_OF_ASSETS,
            ),
        )
        for name, ours, sql in questions:

            def floor(sql: str = sql) -> list[tuple[Any, ...]]:
                return bare.rows(sql, values)

            assert _same(ours(), floor()), f"{name}: the answers differ"
            pair = interleaved(ours, floor, runs)
            yield Figure(store.kind, name, "ms", pair.ours * 1000, pair.floor * 1000, LIMIT)


def _same(ours: Any, floor: list[tuple[Any, ...]]) -> bool:
    return sorted(tuple(row) for row in ours) == sorted(floor)
