"""Every number of every page of a demo opens exactly what it counts; Back returns to the view."""

import json
import random
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from dash import Dash
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select

from db.engine import reading
from db.tables import collection_runs, devices, sites
from etl.collect.run_log import SUSPICIOUS
from tests.support.browser_pages import settled
from tests.support.callbacks import run_callback, words_of
from tests.support.demo_dashboard import LAST_DAY, NOW, serve_dashboard
from tests.support.machines import insert_machines
from tests.support.samples import FULL, some
from tests.support.small_hub import Hub, pcs

COLLECT = """() => {
  const read = element => ({
    said: element.dataset.count,
    href: element.closest('a[href]') && element.closest('a[href]').getAttribute('href'),
    why: element.title, kind: element.className, text: element.textContent,
  });
  return [...document.querySelectorAll('#page [data-count]')].map(read);
}"""
"""The numbers that stand on a page."""

FILLED = """() => [...document.querySelectorAll('#page .ag-root')].every(grid =>
  !grid.checkVisibility() || grid.querySelector('.ag-pinned-left-cols-container .ag-cell-value'))"""
"""Whether the grids that are seen have rows."""

BARE = """() => {
  const other = 'a[href], .other, [data-count], .js-plotly-plot, .calendar, .ag-paging-panel, '
    + '.meaning, .top-choice, dl.facts, .tree, thead, .mark, .timeline, .side, .reason, code, '
    + '.fact-list, #site-aliases';
  const walker = document.createTreeWalker(document.querySelector('#page'), NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), place = walker.currentNode.parentElement;
    if (!/^[+\\u2212]?[1-9][0-9,]*$/.test(text) || place.closest(other)) continue;
    if (place.checkVisibility()) found.push(place.outerHTML.slice(0, 120));
  }
  return found;
}"""
"""Whole numbers that no component of numbers made, but for those that count no devices."""

POINTS = """() => [...document.querySelectorAll('#page .js-plotly-plot')].flatMap(chart => {
  const bars = chart.data.filter(trace => trace.customdata);
  const labels = chart.data.filter(trace => trace.mode === 'text' && !trace.customdata);
  return bars.flatMap(trace => [...trace.customdata].map((href, i) => ({
    // A bar of the waterfall is as high as its change: its label says the number.
    said: String(trace.mode === 'text' ? trace.text[i]
      : trace.base ? labels[0].text[i].replace(/^[+\\u2212]/, '') : trace.y[i]),
    href: trace.y[i] === null ? null : href,
    why: '', kind: 'chart ' + chart.parentElement.id, text: '',
  })).filter(point => point.href));
})"""
"""The points of its charts that open something."""

HEADINGS = {
    "/devices": "devices-count.children",
    "/changes": "changes-summary.children",
    "/coverage": "coverage-summary.children",
    "/machines": "machines-count.children",
    "/months": "month-bases.children",
    "/collections": "collections-body.children",
}
"""What says how many are listed, by page."""


@pytest.fixture(scope="module")
def engine(demo_engine: Engine) -> Engine:
    machines = [
        {"hostname": f"ws-{n}", "received_at": NOW - timedelta(minutes=(1, 5, 600)[n % 3]),
         "os": ("windows", "linux")[n % 2], "os_version": f"Version {n % 4}"}
        for n in range(9)
    ]  # fmt: skip
    insert_machines(demo_engine, *machines)
    # Almost nothing of what stands: a run that waits for a decision.
    assert Hub(demo_engine).collect(LAST_DAY, pcs(range(3)), "threatlocker").state == SUSPICIOUS
    return demo_engine


@pytest.fixture(scope="module")
def served(engine: Engine) -> Iterator[tuple[str, Dash]]:
    with serve_dashboard(engine) as served:
        yield served


def pages(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        site = connection.scalars(select(sites.c.site_id).order_by(sites.c.site_id)).first()
        device = connection.scalars(select(devices.c.device_id).limit(1)).one()
        runs = connection.scalars(
            select(collection_runs.c.run_id)
            .where(collection_runs.c.published)
            .order_by(collection_runs.c.run_id.desc())
            .limit(2)
        ).all()
        held = connection.scalars(
            select(collection_runs.c.run_id).where(collection_runs.c.hold == "held")
        ).one()
    return [
        "/", "/?basis=records&as_of=2026-11-12", "/?type=workstation&type=mobile&status=spare",
        "/sites", "/sites?basis=ninja&type=workstation&status=billable&status=spare",
        "/changes", "/changes?basis=threatlocker", "/devices", f"/devices/{device}",
        f"/sites/{site}", "/coverage", f"/coverage?site={site}", "/machines", "/months",
        "/months/2026-10", "/months/2026-11?basis=ninja", "/collections",
        *(f"/collections?run={run}" for run in (*runs, held)), "/settings", "/settings/sites",
    ]  # fmt: skip


def lines(part: Any) -> list[str]:
    """What a person reads of an answer: the text of each element."""
    if isinstance(part, list):
        return [line for one in part for line in lines(one)]
    if isinstance(part, dict):
        children = part["props"].get("children")
        # A month's page has tables too, whose numbers are not what it says that it lists.
        said = [words_of(children)] if part["type"] not in ("Table", "Div", "Section") else []
        return [] if part["type"] == "Table" else [*said, *lines(children)]
    return [] if part is None else [str(part)]


def titles(part: Any) -> list[str]:
    """What the headings of an answer say."""
    if isinstance(part, list):
        return [title for one in part for title in titles(one)]
    if not isinstance(part, dict):
        return []
    children = part["props"].get("children")
    return [words_of(children)] if re.match(r"[Hh]\d$", part["type"]) else titles(children)


def headings(app: Dash, href: str) -> list[str]:
    """The lines of the page at `href` that say how many it lists."""
    address = urlsplit(href)
    where = "/" + address.path.split("/")[1]
    more = {"month-shown": address.path.split("/")[-1]} if where == "/months" else {}
    answer = run_callback(app, HEADINGS[where], filters=address.query, **more)["response"]
    if where == "/collections":
        # All of the page comes in one answer, also the numbers that are clicked.
        return titles(answer["collections-body"]["children"])
    names = [HEADINGS[where].split(".")[0], *(["changes-listed"] if where == "/changes" else [])]
    return [line for name in names for line in lines(answer[name]["children"])]


def begins(line: str, said: str) -> bool:
    """Whether a line begins with the whole number."""
    return re.match(rf"{re.escape(said)}(?![\d,.])", line) is not None


def filled(page: Page) -> None:
    """Wait until every callback has answered, nothing is drawn any more and each list has rows."""
    settled(page)
    expect(page.locator("#page .kpi-waiting")).to_have_count(0)
    page.wait_for_function(FILLED)


def test_every_number_opens_exactly_what_it_counts(
    quiet: Page, engine: Engine, served: tuple[str, Dash]
) -> None:
    address, app = served
    found: dict[tuple[str, str], str] = {}
    dead, bare = [], []
    clickable: dict[str, tuple[str, str]] = {}
    for path in pages(engine):
        quiet.goto(address + path)
        filled(quiet)
        numbers = quiet.evaluate(COLLECT)
        bare += [f"{path}: {text}" for text in quiet.evaluate(BARE)]
        for one in numbers:
            counts = one["said"] not in ("0", "\u2013")
            if one["href"] is None and counts and not one["why"]:
                dead.append(f"{path}: {one['text']} ({one['kind']})")
        for one in [*numbers, *quiet.evaluate(POINTS)]:
            if one["href"] is not None and one["said"] != "0":
                found.setdefault((one["said"], one["href"]), f"{path} ({one['kind']})")
                if not one["kind"].startswith("chart"):
                    clickable.setdefault(
                        "/" + urlsplit(one["href"]).path.split("/")[1], (path, one["href"])
                    )
    assert not dead, dead
    assert not bare, bare
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for key in sorted(found):
        by_kind.setdefault(found[key], []).append(key)
    # Each kind of number of each page; of one kind, a few.
    most, chosen = 10**9 if FULL else 2, random.Random(1)
    checked = [
        key for keys in by_kind.values() for key in chosen.sample(keys, min(len(keys), most))
    ]
    wrong = []
    for said, href in checked:
        read = headings(app, href)
        if not any(begins(line, said) for line in read):
            wrong.append(f"{found[said, href]}: {said} opens {href}, which says {read[:4]}")
    assert not wrong, "\n".join(wrong)
    assert len(checked) > 100 and set(HEADINGS) <= set(clickable)
    clickable = {path: clickable[path] for path in HEADINGS}
    for path, href in clickable.values():
        quiet.goto(address + path)
        link = quiet.locator(f'#page a[data-count][href="{href}"]').first
        said = link.get_attribute("data-count") or ""
        quiet.evaluate("window.loaded = true")
        link.click(force=True)
        expect(quiet).to_have_url(address + href)
        heading = quiet.locator(
            "#page :is(h1, h2, h3)", has_text=re.compile(rf"^{re.escape(said)}\D")
        )
        expect(heading.first).to_be_visible()
        assert quiet.evaluate("window.loaded"), "the document was loaded again"


VIEW = """grid => {
  if (!document.querySelector(`#${grid} .ag-cell`)) return null;
  const api = window.dash_ag_grid.getApi(grid), cell = api.getFocusedCell();
  const sorted = api.getColumnState().filter(column => column.sort)[0];
  return JSON.stringify([
    sorted && [sorted.colId, sorted.sort], api.paginationGetCurrentPage(), window.scrollY,
    document.querySelector(`#${grid} .ag-body-viewport`).scrollTop, cell && cell.rowIndex,
  ]);
}"""
"""Sort, page, both scroll positions and the chosen row of a grid."""


@pytest.mark.parametrize(
    ("path", "grid", "column"),
    some(
        [
            ("/devices?basis=records&status=billable&status=spare", "devices-grid", "os"),
            ("/sites", "site-list-grid", "spare"),
            ("/changes?change=all", "changes-grid", "site"),
            ("/coverage", "coverage-grid", "site"),
        ],
        2,
    ),
)
def test_back_returns_to_the_same_sort_page_scroll_and_row(
    quiet: Page, served: tuple[str, Dash], path: str, grid: str, column: str
) -> None:
    address, _app = served
    quiet.set_viewport_size({"width": 1280, "height": 620})
    quiet.goto(address + path)
    filled(quiet)
    # A grid below the window is not drawn yet.
    quiet.locator(f"#{grid} .ag-header-cell").first.wait_for(state="attached")
    quiet.evaluate(f"document.querySelector('#{grid}').scrollIntoView()")
    filled(quiet)
    head = quiet.locator(f"#{grid} .ag-header-cell[col-id={column}]")
    head.click()
    expect(head).to_have_attribute("aria-sort", re.compile("ascending|descending"))
    filled(quiet)
    following = quiet.locator(f"#{grid} .ag-paging-button:not(.ag-disabled) .ag-icon-next")
    if following.count():
        following.click()
        filled(quiet)
    filled(quiet)
    quiet.evaluate(f"document.querySelector('#{grid} .ag-body-viewport').scrollTop = 130")
    # As it is when the row is clicked: the page that opens begins at its top.
    quiet.evaluate(f"addEventListener('click', () => {{ window.left = ({VIEW})('{grid}') }}, true)")
    cells = quiet.locator(f"#{grid} .ag-center-cols-container .ag-cell[col-id={column}]")
    cells.nth(5).click(position={"x": 4, "y": 4})
    expect(quiet).not_to_have_url(address + path)
    expect(quiet.locator("#page h1").first).not_to_be_empty()
    filled(quiet)
    left = quiet.evaluate("window.left")
    assert json.loads(left)[0] and json.loads(left)[4] is not None
    quiet.go_back()
    expect(quiet).to_have_url(address + path)
    quiet.wait_for_function(f"left => ({VIEW})('{grid}') === left", arg=left)
