"""Counting one date and comparing two: our queries against handwritten SQL."""

from collections.abc import Callable, Iterator
from dataclasses import astuple
from datetime import timedelta
from typing import Any

from bench import handwritten_sql
from bench.handwritten_sql import RawConnection
from bench.measurements import Measurement, interleaved
from bench.publishing import LAST_DAY
from bench.stores import Store
from dashboard.base.params import COUNTED, Filters
from dashboard.queries import counts, moment
from dashboard.queries.changes import bars as changes
from db.engine import reading

LIMIT = 1.5
SEARCHED = "pc-00"


def measure(store: Store, days: int, runs: int) -> Iterator[Measurement]:
    """Measure queries on a store with `days` days.

    Raises:
        AssertionError: a query and its handwritten SQL give different answers.
    """
    then = LAST_DAY - timedelta(days=days // 2)
    values = {"now": LAST_DAY.isoformat(), "was": then.isoformat(), "q": f"%{SEARCHED}%"}
    with reading(store.ours) as connection, RawConnection(store.ours) as raw:

        def filters_for(basis: str, **changed: Any) -> Filters:
            # The hand-written queries count spares too.
            asked = Filters(as_of=LAST_DAY, compare_to=then, basis=basis, statuses=COUNTED)
            return asked.having(**changed)

        def counting(filters: Filters) -> Callable[[], object]:
            resolved = moment.resolve(connection, filters, LAST_DAY)
            return lambda: counts.device_counts(connection, resolved, resolved.now, filters)

        def comparing(filters: Filters) -> Callable[[], object]:
            resolved = moment.resolve(connection, filters, LAST_DAY)
            return lambda: [astuple(changes.bars(connection, resolved, filters))]

        billable = ("billable",)
        questions = (
            ("counting one date", counting(filters_for("assets")), handwritten_sql.COUNTS),
            (
                "counting one date, searched",
                counting(filters_for("records", q=SEARCHED)),
                handwritten_sql.SEARCHED,
            ),
            (
                "comparing two dates, records",
                comparing(filters_for("records", statuses=billable)),
                handwritten_sql.BARS_OF_RECORDS,
            ),
            (
                "comparing two dates, assets",
                comparing(filters_for("assets", statuses=billable)),
                handwritten_sql.BARS_OF_ASSETS,
            ),
        )
        for name, ours, sql in questions:

            def floor(sql: str = sql) -> list[tuple[Any, ...]]:
                return raw.rows(sql, values)

            assert _same(ours(), floor()), f"{name}: the answers differ"
            pair = interleaved(ours, floor, runs)
            yield Measurement(store.kind, name, "ms", pair.ours * 1000, pair.floor * 1000, LIMIT)


def _same(ours: Any, floor: list[tuple[Any, ...]]) -> bool:
    return sorted(tuple(row) for row in ours) == sorted(floor)
