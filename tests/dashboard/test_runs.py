"""Runs and days: the calendar, the marks of the date pickers, the list, the API."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, update

from dashboard.base.params import Filters
from dashboard.base.run_params import RunFilters
from dashboard.queries import collection_days, moment
from dashboard.queries import collection_days as gaps
from dashboard.queries.freshness import freshness
from dashboard.queries.runs import attempts
from dashboard.words import why_words as words
from db.engine import reading, writing
from db.tables import collection_runs
from etl.decisions.runs import accept_run, reject_run
from tests.support.api_server import NOW, ApiClient, serve_api
from tests.support.callbacks import create_demo_app, run_callback
from tests.support.mounted_page import read_aloud
from tests.support.random_hub import decision_context
from tests.support.small_hub import Hub, Pc, noon
from tests.support.worlds import TODAY, DeviceState, World, run_row

pytestmark = pytest.mark.any_database

FIRST = TODAY - timedelta(days=9)


def day(back: int) -> date:
    return TODAY - timedelta(days=back)


def _world(engine: Engine) -> None:
    """Ten days of NinjaRMM with every kind of day, three of ThreatLocker, which then was ended."""
    world = World({1: "Alpha"})
    for back in (9, 8, 6, 3, 1):
        world.publish("ninja", day(back), [DeviceState("ninja", "1", 1)])
    for back in (5, 4):
        world.publish("threatlocker", day(back), [DeviceState("threatlocker", "1", 1)])
    world.save(engine)
    with writing(engine) as connection:
        _add(connection, "ninja", day(7), state="failed", reason="HTTP 500")
        _add(connection, "ninja", day(5), state="suspicious", hold="superseded", reason="many gone")
        _add(connection, "ninja", day(3), state="failed", reason="a first try")
        _add(connection, "ninja", day(2), state="complete", hold="withdrawn")
        _add(connection, "ninja", day(0), state="suspicious", hold="held", reason="half is gone")
        _add(connection, "threatlocker", day(3), state="complete", kind="end", published=True)


def _add(connection: Connection, source: str, when: date, **values: Any) -> None:
    row = run_row(source, when, **({"published": False} | values))
    connection.execute(insert(collection_runs).values(row))


def _states(found: dict[str, list[collection_days.SourceDay]]) -> dict[str, list[str]]:
    return {source: [one.state for one in row] for source, row in found.items()}


def test_each_day_of_each_source_has_its_state(engine: Engine) -> None:
    _world(engine)
    with reading(engine) as connection:
        found = collection_days.source_days(connection, FIRST - timedelta(days=1), TODAY, TODAY)
    assert _states(found) == {
        "ninja": [
            "before", "complete", "complete", "failed", "complete", "suspicious", "missing",
            "complete", "withdrawn", "complete", "held",
        ],
        "threatlocker": ["before"] * 5 + ["complete", "complete"] + ["ended"] * 4,
    }  # fmt: skip
    failed = found["ninja"][3]
    assert (failed.day, failed.reason) == (day(7), "HTTP 500")


def test_an_ended_source_stays_ended_in_later_months_until_it_is_collected_again(
    sqlite_engine: Engine,
) -> None:
    _world(sqlite_engine)
    with reading(sqlite_engine) as connection:
        later = collection_days.source_days(connection, day(1), TODAY, TODAY)
    assert _states(later)["threatlocker"] == ["ended", "ended"]
    with writing(sqlite_engine) as connection:
        _add(connection, "threatlocker", day(1), published=True)
    with reading(sqlite_engine) as connection:
        later = collection_days.source_days(connection, day(2), TODAY, TODAY)
    assert _states(later)["threatlocker"] == ["ended", "complete", "due"]


def test_a_day_whose_collection_was_replaced_by_the_end_is_ended_or_withdrawn(
    sqlite_engine: Engine,
) -> None:
    _world(sqlite_engine)
    with writing(sqlite_engine) as connection:
        _add(connection, "threatlocker", day(3), state="complete")
    with reading(sqlite_engine) as connection:
        found = collection_days.source_days(connection, day(3), TODAY, TODAY)
    assert _states(found)["threatlocker"] == ["ended"] * 4
    end = update(collection_runs).where(collection_runs.c.kind == "end")
    with writing(sqlite_engine) as connection:
        connection.execute(end.values(published=False, hold="withdrawn"))
    with reading(sqlite_engine) as connection:
        found = collection_days.source_days(connection, day(3), TODAY, TODAY)
    assert _states(found)["threatlocker"] == ["withdrawn", "missing", "missing", "due"]


def test_an_ended_source_has_no_gaps_but_held_and_withdrawn_days_are_some(engine: Engine) -> None:
    _world(engine)
    with reading(engine) as connection:
        found = moment.resolve(connection, Filters(), TODAY)
        told = gaps.gaps(connection, found, ("ninja", "threatlocker"), day(30), TODAY)
    assert [(one.day, one.source, one.state) for one in told] == [
        (day(7), "ninja", "failed"), (day(5), "ninja", "suspicious"), (day(4), "ninja", "missing"),
        (day(2), "ninja", "withdrawn"), (day(0), "ninja", "held"),
    ]  # fmt: skip
    assert all(words.gap(one) for one in told)


def test_today_is_not_missing_before_it_was_tried(sqlite_engine: Engine) -> None:
    world = World({1: "Alpha"})
    world.publish("ninja", day(1), [DeviceState("ninja", "1", 1)])
    world.save(sqlite_engine)
    with reading(sqlite_engine) as connection:
        found = collection_days.source_days(connection, day(1), TODAY, TODAY)
    assert _states(found)["ninja"] == ["complete", "due"]


def test_the_date_pickers_mark_each_day_by_its_worst_source(engine: Engine) -> None:
    _world(engine)
    with reading(engine) as connection:
        found = collection_days.day_marks(connection, TODAY)
    assert found.first == FIRST
    assert found.sources == {"ninja": "ccfcsmcmcs", "threatlocker": "----cc----"}
    assert found.all_sources == "ccfcsmcmcs"


def test_days_that_are_no_longer_kept_are_marked_so(sqlite_engine: Engine) -> None:
    world = World({1: "Alpha"})
    for back in (100, 80, 53, 0):
        world.publish("ninja", day(back), [DeviceState("ninja", "1", 1)])
    world.save(sqlite_engine)
    with reading(sqlite_engine) as connection:
        found = collection_days.day_marks(connection, TODAY)
    by_day = {day(100) + timedelta(days=n): letter for n, letter in enumerate(found.all_sources)}
    assert by_day[day(100)] == by_day[day(80)] == "x"
    assert by_day[date(2026, 8, 31)] == "m"  # a kept month-end without a run
    assert (by_day[day(53)], by_day[TODAY], by_day[day(10)]) == ("c", "c", "m")


def test_without_any_snapshot_no_day_is_marked(sqlite_engine: Engine) -> None:
    with reading(sqlite_engine) as connection:
        assert collection_days.day_marks(connection, TODAY) == collection_days.DayMarks(
            None, "", {}
        )
        assert collection_days.source_days(connection, FIRST, TODAY, TODAY) == {}


def test_a_source_that_was_ended_is_not_stale(engine: Engine) -> None:
    _world(engine)
    with reading(engine) as connection:
        found = freshness(connection, NOW + timedelta(days=2))
    assert found.stale == ("ninja",)
    assert not any("ThreatLocker" in str(problem) for problem in found.problems)


def test_an_ended_source_has_no_gap(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    with serve_api(sqlite_engine) as client:
        notices = client.json(f"/api/dashboard/today?as_of={day(1)}")["notices"]
    assert notices == []


def test_a_run_names_the_run_it_was_compared_with(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    with reading(sqlite_engine) as connection:
        (held,) = attempts.held_runs(connection)
        before = attempts.previous_published_run(connection, held)
        assert (held.display_state, held.seconds) == ("held", 600)
        assert before is not None and before.business_date == day(1)
        assert attempts.get_run(connection, 999) is None
        assert list(attempts.latest_runs(connection)) == ["ninja", "threatlocker"]


@pytest.fixture
def client(sqlite_engine: Engine) -> Any:
    _world(sqlite_engine)
    with serve_api(sqlite_engine, zone="America/Chicago") as found:
        yield found


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 13),
        ("source=threatlocker", 3),
        ("state=failed", 2),
        ("state=failed&state=held", 3),
        ("state=withdrawn", 1),
        (f"from={day(3)}&to={day(2)}", 4),
        (f"as_of={day(3)}", 10),
        (f"as_of={day(3)}&to={day(8)}", 2),
        ("limit=2&offset=12", 13),
    ],
)
def test_runs_are_listed_and_filtered(client: ApiClient, query: str, count: int) -> None:
    body = client.json(f"/api/runs?{query}")
    assert body["count"] == count
    assert len(body["items"]) == min(count - body["offset"], body["limit"])
    order = [(item["business_date"], item["run_id"]) for item in body["items"]]
    assert order == sorted(order, reverse=True)


def test_a_run_in_json_has_every_field(client: ApiClient) -> None:
    (item,) = client.json("/api/runs?state=held")["items"]
    assert item == item | {
        "source": "ninja", "business_date": str(TODAY), "state": "suspicious", "hold": "held",
        "published": False, "reason": "half is gone", "seconds": 600.0,
        "started_at": "2026-11-21T20:00:00-06:00", "correlation_id": f"ninja-{TODAY}",
        "decided_by": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("site=1", "site"), ("state=sad", "state"), ("source=me", "source"), ("from=x", "from"),
        ("to=2026-11-23", "to"), ("from=2026-11-20&to=2026-11-19", "to"), ("limit=0", "limit"),
        ("run=1", "run"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_refused(client: ApiClient, query: str, name: str) -> None:
    assert client.json(f"/api/runs?{query}", 400)["parameter"] == name


def test_an_accepted_run_is_complete_on_its_day(sqlite_engine: Engine) -> None:
    _world(sqlite_engine)
    with writing(sqlite_engine) as connection:
        held = collection_runs.c.hold == "held"
        accepted = update(collection_runs).where(held)
        connection.execute(accepted.values(published=True, hold="accepted"))
    with reading(sqlite_engine) as connection:
        found = collection_days.source_days(connection, TODAY, TODAY, TODAY)
        (run,) = attempts.page(connection, RunFilters(states=("accepted",)), limit=5)
    assert _states(found)["ninja"] == ["complete"]
    assert run.display_state == "complete"


NORTH = [Pc(f"n{n}", org="2", org_name="North Farms", hostname=f"barn-{n}") for n in range(6)]
FLEET = [Pc(str(n), hostname=f"pc-{n}") for n in range(60)]


@pytest.fixture
def held(sqlite_engine: Engine) -> Hub:
    """A hub whose last run lacks a site of six, has a new device and a moved one."""
    hub = Hub(sqlite_engine)
    hub.collect(date(2026, 11, 21), [*FLEET, *NORTH])
    spare = replace(FLEET[0], display_name="spare pc-0")
    hub.collect(date(2026, 11, 22), [spare, *FLEET[1:], Pc("new", hostname="pc-new")])
    return hub


def run_page(hub: Hub, query: str = "") -> tuple[str, str]:
    """What a person reads on the page of the last run, and its links and buttons as text."""
    app = create_demo_app(hub.engine)
    filters = f"run={hub.runs()[-1].run_id}{query}"
    answer = run_callback(app, "collections-body", filters=filters)["response"]
    body = answer["collections-body"]["children"]
    return read_aloud(body), json.dumps(body)


def test_a_held_run_names_its_sites_and_its_numbers_open_their_devices(held: Hub) -> None:
    run = held.runs()[-1]
    sentence = "1 site with 5 or more devices went to zero: North Farms (6 devices)."
    assert (run.hold, run.reason) == ("held", sentence)
    with reading(held.engine) as connection:
        (problem,) = freshness(connection, noon(date(2026, 11, 22))).problems
    assert sentence in str(problem)  # the strip, the inbox and the API say it too
    text, links = run_page(held)
    assert "1 site with 5 or more devices went to zero: North Farms (6)" in text
    assert "As found when it was collected, 22 Nov 2026, 12:00." in text
    assert "btn-outline-danger" in links and "Reject: they are dropped" in text
    for kind, heading, row in (
        ("added", "1 device would be added", "pc-new not there Harbor Dental, Billable"),
        ("removed", "6 devices would be removed", "barn-0 North Farms, Billable not there"),
        ("changed", "1 device would change", "pc-0 Harbor Dental, Billable Harbor Dental, Spare"),
    ):
        assert f"run={run.run_id}&would={kind}" in links.replace("&amp;", "&")
        listed, _links = run_page(held, f"&would={kind}")
        assert heading in listed and row in listed


@pytest.mark.parametrize("decision", ["accept", "reject"])
def test_the_reason_of_a_decided_run_is_past_and_says_who_decided(held: Hub, decision: str) -> None:
    run_id, noon_of = held.runs()[-1].run_id, date(2026, 11, 22)
    with decision_context(held, noon_of, "Ben") as by:
        if decision == "accept":
            accept_run(by, held.sources["ninja"], run_id)  # type: ignore[arg-type]  # small source
        else:
            reject_run(by, run_id, "Their agent was off.")
    text, links = run_page(held)
    past = "When it was collected: 1 site with 5 or more devices went to zero: North Farms (6)"
    said = "Accepted" if decision == "accept" else "Rejected"
    assert f"{said} by Ben on 22 Nov 2026, 12:00" in text and past in text
    assert ("Their agent was off." in text) == (decision == "reject")
    assert "stay in use until" not in text and "Waiting for a decision" not in text
    assert "alert-warning" not in links and "alert-danger" not in links


def test_a_failed_run_is_collected_again_from_its_page(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.sources["ninja"].failure = "NinjaRMM answered 503 with nothing."
    hub.collect(date(2026, 11, 22), FLEET)
    text, links = run_page(hub)
    assert "Collect again" in text and "NinjaRMM answered 503 with nothing." in text
    button = links.replace('\\"', "'")
    assert "data-job" in button and "collect" in button and "{'source': 'ninja'}" in button


def test_the_address_of_a_run_that_is_not_there_leads_to_the_last_of_each_source(held: Hub) -> None:
    app = create_demo_app(held.engine)
    answer = run_callback(app, "collections-body", filters="run=999")["response"]
    body = answer["collections-body"]["children"]
    assert "There is no run 999" in read_aloud(body)
    assert "NinjaRMM, 22 Nov 2026" in read_aloud(body)
    assert f"/collections?run={held.runs()[-1].run_id}" in json.dumps(body)


def test_what_a_run_changed_says_what_it_counts_and_leads_to_the_changes_that_are_listed(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(date(2026, 11, 21), FLEET)
    hub.collect(date(2026, 11, 22), [replace(FLEET[0], hostname="pc-renamed"), *FLEET[1:]])
    text, links = run_page(hub)
    assert "Changed 1 (1.7%) of it listed: the changes of this day" in text
    assert "/changes?as_of=2026-11-22&compare_to=2026-11-21&basis=ninja" in links
    assert "change=all" in links
