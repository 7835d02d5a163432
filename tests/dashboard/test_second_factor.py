"""The second factor: a code from an app beside the password, and what replaces it."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from db import second_factors, users
from db.engine import reading, writing
from db.roles import ADMINISTRATOR, VIEWER
from db.settings import load
from db.tables import recovery_codes, user_sessions
from db.tables import second_factors as factors
from db.vault import Vault
from tests.support.sign_in_site import KEY, OTHER_KEY, PASSWORD, Browser, Site

WRONG = "000000"


@pytest.fixture
def site(sqlite_engine: Engine) -> Iterator[Site]:
    made = Site(sqlite_engine)
    made.add("Ana", VIEWER)
    yield made


class Phone:
    """An authenticator app, with the secret that a page showed."""

    def __init__(self, site: Site, page: TestResponse) -> None:
        shown = re.search(r'class="setup-key">([A-Z2-7 ]+)<', page.text)
        assert shown, page.text
        self.site, self.secret = site, shown[1].replace(" ", "")

    def code(self, steps: int = 0) -> str:
        """The code that it shows now, or so many steps of 30 s later."""
        return pyotp.TOTP(self.secret).at(int(self.site.clock.now.timestamp()) + 30 * steps)


def shown_codes(page: TestResponse) -> list[str]:
    return re.findall(r"<li><code>([a-z2-7-]+)</code></li>", page.text)


def with_second_factor(site: Site) -> tuple[Phone, list[str]]:
    """Ana's phone, half a minute after she added it, and her recovery codes."""
    browser = site.browser()
    browser.sign_in("Ana")
    browser.get("/account")
    assert browser.post("/account/second-factor", current=PASSWORD).status_code == 303
    phone = Phone(site, browser.get("/account/second-factor"))
    added = browser.post("/account/second-factor/add", code=phone.code())
    site.clock.now += timedelta(seconds=30)
    return phone, shown_codes(added)


def sessions_of(site: Site) -> int:
    with reading(site.engine) as connection:
        return connection.scalar(select(func.count()).select_from(user_sessions)) or 0


def first_step(site: Site, address: str = "192.0.2.1", **environ: str) -> Browser:
    """A browser in which Ana has given her password."""
    browser = site.browser(address, **environ)
    answer = browser.sign_in("Ana", next="/sites?basis=ninja")
    assert (answer.status_code, answer.location) == (303, "/login/code")
    browser.get("/login/code")
    return browser


def test_there_is_no_session_before_the_code_which_works_once(site: Site) -> None:
    phone, _codes = with_second_factor(site)
    before = sessions_of(site)
    browser = first_step(site)
    assert sessions_of(site) == before
    assert browser.get("/api/dashboard/today").status_code == 401
    assert browser.get("/account").status_code == 303
    browser.get("/login/code")
    wrong = browser.post("/login/code", code=WRONG)
    assert wrong.status_code == 401 and "code is wrong" in wrong.text
    code = f" {phone.code()[:3]} {phone.code()[3:]} "
    answer = browser.post("/login/code", code=code)
    assert (answer.status_code, answer.location) == (303, "/sites?basis=ninja")
    assert browser.get("/sites").status_code == 200
    assert sessions_of(site) == before + 1
    again = first_step(site)
    used = again.post("/login/code", code=phone.code())
    assert used.status_code == 401 and "or was used already: wait for the next one." in used.text
    site.clock.now += timedelta(seconds=30)
    assert again.post("/login/code", code=phone.code()).status_code == 303
    refused = [entry for entry in site.audit() if entry[1] == "sign_in_refused"]
    assert refused == [("stranger", "sign_in_refused", "user Ana")] * 2


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 303), (1, 303), (2, 401)])
def test_the_clock_of_a_phone_may_be_one_step_wrong(site: Site, steps: int, status: int) -> None:
    phone, _codes = with_second_factor(site)
    site.clock.now += timedelta(minutes=5)
    assert first_step(site).post("/login/code", code=phone.code(steps)).status_code == status


def test_what_only_looks_like_a_code_is_none(site: Site) -> None:
    with_second_factor(site)
    browser = first_step(site)
    texts = ("", "12345", "1234567", "٣٤٥٦٧٨", "abcdef", "a" * 5000, "0" * 6, "-", "\0")
    for number, text in enumerate(texts):
        browser.environ = {"REMOTE_ADDR": f"192.0.2.{100 + number}"}
        assert browser.post("/login/code", code=text).status_code == 401, text


def test_a_recovery_code_replaces_the_phone_once(site: Site) -> None:
    _phone, codes = with_second_factor(site)
    assert len(codes) == len(set(codes)) == 10
    assert first_step(site).post("/login/code", code=codes[0].upper()).status_code == 303
    assert first_step(site).post("/login/code", code=codes[0]).status_code == 401
    browser = first_step(site)
    assert browser.post("/login/code", code=codes[1].replace("-", " ")).status_code == 303
    assert "Recovery codes left: 8." in browser.get("/account").text
    new = shown_codes(browser.post("/account/second-factor/recovery-codes", current=PASSWORD))
    assert len(new) == 10 and not set(new) & set(codes)
    assert first_step(site).post("/login/code", code=codes[2]).status_code == 401
    assert first_step(site).post("/login/code", code=new[2]).status_code == 303


def test_what_is_stored_gives_neither_secret_nor_codes_away(site: Site) -> None:
    phone, codes = with_second_factor(site)
    with reading(site.engine) as connection:
        stored = connection.scalars(select(factors.c.secret)).one()
        hashes = connection.scalars(select(recovery_codes.c.code_hash)).all()
    assert phone.secret not in stored
    assert Vault(KEY).decrypt(stored) == phone.secret
    assert Vault(OTHER_KEY).decrypt(stored) is None
    assert all(len(each) == 64 for each in hashes) and not set(hashes) & set(codes)
    browser = first_step(site)
    browser.post("/login/code", code=phone.code())
    for path in ("/account", "/account/second-factor"):
        assert phone.secret not in browser.get(path).text.replace(" ", "")


def test_adding_and_removing_need_the_password_and_end_other_sessions(site: Site) -> None:
    here, there = site.browser(), site.browser()
    for browser in (here, there):
        browser.sign_in("Ana")
    assert here.get("/account/second-factor").location == "/account", "not without the password"
    here.get("/account")
    wrong = here.post("/account/second-factor", current="wrong")
    assert wrong.status_code == 400 and "current password is wrong" in wrong.text
    assert here.post("/account/second-factor/add", code=WRONG).location == "/account"
    here.get("/account")
    here.post("/account/second-factor", current=PASSWORD)
    page = here.get("/account/second-factor")
    phone = Phone(site, page)
    assert "<svg" in page.text and "otpauth" not in page.text
    assert Phone(site, here.get("/account/second-factor")).secret == phone.secret
    missed = here.post("/account/second-factor/add", code=WRONG)
    assert missed.status_code == 400 and "code is wrong" in missed.text
    assert len(shown_codes(here.post("/account/second-factor/add", code=phone.code()))) == 10
    assert here.get("/sites").status_code == 200
    assert there.get("/sites").status_code == 303
    here.get("/account")
    assert here.post("/account/second-factor/remove", current="wrong").status_code == 400
    assert here.post("/account/second-factor/remove", current=PASSWORD).location == "/account"
    assert site.browser().sign_in("Ana").location == "/"
    actions = [action for _actor, action, _subject in site.audit()]
    assert actions.count("second_factor_add") == actions.count("second_factor_remove") == 1


def test_the_password_alone_neither_replaces_nor_removes_a_second_factor(site: Site) -> None:
    with_second_factor(site)
    browser = first_step(site)
    assert browser.get("/login/second-factor").location == "/login"
    assert browser.post("/login/second-factor", code=WRONG).location == "/login"
    assert browser.post("/account/second-factor/remove", current=PASSWORD).status_code == 401
    stolen = browser.client.get_cookie("inventory_hub")
    assert stolen is not None
    site.clock.now += timedelta(minutes=11)
    assert browser.get("/login/code").location == "/login", "the first step was too long ago"
    with writing(site.engine) as connection:
        user = users.by_name(connection, "Ana")
        assert user is not None
        users.set_password(connection, user, f"{PASSWORD} too", "test", site.clock())
    site.clock.now -= timedelta(minutes=11)
    browser.client.set_cookie("inventory_hub", stolen.value)
    assert browser.get("/login/code").location == "/login", "it was another password"


@pytest.mark.parametrize("way", ["everybody", "administrators", "one"])
def test_who_needs_one_adds_it_before_anything_else(site: Site, way: str) -> None:
    site.add("Eve", ADMINISTRATOR)
    name = "Eve" if way == "administrators" else "Ana"
    environ = {} if way == "one" else {"REQUIRE_SECOND_FACTOR": way}
    before = site.browser()
    before.sign_in("Ana")
    with writing(site.engine) as connection:
        if way == "one":
            user = users.by_name(connection, "Ana")
            assert user is not None
            second_factors.set_required(connection, user, True, "test", site.clock())
        settings = load({"SECRET_KEY": KEY, **environ})
        second_factors.sign_out_without(connection, settings)
    # Whoever signed in before is led to it too.
    assert before.get("/sites").status_code == (200 if way == "administrators" else 303)
    browser = site.browser(**environ)
    assert browser.sign_in(name, next="/sites").location == "/login/second-factor"
    assert browser.get("/api/dashboard/today").status_code == 401
    phone = Phone(site, browser.get("/login/second-factor"))
    missed = browser.post("/login/second-factor", code=WRONG)
    assert missed.status_code == 400
    added = browser.post("/login/second-factor", code=phone.code())
    assert len(shown_codes(added)) == 10
    assert 'href="/sites"' in added.text
    assert browser.get("/sites").status_code == 200
    browser.get("/account")
    kept = browser.post("/account/second-factor/remove", current=PASSWORD)
    assert kept.status_code == 403 and "replace it, not remove it" in html.unescape(kept.text)


def test_guessing_codes_is_slowed_down_without_locking_the_owner_out(site: Site) -> None:
    phone, _codes = with_second_factor(site)
    guesser = first_step(site, "203.0.113.1")
    for number in range(1, 5):
        guesser.environ = {"REMOTE_ADDR": f"203.0.113.{number}"}
        codes = [guesser.post("/login/code", code=WRONG).status_code for _ in range(6)]
        assert codes == [401] * 5 + [429], number
    guesser.environ = {"REMOTE_ADDR": "203.0.113.5"}
    last = guesser.post("/login/code", code=phone.code())
    assert last.status_code == 429, "20 an hour, from whatever addresses"
    assert 3000 < int(last.headers["Retry-After"]) <= 3601
    owner = first_step(site, "192.0.2.1")
    assert owner.post("/login/code", code=phone.code()).status_code == 303


def test_a_form_without_the_secret_of_its_page_is_refused(site: Site) -> None:
    phone, _codes = with_second_factor(site)
    browser = first_step(site)
    browser.token = "x"
    assert browser.post("/login/code", code=phone.code()).status_code == 401
    assert site.browser().post("/login/code", code=phone.code()).location == "/login"


def test_a_new_key_reads_the_secrets_of_the_old_one_and_renews_them(site: Site) -> None:
    phone, _codes = with_second_factor(site)
    rotated = {"SECRET_KEY": OTHER_KEY, "SECRET_KEY_OLD": KEY}
    browser = first_step(site, **rotated)
    assert browser.post("/login/code", code=phone.code()).status_code == 303
    with writing(site.engine) as connection:
        vault = Vault.of(load(rotated))
        assert list(second_factors.renew_encryption(connection, vault)) == []
        assert list(second_factors.renew_encryption(connection, Vault(KEY))) == ["Ana"]
        stored = connection.scalars(select(factors.c.secret)).one()
    assert Vault(OTHER_KEY).decrypt(stored) == phone.secret
