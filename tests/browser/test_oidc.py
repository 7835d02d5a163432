"""Signing in with an OpenID provider, and out again, in a browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine
from werkzeug.serving import make_server

from dashboard.app import create_app
from db.settings import load
from tests.support.api_server import serve_in_thread
from tests.support.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    OpenIdProvider,
    openid_provider,
)
from tests.support.sign_in_site import KEY


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as made:
        made.people["ana"] = {"sub": "1", "preferred_username": "ana", "groups": ["staff"]}
        yield made


def test_a_person_comes_in_by_the_provider_to_the_page_and_goes_out_there_too(
    page: Page, provider: OpenIdProvider, sqlite_engine: Engine
) -> None:
    settings = load({
        "AUTH": "oidc", "SECRET_KEY": KEY, "OIDC_ISSUER": provider.issuer, "OIDC_NAME": "Acme",
        "OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_ROLES": "staff=viewer",
    })  # fmt: skip
    server = create_app(sqlite_engine, settings=settings).server
    with serve_in_thread(make_server("127.0.0.1", 0, server, threaded=True)) as address:
        provider.redirect_uris.add(f"{address}/login/oidc/callback")
        page.goto(f"{address}/sites")
        page.get_by_role("link", name="Sign in with Acme").click()
        page.get_by_role("link", name="ana").click()
        page.wait_for_url(f"{address}/sites")
        page.goto(f"{address}/account")
        expect(page.get_by_text("Signed in as ana, viewer.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(re.compile("/login$"))
        expect(page.get_by_role("link", name="Sign in with Acme")).to_be_visible()
        assert provider.signed_out[0]["client_id"] == CLIENT_ID
        page.goto(f"{address}/sites")
        expect(page).to_have_url(f"{address}/login?next=%2Fsites")
        page.goto("about:blank")
