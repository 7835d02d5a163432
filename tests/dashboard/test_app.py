"""The dashboard's server: who may, what is kept, what every answer carries."""

import re
import socket
from datetime import UTC, datetime

import dash
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from dashboard.app import create_app
from dashboard.base.access import required_role
from dashboard.serving import AWAY_AFTER
from db.engine import normalise_url, open_engine, writing
from db.keys import device_id
from db.settings import load

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def client(engine: Engine, auth: str = "none") -> FlaskClient:
    settings = load({"AUTH": auth})
    app = create_app(engine, clock=lambda: NOW, settings=settings)
    found: FlaskClient = app.server.test_client()
    return found


def test_sec_04_every_route_declares_the_role_it_requires(sqlite_engine: Engine) -> None:
    app = create_app(sqlite_engine, clock=lambda: NOW, settings=load({"AUTH": "none"}))
    for rule in app.server.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert required_role(rule.rule, method) is not None


@pytest.mark.parametrize("path", ["/", "/devices", "/_dash-layout", "/api/dashboard/today"])
def test_sec_21_strangers_get_nothing_but_assets(sqlite_engine: Engine, path: str) -> None:
    strange = client(sqlite_engine, auth="password")
    assert strange.get(path).status_code == (401 if path.startswith(("/_", "/api")) else 303)
    assert strange.post("/_dash-update-component", json={}).status_code == 401
    assert strange.get("/assets/css/01-tokens.css").status_code == 200


@pytest.mark.parametrize("filled", [True, False], ids=["with data", "empty"])
@pytest.mark.parametrize("path", ["/", "/devices", "/nothing", "/_dash-layout", "/api/health"])
def test_asvs_3_4_3_every_answer_carries_the_security_headers(
    named_sqlite: Engine, sqlite_engine: Engine, path: str, filled: bool
) -> None:
    headers = client(named_sqlite if filled else sqlite_engine).get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/report", "/api/dashboard/today", "/export/devices.csv"])
def test_asvs_16_5_1_errors_show_nothing_of_the_inside(sqlite_engine: Engine, path: str) -> None:
    there = client(sqlite_engine)
    with writing(sqlite_engine) as connection:
        connection.execute(text("DROP TABLE collection_runs"))
        connection.execute(text("DROP TABLE device_snapshots"))
    answer = there.get(path)
    assert answer.status_code in (200, 503), "a page whose parts then say what failed"
    for inside in ("Traceback", "SELECT", "sqlalchemy", "OperationalError", "site-packages"):
        assert inside not in answer.text


def test_rel_09_pages_have_their_frame_while_the_database_s_host_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://hub:x@127.0.0.1:{silent.getsockname()[1]}/hub"
        engine = open_engine(normalise_url(address), away_after=AWAY_AFTER)
        app = create_app(engine, clock=lambda: NOW, settings=load({"AUTH": "none"}))
        there = app.server.test_client()
        for path in ("/devices", "/report"):
            answer = there.get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
            assert "The database cannot be read now" in answer.text
            assert '<a href="/sites">' in answer.text
        assert there.get("/api/health").json["database"] == "unreachable"
        # A page that is opened by a click from one that stands: the browser then loads it whole.
        (key,) = (key for key in app.callback_map if "_pages_content.children" in key)
        opened = app.callback_map[key]
        body = {
            "output": key,
            "outputs": [
                {"id": each.component_id, "property": each.component_property}
                for each in opened["output"]
            ],
            "inputs": [part | {"value": "/sites"} for part in opened["inputs"]],
            "state": [part | {"value": ""} for part in opened["state"]],
            "changedPropIds": ["_pages_location.pathname"],
        }
        assert there.post("/_dash-update-component", json=body).status_code == 503


def test_an_unknown_page_is_a_404_and_a_known_one_is_not(sqlite_engine: Engine) -> None:
    there = client(sqlite_engine)
    codes = {path: there.get(path).status_code for path in ("/", "/devices", "/devices/", "/no")}
    assert codes == {"/": 200, "/devices": 200, "/devices/": 200, "/no": 404}
    unknown = there.get("/api/no")
    assert unknown.status_code == 404
    assert unknown.is_json


def test_an_error_of_a_page_is_a_page_that_says_what_to_do(sqlite_engine: Engine) -> None:
    there = client(sqlite_engine)
    for answer, code, said in (
        (there.get("/assets/none.css"), 404, "There is nothing at this address"),
        (there.delete("/report"), 405, "A page is opened by its address"),
    ):
        assert (answer.status_code, answer.mimetype) == (code, "text/html")
        assert "<h1>This page cannot be shown</h1>" in answer.text
        assert said in answer.text and 'href="/">Go to the Overview' in answer.text


def test_a_page_of_an_unknown_item_is_rendered_with_404(named_sqlite: Engine) -> None:
    there = client(named_sqlite)
    known, unknown = device_id("ninja", "101"), device_id("ninja", "999")
    for path, code in (
        ("/sites/1", 200), ("/sites/0", 200), ("/sites/99", 404), ("/sites/x", 404),
        ("/sites/2026-10", 404), ("/sites/9999999999999999999", 404), (f"/devices/{known}", 200),
        (f"/devices/{unknown}", 404), ("/devices/1%27", 404), ("/months/2026-10", 200),
        ("/months/2019-01", 404), ("/months/2026-12", 404), ("/months/10", 404),
        ("/sites/1/more", 404), ("/not-found", 404), ("/nowhere", 404),
    ):  # fmt: skip
        answer = there.get(path)
        assert (path, answer.status_code) == (path, code)
        # Dash's own page, which then says what there is not.
        assert "_dash-renderer" in answer.text and answer.mimetype == "text/html"


def test_every_detail_page_answers_404_for_an_unknown_id(sqlite_engine: Engine) -> None:
    there = client(sqlite_engine)
    templates = [page["path_template"] for page in dash.page_registry.values()]
    for template in filter(None, templates):
        assert there.get(re.sub("<[a-z_]+>", "999999", template)).status_code == 404, template


def test_immutable_assets_are_named_by_their_content(sqlite_engine: Engine) -> None:
    there = client(sqlite_engine)
    document = there.get("/").text
    kept = re.findall(r'"(/assets/[^"]+\?v=[^"]+|/own/[^"]+)"', document)
    style = next(address for address in kept if address.endswith(".css"))
    kept += re.findall(r'url\("(/assets/[^"]+)"\)', there.get(style).text)
    for address in kept:
        answer = there.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["Cache-Control"]
    files = {
        "hub",
        "plotly-basic",
        "favicon",
        "inter-latin-wght-normal",
        "inter-latin-ext-wght-normal",
    }
    assert {address.split("/")[-1].split(".")[0] for address in kept} == files
    versions = {re.split(r"[=.]", address)[-1 if "?v=" in address else -2] for address in kept}
    assert len(versions) == len(files) + 1, "each file, style and script too, has its own version"
    for address in ("/assets/no.js?v=1", "/own/hub.000000000000.js"):
        missing = there.get(address)
        assert missing.status_code == 404
        assert "immutable" not in missing.headers.get("Cache-Control", "")
