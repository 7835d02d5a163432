"""SEC-05: whoever sees only some sites is told nothing of the others, by no page, callback, route
or file, and counts what somebody counts who selects these sites."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from dash import Dash
from sqlalchemy import Engine, select, update

from dashboard.app import create_app
from dashboard.base.params import BARS
from dashboard.components.kit.why_button import REQUEST
from dashboard.components.sites.table import MOVED
from db import passwords, users
from db.engine import reading, writing
from db.roles import MANAGER, VIEWER
from db.settings import load
from db.tables import device_latest, device_snapshots, devices, site_aliases, sites
from db.tables import users as users_table
from tests.support.demo_dashboard import NOW
from tests.support.samples import samples

PASSWORD = "seven plain copper kettles"
KEY = "0f8e5b1c7a9d42638e5fb0c1d2a39487"
QUERIES = (
    "", "basis=records&status=billable&status=spare&status=excluded", "basis=ninja&q=a",
    "compare_to=2026-10-15&change=all", "basis=threatlocker&type=workstation&as_of=2026-11-10",
)  # fmt: skip
FIGURES = ("bars", "change", "count", "added", "moved_in")
GRID = {"startRow": 0, "endRow": 500, "sortModel": [], "filterModel": {}}


@pytest.fixture(scope="module")
def app(demo_engine: Engine) -> Dash:
    engine = demo_engine
    settings = load({"AUTH": "password", "SECRET_KEY": KEY, "TIMEZONE": "UTC"})
    made = create_app(engine, clock=lambda: NOW, settings=settings)
    made.server.test_client().get("/login")
    hashed = passwords.hash_password(PASSWORD)
    with writing(engine) as connection:
        for name, role, own in (
            ("everything", MANAGER, None), ("one", VIEWER, [1]), ("two", MANAGER, [2, 3]),
            ("none", VIEWER, []),
        ):  # fmt: skip
            user_id = users.add(connection, name, role, "test", NOW)
            user = users.by_id(connection, user_id)
            assert user is not None
            users.set_sites(connection, user, own, "test", NOW)
            of_id = users_table.c.user_id == user_id
            connection.execute(update(users_table).where(of_id).values(password_hash=hashed))
    return made


class Reader:
    """Somebody who is signed in, and everything that was answered."""

    def __init__(self, app: Dash, name: str) -> None:
        self.app, self.client = app, app.server.test_client()
        self.token = self._token(self.client.get("/login").text)
        fields = {"username": name, "password": PASSWORD, "csrf_token": self.token}
        assert self.client.post("/login", data=fields).status_code == 303
        self.token = self._token(self.client.get("/").text)

    def _token(self, page: str) -> str:
        field = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert field
        return field[1]

    def get(self, path: str) -> tuple[int, str]:
        response = self.client.get(path)
        return response.status_code, text_of(response.data, path)

    def callbacks(self, query: str, values: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
        """Every callback of the registered map, with values that make it answer."""
        for key, one in self.app.callback_map.items():
            if not one.get("callback"):
                continue
            written = one["output"] if isinstance(one["output"], list) else [one["output"]]
            parts = {
                kind: [part | {"value": value_of(part, query, values)} for part in one[kind]]
                for kind in ("inputs", "state")
            }
            outputs = [
                {"id": part.component_id, "property": part.component_property} for part in written
            ]
            body = {
                "output": key,
                "outputs": outputs if isinstance(one["output"], list) else outputs[0],
                "changedPropIds": [f"{part['id']}.{part['property']}" for part in parts["inputs"]],
                **parts,
            }
            headers = {"X-CSRF-Token": self.token}
            answer = self.client.post("/_dash-update-component", json=body, headers=headers)
            yield key, answer.status_code, answer.text


def text_of(data: bytes, path: str) -> str:
    """What stands in an answer, also in a packed file."""
    if not data.startswith(b"PK"):
        return data.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return "\n".join(text_of(packed.read(name), path) for name in packed.namelist())


def value_of(part: dict[str, Any], query: str, values: dict[str, Any]) -> Any:
    name, kind = part["id"], part["property"]
    if name == "filters":
        return query
    if kind == "getRowsRequest":
        return GRID
    if kind == "n_clicks":
        return 1
    if kind == "pathname":
        return "/sites"
    return values.get(name)


def secrets_of(engine: Engine, own: set[int]) -> set[str]:
    """What nobody who sees only `own` may read: names, serials, ids and places of other sites, and
    of the devices that never stood at one of them."""
    stretch = device_snapshots.c
    with reading(engine) as connection:
        names = {
            row.name
            for table in (sites, site_aliases)
            for row in connection.execute(select(table))
            if row.site_id not in own
        }
        kept = {
            row.name for table in (sites, site_aliases)
            for row in connection.execute(select(table)) if row.site_id in own
        }  # fmt: skip
        rows = connection.execute(
            select(
                stretch.device_id,
                stretch.site_id,
                stretch.hostname,
                stretch.display_name,
                stretch.serial,
                stretch.location,
                devices.c.source_key,
                device_latest.c.ip,
            )
            .join(devices, devices.c.device_id == stretch.device_id)
            .outerjoin(device_latest, device_latest.c.device_id == stretch.device_id)
        ).all()
    visible = {row.device_id for row in rows if row.site_id in own}
    hidden, seen = set(), set()
    for row in rows:
        texts = {row.hostname, row.display_name, row.serial, row.ip, str(row.device_id)}
        if row.device_id in visible:
            seen |= texts | {row.location}
        else:
            hidden |= texts
        if row.site_id not in own:
            hidden.add(row.location)
    words = (names | hidden) - kept - seen - {None}
    # Short or common texts stand in other places by chance.
    return {text for text in words if text and len(text) > 5 and text not in ("Main office",)}


def leaked(text: str, secrets: set[str]) -> list[str]:
    plain = text.replace("\\u2019", "’")
    return sorted(
        secret for secret in secrets if secret in plain or json.dumps(secret)[1:-1] in plain
    )


def addresses(app: Dash) -> list[str]:
    """Every route that is asked with GET, and every page, with ids of both kinds of sites."""
    fill = {
        "filename": "favicon.svg", "device_id": "1", "month": "2026-10", "machine_id": "a" * 64,
        "token": "x", "package_name": "dash", "fingerprinted_path": "x", "site_id": "1",
    }  # fmt: skip
    routes = []
    for rule in app.server.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.rule not in ("/<path:path>", "/_reload-hash"):
            routes.append(
                re.sub(r"<(?:[^:<>]*:)?([a-z_]+)>", lambda m: fill.get(m[1], "x"), rule.rule)
            )
    pages = [f"/sites/{n}" for n in range(1, 7)]
    pages += ["/devices", "/changes", "/sites", "/coverage", "/machines", "/months", "/collections",
              "/settings", "/settings/rules", "/settings/sites", "/settings/audit",
              "/settings/users", "/settings/tokens",
              "/months/2026-10", "/collections?run=1"]  # fmt: skip
    files = [f"/export/invoice-pack.zip?month=2026-10&site={site}" for site in (1, 2, 5)] + [
        f"/export/{name}.csv?site={site}" for name in ("devices", "changes") for site in (1, 5)
    ]
    return [*routes, *pages, *files]


@pytest.mark.parametrize(("name", "own"), [("one", {1}), ("two", {2, 3}), ("none", set())])
def test_sec_05_no_answer_holds_anything_of_another_site(
    app: Dash, name: str, own: set[int]
) -> None:
    engine = app.server.extensions["inventory_hub"].engine
    secrets = secrets_of(engine, own)
    assert len(secrets) > 50
    reader = Reader(app, name)
    with reading(engine) as connection:
        stretch = device_snapshots.c
        rows = connection.execute(select(stretch.device_id, stretch.site_id).distinct()).all()
    some = [str(row.device_id) for row in rows][: samples(6, 60)]
    wrong: list[str] = []

    def check(what: str, code: int, text: str) -> None:
        found = [secret for secret in leaked(text, secrets) if secret not in what]
        wrong.extend(f"{what} ({code}): {secret}" for secret in found[:3])
        assert code < 500, (what, code, text[:500])

    for path in [*addresses(app), *(f"/api/devices/{n}/history" for n in some)]:
        check(path, *reader.get(path))
        for query in QUERIES[1 : samples(3, len(QUERIES))]:
            if path.startswith(("/api/dashboard", "/export/", "/api/sites")) and "?" not in path:
                check(f"{path}?{query}", *reader.get(f"{path}?{query}"))
    theirs = next(str(row.device_id) for row in rows if row.site_id not in own)
    mine = next((str(row.device_id) for row in rows if row.site_id in own), theirs)
    asked = [(str(min(own, default=1)), mine), ("5", theirs)]
    for site, device in asked:
        for query, figure in zip(QUERIES[: samples(2, len(QUERIES))], FIGURES, strict=False):
            values = {
                "site": site, "device": device, "month-shown": "2026-10", "run-shown": "1",
                "device-version": "2026-11-10", "sites-order": MOVED,
                REQUEST: {"figure": figure, "query": query},
                "address": "/sites",
            }  # fmt: skip
            for key, code, text in reader.callbacks(query, values):
                check(f"{key} with {query!r}, site {site} device {device}", code, text)
                assert code != 403 or "jobs.children" not in key, "every page asks for it"
    assert wrong == []


def test_totals_are_those_of_ones_own_sites(app: Dash) -> None:
    everybody, two = Reader(app, "everything"), Reader(app, "two")
    for path in ("today", "comparison", "changes", "sites", "devices"):
        for basis in ("assets", "records", "ninja"):
            query = f"/api/dashboard/{path}?basis={basis}"
            own = json.loads(two.get(query)[1])
            selected = json.loads(everybody.get(f"{query}&site=2&site=3")[1])
            if path == "changes":
                assert own["bars"] == selected["bars"] and own["count"] == selected["count"]
                assert own["opening"] == selected["opening"] is not None
                assert {*own["bars"]} == {*BARS}
            else:
                own.pop("timestamp", None), selected.pop("timestamp", None)
                assert own == selected, query


def test_another_site_is_said_not_to_be_there(app: Dash) -> None:
    one = Reader(app, "one")
    assert one.get("/api/dashboard/devices?site=1")[0] == 200
    assert one.get("/api/dashboard/devices?site=2")[0] == 404
    assert one.get("/api/dashboard/devices?site=999")[0] == 404
    assert one.get("/sites/2")[0] == one.get("/sites/999")[0] == 404
    assert one.get("/sites/1")[0] == 200
    for path in ("/months", "/settings", "/collections", "/coverage", "/report"):
        code, text = one.get(path)
        assert code == 403, path
    assert "sees only some sites" in one.get("/months")[1]


def test_a_site_that_is_taken_away_is_gone_with_the_next_request(app: Dash) -> None:
    engine = app.server.extensions["inventory_hub"].engine
    two = Reader(app, "two")
    assert two.get("/api/dashboard/devices?site=3")[0] == 200
    with writing(engine) as connection:
        user = users.by_name(connection, "two")
        users.set_sites(connection, user, [2], "test", NOW)
    try:
        assert two.get("/api/dashboard/devices?site=3")[0] == 404
        assert {item["site_id"] for item in json.loads(two.get("/api/sites")[1])["items"]} == {2}
    finally:
        with writing(engine) as connection:
            user = users.by_name(connection, "two")
            users.set_sites(connection, user, [2, 3], "test", NOW)


def test_whoever_sees_only_some_sites_decides_nothing(app: Dash) -> None:
    two = Reader(app, "two")
    headers = {"X-CSRF-Token": two.token}
    answer = two.client.patch("/api/machines/" + "a" * 64, json={}, headers=headers)
    assert answer.status_code in (400, 403)
    assert two.get("/api/audit")[0] == 403
    page = json.dumps(two.client.get("/_dash-layout").get_json())
    assert "/settings" not in page and "/months" not in page and "/devices" in page
