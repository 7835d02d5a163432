"""What sign-in adds to a callback of the Overview and to a report of a machine: the same request to
two servers on the same data, of which one knows no people. By processor time of this thread: a few
percent are lost in what else a machine does."""

import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from dash import Dash

from bench import browser
from bench.measurements import Measurement
from bench.publishing import LAST_DAY
from bench.stores import Store
from dashboard.app import create_app
from db import passwords, tokens, users
from db.engine import writing
from db.roles import VIEWER
from db.settings import Settings, load
from db.tables import users as users_table

SITES = 200
CALLBACK_LIMIT, REPORT_LIMIT = 1.03, 1.05
NOW = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 9, 30, tzinfo=UTC)

_REPORTS_OF_ONE = 50
_NAME = "Ana"
_PASSWORD = "seven plain copper kettles"
_KEY = {"SECRET_KEY": "a key of a benchmark, thirty-two letters"}


def measure(store: Store, runs: int) -> Iterator[Measurement]:
    """Fill `store` and measure.

    Raises:
        AssertionError: a server does not answer as it should.
    """
    browser.fill(store, SITES)
    signed, free = (load({**_KEY, "AUTH": auth}) for auth in ("password", "none"))
    enrol = _people_and_machines(store, signed)
    callbacks = (_overview(store, signed), _overview(store, free))
    reports = (_report(store, signed, enrol, "signed"), _report(store, free, enrol, "free"))
    for name, pair, limit, count in (
        ("callback of the Overview, with sign-in against without", callbacks, CALLBACK_LIMIT, runs),
        ("report of a machine, the same", reports, REPORT_LIMIT, runs * 20),
    ):
        ours, floor = _in_turns(pair, count)
        yield Measurement(store.kind, name, "ms of processor", ours, floor, limit)


def _people_and_machines(store: Store, settings: Settings) -> str:
    """Add a person with a password; the text of an enrolment token."""
    with writing(store.ours) as connection:
        user_id = users.add(connection, _NAME, VIEWER, "bench", NOW)
        hashed = passwords.hash_password(_PASSWORD)
        of_id = users_table.c.user_id == user_id
        connection.execute(users_table.update().where(of_id).values(password_hash=hashed))
        peppers = tokens.Peppers.from_settings(settings)
        return tokens.create(connection, "enrol", "bench", "bench", NOW, peppers)


def _overview(store: Store, settings: Settings) -> Callable[[], None]:
    app = create_app(store.ours, clock=lambda: NOW, settings=settings)
    client = app.server.test_client()
    headers = {}
    if settings.auth == "password":
        form = {
            "username": _NAME,
            "password": _PASSWORD,
            "csrf_token": _token(client.get("/login")),
        }
        assert client.post("/login", data=form).status_code == 303, "the person is not let in"
        headers["X-CSRF-Token"] = _token(client.get("/"))
    client.get("/_dash-dependencies")
    body = _request(app)

    def call() -> None:
        answer = client.post("/_dash-update-component", json=body, headers=headers)
        assert answer.status_code == 200, answer.text

    return call


def _token(page: Any) -> str:
    field = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert field, "the page has no csrf_token"
    return field[1]


def _request(app: Dash) -> dict[str, Any]:
    """The request of the callback that fills the Overview's figures, as a browser sends it."""
    key, callback = next(
        (key, each) for key, each in app.callback_map.items() if "kpis.children" in key
    )
    values = {"filters": "", "url": "/"}
    parts = {
        kind: [part | {"value": values.get(part["id"])} for part in callback[kind]]
        for kind in ("inputs", "state")
    }
    outputs = [
        {"id": output.component_id, "property": output.component_property}
        for output in callback["output"]
    ]
    changed = [f"{part['id']}.{part['property']}" for part in parts["inputs"]]
    return {"output": key, "outputs": outputs, "changedPropIds": changed, **parts}


def _report(store: Store, settings: Settings, enrol: str, name: str) -> Callable[[], None]:
    client = create_app(store.ours, clock=lambda: NOW, settings=settings).server.test_client()
    facts = {
        "hostname": name, "ip": "192.0.2.7", "os": "linux", "cpu_percent": 12.5,
        "os_version": "Debian GNU/Linux 12 (bookworm)", "memory_total_mb": 8192,
        "memory_used_mb": 2048, "timestamp": NOW.isoformat(),
    }  # fmt: skip
    sent: Counter[str] = Counter()
    machine, credential = "", enrol

    def call() -> None:
        nonlocal machine, credential
        # A machine may report 60 times a minute: then comes another one.
        if not machine or sent[machine] == _REPORTS_OF_ONE:
            machine, credential = sha256(f"{name} {len(sent)}".encode()).hexdigest(), enrol
        headers = {"Authorization": f"Bearer {credential}"}
        body = {"machine_id": machine, **facts}
        answer = client.post("/api/machines", json=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        sent[machine] += 1
        credential = answer.get_json().get("key", credential)

    return call


def _in_turns(
    pair: tuple[Callable[[], None], Callable[[], None]], runs: int
) -> tuple[float, float]:
    """The median milliseconds of processor time of both, in turns, after one of each to warm up."""
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(-1, runs):
        for place in (0, 1) if number % 2 else (1, 0):
            begun = time.thread_time()
            pair[place]()
            if number >= 0:
                took[place].append((time.thread_time() - begun) * 1000)
    return statistics.median(took[0]), statistics.median(took[1])
