"""axe-core finds nothing on any page, with any menu, dialog or drawer open; and no page is wider
than its window."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine

from db import sessions, users
from db.engine import writing
from db.roles import ADMINISTRATOR, VIEWER
from tests.conftest import BROWSER_PATIENCE
from tests.support.browser_pages import settled
from tests.support.demo_dashboard import ENVIRON, NOW, serve_dashboard
from tests.support.samples import FULL

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OPTIONS = {"resultTypes": ["violations"], "runOnly": list(RULES)}
BEHIND = ("body.modal-open #react-entry-point", ".shell:has(.field-panel) #page")
"""What lies behind a dialog or an open field: partly covered, and out of reach until it closes."""
DESK, PHONE = 1440, 390
PASSWORD = "seven plain copper kettles"


@dataclass(frozen=True)
class State:
    """A page, and what is opened on it.

    Attributes:
        path: with {device} and so on for what the demo has.
        shows: a selector of what the state is about; it is there when the state is reached.
        clicks: selectors of what is clicked, one after the other; "key X" presses a key, "type X"
            types, "fail" lets the server fail from now on, "end" ends the session.
        width: the one width that has it; None for both.
        who: whose session; None where nobody signs in. "stranger" has none.
    """

    path: str
    shows: str
    clicks: tuple[str, ...] = ()
    width: int | None = None
    who: str | None = None


STATES = {
    "overview": State("/", ".kpi-value"),
    "changes": State("/changes", ".ag-cell"),
    "sites": State("/sites", ".ag-cell"),
    "one site": State("/sites/{site}", ".one-site .ag-cell"),
    "devices": State("/devices", ".ag-cell"),
    "one device": State("/devices/{device}", ".tree"),
    "coverage": State("/coverage", ".ag-cell"),
    "agents": State("/machines", "#machines-count"),
    "months": State("/months", ".months .figure"),
    "one month": State("/months/{month}", ".pack"),
    "collections": State("/collections", ".calendar .day"),
    "one run": State("/collections?run={run}", ".run-head"),
    "one run with warnings": State("/collections?run={warned}", ".log-only"),
    "inbox": State("/settings", ".inbox-items"),
    "rules": State("/settings/rules", ".rule-field"),
    "sites of the settings": State("/settings/sites", ".ag-cell"),
    "users": State("/settings/users", "#users-all-title"),
    "thresholds": State("/settings/thresholds", "#thresholds-all-title"),
    "tokens": State("/settings/tokens", "#tokens-all-title"),
    "audit log": State("/settings/audit", "#audit-title"),
    "nothing there": State("/nowhere", "h1"),
    "an address that is refused": State("/?basis=foo", "#strip h1"),
    "plain report": State("/report", "h1"),
    "filters chosen": State("/?site={site}&type=server&as_of=2026-11-05", ".chip"),
    "no row": State("/devices?q=zzzz", "#devices-count"),
    "keyboard help": State("/", ".keys", ("key ?",)),
    "why": State("/", "#drawer-body p", (".kpi-place [data-why]",)),
    "why of a change": State("/changes", "#drawer-body p", (".count-line [data-why]",)),
    "why of a month": State("/months", "#drawer-body p", (".months [data-why]",)),
    "sites to choose": State("/", ".choices-row", ("#filter-site-button",), DESK),
    "statuses to choose": State("/", ".choices-row", ("#filter-status-button",), DESK),
    "calendar": State("/", ".day-table", ("#filter-as-of .day-open",), DESK),
    "sheet of filters": State("/", "#sheet.show", ("#bottom-filters",), PHONE),
    "sites in the sheet": State(
        "/", ".choices-row", ("#bottom-filters", "#filter-site-button"), PHONE
    ),
    "more pages": State("/", ".more.show", ("#bottom-more",), PHONE),
    "dialog": State("/settings/rules", ".modal.show", ("#rules-replay",)),
    "dangerous dialog": State("/collections", ".modal.show", ("[data-job=end_source]",)),
    "picker": State("/settings", "#picker-found li", ("button[data-field]:visible",)),
    "chart as a table": State("/", ".chart-table td", (".as-table",)),
    "failing": State("/", "#trouble", ("fail", ".sort >> nth=1")),
    "sign-in": State("/login", "form", who="stranger"),
    "sign-in refused": State(
        "/login", ".alert-danger", ("type nobody", "key Tab", "type wrong", "key Enter"),
        who="stranger",
    ),
    "choosing a password": State("/invite/{invitation}", "form", who="stranger"),
    "link no longer valid": State("/invite/none", "h1", who="stranger"),
    "account": State("/account", "table", who="ada"),
    "account menu": State("/", ".account-menu", (".account > summary",), DESK, "ada"),
    "account on a phone": State("/", ".more.show [data-shell=signOut]", ("#bottom-more",), PHONE,
                                "ada"),
    "refused": State("/coverage", "h1", who="bob"),
    "some sites": State("/", ".kpi-value", who="bob"),
    "session that ended": State("/", "#password", ("end", ".sort >> nth=1"), DESK, "eve"),
    "error": State("/assets/none.css", ".sign-in-card h1"),
}  # fmt: skip

MODES = [(theme, width) for theme in ("light", "dark") for width in (DESK, PHONE)]


def modes(name: str) -> list[tuple[str, int]]:
    """The themes and widths in which a state is looked at: all of them, or in `make test` one that
    depends on its name, so that all four have their share of the states."""
    having = [mode for mode in MODES if STATES[name].width in (None, mode[1])]
    return having if FULL else [having[zlib.crc32(name.encode()) % len(having)]]


CASES = [(name, *mode) for name in STATES for mode in modes(name)]


@pytest.fixture(scope="module")
def address(demo_engine: Engine) -> Iterator[str]:
    """Where nobody signs in."""
    with serve_dashboard(demo_engine) as (address, _):
        yield address


@pytest.fixture(scope="module")
def guarded(demo_engine: Engine) -> Iterator[str]:
    """Where people sign in: Ada is an administrator, Bob sees one site, Eve's session ends."""
    with writing(demo_engine) as connection:
        for name, role in (("ada", ADMINISTRATOR), ("bob", VIEWER), ("eve", VIEWER)):
            user = users.by_id(connection, users.add(connection, name, role, "test", NOW))
            users.set_password(connection, user, PASSWORD, "test", NOW)
            if name == "bob":
                users.set_sites(connection, user, [1], "test", NOW)
    environ = {**ENVIRON, "AUTH": "password", "SECRET_KEY": "k1" * 20 + "abcdefg"}
    with serve_dashboard(demo_engine, environ=environ) as (address, _):
        yield address


class Windows:
    """A page for each theme, width and person, opened when it is first looked at."""

    def __init__(self, browser: Browser, engine: Engine, guarded: str) -> None:
        self._browser, self._engine, self._guarded = browser, engine, guarded
        self._pages: dict[tuple[str, int, str | None], Page] = {}

    def page(self, theme: str, width: int, who: str | None) -> Page:
        key = (theme, width, who)
        if key not in self._pages:
            context = self._browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=theme, locale="en-US",
                reduced_motion="reduce",
            )  # fmt: skip
            context.set_default_timeout(BROWSER_PATIENCE)
            self._pages[key] = context.new_page()
            if who not in (None, "stranger"):
                self._sign_in(self._pages[key], str(who))
        return self._pages[key]

    def _sign_in(self, page: Page, name: str) -> None:
        page.goto(self._guarded + "/login?next=/account")
        page.locator("#username").fill(name)
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(self._guarded + "/account")

    def end_sessions(self, name: str) -> None:
        with writing(self._engine) as connection:
            user = users.by_name(connection, name)
            users.end_sessions_and_links(connection, user.user_id)

    def close(self) -> None:
        for page in self._pages.values():
            page.context.close()


@pytest.fixture(scope="module")
def windows(browser: Browser, demo_engine: Engine, guarded: str) -> Iterator[Windows]:
    windows = Windows(browser, demo_engine, guarded)
    yield windows
    windows.close()


@pytest.fixture(scope="module")
def names(address: str, demo_engine: Engine, guarded: str, browser: Browser) -> dict[str, str]:
    """What stands for {device} and so on in the paths."""
    with writing(demo_engine) as connection:
        invitation = sessions.new_link(connection, users.by_name(connection, "eve").user_id, NOW)
    with browser.new_context() as context:

        def items(path: str) -> Any:
            return context.request.get(address + path).json()["items"]

        def first(path: str, key: str) -> str:
            return str(items(path)[0][key])

        return {
            "invitation": invitation,
            "site": first("/api/sites?status=billable", "site_id"),
            "device": first("/api/dashboard/devices?basis=assets&limit=1", "device_id"),
            "month": first("/api/months", "month"),
            "run": first("/api/runs?limit=1", "run_id"),
            "warned": next(
                str(run["run_id"])
                for run in items("/api/runs?limit=1000")
                if run["state"] != "complete"
            ),
        }


def reach(windows: Windows, page: Page, address: str, state: State) -> None:
    page.goto(address)
    settled(page)
    for step in state.clicks:
        verb, _, what = step.partition(" ")
        if verb == "key":
            page.keyboard.press(what)
        elif verb == "type":
            page.keyboard.type(what)
        elif verb == "fail":
            page.route("**/_dash-update-component", lambda route: route.fulfill(status=503))
        elif verb == "end":
            windows.end_sessions(str(state.who))
        else:
            page.locator(step).first.click()
        settled(page)
    page.locator(state.shows).first.wait_for(state="attached")
    settled(page)


def faults(found: dict[str, Any]) -> list[str]:
    """A line per element that axe-core complains about."""
    return [
        f"{rule['id']}: {node['target'][0]} | {node['html'][:160]} | "
        + "; ".join(each["message"] for each in (*node["any"], *node["all"], *node["none"]))[:200]
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(("name", "theme", "width"), CASES)
def test_axe_finds_nothing(
    windows: Windows, address: str, guarded: str, names: dict[str, str], name: str, theme: str,
    width: int,
) -> None:  # fmt: skip
    state = STATES[name]
    page = windows.page(theme, width, state.who)
    at = address if state.who is None else guarded
    reach(windows, page, at + state.path.format(**names), state)
    try:
        found = Axe().run(page, context={"exclude": [[each] for each in BEHIND]}, options=OPTIONS)
        assert faults(found.response) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.unroute_all()
