"""The pages of the settings on which administrators manage users, tokens and thresholds."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import pytest
from dash import Dash
from sqlalchemy import Engine, select

from dashboard.app import create_app
from dashboard.components.settings.users import people_card
from dashboard.decisions.proposals.registry import propose
from dashboard.queries.people.user_list import people
from db import sessions, tokens, users
from db.decisions import parse
from db.engine import reading, writing
from db.roles import ADMINISTRATOR, MANAGER, VIEWER
from db.settings import load
from db.tables import api_tokens, audit_log
from db.tables import users as users_table
from db.thresholds import Thresholds
from tests.support.mounted_page import expand_drawn
from tests.support.sign_in_site import KEY, PASSWORD, Browser, Clock, add_site, hashed
from tests.support.small_hub import Hub, pcs

NOW = Clock().now


class Settings:
    """The dashboard with an administrator, and callbacks that somebody calls."""

    def __init__(self, engine: Engine, **environ: str) -> None:
        self.engine, self.clock = engine, Clock()
        self.settings = load({"SECRET_KEY": KEY, "PUBLIC_URL": "http://hub.test"} | environ)
        self.app: Dash = create_app(engine, clock=self.clock, settings=self.settings)
        with writing(engine) as connection:
            for number, name in ((1, "Harbor Dental"), (2, "North Farms")):
                add_site(connection, number, name)
            for name, role in (("Ana", ADMINISTRATOR), ("Mia", MANAGER), ("Vic", VIEWER)):
                users.add(connection, name, role, "test", NOW)
            connection.execute(users_table.update().values(password_hash=hashed()))

    def signed_in(self, name: str) -> Browser:
        browser = Browser(self.app.server.test_client(), "192.0.2.1")
        browser.get("/login?local=1")
        assert browser.post("/login", username=name, password=PASSWORD).status_code == 303
        browser.get("/")
        return browser

    def call(
        self, who: Browser, output: str, pressed: str, values: Mapping[str, Any]
    ) -> tuple[int, Any]:
        """The answer of the callback that writes `output`, after `pressed` (an id and property)."""
        ((key, callback, written),) = [
            (key, each, written)
            for key, each in self.app.callback_map.items()
            if each.get("callback")
            for written in [
                each["output"] if isinstance(each["output"], list) else [each["output"]]
            ]
            if output in [str(part) for part in written if not part.allow_duplicate]
        ]
        outputs = [
            {"id": part.component_id, "property": part.component_property} for part in written
        ]
        values = {"n_clicks": 1} | dict(values)
        parts = {
            kind: [
                part | {"value": values.get(part["id"], values.get(part["property"]))}
                for part in callback[kind]
            ]
            for kind in ("inputs", "state")
        }
        body = {
            "output": key, "changedPropIds": [pressed], **parts,
            "outputs": outputs if isinstance(callback["output"], list) else outputs[0],
        }  # fmt: skip
        answer = who.client.post(
            "/_dash-update-component", json=body, headers={"X-CSRF-Token": who.token},
            environ_overrides=who.environ,
        )  # fmt: skip
        return answer.status_code, expand_drawn(answer.get_json()) if answer.is_json else None

    def user(self, name: str) -> Any:
        with reading(self.engine) as connection:
            return users.by_name(connection, name)

    def audit(self, action: str) -> list[Any]:
        c = audit_log.c
        with reading(self.engine) as connection:
            rows = select(audit_log).where(c.action == action).order_by(c.entry_id)
            return list(connection.execute(rows))


@pytest.fixture
def here(sqlite_engine: Engine) -> Settings:
    return Settings(sqlite_engine)


def add_user(here: Settings, who: Browser, **values: Any) -> tuple[int, str]:
    given = {"users-role": VIEWER, "users-sites": "[]"} | {
        f"users-{k}": v for k, v in values.items()
    }
    code, answer = here.call(who, "users-once.children", "users-add.n_clicks", given)
    return code, json.dumps(answer)


def change_user(here: Settings, who: Browser, name: str, button: str, **values: Any) -> Any:
    user = here.user(name)
    given = {
        "users-act": {"user_id": user.user_id}, "user-role": user.role, "user-sites": "[]",
        **{f"user-{k}": v for k, v in values.items()},
    }  # fmt: skip
    code, answer = here.call(who, "users-changed.data", f"user-{button}.n_clicks", given)
    return code, json.dumps(answer)


def test_an_administrator_adds_somebody_and_sees_the_link_once(here: Settings) -> None:
    ana = here.signed_in("Ana")
    code, said = add_user(here, ana, name="  Ben   Ode ", role=MANAGER, sites='["2"]')
    assert code == 200
    (link,) = set(re.findall(r"http://hub\.test/invite/([\w-]+)", said))
    with reading(here.engine) as connection:
        ben = users.by_name(connection, "ben ode")
        assert (ben.role, users.sites_of(connection, ben)) == (MANAGER, {2})
        assert sessions.open_link(connection, link, NOW).user_id == ben.user_id
    code, listed = here.call(ana, "users-list.children", "users-changed.data", {})
    text = json.dumps(listed)
    for word in ("Ben Ode", "North Farms", "has no password yet", "every site", "never", "4 users"):
        assert word in text, word
    assert link not in text
    for name, words in (("Ben ode", "already"), ("", "1 to 100"), ("local", "audit log itself")):
        assert words in add_user(here, ana, name=name)[1]
    assert here.user("local") is None


def test_an_administrator_changes_and_signs_out_and_disables_but_not_the_last_one(
    here: Settings,
) -> None:
    ana, mia = here.signed_in("Ana"), here.signed_in("Mia")
    assert change_user(here, ana, "Mia", "save", role=VIEWER, sites='["1"]')[0] == 200
    with reading(here.engine) as connection:
        row = users.by_name(connection, "Mia")
        assert (row.role, users.sites_of(connection, row)) == (VIEWER, {1})
    assert change_user(here, ana, "Mia", "save", role=ADMINISTRATOR)[0] == 200
    assert (here.user("Mia").role, here.user("Mia").limited) == (ADMINISTRATOR, False)
    assert "sees every site" in change_user(here, ana, "Mia", "save", sites='["1"]')[1]
    assert change_user(here, ana, "Mia", "save", role=MANAGER)[0] == 200
    assert mia.get("/account").status_code == 200
    assert "signed out everywhere" in change_user(here, ana, "Mia", "sign-out")[1]
    assert mia.get("/account").status_code == 303, "with the very next request"
    code, said = change_user(here, ana, "Mia", "link")
    assert re.search(r"http://hub\.test/invite/[\w-]{43}", said)
    assert "is disabled" in change_user(here, ana, "Mia", "disable")[1]
    assert not here.user("Mia").enabled
    assert "let Mia sign in again first" in change_user(here, ana, "Mia", "link")[1]
    assert "can sign in again" in change_user(here, ana, "Mia", "disable")[1]
    for button, values in (("disable", {}), ("save", {"role": VIEWER})):
        assert "only administrator" in change_user(here, ana, "Ana", button, **values)[1]
    assert (here.user("Ana").role, here.user("Ana").enabled) == (ADMINISTRATOR, True)
    assert [len(here.audit(f"user_{what}")) for what in ("link", "sign_out", "disable")] == [
        1,
        1,
        1,
    ]


def test_every_change_of_a_user_is_noted_with_the_network_address_of_whoever_made_it(
    here: Settings,
) -> None:
    ana = here.signed_in("Ana")
    assert add_user(here, ana, name="Ben", sites='["2"]')[0] == 200
    for button, values in (
        ("save", {"role": MANAGER, "sites": '["1"]'}), ("save", {"role": ADMINISTRATOR}),
        ("link", {}), ("sign-out", {}), ("disable", {}), ("disable", {}),
    ):  # fmt: skip
        assert change_user(here, ana, "Ben", button, **values)[0] == 200
    changes = ("add", "link", "set", "sign_out", "disable", "enable")
    entries = [entry for what in changes for entry in here.audit(f"user_{what}")]
    noted = [
        (entry.action, json.loads(entry.detail).get("address"))
        for entry in entries
        if (entry.actor, entry.subject) == ("Ana", "user Ben")
    ]
    times = {"add": 1, "link": 2, "set": 5, "sign_out": 1, "disable": 1, "enable": 1}
    assert noted == [(f"user_{what}", "192.0.2.1") for what, n in times.items() for _ in range(n)]


def add_token(here: Settings, who: Browser, **values: Any) -> tuple[int, str]:
    given = {"kind": "api", "role": VIEWER, "scopes": ["read"], "sites": "[]"} | values
    named = {f"tokens-{k}": v for k, v in given.items()}
    code, answer = here.call(who, "tokens-once.children", "tokens-add.n_clicks", named)
    return code, json.dumps(answer)


def test_an_administrator_makes_tokens_sees_each_once_and_revokes_by_typing(
    here: Settings,
) -> None:
    ana = here.signed_in("Ana")
    code, said = add_token(here, ana, name="billing", expires="2030-01-31", sites='["1"]',
                           addresses="192.0.2.7, 10.0.0.0/8")  # fmt: skip
    assert code == 200
    (text,) = set(re.findall(r"ihub_api_[0-9a-f]{12}_[\w-]{43}", said))
    asked = here.app.server.test_client()
    bearer = {"Authorization": f"Bearer {text}"}
    known = {"REMOTE_ADDR": "192.0.2.7"}
    assert asked.get("/api/sites", headers=bearer, environ_overrides=known).status_code == 200
    assert asked.get("/api/sites", headers=bearer).status_code == 403
    assert "enrol" in add_token(here, ana, kind="enrol", name="", site="New Co", role=None)[1]
    for wrong, words in (
        ({"scopes": []}, "tick what it may"), ({"addresses": "here"}, "no address or network"),
        ({"expires": "2020-01-01"}, "later day"), ({"expires": "soon"}, "soon"),
        ({"role": ADMINISTRATOR, "sites": '["1"]'}, "decides nothing"),
    ):  # fmt: skip
        assert words in add_token(here, ana, **wrong)[1]
    code, listed = here.call(ana, "tokens-list.children", "tokens-changed.data", {})
    words = json.dumps(listed)
    for word in ("2 tokens", "billing", "Harbor Dental", "31 Jan 2030", "read as viewer", "New Co",
                 "let machines in", "192.0.2.7/32"):  # fmt: skip
        assert word in words, word
    assert text.split("_", 3)[3] not in words
    for odd in ("2030-02-31", "tomorrow", "9999-12-31"):
        assert f"{odd} is no day" in str(add_token(here, ana, name="odd", expires=odd)[1])
    public_id = text.split("_")[2]
    act = {"tokens-act": {"public_id": public_id}}
    pressed = ("tokens-changed.data", "token-revoke.n_clicks")
    assert "to confirm" in str(here.call(ana, *pressed, act | {"token-typed": "bill"})[1])
    assert here.call(ana, *pressed, act | {"token-typed": " Billing "})[0] == 200
    with reading(here.engine) as connection:
        row = tokens.rows_by_public_id(connection, [public_id])[public_id]
        assert row.revoked_at == here.clock()
        assert connection.execute(select(api_tokens)).all()[1].revoked_at is None
    (made, _enrol), (ended,) = here.audit("token_add"), here.audit("token_revoke")
    for entry in (made, ended):
        assert (entry.actor, entry.subject) == ("Ana", f"token {public_id}")
        assert json.loads(entry.detail)["address"] == "192.0.2.1"


def test_others_see_why_and_can_do_nothing(here: Settings) -> None:
    ana = here.user("Ana")
    for name in ("Mia", "Vic"):
        who = here.signed_in(name)
        for path, doing in (("users", "Managing users"), ("tokens", "Managing tokens")):
            code, said = here.call(
                who, "_pages_content.children", "_pages_location.pathname",
                {"_pages_location": f"/settings/{path}", "pathname": f"/settings/{path}"},
            )  # fmt: skip
            assert (code, f"{doing} needs the role administrator" in json.dumps(said)) == (
                200,
                True,
            )
            assert "Ana" not in json.dumps(said).replace("Managing", "")
            assert "/settings/rules" in json.dumps(said), "the tabs lead on"
    # Nor is it a dead end for who sees only some sites, to whom the other tabs are closed too.
    with writing(here.engine) as connection:
        users.set_sites(connection, users.by_name(connection, "Vic"), {1}, "test", NOW)
    code, said = here.call(
        here.signed_in("Vic"), "_pages_content.children", "_pages_location.pathname",
        {"_pages_location": "/settings/users", "pathname": "/settings/users"},
    )  # fmt: skip
    assert code == 200 and "Go to the Overview" in json.dumps(said)
    for name in ("Mia", "Vic"):
        who = here.signed_in(name)
        refused = [
            add_user(here, who, name="Eve", role=ADMINISTRATOR)[0],
            change_user(here, who, "Ana", "disable")[0],
            add_token(here, who, role=ADMINISTRATOR)[0],
            here.call(who, "users-list.children", "users-changed.data", {})[0],
            here.call(who, "tokens-list.children", "tokens-changed.data", {})[0],
            here.call(who, "user-title.children", "users-act.data",
                      {"users-act": {"user_id": ana.user_id}})[0],
            here.call(who, "tokens-changed.data", "token-revoke.n_clicks",
                      {"tokens-act": {"public_id": "0"}})[0],
        ]  # fmt: skip
        assert refused == [403] * 7
    assert here.user("Eve") is None


def test_where_others_sign_people_in_there_is_no_link_but_for_administrators(
    sqlite_engine: Engine,
) -> None:
    here = Settings(
        sqlite_engine, AUTH="oidc", OIDC_ISSUER="https://login.test", OIDC_CLIENT_ID="hub",
        OIDC_CLIENT_SECRET="s", OIDC_NAME="Acme",
    )  # fmt: skip
    ana = here.signed_in("Ana")
    page = here.call(
        ana, "_pages_content.children", "_pages_location.pathname",
        {"_pages_location": "/settings/users", "pathname": "/settings/users"},
    )[1]  # fmt: skip
    assert "Acme lets the person in by this name; an administrator also" in json.dumps(page)
    code, answer = add_user(here, ana, name="Eve")
    assert code == 200 and "Acme lets Eve in" in answer and "/invite/" not in answer
    assert "/invite/" in add_user(here, ana, name="Bob", role=ADMINISTRATOR)[1]
    assert "Acme lets Eve in" in change_user(here, ana, "Eve", "link")[1]
    opened = here.call(
        ana, "user-title.children", "users-act.data",
        {"users-act": {"user_id": here.user("Eve").user_id}},
    )[1]  # fmt: skip
    assert "Acme lets Eve in" in json.dumps(opened)
    assert opened["response"]["user-link"]["disabled"] is True
    with reading(sqlite_engine) as connection:
        states = {each.name: each.state for each in people(connection, here.settings)}
    assert states["Eve"] == "ok"


def test_the_list_says_who_needs_a_second_factor(sqlite_engine: Engine) -> None:
    here = Settings(sqlite_engine, REQUIRE_SECOND_FACTOR="administrators")
    with reading(sqlite_engine) as connection:
        everybody = people(connection, here.settings)
    assert {each.name: each.second_factor for each in everybody} == {
        "Ana": "required", "Mia": "none", "Vic": "none",
    }  # fmt: skip
    assert "required, not added yet" in json.dumps(
        people_card(everybody, sign_in_is_off=False), default=lambda part: part.to_plotly_json()
    )


def test_without_sign_in_the_page_of_users_says_that_it_is_off(sqlite_engine: Engine) -> None:
    here = Settings(sqlite_engine, AUTH="none")
    local = Browser(here.app.server.test_client(), "127.0.0.1")
    local.get("/")
    code, listed = here.call(local, "users-list.children", "users-changed.data", {})
    assert code == 200
    assert "Sign-in is off" in json.dumps(listed)
    assert "invite/" in add_user(here, local, name="Ben")[1]


def ask_thresholds(here: Settings, who: Browser, **changed: Any) -> str:
    values = asdict(Thresholds()) | changed
    named = {f"thresholds-{k.replace('_', '-')}": v for k, v in values.items()}
    code, said = here.call(who, "thresholds-wrong.children", "thresholds-save.n_clicks", named)
    assert code == 200
    return json.dumps(said)


def test_thresholds_are_asked_for_whole_and_the_dialog_says_what_goes(here: Settings) -> None:
    hub = Hub(here.engine)
    for day in (date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 21)):
        hub.collect(day, pcs(range(3)))
    ana, vic = here.signed_in("Ana"), here.signed_in("Vic")
    for changed, words in (
        ({"retention_days": None}, "from 1 to 36500"), ({"growth_devices": 0}, "from 1 to"),
        ({"administrator_percent": 2}, "cannot be below"),
        ({"retention_days": 2.5}, "whole number"),
    ):  # fmt: skip
        said = ask_thresholds(here, ana, **changed)
        assert words in said and "save_thresholds" not in said
    assert "save_thresholds" in ask_thresholds(here, ana, retention_days=64)
    code, said = here.call(
        ana, "_pages_content.children", "_pages_location.pathname",
        {"_pages_location": "/settings/thresholds", "pathname": "/settings/thresholds"},
    )  # fmt: skip
    assert (code, "thresholds-retention-days" in json.dumps(said)) == (200, True)
    cases = (
        ({"retention_days": 9, "month_end_retention_months": 1}, "deletes 56 days and", "delete"),
        ({"retention_days": 90, "vanished_devices": 7}, "10 \u2192 7", ""),
    )
    for changed, words, typed in cases:
        decision = parse(
            "save_thresholds", {"thresholds": asdict(Thresholds()) | changed, "reason": "why"}
        )  # fmt: skip
        with here.app.server.test_request_context("/"), reading(here.engine) as connection:
            proposal = propose(connection, decision)
        assert (proposal.danger, proposal.typed) == (bool(typed), typed)
        assert words in f"{proposal.lines} {proposal.facts}"
    code, said = here.call(
        vic, "_pages_content.children", "_pages_location.pathname",
        {"_pages_location": "/settings/thresholds", "pathname": "/settings/thresholds"},
    )  # fmt: skip
    assert (code, "Changing thresholds needs the role" in json.dumps(said)) == (200, True)
    code, said = here.call(vic, "thresholds-history.children", "settled.data", {"filters": ""})
    assert "From the environment" in json.dumps(said)
