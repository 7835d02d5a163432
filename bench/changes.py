"""Changes of all sites: the API's whole answer against its two queries in handwritten SQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask import Flask

from bench import handwritten_sql
from bench.handwritten_sql import RawConnection
from bench.measurements import Measurement, interleaved
from bench.publishing import LAST_DAY
from bench.stores import Store
from dashboard.api import register
from dashboard.base import access
from dashboard.web.context import Context
from db.settings import Settings

LIMIT = 2.0

_QUESTIONS = (
    ("records", handwritten_sql.BARS_OF_RECORDS, handwritten_sql.LIST_OF_RECORDS),
    ("assets", handwritten_sql.BARS_OF_ASSETS, handwritten_sql.LIST_OF_ASSETS),
)


def measure(store: Store, days: int, runs: int) -> Iterator[Measurement]:
    """Measure /api/dashboard/changes on a store with `days` days.

    Raises:
        AssertionError: the route and the handwritten SQL give different answers.
    """
    then = LAST_DAY - timedelta(days=days // 2)
    values = {"now": LAST_DAY.isoformat(), "was": then.isoformat()}
    server = Flask("bench")
    moment = datetime.combine(LAST_DAY, time(12), UTC)
    register(server, Context(store.ours, lambda: moment, UTC), Settings())
    access.guard(server, lambda: access.LOCAL)
    with RawConnection(store.ours) as raw:
        for basis, bars, listed in _QUESTIONS:
            path = f"/api/dashboard/changes?basis={basis}&as_of={LAST_DAY}&compare_to={then}"

            def ours(path: str = path) -> Any:
                response = server.test_client().get(path)
                assert response.status_code == 200, response.get_data(as_text=True)
                return response.get_json()

            def floor(bars: str = bars, listed: str = listed) -> Any:
                return raw.rows(bars, values), raw.rows(listed, values)

            answer, (counted, keys) = ours(), floor()
            ((opening, *between, closing),) = counted
            bar_values = [answer["opening"], *answer["bars"].values(), answer["closing"]]
            assert bar_values == [opening, *between, closing], f"the bars of {basis} differ"
            key = "asset_id" if basis == "assets" else "device_id"
            assert [int(item[key]) for item in answer["items"]] == [value for (value,) in keys]
            pair = interleaved(ours, floor, runs)
            name = f"changes of all sites, {basis}"
            yield Measurement(store.kind, name, "ms", pair.ours * 1000, pair.floor * 1000, LIMIT)
