"""Clicks and cold loads in Chromium, against a Dash page with one graph and one button.

Both pages are on the same kind of server and open in the same browser, and "finished" is the same
of both (page_meter.js). A click may take 1.5 times what the empty page's click takes together with
the time that the server works for this click's requests.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from bench import page_servers
from bench.fleet import Fleet
from bench.measurements import Measurement
from bench.publishing import LAST_DAY, collect_day
from bench.server_process import running_server
from bench.stores import OpenStores, Store, Unavailable
from etl.coverage.refresh import catch_up
from etl.runtime import lease
from etl.sources import discover

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WORLDS: Mapping[int, int] = {12: 360, 200: 6_000, 2_000: 20_000}
"""Devices of the fleets that are measured, by the number of their sites."""

CLICK_LIMIT, LOAD_LIMIT, BLOCKED_LIMIT = 1.5, 1.3, 1.5
REQUESTS_LIMIT, KILOBYTES_LIMIT, SHIFT_LIMIT = 35, 900, 0.02

_METER = Path(__file__).with_name("page_meter.js")
_SIZE = {"width": 1440, "height": 900}
_COMPARED = "2026-09-30"


@dataclass(frozen=True)
class Step:
    """A click, or what has its effect without a mouse, and an expression that is true on the page
    it leads to. A step without a name only leads to the next one."""

    name: str | None
    act: Callable[["Page"], object]
    arrived: str


def _click(selector: str) -> Callable[["Page"], object]:
    def click(page: "Page") -> None:
        page.evaluate("pageMeter.arm()")
        page.locator(selector).first.click()

    return click


def _run(script: str) -> Callable[["Page"], object]:
    return lambda page: page.evaluate(f"() => {{ pageMeter.begin(); {script} }}")


def _set(control: str, properties: str) -> Callable[["Page"], object]:
    """As if a person had chosen: how a control is clicked is its own affair."""
    return _run(f"dash_clientside.set_props('{control}', {properties})")


def _menu(path: str) -> Callable[["Page"], object]:
    return _click(f".top a[data-page='{path}']")


_OVERVIEW = "location.pathname === '/' && document.querySelector('#kpi-counted .kpi-value')"

STEPS = (
    Step("Coverage from the menu", _menu("/coverage"), "location.pathname === '/coverage'"),
    Step("Overview from the menu", _menu("/"), _OVERVIEW),
    Step(None, _click("#kpi-counted"), "location.pathname === '/devices'"),
    Step("Back to the Overview", _run("history.back()"), _OVERVIEW),
    Step(
        "compare to another day",
        _set("filter-compare-to", f"{{'data-value': '{_COMPARED}'}}"),
        f"location.search.includes('compare_to={_COMPARED}')",
    ),
    Step(
        "filter by a site",
        _set("filter-site", "{'data-value': '[\"1\"]'}"),
        "location.search.includes('site=1')",
    ),
    Step("Clear filters", _click("#filter-clear"), f"location.search === '' && {_OVERVIEW}"),
    Step("Why", _click("#kpis [data-why], .kpis [data-why]"),
         "document.querySelector('#drawer-body').textContent.length > 40"),
    Step(None, _click("#drawer-close"), "!document.querySelector('#drawer-body')"),
    Step(None, _menu("/sites"), "document.querySelector('.cell-link')"),
    Step("a site", _click(".cell-link"), "location.pathname.startsWith('/sites/')"),
)  # fmt: skip


@dataclass
class _Clicks:
    """Milliseconds of each run of a click: until the page was finished, and of the server."""

    took: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)


@dataclass
class _Loads:
    """Of each cold load: milliseconds, those of them in which the main thread was blocked (each
    task's above 50), requests, kilobytes as transferred, and the layout shift."""

    took: list[float] = field(default_factory=list)
    blocked: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)
    kilobytes: list[float] = field(default_factory=list)
    shift: list[float] = field(default_factory=list)


def measure(stores: OpenStores, sites: Sequence[int], runs: int) -> Iterator[Measurement]:
    """Fill databases with fleets of `sites` sites, and measure the pages on each.

    Raises:
        Unavailable: Chromium, or what drives it, is not installed.
        TimeoutError: a page does not finish.
        AssertionError: a click did not lead where it should.
    """
    with chromium() as browser:
        for count in sites:
            with stores() as (store, *_):
                fill(store, count)
                yield from _measure_pages(store, browser, count, runs)


def fill(store: Store, sites: int) -> None:
    """Collect a fleet of `sites` sites at 14 month-ends and on the last days of this month."""
    devices = WORLDS.get(sites, sites * 10)
    fleet = Fleet(devices, 0.4, 0.02, LAST_DAY, per_site=devices // sites)
    sources = discover()
    for day in tqdm(_days(), unit="day", desc=f"{sites} sites", disable=None, leave=False):
        fleet.advance(day)
        for name, rows in fleet.rows().items():
            collect_day(store, sources[name], rows, day)
    with lease.take(store.ours) as held:
        catch_up(store.ours, held)
    store.run_maintenance()


def _days() -> list[date]:
    ends, first = [], LAST_DAY.replace(day=1)
    for _month in range(14):
        ends.append(first - timedelta(days=1))
        first = ends[-1].replace(day=1)
    return [*ends[::-1], *(LAST_DAY - timedelta(days=back) for back in (6, 3, 1, 0))]


def _measure_pages(
    store: Store, browser: "Browser", sites: int, runs: int
) -> Iterator[Measurement]:
    url = store.ours.url.render_as_string(hide_password=False)
    with ExitStack() as running:
        served = {"AUTH": "none", "DATABASE_URL": url}
        ours, empty, slim = (
            f"http://127.0.0.1:{running.enter_context(running_server(command, served))}/"
            for command in page_servers.COMMANDS
        )
        clicks, floor = _clicks(browser, ours, empty, runs)
        for name, each in clicks.items():
            server = statistics.median(each.server)
            yield Measurement(
                f"{sites} sites", name, f"ms, server {server:.0f}",
                statistics.median(each.took), floor + server, CLICK_LIMIT,
            )  # fmt: skip
        yield from _loads(browser, (ours, empty, slim), sites, runs)


def _clicks(
    browser: "Browser", ours: str, empty: str, runs: int
) -> tuple[dict[str, _Clicks], float]:
    """Each click of ours, and the median of the empty page's, of which one follows each."""
    clicks = {step.name: _Clicks() for step in STEPS if step.name is not None}
    floor: list[float] = []
    with opened(browser, ours) as page, opened(browser, empty) as bare:
        for number in tqdm(_rounds(runs), unit="round", disable=None, leave=False):
            for step in STEPS:
                step.act(page)
                wait(page, step.name or "a step between")
                assert page.evaluate(f"() => Boolean({step.arrived})"), (
                    f"{step} leads to {page.url}"
                )
                measured = page.evaluate("pageMeter.read()")
                if step.name is None or number < 0:
                    continue
                clicks[step.name].took.append(measured["took"])
                clicks[step.name].server.append(measured["server"])
                _click("#button")(bare)
                wait(bare, "the empty page's click")
                floor.append(bare.evaluate("pageMeter.read()")["took"])
            page.goto(ours)
            wait(page, "the Overview")
    return clicks, statistics.median(floor)


def _loads(
    browser: "Browser", addresses: Sequence[str], sites: int, runs: int
) -> Iterator[Measurement]:
    loads, floor, slim = _Loads(), _Loads(), _Loads()
    for number in _rounds(runs):
        for address, values in zip(addresses, (loads, floor, slim), strict=True):
            _load(browser, address, _Loads() if number < 0 else values)
    kind, m = f"{sites} sites", statistics.median
    yield Measurement(kind, "cold Overview", "ms", m(loads.took), m(floor.took), LOAD_LIMIT)
    yield Measurement(kind, "cold Overview, same chart library", "ms", m(loads.took), m(slim.took))
    yield Measurement(
        kind, "cold Overview, main thread blocked", "ms",
        m(loads.blocked), m(floor.blocked), BLOCKED_LIMIT,
    )  # fmt: skip
    for name, unit, numbers, limit in (
        ("requests", "", loads.requests, REQUESTS_LIMIT),
        ("transferred", "KB", loads.kilobytes, KILOBYTES_LIMIT),
        ("layout shift", "", loads.shift, SHIFT_LIMIT),
    ):
        yield Measurement(kind, f"cold Overview, {name}", unit, m(numbers), None, limit)


def _rounds(runs: int) -> range:
    """The numbers of the rounds. The first, -1, warms up the browser and the server, and does not
    count; a single round is only tried."""
    return range(-1 if runs > 1 else 0, runs)


def _load(browser: "Browser", address: str, into: _Loads) -> None:
    """Load `address` with an empty cache."""
    with _blank(browser) as page:
        client = page.context.new_cdp_session(page)
        client.send("Network.enable")
        requests: list[Any] = []
        sizes: list[float] = []
        client.on("Network.requestWillBeSent", lambda event: requests.append(event))
        client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        page.goto(address)
        wait(page, address)
        measured = page.evaluate("pageMeter.read()")
    into.took.append(measured["took"])
    into.blocked.append(measured["blocked"])
    into.shift.append(measured["shift"])
    into.requests.append(sum(event["request"]["url"].startswith("http") for event in requests))
    into.kilobytes.append(sum(sizes) / 1000)


def wait(page: "Page", what: str) -> None:
    """Until the page is finished.

    Raises:
        TimeoutError: it is not within three minutes.
    """
    if not page.evaluate("pageMeter.whenFinished()"):
        raise TimeoutError(f"{what} is not finished after three minutes, at {page.url}")


@contextmanager
def _blank(browser: "Browser") -> Iterator["Page"]:
    context = browser.new_context(viewport=_SIZE)  # type: ignore[arg-type]
    context.add_init_script(path=_METER)
    try:
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def opened(browser: "Browser", address: str) -> Iterator["Page"]:
    with _blank(browser) as page:
        page.goto(address)
        wait(page, address)
        yield page


@contextmanager
def chromium() -> Iterator["Browser"]:
    try:
        from tests.support import servers
    except ImportError as error:
        raise Unavailable(
            f"Chromium is driven with what the tests install ({error}): pip install -e '.[test]'."
        ) from error
    try:
        with servers.chromium() as browser:
            yield browser
    except servers.Missing as error:
        raise Unavailable(str(error)) from error
