"""The language is a person's choice, else the one last chosen in the browser."""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import Babel
from sqlalchemy import Engine

from dashboard.base.i18n import TRANSLATIONS, language_names, languages, translate_error
from db import users
from db.engine import reading
from db.roles import VIEWER
from tests.support.sign_in_site import Browser, Site


def stored(site: Site, name: str) -> str | None:
    with reading(site.engine) as connection:
        row = users.by_name(connection, name)
    assert row is not None
    language: str | None = row.language
    return language


def test_the_menu_offers_the_languages_that_have_a_catalogue_and_keeps_the_choice(
    sqlite_engine: Engine,
) -> None:
    site = Site(sqlite_engine)
    site.add("Ana", VIEWER)
    ana: Browser = site.browser()
    ana.sign_in("Ana")
    page = ana.client.get("/_dash-layout", environ_overrides=ana.environ).text
    for code, name in language_names().items():
        assert f'data-language\\": \\"{code}' in page and name in page
    assert '<html lang="en">' in ana.get("/").text
    assert ana.post("/account/language", language="xx", next="/").status_code == 303
    assert stored(site, "Ana") is None, "there is no such language"
    answer = ana.post("/account/language", language="en", next="/devices?q=a")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/devices?q=a")
    assert stored(site, "Ana") == "en"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("inventory_hub_language=en;")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    for elsewhere in ("https://evil.example", "//evil.example"):
        answer = ana.post("/account/language", language="en", next=elsewhere)
        assert answer.headers["Location"] == "/"
    ana.token = ""
    assert ana.post("/account/language", language="en").status_code == 403
    stranger = site.browser()
    assert stranger.post("/account/language", language="en").status_code in (303, 401, 403)
    assert "inventory_hub_language" not in str(stranger.client.get_cookie("inventory_hub_language"))
    assert languages()[0] == "en"


def test_errors_of_users_passwords_and_tokens_are_translated(tmp_path: Path) -> None:
    with (TRANSLATIONS / "messages.pot").open("rb") as file:
        known = {str(message.id) for message in read_po(file)}
    english = "There is a user %(name)r already: choose another name."
    assert {
        english, "Choose a password of %(n)s characters or more.",
        "A token that may do nothing is of no use: tick what it may.",
        "%(name)s is disabled here: ask an administrator.",
    } <= known  # fmt: skip
    folder = tmp_path / "pt" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog(locale="pt")
    catalog.add(english, "O usu\u00e1rio %(name)r j\u00e1 existe.")
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    app = Flask("translated")
    Babel(app, default_translation_directories=str(tmp_path), locale_selector=lambda: "pt")
    error = users.UserError(english, name="Ana")
    with app.test_request_context():
        assert translate_error(error) == "O usu\u00e1rio 'Ana' j\u00e1 existe."
    assert str(error) == "There is a user 'Ana' already: choose another name."
