"""Signing in: who gets in, how sessions end, and what other sites cannot do."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from dashboard.api.files.limit import FILES_A_MINUTE
from dashboard.signin.next_page import safe_next
from db import sessions, tokens, users
from db.engine import reading, writing
from db.roles import ADMINISTRATOR, MANAGER, VIEWER
from db.tables import audit_log, user_sessions
from tests.support.sign_in_site import KEY, OTHER_KEY, PASSWORD, Site

PAGES = ("/", "/devices?q=a", "/sites/1", "/report", "/charts", "/account", "/nothing")
CALLED_BY_PROGRAMS = (
    "/_dash-layout", "/_dash-dependencies", "/api/dashboard/today", "/api/machines",
    "/export/devices.csv", "/export/invoice-pack.zip",
)  # fmt: skip


@pytest.fixture
def site(sqlite_engine: Engine) -> Iterator[Site]:
    yield Site(sqlite_engine)


def test_sec_21_strangers_are_sent_to_sign_in_and_programs_get_401(site: Site) -> None:
    stranger = site.browser()
    for path in PAGES:
        response = stranger.get(path)
        assert (path, response.status_code) == (path, 303)
        assert response.location.startswith("/login?next=%2F")
        head = stranger.client.head(path)
        assert (path, head.status_code, head.location) == (path, 303, response.location)
    for path in CALLED_BY_PROGRAMS:
        response = stranger.get(path)
        assert (path, response.status_code, response.is_json) == (path, 401, True)
    assert stranger.callback().status_code == 401
    assert stranger.get("/api/health").status_code == 200
    assert stranger.get("/assets/favicon.svg").status_code == 200


def test_signing_in_leads_back_to_the_page(site: Site) -> None:
    site.add("Ana", VIEWER)
    ana = site.browser()
    there = ana.get("/sites?basis=ninja").location
    assert '<input type="hidden" name="next" value="/sites?basis=ninja">' in ana.get(there).text
    response = ana.post("/login", username="ANA ", password=PASSWORD, next="/sites?basis=ninja")
    assert (response.status_code, response.location) == (303, "/sites?basis=ninja")
    assert ana.get("/sites").status_code == 200
    assert ana.callback(**{"X-CSRF-Token": ana.token}).status_code == 200
    assert ("Ana", "sign_in", "user Ana") in site.audit()


def test_asvs_6_3_8_wrong_password_unknown_name_and_disabled_person_get_one_answer(
    site: Site,
) -> None:
    site.add("Ana", VIEWER)
    site.add("Ben", VIEWER)
    with writing(site.engine) as connection:
        ben = users.by_name(connection, "Ben")
        users.set_enabled(connection, ben, False, "test", site.clock())
    browser = site.browser()
    answers = {
        (response.status_code, response.text.replace(f'value="{name}"', ""))
        for name, password in (("Ana", "wrong"), ("Eve", "wrong"), ("Ben", PASSWORD), ("Ana", ""))
        for response in [browser.sign_in(name, password)]
    }
    assert len(answers) == 1
    code, text = answers.pop()
    assert code == 401 and "Name or password is wrong." in text
    assert [entry for entry in site.audit() if entry[1] == "sign_in_refused"] == [
        ("stranger", "sign_in_refused", f"user {name}") for name in ("Ana", "Eve", "Ben", "Ana")
    ]


def test_asvs_6_3_1_guessing_is_slowed_down_without_locking_the_owner_out(site: Site) -> None:
    site.add("Ana", VIEWER)
    guesser = site.browser("203.0.113.9")
    codes = [guesser.sign_in("Ana", "wrong").status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    last = guesser.sign_in("Ana")
    assert last.status_code == 429, "the right one too: it might have been guessed"
    assert 0 < int(last.headers["Retry-After"]) <= 61
    owner = site.browser("192.0.2.1")
    assert owner.sign_in("Ana").status_code == 303


def test_asvs_6_2_7_password_managers_and_pasting_work_and_nobody_reads_along(site: Site) -> None:
    page = site.browser().get("/login").text
    field = re.search('<input[^>]*name="password"[^>]*>', page)
    assert field and 'type="password"' in field[0]
    assert 'autocomplete="current-password"' in field[0]
    assert "paste" not in page and "maxlength" not in field[0]


@pytest.mark.parametrize("way", ["sign out", "disable", "password", "unused", "too old", "end"])
def test_asvs_7_4_1_a_session_is_dead_at_once(site: Site, way: str) -> None:
    site.add("Ana", VIEWER)
    ana = site.browser()
    ana.sign_in("Ana")
    cookie = ana.client.get_cookie("inventory_hub")
    assert cookie is not None
    with writing(site.engine) as connection:
        user = users.by_name(connection, "Ana")
        assert user is not None
        if way == "disable":
            users.set_enabled(connection, user, False, "test", site.clock())
        elif way == "password":
            users.set_password(connection, user, "other " + PASSWORD, "test", site.clock())
        elif way == "end":
            (listed,) = sessions.of_user(connection, user.user_id)
            assert sessions.end(connection, user.user_id, listed.session_id)
    if way == "sign out":
        assert ana.post("/logout").location == "/login"
    if way in ("unused", "too old"):
        for _ in range(11 if way == "too old" else 1):
            site.clock.now += sessions.UNUSED_FOR - timedelta(minutes=2 if way == "too old" else 0)
            with writing(site.engine) as connection:
                if way == "too old":
                    connection.execute(user_sessions.update().values(last_seen_at=site.clock.now))
    ana.client.set_cookie("inventory_hub", cookie.value)
    assert ana.get("/").status_code == 303
    assert ana.callback(**{"X-CSRF-Token": ana.token}).status_code == 401


def test_a_forged_or_foreign_cookie_is_a_stranger(site: Site) -> None:
    site.add("Ana", ADMINISTRATOR)
    elsewhere = site.browser(SECRET_KEY=OTHER_KEY)
    elsewhere.sign_in("Ana")
    foreign = elsewhere.client.get_cookie("inventory_hub")
    assert foreign is not None
    for value in (foreign.value, foreign.value[:-2] + "xx", "x", ""):
        browser = site.browser()
        browser.client.set_cookie("inventory_hub", value)
        assert browser.get("/api/dashboard/today").status_code == 401


def test_a_new_key_signs_nobody_out_while_the_old_one_is_known(site: Site) -> None:
    site.add("Ana", VIEWER)
    before = site.browser()
    before.sign_in("Ana")
    cookie = before.client.get_cookie("inventory_hub")
    assert cookie is not None
    for old, code in ((KEY, 200), (None, 303)):
        rotated = {"SECRET_KEY": OTHER_KEY} | ({"SECRET_KEY_OLD": old} if old else {})
        after = site.browser(**rotated)
        after.client.set_cookie("inventory_hub", cookie.value)
        assert after.get("/").status_code == code


def test_sec_19_another_site_changes_nothing(site: Site) -> None:
    site.add("Ana", ADMINISTRATOR)
    ana = site.browser()
    ana.sign_in("Ana")
    right = {"X-CSRF-Token": ana.token}
    assert ana.callback(**right).status_code == 200
    for headers in (
        {},
        {"X-CSRF-Token": "x"},
        right | {"Origin": "https://evil.example"},
        right | {"Origin": "null"},
        right | {"Origin": "http://[x"},
        right | {"Sec-Fetch-Site": "cross-site"},
        right | {"Sec-Fetch-Site": "same-site"},
    ):
        assert ana.callback(**headers).status_code == 403, headers
    assert ana.callback(**right, Origin="http://localhost").status_code == 200
    plain = ana.client.post("/_dash-update-component", data="{}", content_type="text/plain")
    assert plain.status_code == 403
    ana.token = ""
    assert ana.post("/logout").status_code == 403
    assert ana.client.patch("/api/machines/ab", json={}).status_code == 403
    assert ana.get("/").status_code == 200, "she is signed in as before"


def test_a_form_that_repeats_no_token_signs_nobody_in(site: Site) -> None:
    site.add("Ana", VIEWER)
    browser = site.browser()
    assert browser.post("/login", username="Ana", password=PASSWORD).status_code == 401
    assert ("stranger", "sign_in_refused", "user Ana") in site.audit()


def test_a_role_that_does_not_suffice_is_named(site: Site) -> None:
    site.add("Ana", VIEWER)
    ana = site.browser()
    ana.sign_in("Ana")
    refused = ana.get("/api/audit")
    assert refused.status_code == 403
    assert "manager" in refused.get_json()["error"]
    with writing(site.engine) as connection:
        user = users.by_name(connection, "Ana")
        users.set_role(connection, user, MANAGER, "test", site.clock())
    assert ana.get("/api/audit").status_code == 200, "with the very next request"


def test_api_tokens_need_no_secret_of_a_page(site: Site) -> None:
    with writing(site.engine) as connection:
        text = tokens.create(
            connection, tokens.API, "billing", "test", site.clock(), role=ADMINISTRATOR
        )
    headers = {"Authorization": f"Bearer {text}", "Sec-Fetch-Site": "cross-site"}
    response = site.browser().client.patch("/api/machines/ab", json={}, headers=headers)
    assert response.status_code == 400, "let through, and then there is nothing to change"


def changed_from(site: Site) -> dict[str, str | None]:
    """The network address in the entry of each change of a user."""
    c = audit_log.c
    with reading(site.engine) as connection:
        rows = connection.execute(select(c.action, c.detail).where(c.action.startswith("user_")))
        return {row.action: json.loads(row.detail).get("address") for row in rows}


def test_asvs_6_3_2_the_first_administrator_is_made_by_a_link_once(site: Site) -> None:
    with writing(site.engine) as connection:
        old = sessions.new_link(connection, None, site.clock())
        link = sessions.new_link(connection, None, site.clock())
    browser = site.browser()
    gone = browser.get(f"/invite/{old}")
    assert gone.status_code == 410, "a newer one was printed"
    assert "Ask an administrator for a new one.</p>" in gone.text
    assert "first administrator" in browser.get(f"/invite/{link}").text
    again = {"username": "Ana", "password": PASSWORD, "again": PASSWORD}
    for wrong, words in (
        ({"password": "short", "again": "short"}, "12 characters"),
        ({"password": "password12345", "again": "password12345"}, "easy to guess"),
        ({"again": "other"}, "not the same"),
        ({"username": "local"}, "audit log"),
        ({"username": " "}, "printable"),
    ):
        refused = browser.post(f"/invite/{link}", **(again | wrong))
        assert refused.status_code == 400 and words in refused.text, wrong
    accepted = browser.post(f"/invite/{link}", **again)
    assert (accepted.status_code, accepted.location) == (303, "/")
    assert browser.get("/api/audit").status_code == 200
    late = site.browser()
    assert late.get(f"/invite/{link}").status_code == 410
    with writing(site.engine) as connection:
        second = sessions.new_link(connection, None, site.clock())
    assert late.get(f"/invite/{second}").status_code == 410, "there is one now"
    assert changed_from(site) == {"user_add": "192.0.2.1", "user_password": "192.0.2.1"}


def test_the_link_of_an_invitation_lasts_a_day_and_ends_with_the_person(site: Site) -> None:
    links = {}
    with writing(site.engine) as connection:
        for name in ("Ana", "Ben", "Eve"):
            user_id = users.add(connection, name, VIEWER, "test", site.clock())
            links[name] = sessions.new_link(connection, user_id, site.clock())
        users.set_enabled(connection, users.by_name(connection, "Ben"), False, "test", site.clock())
    site.clock.now += timedelta(hours=23)
    browser = site.browser()
    assert "Welcome, Ana" in browser.get(f"/invite/{links['Ana']}").text
    assert browser.get(f"/invite/{links['Ben']}").status_code == 410
    chosen = browser.post(f"/invite/{links['Ana']}", password=PASSWORD, again=PASSWORD)
    assert chosen.status_code == 303
    site.clock.now += timedelta(hours=1)
    assert browser.get(f"/invite/{links['Eve']}").status_code == 410


def test_a_changed_password_ends_every_other_session(site: Site) -> None:
    site.add("Ana", VIEWER)
    here, there = site.browser(), site.browser()
    for browser in (here, there):
        browser.sign_in("Ana")
    assert here.get("/account").text.count("<td>22 Nov 2026, 09:30</td>") == 4, "two sessions"
    new = "nine green paper lanterns"
    for fields, words in (
        ({"current": "wrong", "password": new, "again": new}, "current password is wrong"),
        ({"current": PASSWORD, "password": new, "again": "x"}, "not the same"),
        ({"current": PASSWORD, "password": "ana", "again": "ana"}, "12 characters"),
    ):
        refused = here.post("/account/password", **fields)
        assert refused.status_code == 400 and words in refused.text
    changed = here.post("/account/password", current=PASSWORD, password=new, again=new)
    assert changed.status_code == 303
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 303
    assert site.browser().sign_in("Ana").status_code == 401
    assert site.browser().sign_in("Ana", new).status_code == 303
    assert changed_from(site)["user_password"] == "192.0.2.1"


def test_asvs_3_3_1_cookies_are_locked_to_the_public_address(site: Site) -> None:
    site.add("Ana", VIEWER)
    plain = site.browser().sign_in("Ana").headers["Set-Cookie"]
    assert plain.startswith("inventory_hub=") and "HttpOnly" in plain and "SameSite=Lax" in plain
    secure = site.browser(PUBLIC_URL="https://hub.example.com")
    cookie = secure.get("/login", base_url="https://hub.example.com").headers["Set-Cookie"]
    assert cookie.startswith("__Host-inventory_hub=")
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert part in cookie
    assert "Domain" not in cookie
    answer = secure.get("/login", base_url="https://hub.example.com")
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_pages_opened_by_plain_http_lead_to_the_https_address(site: Site) -> None:
    """The session's cookie is for https alone, so the form could never work there."""
    browser = site.browser(PUBLIC_URL="https://hub.example.com")
    for path in ("/login", "/login?next=%2Fsites", "/invite/x", "/", "/sites?q=a", "/report"):
        answer = browser.get(path)
        assert (path, answer.status_code) == (path, 303)
        assert answer.location == f"https://hub.example.com{path}"
        assert browser.client.head(path).location == answer.location
    said = browser.get("/login", headers={"X-Forwarded-Proto": "http"})
    assert said.location == "https://hub.example.com/login"
    for path, code in (("/api/health", 200), ("/api/sites", 401), ("/assets/favicon.svg", 200)):
        assert (path, browser.get(path).status_code) == (path, code)
    assert browser.client.post("/api/machines", json={}).status_code == 401
    assert browser.get("/report", headers={"Authorization": "Bearer x"}).status_code == 401
    # Behind a proxy that says nothing of the scheme, or says it to nobody, there is no circle.
    for headers in (
        {"Sec-Fetch-Site": "none"}, {"X-Forwarded-For": "192.0.2.7"},
        {"X-Forwarded-Proto": "https"},
    ):  # fmt: skip
        assert browser.get("/login", headers=headers).status_code == 200
    assert browser.get("/login", base_url="https://hub.example.com").status_code == 200


def test_sec_23_answers_to_people_are_kept_by_no_cache(site: Site) -> None:
    site.add("Ana", VIEWER)
    ana = site.browser()
    ana.sign_in("Ana")
    for path in ("/", "/account", "/api/dashboard/today", "/export/devices.csv", "/_dash-layout"):
        headers = ana.get(path).headers
        assert headers["Cache-Control"] == "no-store", path
        assert "Cookie" in headers["Vary"], path


@pytest.mark.parametrize(
    "text",
    [
        "//e.example", "/\\e.example", "\\/e.example", "https:e.example", "https://e.example",
        "%2f%2fe.example", "/\t/e.example", "/\n/e.example", "/\r\n/e", " //e.example", "///e",
        "javascript:alert(1)", "JaVaScRiPt:1", "data:text/html,x", "/\u2215e", "\u2044\u2044e",
        "/\uff0fe", "http:///e", "e.example", "", "?q=1", "#x", "/ /e", "/\x00/e", "/login",
        "/login?next=/login", "/logout", "mailto:a@b", "//[::1", "/\\\\e", "\t//e", "ftp://e",
        "https:/e", "/\x0b/e", "/\x7f/e", "@e", "://e", "\x01//e", "//e@localhost", "//localhost",
    ],
)  # fmt: skip
def test_sec_24_only_a_path_of_ours_is_next(text: str) -> None:
    assert safe_next(text) == "/"


@pytest.mark.parametrize("text", ["/", "/sites/1?basis=ninja&q=a%20b", "/%2f/e", "/months#x"])
def test_sec_24_a_page_of_ours_is_next(text: str) -> None:
    assert safe_next(text) == text


def test_asvs_16_3_3_a_cookie_that_counts_for_nothing_is_in_the_audit_log_once_a_minute(
    site: Site,
) -> None:
    site.add("Ana", VIEWER)
    ana = site.browser("192.0.2.1")
    ana.sign_in("Ana")
    cookie = ana.client.get_cookie("inventory_hub")
    assert cookie is not None
    ana.post("/logout")
    signed_by_another_key = site.browser(SECRET_KEY=OTHER_KEY)
    signed_by_another_key.sign_in("Ana")
    foreign = signed_by_another_key.client.get_cookie("inventory_hub")
    assert foreign is not None
    forged = cookie.value[:-2] + ("aa" if cookie.value[-2:] != "aa" else "bb")
    sent = (forged, "x.y.z", foreign.value, cookie.value)
    for number, value in enumerate(sent):
        browser = site.browser(f"203.0.113.{number}")
        for _ in range(3):
            browser.client.set_cookie("inventory_hub", value)
            assert browser.get("/api/dashboard/today").status_code == 401
            assert browser.get("/sites").location == "/login?next=%2Fsites"
    refused = [entry for entry in site.audit() if entry[1] == "session_refused"]
    assert refused == [("stranger", "session_refused", "a cookie")] * len(sent)
    for number in range(100):
        browser = site.browser(f"198.51.100.{number}")
        browser.client.set_cookie("inventory_hub", "x")
        assert browser.get("/api/dashboard/today").status_code == 401
    refused = [entry for entry in site.audit() if entry[1] == "session_refused"]
    assert len(refused) == 60, "whatever the addresses"
    assert site.browser().get("/api/dashboard/today").status_code == 401, "without a cookie"


def test_asvs_2_4_1_whoever_takes_very_many_files_waits_and_others_do_not(site: Site) -> None:
    for name in ("Ana", "Ben"):
        site.add(name, VIEWER)
    ana, ben = site.browser(), site.browser()
    ana.sign_in("Ana")
    ben.sign_in("Ben")
    codes = [ana.get("/export/sites.csv").status_code for _ in range(FILES_A_MINUTE + 1)]
    assert codes == [200] * FILES_A_MINUTE + [429]
    waits = ana.get("/export/sites.xlsx")
    assert 0 < int(waits.headers["Retry-After"]) <= 61
    assert waits.get_json()["code"] == 429
    assert ben.get("/export/sites.csv").status_code == 200
    assert ana.get("/sites").status_code == 200


@pytest.mark.parametrize("field", ["job", "oldJob", "cancelJob", "cacheKey"])
def test_sec_20_forged_background_jobs_do_nothing(site: Site, field: str) -> None:
    site.add("Ana", VIEWER)
    ana = site.browser()
    ana.sign_in("Ana")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        forged = f"?{field}={process.pid}"
        answer = ana.callback(forged, **{"X-CSRF-Token": ana.token})
        assert answer.status_code == 200
        assert answer.get_data() == ana.callback(**{"X-CSRF-Token": ana.token}).get_data()
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
