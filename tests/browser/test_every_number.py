"""Every number of every page of a demo opens exactly what it counts; Back returns to the view."""

import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from dash import Dash
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select

from db import migrate
from db.engine import open_engine, reading, sqlite_url
from db.tables import collection_runs, devices, sites
from tests.support.callbacks import run_callback
from tests.support.demo_dashboard import serve_dashboard, small_demo
from tests.support.samples import FULL

COLLECT = """() => {
  const read = element => ({
    said: element.dataset.count,
    href: element.closest('a[href]') && element.closest('a[href]').getAttribute('href'),
    why: element.title, kind: element.className, text: element.textContent,
  });
  return [...document.querySelectorAll('#page [data-count]')].map(read);
}"""
"""The numbers that stand on a page."""

BARE = """() => {
  const other = '.count, [data-count], .js-plotly-plot, .calendar, .ag-paging-panel, .not-devices, '
    + '.meaning, .top-choice, dl.facts, .tree, .percent, thead, .mark, .timeline';
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
    href: href, why: '', kind: 'chart ' + chart.parentElement.id, text: '',
  })).filter(point => point.href));
})"""
"""The points of its charts that open something."""

HEADINGS = {
    "/devices": "devices-count.children",
    "/changes": "changes-summary.children",
    "/coverage": "coverage-listed.children",
    "/machines": "machines-count.children",
}
"""What says how many are listed, by page."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("numbers")
    opened = open_engine(sqlite_url(folder / "inventory.db"))
    migrate.upgrade(opened)
    small_demo(opened, str(folder), devices=220)
    yield opened
    opened.dispose()


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
    return [
        "/", "/?basis=records&as_of=2026-11-12", "/?type=workstation&type=mobile&status=spare",
        "/sites", "/sites?basis=ninja&type=workstation&status=billable&status=spare",
        "/changes", "/changes?basis=threatlocker", "/devices", f"/devices/{device}",
        f"/sites/{site}", "/coverage", f"/coverage?site={site}", "/machines", "/months",
        "/months/2026-10", "/months/2026-11?basis=ninja", "/collections",
        *(f"/collections?run={run}" for run in runs), "/settings/sites",
    ]  # fmt: skip


def texts(part: Any) -> str:
    """What a person reads of an answer."""
    if isinstance(part, list):
        return "".join(texts(one) for one in part)
    if isinstance(part, dict):
        return texts(part["props"].get("children"))
    return "" if part is None else str(part)


def headings(app: Dash, href: str) -> list[str]:
    """The lines of the page at `href` that say how many it lists."""
    address = urlsplit(href)
    where = address.path
    answer = run_callback(app, HEADINGS[where], filters=address.query)["response"]
    names = [HEADINGS[where].split(".")[0], *(["changes-listed"] if where == "/changes" else [])]
    return [texts(answer[name]["children"]) for name in names]


def begins(line: str, said: str) -> bool:
    """Whether a line begins with the whole number."""
    return re.match(rf"{re.escape(said)}(?![\d,.])", line) is not None


def settled(page: Page) -> None:
    """Wait until every callback has answered and nothing is drawn any more."""
    page.wait_for_load_state("networkidle")
    expect(page.locator("#page .kpi-waiting")).to_have_count(0)


def test_every_number_opens_exactly_what_it_counts(
    quiet: Page, engine: Engine, served: tuple[str, Dash]
) -> None:
    address, app = served
    found: dict[tuple[str, str], str] = {}
    dead, bare = [], []
    clickable: dict[str, tuple[str, str]] = {}
    for path in pages(engine):
        quiet.goto(address + path)
        settled(quiet)
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
                    clickable.setdefault(one["href"].split("?")[0], (path, one["href"]))
    assert not dead, dead
    assert not bare, bare
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for key in sorted(found):
        by_kind.setdefault(found[key], []).append(key)
    # Each kind of number of each page; of one kind, a few.
    most, chosen = 10**9 if FULL else 6, random.Random(1)
    checked = [
        key for keys in by_kind.values() for key in chosen.sample(keys, min(len(keys), most))
    ]
    wrong = []
    for said, href in checked:
        lines = headings(app, href)
        if not any(begins(line, said) for line in lines):
            wrong.append(f"{found[said, href]}: {said} opens {href}, which says {lines}")
    assert not wrong, "\n".join(wrong)
    assert len(checked) > 150 and set(clickable) == set(HEADINGS)
    for path, href in clickable.values():
        quiet.goto(address + path)
        link = quiet.locator(f'#page a[data-count][href="{href}"]').first
        said = link.get_attribute("data-count") or ""
        quiet.evaluate("window.loaded = true")
        link.click(force=True)
        expect(quiet).to_have_url(address + href)
        heading = quiet.locator("#page :is(h1, h2)", has_text=re.compile(rf"^{re.escape(said)}\D"))
        expect(heading.first).to_be_visible()
        assert quiet.evaluate("window.loaded"), "the document was loaded again"
