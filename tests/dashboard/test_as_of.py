"""As of any day: every page, answer and file shows the day that is asked for, and says so."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dash
import pytest
from dash import Dash
from sqlalchemy import Engine

from dashboard.components.sites.table import MOVED
from db.keys import device_id
from tests.support.api_server import ApiClient, make_app, serve_api
from tests.support.callbacks import component_ids, create_demo_app, run_callback
from tests.support.files import sheets
from tests.support.mounted_page import expand_drawn
from tests.support.worlds import (
    HARBOR,
    MONTH_END,
    MUELLER,
    NORTH,
    SITE_NAMES,
    TODAY,
    DeviceState,
    World,
    named_world,
    save_to_copy,
)

PAST = date(2026, 11, 12)
"""A kept day after the first changes of the named world, and before `LATE`."""

LATE = date(2026, 11, 18)
MOVED_PC = str(device_id("ninja", "111"))


def world() -> World:
    """The named world, in which more changes after `PAST`; one of its devices moves back."""
    found = named_world()
    for day, said in found.days["ninja"].items():
        if day >= LATE:
            back = replace(said["111"], site_id=HARBOR)
            more = [DeviceState("ninja", "120", HARBOR, "server", hostname="H-LATE"),
                    DeviceState("ninja", "121", NORTH, hostname="N-LATE")]  # fmt: skip
            found.publish("ninja", day, [*said.values(), back, *more])
    return found


@pytest.fixture(scope="module")
def engine_(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = save_to_copy(world(), migrated_file, tmp_path_factory.mktemp("as_of"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def app(engine_: Engine) -> Dash:
    return create_demo_app(engine_)


def answers(app: Dash, page: dict[str, Any], query: str) -> dict[str, Any]:
    """What every callback of a page answers, by its place."""
    with app.server.test_request_context("/"):
        own = component_ids(page["layout"]())
    grid = {"startRow": 0, "endRow": 100, "sortModel": [], "filterModel": {}}
    values: dict[str, Any] = {
        "filters": query, "site": str(HARBOR), "device": MOVED_PC, "month-shown": "2026-11",
        "sites-order": MOVED, "device-version": PAST.isoformat(),
    }  # fmt: skip
    values |= {name: grid for name in own if name.endswith("-grid")}
    found: dict[str, Any] = {}
    for key, one in app.callback_map.items():
        written = one["output"] if isinstance(one["output"], list) else [one["output"]]
        clicked = any(part["property"] == "n_clicks" for part in one["inputs"])
        if not one.get("callback") or clicked or written[0].component_id not in own:
            continue
        parts = {
            kind: [part | {"value": values.get(part["id"])} for part in one[kind]]
            for kind in ("inputs", "state")
        }
        outputs = [
            {"id": part.component_id, "property": part.component_property} for part in written
        ]
        body = {
            "output": key, "outputs": outputs if isinstance(one["output"], list) else outputs[0],
            "changedPropIds": [f"{part['id']}.{part['property']}" for part in parts["inputs"]],
            **parts,
        }  # fmt: skip
        answer = app.server.test_client().post("/_dash-update-component", json=body)
        assert answer.status_code in (200, 204), (key, answer.text)
        if answer.status_code == 200:
            for place, said in expand_drawn(answer.get_json()["response"]).items():
                found |= {f"{place}.{name}": value for name, value in said.items()}
    return found


def counted(
    day: date, basis: str = "assets", *, site: int | None = None, spares: bool = False
) -> int:
    """How many the world has on a day, by its own means."""
    return sum(
        one.billing_status in ("billable", "spare")[: 2 if spares else 1]
        and site in (None, one.site_id)
        for one in world().standing(day, basis).values()
    )


def with_spares(day: date) -> int:
    return counted(day, spares=True)


def harbor(day: date) -> int:
    return counted(day, site=HARBOR)


def runs(day: date) -> int:
    return sum(one <= day for days in world().days.values() for one in days)


def site_of_the_moved(day: date) -> str:
    (found,) = (one for one in world().standing(day, "ninja").values() if one.key == "111")
    return SITE_NAMES[found.site_id]


def day_in_words(day: date) -> str:
    return f"{day.day} Nov 2026"


def strings(part: Any) -> list[str]:
    """Every text of an answer that somebody reads, in order."""
    if isinstance(part, list):
        return [text for one in part for text in strings(one)]
    if isinstance(part, dict):
        return strings(part["props"].get("children")) if "props" in part else []
    return [part] if isinstance(part, str) else []


# Pages: where each says its number, and how.

Told = tuple[str, Callable[[date], str]]

PAGES: dict[str, Told] = {
    "/": ("overview-kpis.children", lambda day: f"Billable devices {counted(day)} "),
    "/changes": ("changes-listed.children", lambda day: f"{ {PAST: 4, TODAY: 6}[day] } devices"),
    "/sites": ("site-list-count.children", lambda day: f"Billable devices: {counted(day)} at"),
    "/sites/<site_id>": (
        "site-devices-title.children",
        lambda day: f"Billable devices: {harbor(day)}",
    ),
    "/devices": ("devices-count.children", lambda day: f"{counted(day)} devices match"),
    "/devices/<device_id>": ("device-head.children", site_of_the_moved),
    "/coverage": ("coverage-listed.children", lambda day: f"{ {PAST: 3, TODAY: 5}[day] } findings"),
    "/months": ("months-body.children", lambda day: f" 2 {with_spares(day)} Oct 2026 "),
    "/months/<month>": ("month-body.children", lambda day: f"Billable {counted(day)} "),
    "/collections": ("collections-body.children", lambda day: f" of {runs(day)} "),
}
NOW = "it shows what agents say now; their days are snapshots like those of other sources"
DECIDED = "it shows what waits for a decision now, and what was decided when"
PAGES_OF_NO_DAY = {
    "/not-found": "it says that there is nothing, on whatever day",
    "/machines": NOW,
    "/machines/<machine_id>": NOW,
    "/settings": DECIDED,
    "/settings/rules": DECIDED,
    "/settings/sites": DECIDED,
    "/settings/audit": DECIDED,
    "/settings/users": "it shows who may sign in now",
    "/settings/thresholds": DECIDED,
    "/settings/tokens": "it shows which tokens there are now",
}


def registered() -> dict[str, dict[str, Any]]:
    return {page["path_template"] or page["path"]: page for page in dash.page_registry.values()}


def test_every_page_is_tested_here(app: Dash) -> None:
    assert set(registered()) == {*PAGES, *PAGES_OF_NO_DAY}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_and_names_the_requested_day(app: Dash, path: str) -> None:
    place, number = PAGES[path]
    assert number(PAST) != number(TODAY)
    for day, query in ((TODAY, ""), (PAST, f"as_of={PAST}"), (TODAY, f"as_of={TODAY}")):
        found = answers(app, registered()[path], query)
        said = " ".join(strings(found[place])) + " "
        other = PAST if day == TODAY else TODAY
        assert number(day) in said and number(other) not in said, (query, said)
        everything = " ".join(" ".join(strings(value)) for value in found.values())
        shell = run_callback(app, "strip.children", filters=query, address=path)["response"]
        everything += f" {shell['stamp']['children']}"
        assert day_in_words(day) in everything, query
        assert not shell["page"]["hidden"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_a_future_day_shows_a_message_in_place_of_figures(app: Dash, path: str) -> None:
    query = f"as_of={TODAY + timedelta(days=1)}"
    assert answers(app, registered()[path], query) == {}
    shell = run_callback(app, "strip.children", filters=query, address=path)["response"]
    assert shell["page"]["hidden"]
    said = strings(shell["strip"]["children"])
    assert said == [
        "This address cannot be shown", "23 Nov 2026 is in the future: today is 22 Nov 2026.",
        "Clear all filters",
    ]  # fmt: skip


def test_a_past_day_of_collections_offers_no_actions(app: Dash) -> None:
    page = registered()["/collections"]
    now = strings(answers(app, page, "")["collections-body.children"])
    assert any(text.startswith("Withdraw") for text in now) and "Collect now" in now
    past = strings(answers(app, page, f"as_of={PAST}")["collections-body.children"])
    assert not [
        text for text in past if text.startswith(("Withdraw", "Collect now", "End", "fresh"))
    ]
    assert not [text for text in past if "22 Nov" in text]


# Answers: where each says its day and its number.

Answer = tuple[Callable[[dict[str, Any]], tuple[str, int]], Callable[[date], int]]


def records(day: date) -> int:
    return counted(day, "records", spares=True)


def first_is(body: dict[str, Any]) -> tuple[str, int]:
    standing = next(one for one in body["items"] if one["stands"])
    return body["date"], standing["site_id"]


# fmt: off
API: dict[str, Answer] = {
    "/api/dashboard/today": (
        lambda body: (body["date"], body["totals"]["total_devices"]), records
    ),
    "/api/dashboard/comparison": (
        lambda body: (body["today_date"], body["today_totals"]["total_devices"]), records
    ),
    "/api/dashboard/sites": (
        lambda body: (body["date"], sum(one["total_devices"] for one in body["items"])), records
    ),
    "/api/dashboard/devices": (lambda body: (body["date"], body["count"]), records),
    "/api/dashboard/changes": (lambda body: (body["date"], body["closing"]), counted),
    "/api/sites": (
        lambda body: (body["date"], sum(one["total_devices"] for one in body["items"])), with_spares
    ),
    "/api/devices/<device_id>/history": (
        first_is, lambda day: {PAST: MUELLER, TODAY: HARBOR}[day]
    ),
    "/api/months": (
        lambda body: (body["as_of"], body["items"][0]["billable_devices"]), counted
    ),
    "/api/months/<month>/bases": (
        lambda body: (body["as_of"], body["items"][0]["month_end"]), counted
    ),
    "/api/coverage": (
        lambda body: (body["date"], body["count"]), {PAST: 3, TODAY: 5}.__getitem__
    ),
    "/api/coverage/matrix": (
        lambda body: (body["date"], sum(sum(one["kinds"].values()) for one in body["sites"])),
        {PAST: 3, TODAY: 5}.__getitem__,
    ),
    "/api/runs": (lambda body: (body["items"][0]["business_date"], body["count"]), runs),
}
# fmt: on
SEARCH = {"/api/search"}
"""Names no day in its answer: tests/dashboard/test_search.py asks it for one."""
OF_NO_DAY = {
    "/api/health": "it says how the process and its data are now",
    "/api/openapi.json": "it describes the routes, which have no day",
    "/export/invoice-pack.zip": "it holds one month, which names its own days",
    "/api/machines": NOW,
    "/api/machines/<machine_id>": NOW,
    "/api/inventory": NOW,
    "/export/month-bases.csv": "it holds one month, which its address must name",
    "/export/month-bases.xlsx": "it holds one month, which its address must name",
    "/api/audit": DECIDED,
    "/export/audit.csv": DECIDED,
    "/export/audit.xlsx": DECIDED,
    "/export/machines.csv": NOW,
    "/export/machines.xlsx": NOW,
}
"""Routes for which as_of can mean nothing, each with the reason."""


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


FILES: dict[str, tuple[Callable[[list[dict[str, str]]], int], Callable[[date], int]]] = {
    "devices": (len, counted),
    "changes": (len, lambda day: {PAST: 4, TODAY: 6}[day]),
    "coverage": (len, {PAST: 3, TODAY: 5}.__getitem__),
    "bars": (lambda rows: int(rows[-1]["devices"]), counted),
    "sites": (lambda rows: sum(int(row["current"]) for row in rows), counted),
    "movers": (
        lambda rows: sum(int(row["change"]) for row in rows),
        lambda day: counted(day) - counted(MONTH_END),
    ),
    "months": (lambda rows: int(rows[-1]["total"]), counted),
    "month-ends": (lambda rows: int(rows[0]["billable"]), counted),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(engine_: Engine) -> Iterator[ApiClient]:
    with serve_api(engine_) as found:
        yield found


def test_every_route_and_file_is_tested_here(engine_: Engine) -> None:
    ours = {
        rule.rule
        for rule in make_app(engine_).url_map.iter_rules()
        if rule.rule.startswith(("/api/", "/export/")) and "GET" in (rule.methods or ())
    }
    files = {f"/export/{name}.{form}" for name in FILES for form in ("csv", "xlsx")}
    assert ours == {*API, *SEARCH, *OF_NO_DAY, *files}


@pytest.mark.parametrize("path", API)
def test_an_answer_is_of_and_names_the_requested_day(client: ApiClient, path: str) -> None:
    read, expected = API[path]
    address = path.replace("<device_id>", MOVED_PC).replace("<month>", "2026-11")
    assert expected(PAST) != expected(TODAY)
    for day, query in ((TODAY, ""), (PAST, f"?as_of={PAST}"), (TODAY, f"?as_of={TODAY}")):
        said, number = read(client.json(address + query))
        assert (said[:10], number) == (day.isoformat(), expected(day)), query
    refused = client.json(f"{address}?as_of={TODAY + timedelta(days=1)}", 400)
    assert refused["parameter"] == "as_of" and "in the future" in refused["error"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_of_and_names_the_requested_day(client: ApiClient, name: str) -> None:
    read, expected = FILES[name]
    assert expected(PAST) != expected(TODAY)
    for day, query in ((TODAY, ""), (PAST, f"?as_of={PAST}"), (TODAY, f"?as_of={TODAY}")):
        plain = client.get(f"/export/{name}.csv{query}")
        assert read(rows_of(plain.content)) == expected(day), query
        book = client.get(f"/export/{name}.xlsx{query}")
        for file in (plain, book):
            assert f"{day}." in file.headers["Content-Disposition"]
        first, about = sheets(book.content).values()
        assert len(first) == len(rows_of(plain.content)) + 1
        assert ["As of, shown", day.isoformat()] in about
    for form in ("csv", "xlsx"):
        refused = client.json(f"/export/{name}.{form}?as_of={TODAY + timedelta(days=1)}", 400)
        assert refused["parameter"] == "as_of"


def test_routes_without_a_day_refuse_as_of(client: ApiClient) -> None:
    for path in OF_NO_DAY:
        # Of a machine that there is not, that is said first.
        code = 404 if "<" in path else 400
        assert client.get(f"{path}?as_of={PAST}").status_code == code, path
