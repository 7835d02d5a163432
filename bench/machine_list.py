"""The live list of many machines: the API's first page and the grid of the page, through the whole
server, against the same two queries in handwritten SQL."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from flask.testing import FlaskClient

from bench.handwritten_sql import RawConnection
from bench.measurements import Measurement, interleaved
from bench.stores import Store
from dashboard.app import create_app
from dashboard.ingest.items import KEYS
from db.engine import writing
from db.machines import blank_machine, with_search_text
from db.settings import load
from db.tables import inventory

LIMIT = 3.0
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEARCHED = "pc-00"

_CHUNK = 2000
_PAGE = f"SELECT {', '.join(KEYS)}, clone_seen_at FROM inventory"  # noqa: S608 (our own names)
_COUNT = "SELECT count(*) FROM inventory"
_NAMES = ("hostname", "ip", "os", "os_version", "serial", "computer_model", "manufacturer",
          "logged_in_user", "site")  # fmt: skip
_SEARCH = " WHERE " + " OR ".join(f"lower({name}) LIKE :q" for name in _NAMES)
_ORDERS = {"hostname": "lower(hostname), machine_id", "state": "received_at DESC, machine_id"}


def measure(store: Store, machines: int, runs: int) -> Iterator[Measurement]:
    """Fill `store` and measure lists of its machines.

    Raises:
        AssertionError: a list and the handwritten SQL have different rows.
    """
    fill(store, machines)
    app = create_app(store.ours, clock=lambda: NOW, settings=load({"AUTH": "none"}))
    client = app.server.test_client()
    client.get("/")  # Dash registers its callbacks on the first request.
    key, callback = next(
        (key, callback)
        for key, callback in app.callback_map.items()
        if "machines-grid.getRowsResponse" in key
    )
    sorts = {"": "hostname", "?sort=state": "state", f"?q={SEARCHED}": "hostname"}
    with RawConnection(store.ours) as raw:
        for query, sort in sorts.items():
            where, values = ("", {}) if "q=" not in query else (_SEARCH, {"q": f"%{SEARCHED}%"})

            def floor(
                sort: str = sort, where: str = where, values: dict[str, str] = values
            ) -> list[Any]:
                raw.rows(_COUNT + where, values)
                return raw.rows(f"{_PAGE}{where} ORDER BY {_ORDERS[sort]} LIMIT 100", values)

            def listed(query: str = query) -> list[str]:
                mark = "&" if query else "?"
                answer = client.get(f"/api/machines{query}{mark}limit=100")
                return [item["machine_id"] for item in answer.get_json()["items"]]

            body = _grid_request(key, callback, query.removeprefix("?"), sort)
            first = [row[0] for row in floor()]
            for name, ours in (
                (f"GET /api/machines{query}, a page", listed),
                (f"the grid of machines{query}", _grid(client, body)),
            ):
                assert ours() == first, f"{name}: other rows than by hand"
                pair = interleaved(ours, floor, runs)
                yield Measurement(
                    store.kind, name, "ms", pair.ours * 1000, pair.floor * 1000, LIMIT
                )


def fill(store: Store, machines: int) -> None:
    """Insert `machines` machines as agents report them."""
    rng = random.Random(1)
    systems = ("Windows 11 Pro", "Windows 10 Enterprise", "Debian GNU/Linux 12 (bookworm)")
    with writing(store.ours) as connection:
        for first in range(0, machines, _CHUNK):
            rows = [
                with_search_text(_machine(n, rng, systems))
                for n in range(first, min(first + _CHUNK, machines))
            ]
            connection.execute(inventory.insert(), rows)
    store.run_maintenance()


def _machine(number: int, rng: random.Random, systems: tuple[str, ...]) -> dict[str, Any]:
    key = sha256(str(number).encode()).hexdigest()
    return blank_machine(key, NOW - timedelta(days=rng.randrange(700))) | {
        "hostname": f"PC-{rng.randrange(10**6):06}", "ip": f"10.1.{number % 256}.7",
        "os": "windows", "os_version": rng.choice(systems), "cpu_percent": 5.0,
        "memory_total_mb": 16384, "memory_used_mb": rng.randrange(16384), "serial": f"S{number}",
        "disk_total_mb": 512000, "disk_used_mb": rng.randrange(512000), "site": "Harbor Dental",
        "received_at": NOW - timedelta(milliseconds=rng.randrange(10**8)),
        "recent_reports": rng.randbytes(1024),
        "computer_activation": NOW - timedelta(days=rng.randrange(4000)),
    }  # fmt: skip


def _grid_request(key: str, callback: dict[str, Any], query: str, sort: str) -> dict[str, Any]:
    """The grid's callback request as the browser sends it."""
    model = [] if sort == "hostname" else [{"colId": sort, "sort": "asc"}]
    rows_request = {"startRow": 0, "endRow": 100, "sortModel": model, "filterModel": {}}
    values = {"machines-grid": rows_request, "filters": query}
    parts = {
        kind: [part | {"value": values[part["id"]]} for part in callback[kind]]
        for kind in ("inputs", "state")
    }
    return {
        "output": key,
        "outputs": {"id": "machines-grid", "property": "getRowsResponse"},
        "changedPropIds": ["machines-grid.getRowsRequest"],
        **parts,
    }


def _grid(client: FlaskClient, body: dict[str, Any]) -> Callable[[], list[str]]:
    def ask() -> list[str]:
        answer = client.post("/_dash-update-component", json=body).get_json()
        rows = answer["response"]["machines-grid"]["getRowsResponse"]["rowData"]
        return [row["machine_id"] for row in rows]

    return ask
