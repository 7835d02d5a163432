"""The live list of many machines: the API's first page and the page's grid, through the whole
server, against the same two statements by hand."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from flask.testing import FlaskClient

from bench.by_hand import Bare
from bench.figures import Figure, interleaved
from bench.stores import Store
from dashboard.app import create_app
from dashboard.ingest.items import KEYS
from db.engine import writing
from db.machines import blank_machine
from db.tables import inventory

LIMIT = 3.0
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEARCHED = "pc-00"

_CHUNK = 2000
_PAGE = f"SELECT {', '.join(KEYS)}, clone_seen_at FROM inventory"  # noqa: S608 (our own names)
_COUNT = "SELECT count(*) FROM inventory"
_NAMES = ("hostname", "ip", "os", "os_version", "serial", "computer_model", "manufacturer",
          "logged_in_user", "site")  # fmt: skip
_FOUND = " WHERE " + " OR ".join(f"lower({name}) LIKE :q" for name in _NAMES)
_ORDERS = {"hostname": "lower(hostname), machine_id", "state": "received_at DESC, machine_id"}


def figures(store: Store, machines: int, runs: int) -> Iterator[Figure]:
    """What listing tells of one store, which is filled first.

    Raises:
        AssertionError: the list and the SQL by hand have different rows.
    """
    fill(store, machines)
    app = create_app(store.ours, clock=lambda: NOW, environ={"AUTH": "none"})
    client = app.server.test_client()
    client.get("/")  # Dash sets its callbacks up when it is first asked.
    key, one = next(
        (key, one)
        for key, one in app.callback_map.items()
        if "machines-grid.getRowsResponse" in key
    )
    sorts = {"": "hostname", "?sort=state": "state", f"?q={SEARCHED}": "hostname"}
    with Bare(store.ours) as bare:
        for query, sort in sorts.items():
            where, values = ("", {}) if "q=" not in query else (_FOUND, {"q": f"%{SEARCHED}%"})

            def floor(
                sort: str = sort, where: str = where, values: dict[str, str] = values
            ) -> list[Any]:
                bare.rows(_COUNT + where, values)
                return bare.rows(f"{_PAGE}{where} ORDER BY {_ORDERS[sort]} LIMIT 100", values)

            def listed(query: str = query) -> list[str]:
                mark = "&" if query else "?"
                answer = client.get(f"/api/machines{query}{mark}limit=100")
                return [item["machine_id"] for item in answer.get_json()["items"]]

            body = _request(key, one, query.removeprefix("?"), sort)
            first = [row[0] for row in floor()]
            for name, ours in (
                (f"GET /api/machines{query}, a page", listed),
                (f"the grid of machines{query}", _grid(client, body)),
            ):
                assert ours() == first, f"{name}: other rows than by hand"
                pair = interleaved(ours, floor, runs)
                yield Figure(store.kind, name, "ms", pair.ours * 1000, pair.floor * 1000, LIMIT)


def fill(store: Store, machines: int) -> None:
    """As many machines as agents would have left them."""
    dice = random.Random(1)
    systems = ("Windows 11 Pro", "Windows 10 Enterprise", "Debian GNU/Linux 12 (bookworm)")
    with writing(store.ours) as connection:
        for first in range(0, machines, _CHUNK):
            rows = [_machine(n, dice, systems) for n in range(first, min(first + _CHUNK, machines))]
            connection.execute(inventory.insert(), rows)
    store.settle()


def _machine(number: int, dice: random.Random, systems: tuple[str, ...]) -> dict[str, Any]:
    key = sha256(str(number).encode()).hexdigest()
    return blank_machine(key, NOW - timedelta(days=dice.randrange(700))) | {
        "hostname": f"PC-{dice.randrange(10**6):06}", "ip": f"10.1.{number % 256}.7",
        "os": "windows", "os_version": dice.choice(systems), "cpu_percent": 5.0,
        "memory_total_mb": 16384, "memory_used_mb": dice.randrange(16384), "serial": f"S{number}",
        "disk_total_mb": 512000, "disk_used_mb": dice.randrange(512000), "site": "Harbor Dental",
        "received_at": NOW - timedelta(milliseconds=dice.randrange(10**8)),
        "recent_reports": dice.randbytes(1024),
        "computer_activation": NOW - timedelta(days=dice.randrange(4000)),
    }  # fmt: skip


def _request(key: str, one: dict[str, Any], query: str, sort: str) -> dict[str, Any]:
    """The grid's question as the browser sends it."""
    model = [] if sort == "hostname" else [{"colId": sort, "sort": "asc"}]
    asked = {"startRow": 0, "endRow": 100, "sortModel": model, "filterModel": {}}
    values = {"machines-grid": asked, "filters": query}
    parts = {
        kind: [part | {"value": values[part["id"]]} for part in one[kind]]
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
