"""Coverage as it is asked for: states that survive collections, one query for numbers, lists and
files, as of any day."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from dashboard.app import create_app
from db.coverage import GAPS, KINDS
from db.decisions import AcceptFinding, WithdrawAcceptance
from db.keys import device_id
from db.settings import load
from db.tables import audit_log, coverage_findings
from etl.decisions.coverage import accept_finding
from etl.decisions.registry import DecisionRefused
from etl.decisions.sites import expect_sources
from etl.decisions.undo import undo
from etl.runtime import lease
from tests.conftest import DATABASES, MakeEngine
from tests.support.api_server import ApiClient, serve_api
from tests.support.callbacks import run_callback, words_of
from tests.support.coverage_world import (
    DAY,
    EXPECTED,
    FLEET_WITH_EVERY_KIND,
    REST,
    CoverageWorld,
    after,
    pc,
)
from tests.support.demo_dashboard import ENVIRON
from tests.support.small_hub import noon

pytestmark = pytest.mark.any_database


def gap(world: CoverageWorld, day: date, *, open_: bool = True, **said: Any) -> None:
    """A collection in which only machine "a" may be without ThreatLocker."""
    locked = REST if open_ else [pc("a"), *REST]
    world.collect_all(day, ninja=[pc("a", **said), *REST], threatlocker=locked)


def test_an_accepted_finding_stays_accepted_through_a_month_until_its_facts_change(
    sqlite_engine: Engine,
) -> None:
    world = CoverageWorld(sqlite_engine)
    world.environ["MONTH_CLOSE_DAYS"] = "400"
    gap(world, DAY)
    world.accept(DAY, "ninja_without_threatlocker")
    for number in range(1, 31):
        gap(world, after(number), os=f"Windows {number}", location=f"Desk {number}")
        if number % 10 == 0:
            assert world.states(after(number)) == ["accepted"]
    gap(world, after(31), org="2", org_name="Pelican Freight")

    (moved,) = world.api_findings(after(31))
    assert (moved["state"], moved["first_seen"], moved["age_days"], moved["first_ever"]) == (
        "come_back", after(31).isoformat(), 0, DAY.isoformat()
    )  # fmt: skip
    assert moved["accepted"] is None
    (before,) = world.api_findings(after(30))
    assert before["state"] == "accepted" and before["age_days"] == 30
    assert before["accepted"] | {"exception_id": ""} == {
        "by": "Ana", "reason": "The customer wants it so.", "expires": None, "exception_id": "",
    }  # fmt: skip


def test_a_finding_that_ends_is_fixed_for_thirty_days_and_one_that_returns_has_come_back(
    sqlite_engine: Engine,
) -> None:
    world = CoverageWorld(sqlite_engine)
    gap(world, DAY)
    gap(world, after(3), open_=False)
    assert world.states(after(3)) == []
    (fixed,) = world.api_findings(after(3), "state=fixed&state=open")
    assert (fixed["state"], fixed["first_seen"], fixed["fixed_on"], fixed["age_days"]) == (
        "fixed", DAY.isoformat(), after(3).isoformat(), 3
    )  # fmt: skip
    assert world.states(after(32), "state=fixed") == ["fixed"]
    assert world.states(after(33), "state=fixed") == []

    gap(world, after(40))
    assert world.states(after(40), "state=fixed") == []
    (back,) = world.api_findings(after(41))
    assert (back["state"], back["first_seen"], back["age_days"], back["first_ever"]) == (
        "come_back", after(40).isoformat(), 1, DAY.isoformat()
    )  # fmt: skip
    assert world.states(after(1)) == ["open"]


def test_an_acceptance_ends_after_its_last_day_and_when_it_is_withdrawn(
    sqlite_engine: Engine,
) -> None:
    world = CoverageWorld(sqlite_engine)
    gap(world, DAY)
    world.accept(DAY, "ninja_without_threatlocker", expires=after(2))
    assert world.states(after(2)) == ["accepted"]
    assert world.states(after(3)) == ["open"]
    entry = world.accept(after(3), "ninja_without_threatlocker")
    with pytest.raises(DecisionRefused, match="accepted it already"):
        world.accept(after(3), "ninja_without_threatlocker")
    world.withdraw(after(5))
    assert [world.states(after(n), today=after(9)) for n in (2, 3, 4, 5)] == [
        ["accepted"], ["accepted"], ["accepted"], ["open"]
    ]  # fmt: skip
    with pytest.raises(DecisionRefused, match="Already withdrawn"):
        world.withdraw(after(5))

    accepted, *_, withdrawn = world.all(audit_log)
    assert (accepted.action, accepted.subject) == (
        AcceptFinding.kind, "ninja_without_threatlocker a"
    )  # fmt: skip
    assert (withdrawn.action, withdrawn.undoes) == (WithdrawAcceptance.kind, entry)
    assert '"before": {"state": "open"}' in accepted.detail


def test_undoing_the_entry_of_an_acceptance_withdraws_it(sqlite_engine: Engine) -> None:
    world = CoverageWorld(sqlite_engine)
    gap(world, DAY)
    entry = world.accept(DAY, "ninja_without_threatlocker")
    with lease.take(sqlite_engine) as held:
        undo(world.decider(held, after(1)), entry)
    assert world.states(after(1)) == ["open"]


def test_a_finding_no_longer_in_force_cannot_be_accepted(sqlite_engine: Engine) -> None:
    world = CoverageWorld(sqlite_engine)
    gap(world, DAY)
    (row,) = world.all(coverage_findings)
    with lease.take(sqlite_engine) as held, pytest.raises(DecisionRefused, match="has passed"):
        accept_finding(world.decider(held, DAY), row.finding_id, "No.", after(-1))
    gap(world, after(1), open_=False)
    with (
        lease.take(sqlite_engine) as held,
        pytest.raises(DecisionRefused, match="Already resolved"),
    ):
        accept_finding(world.decider(held, after(1)), row.finding_id, "Too late.", None)


# One query for all: a hub with every kind.


@pytest.fixture(scope="module", params=DATABASES)
def client(request: pytest.FixtureRequest, make_engine: MakeEngine) -> Iterator[ApiClient]:
    engine = make_engine(request.param)
    world = CoverageWorld(engine)
    world.collect_all(DAY, **FLEET_WITH_EVERY_KIND)
    world.accept(DAY, "agent_only")
    with serve_api(engine, clock=lambda: noon(after(2))) as found:
        yield found


def test_every_kind_has_the_same_count_in_page_list_and_file(client: ApiClient) -> None:
    body = client.json("/api/coverage")
    assert Counter(item["kind"] for item in body["items"]) == EXPECTED
    matrix = client.json("/api/coverage/matrix")
    for kind in KINDS:
        listed = client.json(f"/api/coverage?kind={kind}&limit=1")
        counted = matrix["kinds"][kind]
        assert listed["count"] == EXPECTED[kind] == counted["to_do"] + counted["accepted"]
        assert matrix["trend"]["to_do"][kind][-1] == counted["to_do"]
        file = client.get(f"/export/coverage.csv?kind={kind}").content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(file, newline="")))
        assert len(rows) == EXPECTED[kind] and {row["kind"] for row in rows} == {kind}
    assert matrix["trend"]["days"] == [after(n).isoformat() for n in range(3)]
    sums = Counter[str]()
    for site in matrix["sites"]:
        sums.update(site["kinds"])
    assert sums == EXPECTED


def test_the_matrix_counts_machines_of_two_sources(client: ApiClient) -> None:
    cells = {(c["source"], c["other"]): c for c in client.json("/api/coverage/matrix")["matrix"]}
    assert cells["ninja", "ninja"]["machines"] == 9
    assert cells["ninja", "threatlocker"]["both"] == cells["threatlocker", "ninja"]["both"] == 5
    assert cells["ninja", "threatlocker"]["missing"] == 4
    assert cells["threatlocker", "ninja"]["missing"] == 2
    assert cells["ninja", "agent"]["missing"] is None


@pytest.mark.parametrize("query", ("", "status=spare", "q=front", "status=excluded&type=server"))
def test_every_number_of_machines_is_the_length_of_its_list(client: ApiClient, query: str) -> None:
    cells = client.json(f"/api/coverage/matrix?{query}")["matrix"]
    assert len(cells) == 9
    for cell in cells:
        for n, asked in ((cell["machines"], {cell["source"]}),
                         (cell["both"], {cell["source"], cell["other"]})):  # fmt: skip
            named = "".join(f"&managed_by={source}" for source in sorted(asked))
            listed = client.json(f"/api/dashboard/devices?basis=assets&{query}{named}")
            assert listed["count"] == len(listed["items"]) == n, (cell, asked)
            for item in listed["items"]:
                assert asked <= {*item["sources"].split(", ")}


def test_the_facts_of_a_finding_are_described_in_words(client: ApiClient) -> None:
    told = {item["kind"]: item["facts"] for item in client.json("/api/coverage")["items"]}
    assert told["spare_mismatch"] == "Spare in NinjaRMM, not spare in ThreatLocker"
    assert told["name_mismatch"] == (
        "NinjaRMM calls it \u201cFront desk\u201d, ThreatLocker \u201cBack office | Anna\u201d"
    )
    assert "Serial number sn7711 is" in told["site_mismatch"] or "7711" in told["site_mismatch"]
    assert "Pelican Freight" in told["site_mismatch"]


def test_filters_narrow_findings_like_devices(client: ApiClient) -> None:
    def count(query: str) -> int:
        found: int = client.json(f"/api/coverage?{query}")["count"]
        return found

    assert count("state=accepted") == 1 and count("state=open") == sum(EXPECTED.values()) - 1
    assert count("q=front") == 1
    assert count("status=spare") == 1 and count("source=agent") == count("basis=agent") == 1
    pelican = {s["name"]: s["site_id"] for s in client.json("/api/coverage/matrix")["sites"]}
    assert count(f"site={pelican['Pelican Freight']}") >= 1
    page = client.json("/api/coverage?limit=2&offset=1&sort=-first_seen")
    assert len(page["items"]) == 2 and page["count"] == sum(EXPECTED.values())
    for bad in ("kind=gap", "state=running", "sort=x", "limit=0", "as_of=2030-01-01", "why=1"):
        assert client.json(f"/api/coverage?{bad}", 400)["parameter"] == bad.split("=")[0]


def test_retention_purges_findings_of_no_kept_day(sqlite_engine: Engine) -> None:
    world = CoverageWorld(sqlite_engine)
    world.environ |= {"RETENTION_DAYS": "3", "MONTH_END_RETENTION_MONTHS": "0"}
    gap(world, DAY)
    gap(world, after(1), open_=False)
    gap(world, after(8), open_=False)
    world.retain()
    assert world.all(coverage_findings) == []


CHANGES = "compared=new&compared=resolved"


@pytest.fixture(scope="module", params=DATABASES)
def changed(request: pytest.FixtureRequest, make_engine: MakeEngine) -> CoverageWorld:
    """Between DAY and three days later: "a" gets ThreatLocker, "k" is accepted, "m" moves to the
    site of "p", "n" is new; at the site of "p" ThreatLocker is not expected, on any day."""
    world = CoverageWorld(make_engine(request.param))
    elsewhere = {"org": "2", "org_name": "Pelican Freight"}
    first = [pc("a"), pc("k"), pc("m"), pc("o"), *REST]
    world.collect_all(DAY, ninja=[*first, pc("p", **elsewhere)], threatlocker=REST)
    with lease.take(world.engine) as held:
        decider = world.decider(held, after(1))
        expect_sources(decider, world.site_of("2").site_id, ["ninja"])
    world.refresh()
    named = {"device_id": device_id("ninja", "k")}
    world.accept(after(1), "ninja_without_threatlocker", **named)
    last = [pc("a"), pc("k"), pc("m", **elsewhere), pc("n"), pc("o"), *REST]
    world.collect_all(after(3), ninja=[*last, pc("p", **elsewhere)], threatlocker=[*REST, pc("a")])
    return world


def test_a_change_of_findings_opens_exactly_what_appeared_and_what_was_resolved(
    changed: CoverageWorld,
) -> None:
    harbor = changed.site_of("1").site_id
    with serve_api(changed.engine, clock=lambda: noon(after(3))) as api:
        for more in ("", f"&site={harbor}", "&kind=ninja_without_threatlocker", "&q=n"):
            dates = f"compare_to={DAY}{more}"
            now = api.json(f"/api/coverage?{dates}&state=open&state=come_back")["count"]
            then = api.json(f"/api/coverage?as_of={DAY}{more}&state=open&state=come_back")["count"]
            counts = {
                change: api.json(f"/api/coverage?{dates}&compared={change}")["count"]
                for change in ("new", "resolved")
            }
            assert counts["new"] - counts["resolved"] == now - then, more
            both = api.json(f"/api/coverage?{dates}&{CHANGES}")
            assert both["count"] == len(both["items"]) == sum(counts.values()), more
            file = api.get(f"/export/coverage.csv?{dates}&{CHANGES}").content.decode("utf-8-sig")
            listed = [row["hostname"] for row in csv.DictReader(io.StringIO(file, newline=""))]
            assert sorted(listed) == sorted(item["hostname"] for item in both["items"])
        dates = f"compare_to={DAY}"
        new = api.json(f"/api/coverage?{dates}&compared=new")["items"]
        assert [(item["hostname"], item["state"]) for item in new] == [("n", "open")]
        resolved = api.json(f"/api/coverage?{dates}&compared=resolved&sort=hostname")["items"]
        assert [(i["hostname"], i["state"], i["fixed_on"]) for i in resolved] == [
            ("a", "fixed", str(after(3))), ("k", "accepted", None), ("m", "fixed", str(after(3))),
        ]  # fmt: skip
        assert api.json("/api/coverage?compared=old", 400)["parameter"] == "compared"


def test_sites_at_which_a_source_is_not_expected_are_said_to_be_left_out(
    changed: CoverageWorld,
) -> None:
    pelican = changed.site_of("2").site_id
    with serve_api(changed.engine, clock=lambda: noon(after(3))) as api:
        matrix = api.json("/api/coverage/matrix")
    assert matrix["left_out"] == [
        {"source": "threatlocker", "sites": [{"site_id": pelican, "name": "Pelican Freight"}]}
    ]
    (cell,) = (
        c for c in matrix["matrix"] if (c["source"], c["other"]) == ("ninja", "threatlocker")
    )
    assert (cell["machines"], cell["both"], cell["missing"], cell["rest"]) == (9, 4, 3, 2)
    app = create_app(
        changed.engine, clock=lambda: noon(after(3)), settings=load(ENVIRON | changed.environ)
    )
    app.server.test_client().get("/")
    page = run_callback(app, "coverage-summary.children", filters="")["response"]
    said = words_of(page["coverage-matrix-table"]["children"])
    assert "1 site is left out because ThreatLocker is not expected there: Pelican Freight." in said
    assert "2 need not be" in said


def test_the_head_of_the_page_begins_with_the_number_that_was_opened(
    changed: CoverageWorld,
) -> None:
    app = create_app(
        changed.engine, clock=lambda: noon(after(3)), settings=load(ENVIRON | changed.environ)
    )
    app.server.test_client().get("/")

    def head(query: str) -> str:
        page = run_callback(app, "coverage-summary.children", filters=query)["response"]
        return words_of(page["coverage-summary"]["children"])

    every = "&".join(f"kind={kind}" for kind in GAPS)
    day = f"compare_to={DAY}"
    assert head("") == "2 findings to look at; 1 accepted"
    assert head(f"{every}&state=open&state=come_back") == "2 coverage gaps to look at"
    assert head("state=accepted") == "1 finding (accepted)"
    assert head("kind=duplicate") == "0 findings: Duplicate in one source"
    assert head(f"{every}&{day}&{CHANGES}") == "\u22122: 1 new, 3 resolved since 9 Mar"
    assert head(f"{day}&compared=new") == "1 new since 9 Mar"
