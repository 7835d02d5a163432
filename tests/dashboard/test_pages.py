"""The pages through the server that Dash runs on: what each callback answers, without a browser."""

import ast
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dash
import pytest
from dash import Dash
from sqlalchemy import Engine, insert

from dashboard.components.devices.grid import rows
from dashboard.components.shell.filter_bar import MACHINE_OS, MACHINE_SITE, machine_fields
from dashboard.components.sites.table import MOVED
from dashboard.queries.devices.device_list import COLUMNS
from db.engine import open_engine, sqlite_url, writing
from db.tables import collection_runs, run_details
from tests.conftest import ROOT
from tests.support.callbacks import component_ids, create_demo_app, run_callback, words_of
from tests.support.worlds import HARBOR, MUELLER, named_world, run_row

LONGEST_CALLBACK = 12
PAGES = sorted((ROOT / "dashboard" / "pages").glob("[!_]*.py"))


@pytest.fixture(scope="module")
def app(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dash]:
    """The dashboard on the named world."""
    path = tmp_path_factory.mktemp("pages") / "inventory.db"
    shutil.copyfile(migrated_file, path)
    engine = open_engine(sqlite_url(path))
    named_world().save(engine)
    yield create_demo_app(engine)
    engine.dispose()


def grid(app: Dash, query: str, **request: Any) -> dict[str, Any]:
    asked = {"startRow": 0, "endRow": 100, "sortModel": [], "filterModel": {}} | request
    answer = run_callback(
        app, "devices-grid.getRowsResponse", **{"devices-grid": asked, "filters": query}
    )
    found: dict[str, Any] = answer["response"]["devices-grid"]["getRowsResponse"]
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_callback_is_short(path: Path) -> None:
    functions = [
        node for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(getattr(one, "func", one).__dict__.get("id") == "callback"
                for one in node.decorator_list)
    ]  # fmt: skip
    assert functions or "@callback" not in path.read_text("utf-8")
    for function in functions:
        body = function.body[1:]  # without the docstring
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
        assert lines <= LONGEST_CALLBACK, f"{path.name}: {function.name} has {lines} lines"


def test_every_id_in_a_callback_is_on_a_page_exactly_once(app: Dash) -> None:
    with app.server.test_request_context("/"):
        app.server.preprocess_request()
        # A callback mounts the fields of machines in the shell, on their page.
        shell = component_ids([app.layout(), *machine_fields({MACHINE_SITE: (), MACHINE_OS: ()})])
        pages = [component_ids(page["layout"]()) for page in dash.page_registry.values()]
    assert all(shell.isdisjoint(page) for page in pages)
    named = {
        part["id"]
        for one in app.callback_map.values()
        for part in (*one["inputs"], *one["state"])
        if not part["id"].startswith(("{", "_pages"))
    }
    assert len(named) > 10
    here = shell.union(*pages)
    # A chart is mounted in its place, together with its figure.
    assert {name for name in named - here if f"{name}-place" not in here} == set()


def test_the_count_and_the_rows_of_a_list_come_from_one_query(app: Dash) -> None:
    for query in ("", "site=1", "basis=records&status=excluded", "q=h-", "as_of=2026-10-31"):
        found = grid(app, query)
        shown = run_callback(app, "devices-count", filters=query)["response"]
        word = "device matches" if found["rowCount"] == 1 else "devices match"
        assert shown["devices-count"]["children"] == f"{found['rowCount']} {word}"
        assert len(found["rowData"]) == found["rowCount"]


def site(app: Dash, query: str, site_id: int) -> dict[str, Any]:
    """The charts and the latest changes of a site."""
    found: dict[str, Any] = {}
    for output in ("site-bars-chart", "site-latest-rows"):
        found |= run_callback(app, output, filters=query, site=str(site_id))["response"]
    return found


def texts(part: Any, kind: str) -> list[str]:
    """The text of each component of a class, in order."""
    found: list[str] = []
    if isinstance(part, list):
        found += [text for one in part for text in texts(one, kind)]
    elif isinstance(part, dict):
        props = part["props"]
        if kind in (props.get("className") or part["type"]).split():
            found.append(props["children"])
        found += texts(props.get("children"), kind)
    return found


def test_the_latest_changes_of_a_site_are_the_first_of_its_list_of_changes(app: Dash) -> None:
    for number in (HARBOR, MUELLER):
        found = site(app, "basis=records", number)
        query = f"basis=records&site={number}"
        request = {"startRow": 0, "endRow": 8, "filterModel": {},
                   "sortModel": [{"colId": "changed_on", "sort": "desc"}]}  # fmt: skip
        listed = run_callback(
            app, "changes-grid.getRowsResponse", **{"changes-grid": request, "filters": query}
        )["response"]["changes-grid"]["getRowsResponse"]
        head = found["site-latest-head"]["children"]["props"]["children"][0]
        (link,) = head["props"]["children"][0]["props"]["children"]
        title = link["props"]
        assert title["children"].startswith(f"{listed['rowCount']} device")
        assert title["href"] == f"/changes?{query}"
        rows = found["site-latest-rows"]["children"]
        assert texts(rows, "a") == [row["hostname"] for row in listed["rowData"]]
        assert texts(rows, "latest-day") == [row["changed_on"] for row in listed["rowData"]]
        said = [text for row in listed["rowData"] for text in row["reasons"][:2]]
        assert [text for text in texts(rows, "reason") if text[0] != "+"] == said
        chart = found["site-bars-chart-place"]["children"]["props"]
        (bars,) = (one for one in chart["figure"]["data"] if one["type"] == "bar")
        assert {href for href in bars["customdata"][1:-1] if href} == {
            f"/changes?{query}&change={row['kind']}" for row in listed["rowData"]
        }


def buttons(part: Any) -> set[tuple[str, str]]:
    """The figure and the query of every why button in an answer."""
    found: set[tuple[str, str]] = set()
    if isinstance(part, list):
        found = set().union(*(buttons(one) for one in part))
    elif isinstance(part, dict):
        if "data-why" in part:
            found.add((part["data-why"], part["data-query"]))
        found |= set().union(*(buttons(one) for one in part.values()))
    return found


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (
            ("overview-kpis", "`sites-table.children"),
            {"trend", "months", "bars", "added", "site", "count"},
        ),
        (("site-head", "site-bars-chart"), {"count", "months", "days", "bars"}),
        (("months-body",), {"month"}),
        (("month-body",), {"month"}),
    ],
)
def test_every_explanation_button_has_a_complete_answer(
    app: Dash, outputs: tuple[str, ...], expected: set[str]
) -> None:
    values = {"filters": "", "sites-order": MOVED, "site": "1", "month-shown": "2026-10"}
    asked = set().union(
        *(buttons(run_callback(app, name, **values)["response"]) for name in outputs)
    )
    assert expected <= {figure for figure, _ in asked}
    for figure, query in asked:
        data = {"figure": figure, "query": query, "at": 1}
        answer = run_callback(app, "drawer-body.children", **{"drawer-asked": data})["response"]
        body = answer["drawer-body"]["children"]
        said = str(body)
        if figure == "coverage":
            assert "Based on" in said and "/collections?run=" in said and "expected" in said
            continue
        assert "drawer-answer" in said and "unique machines" in said or "records" in said
        assert "Based on" in said and "/collections?run=" in said, (figure, query)
        assert "What the words mean" in said
        if figure in ("months", "site", "trend", "days"):
            assert "Point by point" in said


ANSWERS = (
    (
        "bars",
        "status=billable",
        "\u22122 since 31 Oct: 2 fewer at Harbor Dental (1 added, 1 removed, 1 became spare, 1 "
        "moved out).",
    ),
    ("removed", "status=billable", "1 removed since 31 Oct: 1 at Harbor Dental (10 Nov)."),
    ("removed", "status=billable&site=1", "1 removed since 31 Oct (10 Nov)."),
    (
        "count",
        "site=1",
        "3, 2 fewer than on 31 Oct: 1 added (10 Nov), 1 removed (10 Nov), 1 became spare (10 Nov), "
        "1 moved out (10 Nov). What they are: 2 workstations, 1 server.",
    ),
    (
        "count",
        "type=server",
        "1, 1 fewer than on 31 Oct: 1 became excluded at Müller & Söhne, Bau (10 Nov).",
    ),
    ("count", "type=network", "1, as many as on 31 Oct."),
    (
        "count",
        "basis=threatlocker",
        "4, as many as on 31 Oct. Where they are: 2 at Harbor Dental, 1 at Müller & Söhne, Bau, 1 "
        "at North 100% Farms.",
    ),
    ("count", "basis=agent", "1: nothing was collected yet on 31 Oct to compare with."),
    (
        "added",
        "as_of=2026-08-01",
        "No number: nothing was collected yet on 30 Jun to compare with.",
    ),
)


def plain_text(part: Any) -> str:
    """What a reader reads of a part of an answer."""
    if isinstance(part, dict):
        return plain_text(part["props"].get("children"))
    return "".join(map(plain_text, part)) if isinstance(part, list) else str(part or "")


@pytest.mark.parametrize(("figure", "query", "said"), ANSWERS)
def test_an_explanation_begins_with_the_parts_of_its_figure_in_a_sentence(
    app: Dash, figure: str, query: str, said: str
) -> None:
    data = {"figure": figure, "query": query, "at": 1}
    answer = run_callback(app, "drawer-body.children", **{"drawer-asked": data})["response"]
    (drawn,) = answer["drawer-body"]["children"]
    parts = drawn["props"]["children"]
    before = next(
        place for place, part in enumerate(parts) if part["props"].get("className") == "muted"
    )
    assert " ".join(map(plain_text, parts[:before])) == said
    kinds = [part["type"] for part in parts[before + 1 :]]
    assert set(kinds) <= {"details", "a"}, "everything else is folded"


def test_why_a_month_counts_what_it_does(app: Dash) -> None:
    query = "site=1&month=2026-10"
    data = {"figure": "month", "query": query, "at": 1}
    answer = run_callback(app, "drawer-body.children", **{"drawer-asked": data})["response"]
    body = answer["drawer-body"]["children"]
    assert texts(body, "drawer-figure") == ["5"]
    assert "Billable devices at Harbor Dental at the end of Oct 2026" in str(body)
    assert "6 = 5 billable + 1 spare" in str(body)
    assert "/devices?as_of=2026-10-31&site=1" in str(body)
    assert "Average" in str(body) and "device-days / 31 days" in str(body)


@pytest.mark.parametrize(
    ("bars", "said"),
    (
        ("change=added", r"\+(\d+) added: \1 devices? since 31 Oct"),
        ("change=removed", "\u2212(\\d+) removed: \\1 devices? since 31 Oct"),
        ("change=all", r"\d+ devices? changed since 31 Oct"),
        ("change=added&change=removed",
         "\\+\\d+ added, \u2212\\d+ removed: \\d+ devices? since 31 Oct"),
    ),
)  # fmt: skip
def test_the_head_of_changes_says_the_bars_that_were_chosen(
    app: Dash, bars: str, said: str
) -> None:
    page = run_callback(app, "changes-summary", filters=bars)["response"]
    assert re.fullmatch(said, words_of(page["changes-summary"]["children"]))
    listed = words_of(page["changes-listed"]["children"]).split()[0]
    assert f"{listed} device" in words_of(page["changes-summary"]["children"])


@pytest.mark.parametrize(
    ("days", "stale", "text"), ((30, False, "23 Oct 2026, 12:00"), (31, True, "22 Oct 2026"))
)
def test_a_device_without_contact_for_more_than_30_days_is_marked_stale(
    app: Dash, days: int, stale: bool, text: str
) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    contact = (now - timedelta(days=days)).isoformat()
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {
        "device_id": "1", "source": "ninja", "last_contact": contact,
    }  # fmt: skip
    with app.server.test_request_context():
        (shown,) = rows([row], now)
    assert (shown["stale"], shown["last_contact"]) == (stale, text)


def test_a_site_without_changes_shows_a_message(app: Dash) -> None:
    still = site(app, "as_of=2026-11-22&compare_to=2026-11-22", HARBOR)["site-latest-rows"]
    assert texts(still["children"], "note") == ["No device in or out since 22 Nov 2026."]
    early = site(app, "compare_to=2026-07-31", HARBOR)["site-latest-rows"]
    assert texts(early["children"], "note") == ["There is no count of 31 Jul 2026 to compare with."]


@pytest.mark.parametrize(
    "request_", [{"startRow": -5}, {"endRow": 10**9}, {"startRow": 50, "endRow": 2},
                 {"sortModel": [{"colId": "payload; --", "sort": "x"}]}],
)  # fmt: skip
def test_a_grid_request_beyond_the_end_gets_the_rows_there_are(app: Dash, request_: Any) -> None:
    everything = grid(app, "")["rowCount"]
    found = grid(app, "", **request_)
    assert found["rowCount"] == everything
    assert len(found["rowData"]) <= everything


def test_an_invalid_filter_leaves_the_page_unchanged(app: Dash) -> None:
    for query in ("type=toaster", "as_of=2999-01-01", "site=x", "nobody=knows"):
        assert run_callback(app, "devices-count", filters=query) is None
        assert run_callback(app, "overview-kpis", filters=query) is None


def test_an_empty_database_shows_a_checklist_on_both_pages(sqlite_engine: Engine) -> None:
    app = create_demo_app(sqlite_engine)
    for output, state in (("overview-kpis", "overview-state"), ("devices-count", "devices-state")):
        answer = run_callback(app, output, filters="")["response"]
        assert "Nothing collected yet" in str(answer[state]["children"])
    answer = run_callback(app, "`sites-table.children", filters="", **{"sites-order": MOVED})[
        "response"
    ]
    assert texts(answer["sites-table"]["children"], "row-link") == []


def test_a_runs_page_shows_its_log_and_the_raw_answer_folded_and_as_text(
    sqlite_engine: Engine,
) -> None:
    engine = sqlite_engine
    named_world().save(engine)
    raw = "HTTP 502\n\n<script>alert(1)</script>"
    lines = [
        ["2026-11-22T02:00:00.000+00:00", "info", "Collecting NinjaRMM for 2026-11-22."],
        ["2026-11-22T02:00:09.500+00:00", "warning", "NinjaRMM answered 502. Trying again."],
    ]
    failed = run_row("ninja", date(2026, 11, 23), state="failed", published=False, reason="No.")
    with writing(engine) as connection:
        inserted = connection.execute(insert(collection_runs).values(failed)).inserted_primary_key
        assert inserted is not None
        connection.execute(
            insert(run_details).values(run_id=inserted[0], answer=raw, log=json.dumps(lines))
        )
    query = f"run={inserted[0]}"
    answer = run_callback(create_demo_app(engine), "collections-body", filters=query)["response"]
    body = answer["collections-body"]["children"]
    assert texts(body, "log-time") == ["02:00:00", "02:00:09"]
    assert texts(body, "log-level") == ["info", "warning"]
    assert texts(body, "log-text") == [line[2] for line in lines]
    assert "Only warnings and errors" in str(body)
    (folded,) = texts(body, "raw-answer")
    assert [part["type"] for part in folded] == ["summary", "pre"]
    assert folded[1]["props"]["children"] == raw
