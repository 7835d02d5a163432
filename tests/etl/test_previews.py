"""A preview says exactly what the decision would do, and changes nothing."""

import json
from collections import Counter
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy import Engine

from db import jobs
from db.engine import reading, writing
from db.history.runs import newest_day
from db.jobs import Job
from db.tables import audit_log, coverage_findings
from etl.decisions.preview import preview
from etl.decisions.sites import expect_sources
from etl.decisions.undo import undo
from etl.runtime import lease
from etl.snapshots.publish import PublishRefused
from etl.work.jobs import Desk
from etl.work.preview_lane import PreviewLane
from tests.etl.test_ledger import device, hub, site
from tests.etl.test_ledger_random import sqlite_world
from tests.support.decided import live
from tests.support.ledger_world import NOVEMBER, World, deciding, decision, histories
from tests.support.samples import samples
from tests.support.small_hub import Hub, Pc, noon

__all__ = ["hub", "sqlite_world"]


def ask(hub: Hub, kind: str, arguments: dict[str, Any]) -> int:
    with writing(hub.engine) as connection:
        asked = {"job": kind, "with": arguments}
        return jobs.ask(connection, jobs.PREVIEW, asked, "Ana", noon(NOVEMBER))


def answer(hub: Hub, kind: str, arguments: dict[str, Any]) -> Job:
    """The preview of a job, from the lane."""
    job_id = ask(hub, kind, arguments)
    desk = Desk(hub.engine, dict(hub.sources), lambda: noon(NOVEMBER), hub.environ)
    assert PreviewLane(desk).work() == 1
    with reading(hub.engine) as connection:
        found = jobs.job(connection, job_id)
    assert found is not None
    return found


def numbers(hub: Hub, day: date) -> dict[str, Any]:
    with reading(hub.engine) as connection:
        return {
            basis: live(connection, basis, day) for basis in ("ninja", "threatlocker", "assets")
        }


def test_a_merge_is_shown_as_it_will_be_and_nothing_is_written(hub: Hub) -> None:
    before, log = numbers(hub, NOVEMBER), hub.all(audit_log)
    clinic, harbor = site(hub, "Harbour Dental Clinic"), site(hub, "Harbor Dental")
    job = answer(hub, jobs.MERGE_SITES, {"site_id": str(clinic), "into": str(harbor)})
    assert job.state == jobs.DONE and job.result is not None
    told = json.loads(job.result)
    assert numbers(hub, NOVEMBER) == before and hub.all(audit_log) == log
    assert told["border"] == "2026-10-31"
    assert told["days"] == [{"day": "2026-11-04", "what": "now"}]
    assert told["devices"] == 1 and told["items"][0]["hostname"] == "lab-3"
    assert (told["items"][0]["site_was"], told["items"][0]["site"]) == (
        "Harbour Dental Clinic", "Harbor Dental",
    )  # fmt: skip
    machines = [row for row in told["counts"] if row["basis"] == "assets"]
    assert [(row["site"], row["before"], row["after"]) for row in machines] == [
        (None, {"billable": 4, "spare": 1, "excluded": 0},
         {"billable": 4, "spare": 1, "excluded": 0}),
        ("Harbor Dental", {"billable": 3, "spare": 0, "excluded": 0},
         {"billable": 3, "spare": 1, "excluded": 0}),
        ("Harbour Dental Clinic", {"billable": 0, "spare": 1, "excluded": 0},
         {"billable": 0, "spare": 0, "excluded": 0}),
    ]  # fmt: skip


def test_what_a_site_is_expected_to_have_is_shown_as_findings_that_come_and_go(hub: Hub) -> None:
    hub.settle(noon(NOVEMBER))
    harbor = site(hub, "Harbor Dental")

    def standing() -> dict[str, int]:
        rows = hub.all(coverage_findings)
        return dict(Counter(row.kind for row in rows if row.since <= NOVEMBER < row.until))

    before, counts = standing(), numbers(hub, NOVEMBER)
    assert before["ninja_without_threatlocker"] and before["threatlocker_without_ninja"]
    arguments = {"site_id": str(harbor), "sources": ["ninja"]}
    told = json.loads(answer(hub, jobs.EXPECT_SOURCES, arguments).result or "")
    assert standing() == before
    assert told["devices"] == 0 and told["items"] == []
    with deciding(hub) as by:
        entry = expect_sources(by, harbor, ["ninja"])
    after = standing()
    assert after != before and numbers(hub, NOVEMBER) == counts
    assert told["findings"] == {
        kind: [before.get(kind, 0), after.get(kind, 0)] for kind in {*before, *after}
    }
    assert answer(hub, jobs.UNDO, {"entry_id": str(entry)}).state == jobs.DONE
    with deciding(hub) as by:
        undo(by, entry)
    assert standing() == before


def test_a_preview_does_not_wait_for_a_collection(hub: Hub) -> None:
    with lease.take(hub.engine):
        one, other = device("ninja", "2"), device("threatlocker", "b")
        arguments = {"device_id": str(one), "other_device_id": str(other)}
        job = answer(hub, jobs.LINK_DEVICES, arguments)
        assert job.state == jobs.DONE
        assert json.loads(job.result or "")["devices"] == 1


def test_the_desk_leaves_previews_alone(hub: Hub) -> None:
    job_id = ask(hub, jobs.UNDO, {"entry_id": "1"})
    desk = Desk(hub.engine, dict(hub.sources), lambda: noon(NOVEMBER), hub.environ)
    assert desk.work() == 0
    with reading(hub.engine) as connection:
        found = jobs.job(connection, job_id)
    assert found is not None and found.state == jobs.WAITING


@pytest.mark.parametrize(
    ("kind", "arguments", "why"),
    [
        (jobs.UNDO, {"entry_id": "999"}, "no decision that can be undone"),
        (jobs.MERGE_SITES, {"site_id": "1", "into": "1"}, "into itself"),
        (jobs.COLLECT, {"source": "ninja"}, "no preview of collect"),
    ],
)
def test_a_preview_of_what_would_be_refused_says_why(
    hub: Hub, kind: str, arguments: dict[str, Any], why: str
) -> None:
    job = answer(hub, kind, arguments)
    assert job.state == jobs.FAILED and why in (job.error or "")


def test_months_that_are_still_open_are_shown_too(engine: Engine) -> None:
    hub = Hub(engine)
    for day in (date(2026, 9, 29), date(2026, 10, 30), NOVEMBER):
        hub.collect(day, [Pc("1", "1", "Harbor"), Pc("2", "2", "Harbour")])
    sites_now = (site(hub, "Harbour"), site(hub, "Harbor"))
    arguments = dict(zip(("site_id", "into"), map(str, sites_now), strict=True))
    told = json.loads(answer(hub, jobs.MERGE_SITES, arguments).result or "")
    assert told["days"] == [
        {"day": "2026-11-04", "what": "now"},
        {"day": "2026-10-31", "what": "month_end"},
        {"day": "2026-09-30", "what": "month_end"},
    ]
    assert told["border"] is None


def test_what_a_preview_says_is_what_the_decision_does(sqlite_world: Engine) -> None:
    """Any decision on any random history: every count and every device, as told before."""

    @settings(max_examples=samples(15, 1000))
    @given(histories, decision)
    def holds(history: list[Any], decided: tuple[Any, ...]) -> None:
        world = World(sqlite_world)
        for kind, *arguments in history:
            world.step(kind, *arguments)
        kind, *arguments = decided
        shadow = World.__new__(World)
        shadow.day = world.day

        def decide(engine: Engine) -> None:
            shadow.hub = Hub(engine, world.hub.environ)
            shadow.decide(kind, *arguments)

        with reading(sqlite_world) as connection:
            newest = newest_day(connection)
        if newest is None:
            return
        try:
            told = preview(sqlite_world, decide, lambda _text: None)
        except PublishRefused:
            assert not world.step(kind, *arguments)
            return
        world.step(kind, *arguments)
        with reading(sqlite_world) as connection:
            for day in {row["day"] for row in told["counts"]}:
                for basis in {row["basis"] for row in told["counts"]}:
                    found = live(connection, basis, date.fromisoformat(day))
                    sums = {"billable": 0, "spare": 0, "excluded": 0}
                    for (_, _, status), n in found.items():
                        sums[status] += n
                    (all_sites,) = [
                        row for row in told["counts"]
                        if (row["day"], row["basis"], row["site"]) == (day, basis, None)
                    ]  # fmt: skip
                    assert all_sites["after"] == sums
                    for row in told["counts"]:
                        if row["site"] and (row["day"], row["basis"]) == (day, basis):
                            here = dict.fromkeys(sums, 0)
                            for (site_id, _, status), n in found.items():
                                if site_id == int(row["site_id"]):
                                    here[status] += n
                            assert row["after"] == here

    holds()
