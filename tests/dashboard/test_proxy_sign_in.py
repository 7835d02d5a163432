"""AUTH=proxy: a proxy of TRUSTED_PROXIES says who sends a request, and nobody else does."""

import json
import re
from collections.abc import Iterator, Mapping

import pytest
import requests
from sqlalchemy import Engine, select

from dashboard.app import create_app
from db import users
from db.engine import reading, writing
from db.roles import ADMINISTRATOR, MANAGER, VIEWER
from db.settings import WrongSettings, load
from db.tables import audit_log
from tests.support.api_server import NOW, serve_with_granian
from tests.support.sign_in_site import KEY

ROLES = "Hub Admins=administrator;cn=billing,dc=example=manager; Staff = viewer"


class Proxied:
    """A dashboard behind a proxy, and what it answers."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.address = engine, ""

    def get(
        self, path: str, user: str | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        named = {} if user is None else {"X-Forwarded-User": user}
        sent = {**named, **(headers or {})}
        return requests.get(self.address + path, headers=sent, timeout=60, allow_redirects=False)

    def add(self, name: str, role: str = VIEWER) -> None:
        with writing(self.engine) as connection:
            users.add(connection, name, role, "test", NOW)

    def role(self, name: str) -> tuple[str, bool] | None:
        with reading(self.engine) as connection:
            row = users.by_name(connection, name)
        return None if row is None else (row.role, row.limited)

    def audit(self) -> list[tuple[str, str, str, str]]:
        c = audit_log.c
        with reading(self.engine) as connection:
            rows = connection.execute(select(c.actor, c.action, c.subject, c.detail))
            return [(*row[:3], json.loads(row.detail).get("reason", "")) for row in rows]


@pytest.fixture
def hub(sqlite_engine: Engine, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """Answers to requests from 127.0.0.1, which is the proxy unless the test says otherwise."""
    environ = {"AUTH": "proxy", "SECRET_KEY": KEY, "TRUSTED_PROXIES": "127.0.0.1"}
    settings = load(environ | getattr(request, "param", {}))
    made = Proxied(sqlite_engine)
    app = create_app(sqlite_engine, clock=lambda: NOW, settings=settings)
    with serve_with_granian(app.server, settings.trusted_proxies) as made.address:
        yield made


def test_sec_25_the_proxy_says_who_it_is(hub: Proxied) -> None:
    hub.add("Ana")
    hub.add("Ünal", MANAGER)
    page = hub.get("/sites", "ana")
    assert page.status_code == 200
    assert "Ana" in hub.get("/_dash-layout", "ana").text
    assert "Sign out" not in hub.get("/_dash-layout", "ana").text
    assert hub.get("/api/audit", "Ana").status_code == 403
    assert hub.get("/api/audit", "Ünal".encode().decode("latin-1")).status_code == 200
    back = hub.get("/login?next=/sites", "Ana")
    assert (back.status_code, back.headers["Location"]) == (303, "/sites")
    assert hub.get("/login?next=//evil.example", "Ana").headers["Location"] == "/"
    nobody = hub.get("/sites")
    assert nobody.status_code == 401 and "without a name" in nobody.text
    assert hub.get("/login").status_code == 401
    assert hub.get("/api/sites").json()["code"] == 401
    stranger = hub.get("/sites", "Eve")
    assert stranger.status_code == 401 and "Eve has no account here" in stranger.text
    assert hub.role("Eve") is None
    with writing(hub.engine) as connection:
        users.set_enabled(connection, users.by_name(connection, "Ana"), False, "t", NOW)
    assert "Ana is disabled here" in hub.get("/sites", "Ana").text
    # Nor is one that WSGI would take for the same.
    assert hub.get("/sites", None, {"X_Forwarded_User": "Ana"}).status_code == 401


@pytest.mark.parametrize("hub", [{"PROXY_SIGN_OUT_URL": "/oauth2/sign_out?rd=/"}], indirect=True)
def test_signing_out_leads_to_the_proxy(hub: Proxied) -> None:
    hub.add("Ana", ADMINISTRATOR)
    with requests.Session() as browser:
        browser.headers["X-Forwarded-User"] = "Ana"
        assert "Sign out" in browser.get(f"{hub.address}/_dash-layout", timeout=60).text
        page = browser.get(f"{hub.address}/sites", timeout=60)
        token = re.findall('name="csrf_token" value="([^"]+)"', page.text)[0]
        left = browser.post(f"{hub.address}/logout", data={"csrf_token": token}, timeout=60)
    assert left.status_code == 200
    assert 'content="0; url=/oauth2/sign_out?rd=/"' in left.text
    for wrong in ("//evil.example", "http://evil.example/", "javascript:x"):
        with pytest.raises(WrongSettings, match="PROXY_SIGN_OUT_URL"):
            load({"AUTH": "proxy", "SECRET_KEY": KEY, "PROXY_SIGN_OUT_URL": wrong})


@pytest.mark.parametrize("hub", [{"TRUSTED_PROXIES": "192.0.2.1"}], indirect=True)
def test_sec_25_a_header_from_elsewhere_is_ignored_and_noted_once(hub: Proxied) -> None:
    hub.add("Ana", ADMINISTRATOR)
    for _ in range(3):
        for headers in (
            {}, {"X-Forwarded-For": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"},
            {"X-Real-IP": "192.0.2.1"},
        ):  # fmt: skip
            refused = hub.get("/sites", "Ana", headers)
            assert refused.status_code == 401
            assert "TRUSTED_PROXIES" in refused.text
    assert hub.get("/api/sites", "Ana").status_code == 401
    assert hub.get("/api/health", "Ana").status_code == 200
    noted = [row for row in hub.audit() if row[1] == "sign_in_refused"]
    reason = "header not from a trusted proxy"
    assert noted == [("stranger", "sign_in_refused", "user ?", reason)]


def test_sec_19_another_site_changes_nothing_through_the_proxy(hub: Proxied) -> None:
    hub.add("Ana", ADMINISTRATOR)
    with requests.Session() as browser:
        browser.headers["X-Forwarded-User"] = "Ana"
        page = browser.get(f"{hub.address}/sites", timeout=60)
        token = re.findall('name="csrf_token" value="([^"]+)"', page.text)[0]
        path = f"{hub.address}/api/machines/ab"
        assert browser.patch(path, json={}, timeout=60).status_code == 403
        right = {"X-CSRF-Token": token}
        assert browser.patch(path, json={}, headers=right, timeout=60).status_code == 400
        other = right | {"Origin": "https://evil.example"}
        assert browser.patch(path, json={}, headers=other, timeout=60).status_code == 403


@pytest.mark.parametrize("hub", [{"UNKNOWN_USERS": "nothing"}], indirect=True)
def test_who_is_unknown_can_be_made_a_viewer_of_nothing(hub: Proxied) -> None:
    assert hub.get("/sites", "Eve").status_code == 200
    assert hub.role("Eve") == (VIEWER, True)
    with reading(hub.engine) as connection:
        assert users.sites_of(connection, users.by_name(connection, "Eve")) == frozenset()
    assert hub.get("/sites", "local").status_code == 401, "a name of the audit log"
    assert [row[:3] for row in hub.audit()][:2] == [
        ("proxy", "user_add", "user Eve"), ("proxy", "user_set", "user Eve")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "hub", [{"PROXY_GROUPS_HEADER": "Remote-Groups", "PROXY_ROLES": ROLES}], indirect=True
)
def test_groups_give_roles_with_the_very_next_request(hub: Proxied) -> None:
    def status(groups: str, path: str = "/api/audit") -> int:
        return hub.get(path, "Eve", {"Remote-Groups": groups}).status_code

    assert status("Staff, others") == 403
    assert hub.role("Eve") == (VIEWER, False)
    assert status("Staff,Hub Admins") == 200
    assert hub.role("Eve") == (ADMINISTRATOR, False)
    assert status("staff", "/api/sites") == 401, "a group's name is taken as it is"
    assert status("Staff", "/api/sites") == 200
    assert hub.role("Eve") == (VIEWER, False)
    changes = [row[2] for row in hub.audit() if row[1] == "user_set"]
    assert changes == ["user Eve"] * 2
    with reading(hub.engine) as connection:
        details = connection.scalars(select(audit_log.c.detail)).all()
    assert {json.loads(each).get("address") for each in details} == {"127.0.0.1"}
