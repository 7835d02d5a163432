"""A site has one number and one change, on every page and in every file."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from dash import Dash
from sqlalchemy import Engine

from dashboard.components.sites.table import MOVED
from tests.support.api_server import ApiClient, serve_api
from tests.support.callbacks import create_demo_app, run_callback
from tests.support.files import sheets
from tests.support.worlds import (
    MONTH_END,
    SITE_NAMES,
    TODAY,
    DeviceState,
    World,
    named_world,
    save_to_copy,
)

GRID = {"startRow": 0, "endRow": 100, "sortModel": [], "filterModel": {}}


@pytest.fixture(scope="module")
def world() -> World:
    """The named world, with more spares and excluded devices than before at every site."""
    found = named_world()
    more = [
        DeviceState("ninja", f"2{site}{n}", site, billing_status=status, hostname=f"B-{site}-{n}")
        for site in (0, *SITE_NAMES)
        for n, status in enumerate(("spare", "spare", "excluded"))
    ]
    for day, said in found.days["ninja"].items():
        if day > MONTH_END:
            found.publish("ninja", day, [*said.values(), *more])
    return found


@pytest.fixture(scope="module")
def engine_(
    world: World, migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    engine = save_to_copy(world, migrated_file, tmp_path_factory.mktemp("one_count"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def app(engine_: Engine) -> Dash:
    return create_demo_app(engine_)


@pytest.fixture(scope="module")
def client(engine_: Engine) -> Iterator[ApiClient]:
    with serve_api(engine_) as found:
        yield found


def devices_of_world(world: World, day: date, site: int | None, *statuses: str) -> int:
    """How many machines the world itself has."""
    return sum(
        each.billing_status in statuses and site in (None, each.site_id)
        for each in world.standing(day, "assets").values()
    )


def expected(world: World, site: int | None) -> tuple[int, int]:
    """The number of billable machines, and its change since the month-end."""
    now, then = (devices_of_world(world, day, site, "billable") for day in (TODAY, MONTH_END))
    return now, now - then


def file(client: ApiClient, address: str) -> list[dict[str, str]]:
    content = client.get(address).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline="")))


def text(part: Any) -> str:
    """What somebody reads in an answer."""
    if isinstance(part, list):
        return " ".join(filter(None, map(text, part)))
    if isinstance(part, dict):
        return text(part.get("props", {}).get("children"))
    return "" if part is None else str(part)


def links(part: Any) -> list[tuple[str, str]]:
    """Every link of an answer: its text and its address."""
    if isinstance(part, list):
        return [found for one in part for found in links(one)]
    if not isinstance(part, dict):
        return []
    props = part.get("props", {})
    own = [(text(part), props["href"])] if "href" in props else []
    return own + links(props.get("children"))


def signed(words: str) -> int:
    """A change as it is written: "+3", "−2", "no change"."""
    return 0 if words == "no change" else int(words.replace("\u2212", "-").split()[-1])


def on_screen(app: Dash, site: int | None) -> dict[str, tuple[int, int]]:
    """The number and the change of one site (of all: None), by the place that says them."""
    query = "" if site is None else f"site={site}"
    found: dict[str, tuple[int, int]] = {}
    kpis = run_callback(app, "overview-kpis", filters=query)["response"]
    words = text(kpis["overview-kpis"]["children"]).split("Added")[0]
    number, change = re.findall(r"Billable devices (\d+) (no change|. .\d+)", words)[0]
    found["card"] = int(number), signed(change)
    rows = run_callback(
        app, "site-list-grid.getRowsResponse",
        **{"site-list-grid": GRID, "filters": query},
    )["response"]  # fmt: skip
    total = rows["site-list-total"]["data"]
    found["Sites, total"] = int(total["now"]), signed(total["change"])
    devices = run_callback(app, "devices-count", filters=query)["response"]
    now = int(text(devices["devices-count"]["children"]).split()[0])
    about = run_callback(app, "changes-summary", filters=query)["response"]
    words = text(about["changes-summary"]["children"])
    found["Changes, and the list of devices"] = (
        now, 0 if words.startswith("unchanged") else signed(words.split(" since")[0])
    )  # fmt: skip
    months = run_callback(app, "months-body", filters=query)["response"]["months-body"]["children"]
    cells = re.findall(r"Nov 2026 .*? 22 Nov (\d+) (no change|. .\d+)", text(months))
    found["Months"] = int(cells[0][0]), signed(cells[0][1])
    if site is not None:
        (row,) = (one for one in rows["site-list-grid"]["getRowsResponse"]["rowData"])
        found["Sites"] = int(row["now"]), signed(row["change"])
        table = run_callback(
            app, "`sites-table.children", **{"filters": query, "sites-order": MOVED}
        )["response"]["sites-table"]["children"]
        number, change = re.findall(r" (\d+) \d+ (no change|. .\d+)", text(table))[0]
        found["Overview, table"] = int(number), signed(change)
        head = run_callback(app, "site-head", filters="", site=str(site))["response"]
        number, change = re.findall(
            r" (\d+) (no change|. .\d+) ", text(head["site-head"]["children"])
        )[0]
        found["its own page"] = int(number), signed(change)
    return found


def in_files(client: ApiClient, site: int | None) -> dict[str, tuple[int, int]]:
    """The same in every file."""
    query = "" if site is None else f"?site={site}"
    found: dict[str, tuple[int, int]] = {}
    for name in ("sites", "movers"):
        rows = file(client, f"/export/{name}.csv{query}")
        now = sum(int(row["current"]) for row in rows)
        found[name] = now, sum(int(row["change"]) for row in rows)
    bars = {row["bar"]: row for row in file(client, f"/export/bars.csv{query}")}
    now = int(bars["closing"]["devices"])
    found["bars"] = now, now - int(bars["opening"]["devices"])
    devices = len(file(client, f"/export/devices.csv{query}"))
    month = file(client, f"/export/month-ends.csv{query}")[0]
    found["month-ends"] = int(month["billable"]), int(month["change"])
    months = [int(row["total"] or 0) for row in file(client, f"/export/months.csv{query}")]
    assert devices == months[-1] == now
    found["months"] = months[-1], months[-1] - months[-2]
    if not found["movers"][1]:
        del found["movers"]  # it lists only what moved
    return found


@pytest.mark.parametrize("site", [None, *SITE_NAMES], ids=str)
def test_a_site_has_one_number_and_one_change_everywhere(
    app: Dash, client: ApiClient, world: World, site: int | None
) -> None:
    everywhere = on_screen(app, site) | in_files(client, site)
    if site is None:
        del everywhere["movers"]  # only the sites that moved
    assert len(everywhere) >= 8
    assert everywhere == dict.fromkeys(everywhere, expected(world, site))


def test_what_stands_beside_a_count_is_said_and_opens_exactly_that(
    app: Dash, client: ApiClient, world: World
) -> None:
    for site in (None, *SITE_NAMES):
        query = "" if site is None else f"site={site}"
        places = {
            "overview-kpis": ("overview-kpis", query),
            "changes-about": ("changes-about", query),
            "site-list-about": ("site-list-about", query),
            "devices-about": ("devices-about", query),
            "months-body": ("months-body", query),
        }
        if site is not None:
            places["site-head"] = ("site-head", "")
        spare, excluded = (
            devices_of_world(world, TODAY, site, status) for status in ("spare", "excluded")
        )
        for output, (place, filters) in places.items():
            answer = run_callback(app, output, filters=filters, site=str(site))["response"]
            found = [each for each in links(answer[place]["children"]) if "status=" in each[1]]
            found = [each for each in found if re.search(r"\d (spare|excluded)$", each[0])]
            assert [words for words, _href in found] == [
                f"+{spare} spare", f"{excluded} excluded"
            ], (output, site)  # fmt: skip
            for (_words, href), n in zip(found, (spare, excluded), strict=True):
                assert urlsplit(href).path == "/devices"
                listed = file(client, f"/export/devices.csv?{urlsplit(href).query}")
                assert len(listed) == n
        book = client.get(f"/export/sites.xlsx?{query}").content
        assert ["Not counted", f"{spare} spare, {excluded} excluded"] in sheets(book)["About"]
    both = run_callback(app, "devices-count", filters="status=billable&status=spare")["response"]
    said = text(both["devices-count"]["children"]).split()[0]
    assert int(said) == devices_of_world(world, TODAY, None, "billable", "spare")
    assert " spare" not in text(both["devices-about"]["children"])
