"""Sign-in with an OpenID provider, which answers over HTTP: who gets in, and what is refused."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import Engine, select
from werkzeug.serving import make_ssl_devcert

from db import users
from db.engine import reading, writing
from db.roles import ADMINISTRATOR, MANAGER, VIEWER
from db.tables import audit_log, user_sessions
from tests.support.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Claims,
    OpenIdProvider,
    openid_provider,
    rsa_key,
)
from tests.support.sign_in_site import PASSWORD, Browser, Site, add_site

ROLES = "hub-admins=administrator;billing=manager;everybody=viewer"
CALLBACK = "http://localhost/login/oidc/callback"


class OidcSite(Site):
    """A dashboard whose people are those of a provider."""

    def __init__(self, engine: Engine, provider: OpenIdProvider) -> None:
        super().__init__(engine)
        self.provider = provider

    def browser(self, address: str = "192.0.2.1", **environ: str) -> Browser:
        settings = {
            "AUTH": "oidc", "OIDC_ISSUER": self.provider.issuer, "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET, "OIDC_ROLES": ROLES, "OIDC_NAME": "Acme",
            "PUBLIC_URL": "http://localhost",
        }  # fmt: skip
        return super().browser(address, **(settings | environ))

    def role(self, name: str) -> str | None:
        with reading(self.engine) as connection:
            row = users.by_name(connection, name)
        return None if row is None else row.role


@pytest.fixture
def site(sqlite_engine: Engine) -> Iterator[OidcSite]:
    with openid_provider() as provider:
        made = OidcSite(sqlite_engine, provider)
        provider.clock = lambda: made.clock().timestamp()
        provider.redirect_uris.add(CALLBACK)
        provider.people["ana"] = {
            "sub": "1", "preferred_username": "ana", "groups": ["everybody", "billing"]
        }  # fmt: skip
        yield made


def back_from(
    site: OidcSite, browser: Browser, who: str = "ana", next: str = "/", verify: bool | str = True
) -> str:
    """The path with which the provider sends a browser back."""
    leave = browser.get(f"/login/oidc?{urlencode({'next': next})}")
    assert leave.status_code == 303, leave.text
    page = requests.get(leave.location, timeout=60, verify=verify)
    assert who in page.text
    chosen = requests.get(
        f"{site.provider.issuer}/choose?{urlsplit(leave.location).query}&who={who}",
        timeout=60, allow_redirects=False, verify=verify,
    )  # fmt: skip
    return chosen.headers["Location"].removeprefix("http://localhost")


def test_a_person_signs_in_and_the_groups_give_the_role_each_time(site: OidcSite) -> None:
    browser = site.browser()
    assert "Sign in with Acme" in browser.get("/login?next=/sites").text
    answer = browser.get(back_from(site, browser, next="/sites?basis=ninja"))
    assert (answer.status_code, answer.location) == (303, "/sites?basis=ninja")
    assert browser.get("/api/audit").status_code == 200
    assert site.role("ana") == MANAGER
    ana = site.provider.people["ana"]
    for groups, role in ((["hub-admins"], ADMINISTRATOR), ("everybody", VIEWER)):
        ana["groups"] = groups
        again = site.browser()
        assert again.get(back_from(site, again)).status_code == 303
        assert site.role("ana") == role
    assert browser.get("/api/audit").status_code == 403, "in every session"
    ana["groups"] = ["others"]
    refused = site.browser()
    answer = refused.get(back_from(site, refused))
    assert answer.status_code == 401 and "None of the groups of ana has a role" in answer.text
    assert browser.get("/sites").status_code == 303, "signed out everywhere"
    # A name at the provider may change; the person is the same. The user info has the groups.
    site.provider.groups_in_token = False
    ana |= {"groups": ["billing"], "preferred_username": "ana.maria"}
    again = site.browser()
    assert again.get(back_from(site, again)).status_code == 303
    assert (site.role("ana"), site.role("ana.maria")) == (MANAGER, None)
    # The provider signs with new keys.
    site.provider.key = rsa_key("second")
    site.provider.published.append(site.provider.key)
    assert again.get(back_from(site, again)).status_code == 303


def test_groups_say_which_sites_somebody_sees(site: OidcSite) -> None:
    with writing(site.engine) as connection:
        for number, name in ((1, "Harbor Dental"), (2, "North Farms")):
            add_site(connection, number, name)
    sites = "everybody=harbor dental|No Such Site;billing=North Farms;desk=*"
    ana = site.provider.people["ana"]
    for groups, seen in (
        (["everybody", "billing"], {1, 2}), (["billing"], {2}), (["hub-admins"], None),
        (["billing", "desk"], None), (["everybody"], {1}),
    ):  # fmt: skip
        ana["groups"] = groups
        browser = site.browser(OIDC_SITES=sites)
        assert browser.get(back_from(site, browser)).status_code == 303
        with reading(site.engine) as connection:
            assert users.sites_of(connection, users.by_name(connection, "ana")) == seen, groups
    listed = browser.get("/_dash-layout").text
    assert "Harbor Dental" in listed and "North Farms" not in listed
    # Who has a role and is in no group with sites sees nothing.
    browser = site.browser(OIDC_SITES="others=*")
    assert browser.get(back_from(site, browser)).status_code == 303
    assert "Harbor Dental" not in browser.get("/_dash-layout").text
    with reading(site.engine) as connection:
        rows = connection.execute(
            select(audit_log.c.detail).where(audit_log.c.actor == "openid provider")
        ).all()
    assert len(rows) > 5
    assert {json.loads(row.detail)["address"] for row in rows} == {"192.0.2.1"}


def test_a_provider_over_tls_that_wants_its_secret_in_the_form_and_knows_people_by_mail(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    certificate, key = make_ssl_devcert(str(tmp_path / "localhost"), cn="localhost")
    with openid_provider(certificate=(certificate, key)) as provider:
        site = OidcSite(sqlite_engine, provider)
        provider.clock, provider.secret_in_form = lambda: site.clock().timestamp(), True
        provider.redirect_uris.add(CALLBACK)
        provider.people["ana"] = {
            "sub": "1", "email": "ana@acme.example", "groups": ["everybody"]
        }  # fmt: skip
        distrustful = site.browser(OIDC_NAME_CLAIM="email")
        refused = distrustful.get("/login/oidc")
        assert refused.status_code == 503 and "does not answer" in refused.text
        browser = site.browser(OIDC_NAME_CLAIM="email", OIDC_CA_FILE=certificate)
        answer = browser.get(back_from(site, browser, verify=certificate))
        assert answer.status_code == 401, "anybody may have entered that address"
        provider.people["ana"]["email_verified"] = True
        answer = browser.get(back_from(site, browser, verify=certificate))
        assert answer.status_code == 303, answer.text
        assert site.role("ana@acme.example") == VIEWER


def test_signing_out_ends_both_sessions(site: OidcSite) -> None:
    browser = site.browser()
    browser.get(back_from(site, browser))
    with reading(site.engine) as connection:
        kept = connection.scalars(select(user_sessions.c.id_token)).one()
    assert kept and "." not in kept, "encrypted"
    assert "Change your password" not in browser.get("/account").text
    page = browser.post("/logout")
    assert page.status_code == 200 and 'http-equiv="refresh"' in page.text
    address = page.text.split("url=")[1].split('"')[0].replace("&amp;", "&")
    assert address.startswith(f"{site.provider.issuer}/logout?")
    requests.get(address, timeout=60, allow_redirects=False)
    (told,) = site.provider.signed_out
    assert told["post_logout_redirect_uri"] == "http://localhost/login"
    claims = json.loads(base64.urlsafe_b64decode(told["id_token_hint"].split(".")[1] + "=="))
    assert claims["sub"] == "1"
    assert browser.get("/sites").status_code == 303


def unsigned(claims: Claims) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return b".".join([*encoded, b""]).decode()


def by_secret(key: str) -> Callable[[Claims], str]:
    """What a program takes that lets the token choose between a secret and a public key."""
    return lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key))


CHANGED: dict[str, Callable[[Claims], Claims]] = {
    "wrong aud": lambda claims: claims | {"aud": "another"},
    "several aud without azp": lambda claims: claims | {"aud": [CLIENT_ID, "another"]},
    "another azp": lambda claims: claims | {"azp": "another"},
    "wrong iss": lambda claims: claims | {"iss": "https://evil.example"},
    "expired": lambda claims: claims | {"exp": claims["iat"] - 61},
    "no exp": lambda claims: {k: v for k, v in claims.items() if k != "exp"},
    "from the future": lambda claims: claims | {"iat": claims["iat"] + 3600},
    "wrong nonce": lambda claims: claims | {"nonce": "x"},
    "no nonce": lambda claims: {k: v for k, v in claims.items() if k != "nonce"},
    "no sub": lambda claims: {k: v for k, v in claims.items() if k != "sub"},
    "no name": lambda claims: {k: v for k, v in claims.items() if k != "preferred_username"},
}


def test_sec_27_a_token_that_proves_nothing_is_refused(site: OidcSite) -> None:
    provider, foreign = site.provider, rsa_key("first")
    signed: dict[str, Callable[[Claims], str]] = {
        "alg=none": unsigned,
        "signed by the client's secret": by_secret(CLIENT_SECRET),
        "swapped key": lambda claims: provider.sign(claims, foreign),
        "no token": lambda claims: "x",
        "cut": lambda claims: provider.sign(claims)[:-5],
    }
    for number, name in enumerate([*CHANGED, *signed]):
        provider.change_claims = CHANGED.get(name, lambda claims: claims)
        provider.make_token = signed.get(name, provider.sign)
        browser = site.browser(f"198.51.100.{number}")
        answer = browser.get(back_from(site, browser))
        assert answer.status_code == 401, name
        assert "Sign in again." in answer.text, name
        assert browser.get("/sites").status_code == 303, name
    refused = [entry for entry in site.audit() if entry[1] == "sign_in_refused"]
    assert len(refused) == len(CHANGED) + len(signed)
    assert site.role("ana") is None


def test_sec_27_a_replayed_or_foreign_code_state_or_nonce_is_refused(site: OidcSite) -> None:
    browser, other = site.browser("198.51.100.1"), site.browser("198.51.100.2")
    path = back_from(site, browser)
    assert other.get(path).status_code == 401, "another browser's state"
    cookie = browser.client.get_cookie("inventory_hub")
    assert cookie is not None
    assert browser.get(path).status_code == 303
    assert browser.get(path).status_code == 401, "again"
    thief = site.browser("198.51.100.3")
    thief.client.set_cookie("inventory_hub", cookie.value)
    assert thief.get(path).status_code == 401, "with the cookie of then"
    # The code of another sign-in: the provider wants the verifier that belongs to it.
    first, second = (parse_qs(urlsplit(back_from(site, each)).query) for each in (browser, other))
    mixed = {"state": second["state"][0], "code": first["code"][0]}
    assert other.get(f"/login/oidc/callback?{urlencode(mixed)}").status_code == 401
    for query in ("", "?state=&code=", "?code=x", "?state=x&code=x", "?error=access_denied"):
        assert site.browser("198.51.100.4").get(f"/login/oidc/callback{query}").status_code == 401
    mixed_up = site.browser("198.51.100.5")
    path = back_from(site, mixed_up)
    evil = urlencode({"iss": "https://evil.example"})
    path = "&".join([part for part in path.split("&") if not part.startswith("iss=")] + [evil])
    assert mixed_up.get(path).status_code == 401, "RFC 9207"
    late = site.browser("198.51.100.6")
    path = back_from(site, late)
    site.clock.now += timedelta(minutes=11)
    assert late.get(path).status_code == 401, "too late"
    refused = [entry for entry in site.audit() if entry[1] == "sign_in_refused"]
    assert len(refused) == 6, "one a minute for an address"


def test_a_provider_that_is_down_or_refuses_is_a_sentence(site: OidcSite) -> None:
    site.provider.is_down = True
    browser = site.browser()
    down = browser.get("/login/oidc")
    assert down.status_code == 503 and "Acme does not answer" in down.text
    site.provider.is_down = False
    assert browser.get("/login/oidc").status_code == 503, "it is not asked at once again"
    fresh = site.browser(OIDC_NAME="Acme 2")
    path = back_from(site, fresh)
    state = parse_qs(urlsplit(path).query)["state"][0]
    denied = fresh.get(f"/login/oidc/callback?error=access_denied&state={state}")
    assert denied.status_code == 401 and "Acme 2 did not let you in." in denied.text
    path = back_from(site, fresh)
    site.provider.is_down = True
    assert fresh.get(path).status_code in (401, 503)
    nobody = site.browser(OIDC_ISSUER="http://127.0.0.1:9")
    assert nobody.get("/login/oidc").status_code == 503
    other = site.browser(OIDC_ISSUER=f"{site.provider.issuer}/other")
    assert other.get("/login/oidc").status_code == 503


def test_the_name_of_somebody_here_is_not_taken_over(site: OidcSite) -> None:
    site.add("ana", ADMINISTRATOR)
    browser = site.browser(OIDC_ROLES="")
    refused = browser.get(back_from(site, browser))
    assert refused.status_code == 401 and "--no-password" in refused.text
    with writing(site.engine) as connection:
        user = users.by_name(connection, "ana")
        assert user is not None
        users.remove_password(connection, user, "test", site.clock())
    assert browser.get(back_from(site, browser)).status_code == 303
    assert browser.get("/api/audit").status_code == 200, "the role that was given here"
    site.provider.people["eve"] = {"sub": "2", "preferred_username": "ANA"}
    eve = site.browser("198.51.100.1", OIDC_ROLES="")
    refused = eve.get(back_from(site, eve, "eve"))
    assert refused.status_code == 401 and "another person here" in refused.text
    site.provider.people["eve"]["preferred_username"] = "eve"
    refused = eve.get(back_from(site, eve, "eve"))
    assert refused.status_code == 401 and "eve has no account here" in refused.text
    let_in = site.browser(OIDC_ROLES="", UNKNOWN_USERS="nothing")
    assert let_in.get(back_from(site, let_in, "eve")).status_code == 303
    with reading(site.engine) as connection:
        assert users.sites_of(connection, users.by_name(connection, "eve")) == frozenset()


def test_administrators_may_still_sign_in_with_a_password(site: OidcSite) -> None:
    site.add("root", ADMINISTRATOR)
    site.add("ben", VIEWER)

    def status(name: str, **environ: str) -> int:
        browser = site.browser(**environ)
        browser.get("/login?local=1")
        return browser.post("/login", username=name, password=PASSWORD).status_code

    assert 'name="password"' not in site.browser().get("/login").text
    assert 'name="password"' in site.browser().get("/login?local=1").text
    assert (status("root"), status("ben")) == (303, 401)
    assert status("ben", OIDC_LOCAL_SIGN_IN="everybody") == 303
    assert status("root", OIDC_LOCAL_SIGN_IN="nobody") == 401
    nobody = site.browser(OIDC_LOCAL_SIGN_IN="nobody")
    assert 'name="password"' not in nobody.get("/login?local=1").text
