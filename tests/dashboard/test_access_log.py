"""The line that each request logs, and the id that its answer names."""

import json
import logging

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from cli.logs import JsonLines
from dashboard.app import create_app
from db.settings import load
from tests.support.sign_in_site import KEY, Site


class Kept(logging.Handler):
    """Keeps the lines as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(self.format(record))


@pytest.fixture
def kept() -> Kept:
    handler, log = Kept(), logging.getLogger("dashboard.access")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)


def client(engine: Engine) -> FlaskClient:
    found: FlaskClient = create_app(engine, settings=load({"AUTH": "none"})).server.test_client()
    return found


def test_a_request_is_logged_with_who_what_and_its_id(named_sqlite: Engine, kept: Kept) -> None:
    answer = client(named_sqlite).get("/api/sites?site=3&limit=5", buffered=True)
    (line,) = map(json.loads, kept.text)
    assert line["message"] == f"GET /api/sites {answer.status_code}"
    assert line["correlation_id"] == answer.headers["X-Correlation-Id"]
    assert (line["query"], line["actor"], line["address"]) == (
        "site=3&limit=5", "local", "127.0.0.1"
    )  # fmt: skip
    assert line["bytes"] == len(answer.data) and line["ms"] > 0


def test_sec_29_no_secret_of_an_address_is_logged(sqlite_engine: Engine, kept: Kept) -> None:
    stranger = Site(sqlite_engine).browser()
    for path in ("/invite/s3cret-invitation", "/login?next=/x%3Ftoken%3Ds3cret&password=s3cret",
                 "/login/oidc/callback?code=s3cret&state=s3cret"):  # fmt: skip
        stranger.get(path, buffered=True)
    stranger.post("/login", username="ada", password="s3cret").close()
    assert len(kept.text) == 4 and KEY not in "".join(kept.text)
    assert "s3cret" not in "".join(kept.text), kept.text
    assert json.loads(kept.text[0])["path"] == "/invite/<token>"
    assert json.loads(kept.text[1])["query"] == "next=...&password=..."


def test_asvs_16_4_1_no_address_makes_a_second_line(named_sqlite: Engine, kept: Kept) -> None:
    client(named_sqlite).get('/x%0A{"level": "ERROR"}%E2%80%A8?q=%0Aforged', buffered=True)
    (line,) = kept.text
    assert len(line.splitlines()) == 1 and json.loads(line)["query"] == "q=\nforged"


def test_what_every_page_loads_is_not_logged(named_sqlite: Engine, kept: Kept) -> None:
    there = client(named_sqlite)
    for path in ("/assets/css/01-tokens.css", "/api/health"):
        assert there.get(path).status_code == 200
    assert kept.text == []


def test_each_request_has_an_id_of_its_own_and_none_is_taken_from_outside(
    named_sqlite: Engine,
) -> None:
    there, wanted = client(named_sqlite), {"X-Correlation-Id": "mine"}
    ids = {there.get("/api/sites", headers=wanted).headers["X-Correlation-Id"] for _ in range(3)}
    assert len(ids) == 3 and "mine" not in ids
