"""Why the number moved, for all sites: the API's whole answer against its two questions by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask import Flask

from bench import by_hand
from bench.by_hand import Bare
from bench.figures import Figure, interleaved
from bench.loading import LAST_DAY
from bench.stores import Store
from dashboard.api import register
from dashboard.base import access
from dashboard.web.context import Context
from db.settings import timezone

LIMIT = 2.0

_QUESTIONS = (
    ("records", by_hand.BARS_OF_RECORDS, by_hand.LIST_OF_RECORDS),
    ("assets", by_hand.BARS_OF_ASSETS, by_hand.LIST_OF_ASSETS),
)


def figures(store: Store, days: int, runs: int) -> Iterator[Figure]:
    """What /api/dashboard/changes tells of one store that holds `days` days.

    Raises:
        AssertionError: the route and the SQL by hand give different answers.
    """
    then = LAST_DAY - timedelta(days=days // 2)
    values = {"now": LAST_DAY.isoformat(), "was": then.isoformat()}
    server = Flask("bench")
    moment = datetime.combine(LAST_DAY, time(12), UTC)
    register(server, Context(store.ours, lambda: moment, timezone({})), {})
    access.guard(server, "none", lambda: None)
    with Bare(store.ours) as bare:
        for basis, bars, listed in _QUESTIONS:
            path = f"/api/dashboard/changes?basis={basis}&as_of={LAST_DAY}&compare_to={then}"

            def ours(path: str = path) -> Any:
                response = server.test_client().get(path)
                assert response.status_code == 200, response.get_data(as_text=True)
                return response.get_json()

            def floor(bars: str = bars, listed: str = listed) -> Any:
                return bare.rows(bars, values), bare.rows(listed, values)

            found, ((opening, *between, closing),), keys = ours(), *floor()
            said = [found["opening"], *found["bars"].values(), found["closing"]]
            assert said == [opening, *between, closing], f"the bars of {basis} differ"
            key = "asset_id" if basis == "assets" else "device_id"
            assert [int(item[key]) for item in found["items"]] == [one for (one,) in keys]
            pair = interleaved(ours, floor, runs)
            name = f"changes of all sites, {basis}"
            yield Figure(store.kind, name, "ms", pair.ours * 1000, pair.floor * 1000, LIMIT)
