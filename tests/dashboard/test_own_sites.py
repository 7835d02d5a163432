"""SEC-05, ASVS 8.2.2: whoever sees only some sites is told nothing of the others, by no page,
callback, route or file, and counts what somebody counts who selects these sites."""

import json
import re
from typing import Any

import pytest
from dash import Dash
from sqlalchemy import Engine, delete, func, insert, select

from dashboard.base.params import BARS
from dashboard.components.ask.dialog import ASK
from dashboard.components.coverage.page import WHY
from dashboard.components.kit.why_button import BODY, REQUEST
from dashboard.components.machines.tiles import MACHINES as WHY_MACHINES
from dashboard.components.sites.table import MOVED
from dashboard.components.why.month import MONTH as WHY_MONTH
from db import users
from db.engine import reading, writing
from db.machines import blank_machine, with_search_text
from db.tables import (
    OPEN_END,
    collection_runs,
    coverage_findings,
    device_snapshots,
    inventory,
    jobs,
    sites,
)
from tests.support.machines import machine_id
from tests.support.samples import samples
from tests.support.two_viewers import (
    MACHINES,
    MONTH,
    NOW,
    PEOPLE,
    Reader,
    people_dashboard,
    secrets_of,
)

QUERIES = (
    "", "basis=records&status=billable&status=spare&status=excluded", "basis=ninja&q=a",
    "compare_to=2026-10-15&change=all", "basis=threatlocker&type=workstation&as_of=2026-11-10",
)  # fmt: skip
FIGURES = ("bars", "change", "count", WHY_MONTH, WHY, WHY_MACHINES, "added", "moved_in")
OPENED = (
    "/coverage", "/machines", "/months", f"/months/{MONTH}", "/collections", "/collections?run=1",
    "/report", "/api/coverage", "/api/coverage/matrix", "/api/months", "/api/runs",
    f"/api/months/{MONTH}/bases", "/api/machines", "/api/inventory", "/export/coverage.csv",
    "/export/machines.csv", "/export/month-ends.csv", f"/export/month-bases.csv?month={MONTH}",
)  # fmt: skip
"""What people who see only some sites have beside Overview, Changes, Sites and Devices."""

CLOSED = ("/settings", "/settings/rules", "/settings/sites", "/settings/audit",
          "/settings/users", "/settings/tokens", "/api/audit",
          "/export/audit.csv")  # fmt: skip
"""What is of every site, and is closed to them."""


@pytest.fixture(scope="module")
def app(demo_engine: Engine) -> Dash:
    return people_dashboard(demo_engine)


@pytest.fixture(scope="module")
def engine(app: Dash) -> Engine:
    found: Engine = app.server.extensions["inventory_hub"].engine
    return found


def addresses(app: Dash) -> list[str]:
    """Every route that is asked with GET, and every page, with ids of both kinds of sites."""
    fill = {
        "filename": "favicon.svg", "device_id": "1", "month": MONTH,
        "machine_id": machine_id("granite-51"), "token": "x", "package_name": "dash",
        "fingerprinted_path": "x", "site_id": "1",
    }  # fmt: skip
    routes = []
    for rule in app.server.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.rule not in ("/<path:path>", "/_reload-hash"):
            routes.append(
                re.sub(r"<(?:[^:<>]*:)?([a-z_]+)>", lambda m: fill.get(m[1], "x"), rule.rule)
            )
    pages = [f"/sites/{n}" for n in range(1, 7)]
    pages += ["/devices", "/changes", "/sites", *OPENED, *CLOSED]
    machines = [f"/api/machines/{machine_id(name)}" for name in MACHINES]
    files = [
        f"/export/invoice-pack.zip?month={month}&site={site}"
        for site in (1, 2, 5) for month in (MONTH, "2026-11")
    ]  # fmt: skip
    files += [
        f"/export/{name}.csv?site={site}" for name in ("devices", "changes") for site in (1, 5)
    ]
    return [*routes, *pages, *machines, *files, f"/export/month-bases.xlsx?month={MONTH}"]


@pytest.mark.parametrize(
    "name", ["two", *(pytest.param(name, marks=pytest.mark.full) for name in ("one", "none"))]
)
def test_sec_05_asvs_8_2_2_no_answer_holds_anything_of_another_site(
    app: Dash, engine: Engine, name: str
) -> None:
    own = set(PEOPLE[name][1] or ())
    secrets = secrets_of(engine, own)
    assert len(secrets.words) > 50
    reader = Reader(app, name)
    with reading(engine) as connection:
        stretch = device_snapshots.c
        rows = connection.execute(select(stretch.device_id, stretch.site_id).distinct()).all()
    some = [str(row.device_id) for row in rows][: samples(6, 60)]
    wrong: list[str] = []

    def check(what: str, code: int, text: str) -> None:
        found = [secret for secret in secrets.in_text(text) if secret not in what]
        wrong.extend(f"{what} ({code}): {secret}" for secret in found[:3])
        assert code < 500, (what, code, text[:500])

    filtered = ("/api/dashboard", "/export/", "/api/sites", "/api/coverage")
    for path in [*addresses(app), *(f"/api/devices/{n}/history" for n in some)]:
        check(path, *reader.get(path))
        for query in QUERIES[1 : samples(2, len(QUERIES))]:
            if path.startswith(filtered) and "?" not in path:
                check(f"{path}?{query}", *reader.get(f"{path}?{query}"))
    theirs = next(str(row.device_id) for row in rows if row.site_id not in own)
    mine = next((str(row.device_id) for row in rows if row.site_id in own), theirs)
    asked = [(str(min(own, default=1)), mine, "quartz-11"), ("5", theirs, "granite-51")]
    for site, device, machine in asked:
        for query, figure in zip(QUERIES[: samples(1, len(QUERIES))], FIGURES, strict=False):
            for key, code, text in reader.callbacks(query, _values(site, device, machine, figure)):
                check(f"{key} with {query!r}, site {site} device {device}", code, text)
                assert code != 403 or "jobs.children" not in key, "every page asks for it"
        for figure in FIGURES:
            values = _values(site, device, machine, figure)
            check(f"why {figure}, site {site}", *reader.callback(f"{BODY}.children", "", values))
    check(
        "the last run",
        *reader.callback("collections-body.children", f"run={_last_run(engine)}", {}),
    )
    assert wrong == []


def _last_run(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.scalar(select(func.max(collection_runs.c.run_id))) or 0)


def _values(site: str, device: str, machine: str, figure: str) -> dict[str, Any]:
    query = {WHY_MONTH: f"{WHY_MONTH}={MONTH}"}.get(figure, "")
    return {
        "site": site, "device": device, "month-shown": MONTH, "run-shown": "1",
        "machine": machine_id(machine), "device-version": "2026-11-10", "sites-order": MOVED,
        REQUEST: {"figure": figure, "query": query}, "address": "/sites",
    }  # fmt: skip


def test_sec_05_totals_are_those_of_ones_own_sites(app: Dash, engine: Engine) -> None:
    everybody, two = Reader(app, "everything"), Reader(app, "two")
    for path in ("today", "comparison", "changes", "sites", "devices"):
        for basis in ("assets", "records", "ninja"):
            query = f"/api/dashboard/{path}?basis={basis}"
            own, selected = two.json(query), everybody.json(f"{query}&site=2&site=3")
            if path == "changes":
                assert own["bars"] == selected["bars"] and own["count"] == selected["count"]
                assert own["opening"] == selected["opening"] is not None
                assert {*own["bars"]} == {*BARS}
            else:
                own.pop("timestamp", None), selected.pop("timestamp", None)
                assert own == selected, query
    for path in ("/api/coverage/matrix", f"/api/months/{MONTH}/bases", "/api/months"):
        own, selected = two.json(path), everybody.json(f"{path}?site=2&site=3")
        for month in selected.get("items", ()):
            if month.get("closing"):
                assert month["closing"].pop("members") > 0
                month["closing"]["members"] = None
        assert own == selected, path
    facts = [
        {item["finding_id"]: item for item in reader.json(f"/api/coverage?{query}")["items"]}
        for reader, query in ((two, "limit=500"), (everybody, "limit=500&site=2&site=3"))
    ]
    assert facts[0].keys() == facts[1].keys() and len(facts[0]) > 3
    across = [item for item in facts[0].values() if item["kind"] == "site_mismatch"]
    assert any("another device at another site" in item["facts"] or "another site" in item["facts"]
               for item in across)  # fmt: skip
    with reading(engine) as connection:
        named = connection.scalars(select(sites.c.name).where(sites.c.site_id.in_((2, 3)))).all()
    own, every = two.json("/api/machines"), everybody.json("/api/machines")
    theirs = [item for item in every["items"] if item["site"] in named]
    assert own["items"] == theirs and own["count"] == len(theirs) == 2 < every["count"]
    assert {*PACK_NAMES} <= {*re.findall(r"[a-z]+\.csv", two.get(pack(2))[1])}
    assert two.get(pack(5))[0] == two.get(pack(999))[0] == 404


PACK_NAMES = ("opening.csv", "closing.csv", "changes.csv", "counts.csv")


def pack(site: int) -> str:
    return f"/export/invoice-pack.zip?month={MONTH}&site={site}"


def test_sec_05_of_a_run_they_see_source_day_state_and_duration(app: Dash) -> None:
    shown = {
        "run_id", "source", "business_date", "timezone", "kind", "state", "published", "hold",
        "started_at", "heartbeat_at", "finished_at", "rule_version", "seconds",
    }  # fmt: skip
    one = Reader(app, "one").json("/api/runs?limit=500")
    every = Reader(app, "everything").json("/api/runs?limit=500")
    assert one["count"] == every["count"] > 100
    for mine, run in zip(one["items"], every["items"], strict=True):
        assert {name for name, value in mine.items() if value} <= shown
        assert {name: mine[name] for name in shown} == {name: run[name] for name in shown}


def test_sec_05_another_site_is_said_not_to_be_there(app: Dash) -> None:
    one = Reader(app, "one")
    assert one.get("/api/dashboard/devices?site=1")[0] == 200
    assert one.get("/api/dashboard/devices?site=2")[0] == 404
    assert one.get("/api/dashboard/devices?site=999")[0] == 404
    assert one.get("/sites/2")[0] == one.get("/sites/999")[0] == 404
    assert one.get(f"/machines/{machine_id('granite-51')}")[0] == 404
    assert one.get(f"/machines/{machine_id('nowhere-77')}")[0] == 404
    for path in ("/sites/1", f"/machines/{machine_id('quartz-11')}", *OPENED):
        assert (path, one.get(path)[0]) == (path, 200)
    for path in CLOSED:
        assert (path, one.get(path)[0]) == (path, 403)


def test_sec_05_asvs_8_3_2_a_site_that_is_taken_away_is_gone_with_the_next_request(
    app: Dash, engine: Engine
) -> None:
    two = Reader(app, "two")
    assert two.get("/api/dashboard/devices?site=3")[0] == 200
    assert "marble-31" in two.callback(*_machines_grid(app))[1]
    with writing(engine) as connection:
        users.set_sites(connection, users.by_name(connection, "two"), [2], "test", NOW)
    try:
        code, text = two.callback(*_machines_grid(app))
        assert code == 200 and "basalt-21" in text and "marble-31" not in text
        assert two.get("/api/dashboard/devices?site=3")[0] == 404
        assert {item["site_id"] for item in two.json("/api/sites")["items"]} == {2}
    finally:
        with writing(engine) as connection:
            users.set_sites(connection, users.by_name(connection, "two"), [2, 3], "test", NOW)


def test_sec_05_a_site_s_first_machine_is_seen_before_the_next_collection(
    app: Dash, engine: Engine
) -> None:
    """Sites 4 and 6 have no alias of the agent source yet; a machine joins a site whose normalised
    name is equal, if there is one such site only."""
    added = {"opal-41": "{0} ", "opal-61": "{1}"}
    other = {
        "name": "", "match_name": "", "search_text": "", "created_at": NOW,
        "needs_review": True, "internal": False,
    }  # fmt: skip
    with writing(engine) as connection:
        rows = connection.execute(select(sites.c.site_id, sites.c.name))
        names = {site_id: name for site_id, name in rows}
        for name, site in added.items():
            row = blank_machine(machine_id(name), NOW) | {
                "hostname": name, "os": "linux", "site": site.format(names[4].upper(), names[6]),
                "received_at": NOW,
            }  # fmt: skip
            connection.execute(insert(inventory).values(with_search_text(row)))
        users.set_sites(connection, users.by_name(connection, "none"), [4], "test", NOW)
    reader = Reader(app, "none")
    try:
        assert [item["hostname"] for item in reader.json("/api/machines")["items"]] == ["opal-41"]
        assert reader.get(f"/machines/{machine_id('opal-61')}")[0] == 404
        with writing(engine) as connection:
            other["name"] = f"{names[4]}, Inc."  # A second site that it may mean.
            connection.execute(insert(sites).values(**other))
        assert reader.json("/api/machines")["items"] == []
    finally:
        with writing(engine) as connection:
            ids = [machine_id(name) for name in added]
            connection.execute(delete(inventory).where(inventory.c.machine_id.in_(ids)))
            connection.execute(delete(sites).where(sites.c.name == other["name"]))
            users.set_sites(connection, users.by_name(connection, "none"), [], "test", NOW)


def _machines_grid(app: Dash) -> tuple[str, str, dict[str, Any]]:
    (key,) = (key for key in app.callback_map if "machines-grid.getRowsResponse" in key)
    return key, "", {}


def test_sec_05_every_link_of_theirs_leads_to_something(app: Dash) -> None:
    two = Reader(app, "two")
    with reading(two.app.server.extensions["inventory_hub"].engine) as connection:
        stretch = device_snapshots.c
        mine = connection.scalar(select(stretch.device_id).where(stretch.site_id == 2).limit(1))
    texts = [two.get(page)[1] for page in ("/report", "/_dash-layout")]
    for key, code, text in two.callbacks("", _values("2", str(mine), "basalt-21", "bars")):
        assert code in (200, 204, 400, 403), (key, code)
        texts.append(text)
    for figure in FIGURES:
        values = _values("2", str(mine), "basalt-21", figure)
        texts.append(two.callback(f"{BODY}.children", "", values)[1])
    links = {
        link.replace("&amp;", "&").split("#")[0]
        for text in texts
        for link in re.findall(r'\\?"?href\\?"?[:=] ?\\?"(/[^"\\]*)', text.replace("\\u002f", "/"))
    }
    assert len(links) > 100 and {"/coverage", "/months", "/machines"} <= links
    by_path: dict[str, str] = {}
    for link in sorted(links):
        by_path.setdefault(re.sub(r"\d{6,}", "N", link.split("?")[0]) + link[-12:], link)
    led = {link: two.client.get(link).status_code for link in by_path.values()}
    assert {link: code for link, code in led.items() if code not in (200, 302)} == {}


def test_sec_05_they_decide_what_touches_their_own_sites_alone(app: Dash, engine: Engine) -> None:
    two, one = Reader(app, "two"), Reader(app, "one")
    finding, stretch = coverage_findings.c, device_snapshots.c
    with reading(engine) as connection:
        at = {
            site: connection.scalars(
                select(stretch.device_id).where(
                    stretch.site_id == site, stretch.valid_to == OPEN_END
                )
            ).all()
            for site in (2, 3, 5)
        }
        open_findings = connection.execute(
            select(finding.finding_id, finding.other_device_id)
            .where(finding.until == OPEN_END, finding.device_id.in_(at[2]))
            .order_by(finding.finding_id)
        ).all()
    mine = next(row.finding_id for row in open_findings if row.other_device_id is None)
    across = next(row.finding_id for row in open_findings if row.other_device_id in at[5])
    allowed = {
        "accept_finding": {"finding_id": mine},
        "expect_sources": {"site_id": 2, "sources": ["ninja"]},
    }
    elsewhere = {
        "accept_finding": {"finding_id": across},
        "expect_sources": {"site_id": 5, "sources": ["ninja"]},
        "link_devices": {"device_id": at[2][0], "other_device_id": at[5][0]},
        "split_device": {"device_id": at[5][0]},
    }
    closed = {
        "close_month": {"month": "2026-11"}, "collect": {"source": "ninja"},
        "merge_sites": {"site_id": 2, "into": 3}, "accept_run": {"run_id": 1},
        "undo": {"entry_id": 1},
    }  # fmt: skip
    for kind, arguments in allowed.items():
        assert answer_to_request(two, kind, arguments)[0] == 200
        code, text = confirmed(two, kind, arguments)
        assert (kind, code) == (kind, 200), text
        assert confirmed(one, kind, arguments)[0] == 403
    for kind, arguments in elsewhere.items():
        code, text = answer_to_request(two, kind, arguments)
        assert code == 200 and "sites that you do not see" in text
        assert (kind, confirmed(two, kind, arguments)[0]) == (kind, 403)
    for kind, arguments in closed.items():
        code, text = answer_to_request(two, kind, arguments)
        assert (kind, code) == (kind, 403) and "sites that you do not see" in text
        assert confirmed(two, kind, arguments)[0] == 403
    with reading(engine) as connection:
        requested = connection.execute(select(jobs.c.kind, jobs.c.actor)).all()
    assert {tuple(row) for row in requested} == {(kind, "two") for kind in allowed}
    (poll,) = (key for key in app.callback_map if "jobs.children" in key)
    told = [reader.callback(poll, "", {"asked": [1, 2]})[1] for reader in (two, one)]
    assert ["Accept a coverage finding" in text for text in told] == [True, False]


def answer_to_request(reader: Reader, kind: str, arguments: dict[str, Any]) -> tuple[int, str]:
    """What the button of a decision answers."""
    request = {"job": kind, "with": json.dumps(arguments), "at": 1}
    return reader.callback(_dialog(reader.app), "", {ASK: request}, pressed=f"{ASK}.data")


def confirmed(reader: Reader, kind: str, arguments: dict[str, Any]) -> tuple[int, str]:
    """What the button of the dialog answers, also where a page never opened it."""
    reasoned = kind == "accept_finding"
    proposed = {"job": kind, "with": json.dumps(arguments), "reasoned": reasoned, "ends": reasoned}
    values = {"proposed": proposed, "decision-reason": "known", "asked": []}
    return reader.callback(_dialog(reader.app), "", values, pressed="decision-do.n_clicks")


def _dialog(app: Dash) -> str:
    (key,) = (key for key in app.callback_map if key.startswith("..proposed.data"))
    return key


def test_asvs_8_2_1_a_colleague_without_the_right_reads_why(app: Dash) -> None:
    reader, two = Reader(app, "reader"), Reader(app, "two")
    role = "needs the role manager. Ask an administrator."
    pages = {
        "collections-body.children": f"Collecting {role}",
        "coverage-grid.getRowsResponse": f"Accepting a coverage finding {role}",
        "site-state.children": f"Merging sites {role}",
    }
    for output, words in pages.items():
        (key,) = (key for key in app.callback_map if output in key)
        code, text = reader.callback(key, "", {"site": "2"})
        assert code == 200 and words in text, output
        assert "data-job" not in text and '"ask":{' not in text
        code, text = two.callback(key, "", {"site": "2"})
        assert (role in text) is False and ("sites that you do not see" in text) is (
            output != "coverage-grid.getRowsResponse"
        )
    for who, path, words in (
        (reader, "/settings/audit", f"Reading the audit log {role}"),
        (reader, "/settings/users", "Managing users needs the role administrator. Ask"),
        (two, "/settings", "Settings are for people who see every site. Ask an administrator."),
    ):
        answer = who.client.get(path)
        assert answer.status_code == 403 and "_dash-config" in answer.text, "the page in its frame"
        values = {"_pages_location": path, "pathname": path}
        (key,) = (key for key in app.callback_map if "_pages_content.children" in key)
        code, said = who.callback(key, "", values)
        assert code == 200 and words in said, path
    assert reader.get("/api/audit")[0] == 403 and role in reader.get("/api/audit")[1]
