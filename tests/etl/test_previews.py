"""A preview says exactly what the decision would do, and changes nothing."""

import json
from collections import Counter
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy import Engine

from db import jobs
from db.decisions import (
    Decision,
    ExpectSources,
    LinkDevices,
    MergeSites,
    Preview,
    ReopenMonth,
    Undo,
)
from db.engine import reading, writing
from db.history.runs import newest_day
from db.jobs import FailureKind, Job
from db.tables import audit_log, coverage_findings
from etl.decisions.preview import preview
from etl.decisions.registry import DecisionRefused
from etl.decisions.sites import expect_sources, merge_sites
from etl.decisions.undo import undo
from etl.runtime import lease
from etl.work.jobs import JobRunner
from etl.work.preview_lane import PreviewLane
from tests.support.decision_oracle import computed_counts
from tests.support.random_hub import (
    NOVEMBER,
    RandomHub,
    decision,
    decision_context,
    device,
    histories,
    site,
)
from tests.support.samples import samples
from tests.support.small_hub import Hub, Pc, noon


def enqueue(hub: Hub, kind: str, arguments: dict[str, Any]) -> int:
    with writing(hub.engine) as connection:
        # Unchecked: the lane must refuse what the dashboard would not enqueue.
        decision = Preview.model_construct(job=kind, with_arguments=arguments)
        return jobs.enqueue(connection, decision, "Ana", noon(NOVEMBER))


def run_preview(hub: Hub, decision: Decision) -> Job:
    """The job after the lane ran the preview of a decision."""
    return run_preview_of(hub, decision.kind, decision.arguments())


def run_preview_of(hub: Hub, kind: str, arguments: dict[str, Any]) -> Job:
    job_id = enqueue(hub, kind, arguments)
    assert PreviewLane(job_runner(hub)).run_waiting() == 1
    return stored_job(hub, job_id)


def job_runner(hub: Hub) -> JobRunner:
    return JobRunner(hub.engine, dict(hub.sources), lambda: noon(NOVEMBER), hub.settings)  # type: ignore[arg-type]  # small sources


def stored_job(hub: Hub, job_id: int) -> Job:
    with reading(hub.engine) as connection:
        job = jobs.find_job(connection, job_id)
    assert job is not None
    return job


def numbers(hub: Hub, day: date) -> dict[str, Any]:
    with reading(hub.engine) as connection:
        return {
            basis: computed_counts(connection, basis, day)
            for basis in ("ninja", "threatlocker", "assets")
        }


@pytest.mark.any_database
def test_the_preview_of_a_merge_shows_its_effect_and_writes_nothing(hub: Hub) -> None:
    before, log = numbers(hub, NOVEMBER), hub.all(audit_log)
    clinic, harbor = site(hub, "Harbour Dental Clinic"), site(hub, "Harbor Dental")
    job = run_preview(hub, MergeSites(site_id=clinic, into=harbor))
    assert job.state == jobs.DONE and job.result is not None
    effect = json.loads(job.result)
    assert numbers(hub, NOVEMBER) == before and hub.all(audit_log) == log
    assert effect["border"] == "2026-10-31"
    assert effect["days"] == [{"day": "2026-11-04", "what": "now"}]
    assert effect["devices"] == 1 and effect["items"][0]["hostname"] == "lab-3"
    assert (effect["items"][0]["site_was"], effect["items"][0]["site"]) == (
        "Harbour Dental Clinic", "Harbor Dental",
    )  # fmt: skip
    machines = [row for row in effect["counts"] if row["basis"] == "assets"]
    assert [(row["site"], row["before"], row["after"]) for row in machines] == [
        (None, {"billable": 4, "spare": 1, "excluded": 0},
         {"billable": 4, "spare": 1, "excluded": 0}),
        ("Harbor Dental", {"billable": 3, "spare": 0, "excluded": 0},
         {"billable": 3, "spare": 1, "excluded": 0}),
        ("Harbour Dental Clinic", {"billable": 0, "spare": 1, "excluded": 0},
         {"billable": 0, "spare": 0, "excluded": 0}),
    ]  # fmt: skip


@pytest.mark.any_database
def test_the_preview_of_expected_sources_shows_findings_that_open_and_close(hub: Hub) -> None:
    hub.run_after_collection(noon(NOVEMBER))
    harbor = site(hub, "Harbor Dental")

    def standing() -> dict[str, int]:
        rows = hub.all(coverage_findings)
        return dict(Counter(row.kind for row in rows if row.since <= NOVEMBER < row.until))

    before, counts = standing(), numbers(hub, NOVEMBER)
    assert before["ninja_without_threatlocker"] and before["threatlocker_without_ninja"]
    expecting = ExpectSources(site_id=harbor, sources=["ninja"])
    effect = json.loads(run_preview(hub, expecting).result or "")
    assert standing() == before
    assert effect["devices"] == 0 and effect["items"] == []
    with decision_context(hub) as by:
        entry = expect_sources(by, harbor, ["ninja"])
    after = standing()
    assert after != before and numbers(hub, NOVEMBER) == counts
    assert effect["findings"] == {
        kind: [before.get(kind, 0), after.get(kind, 0)] for kind in {*before, *after}
    }
    assert run_preview(hub, Undo(entry_id=entry)).state == jobs.DONE
    with decision_context(hub) as by:
        undo(by, entry)
    assert standing() == before


def test_a_preview_does_not_wait_for_a_collection(hub: Hub) -> None:
    with lease.take(hub.engine):
        one, other = device("ninja", "2"), device("threatlocker", "b")
        job = run_preview(hub, LinkDevices(device_id=one, other_device_id=other))
        assert job.state == jobs.DONE
        assert json.loads(job.result or "")["devices"] == 1


@pytest.mark.any_database
def test_the_job_runner_leaves_previews_to_their_lane(hub: Hub) -> None:
    job_id = enqueue(hub, Undo.kind, {"entry_id": 1})
    assert job_runner(hub).run_waiting() == 0
    assert stored_job(hub, job_id).state == jobs.WAITING


@pytest.mark.parametrize(
    ("kind", "arguments", "why"),
    [
        ("undo", {"entry_id": 999}, "cannot be undone"),
        ("merge_sites", {"site_id": 1, "into": 1}, "into itself"),
        ("collect", {"source": "ninja"}, "no preview of collect"),
    ],
)
def test_the_preview_of_a_refused_decision_says_why(
    hub: Hub, kind: str, arguments: dict[str, Any], why: str
) -> None:
    job = run_preview_of(hub, kind, arguments)
    assert (job.state, job.failure_kind) == (jobs.FAILED, FailureKind.REFUSED)
    assert why in (job.error or "")


def test_a_fault_in_a_preview_is_unexpected_and_the_lane_goes_on(hub: Hub) -> None:
    broken = run_preview_of(hub, "undo", {"entry_id": "no number"})
    assert (broken.state, broken.failure_kind) == (jobs.FAILED, FailureKind.UNEXPECTED)
    assert run_preview(hub, Undo(entry_id=999)).failure_kind == FailureKind.REFUSED


@pytest.mark.any_database
def test_a_preview_includes_the_ends_of_open_months(engine: Engine) -> None:
    hub = Hub(engine)
    for day in (date(2026, 9, 29), date(2026, 10, 30), NOVEMBER):
        hub.collect(day, [Pc("1", "1", "Harbor"), Pc("2", "2", "Harbour")])
    sites_now = (site(hub, "Harbour"), site(hub, "Harbor"))
    merging = MergeSites(site_id=sites_now[0], into=sites_now[1])
    effect = json.loads(run_preview(hub, merging).result or "")
    assert effect["days"] == [
        {"day": "2026-11-04", "what": "now"},
        {"day": "2026-10-31", "what": "month_end"},
        {"day": "2026-09-30", "what": "month_end"},
    ]
    assert effect["border"] is None


@pytest.mark.any_database
def test_the_preview_of_reopening_a_month_shows_what_decisions_since_change_in_it(
    hub: Hub,
) -> None:
    clinic, harbor = site(hub, "Harbour Dental Clinic"), site(hub, "Harbor Dental")
    end = date(2026, 10, 31)
    before = numbers(hub, end)["assets"]
    with decision_context(hub) as by:
        undo(by, merge_sites(by, clinic, harbor))
        merge_sites(by, clinic, harbor)
    assert numbers(hub, end)["assets"] == before  # October is closed
    reopening = ReopenMonth(month="2026-10", reason="An invoice was late.")
    effect = json.loads(run_preview(hub, reopening).result or "")
    assert effect["days"] == [{"day": "2026-10-31", "what": "month_end"}]
    machines = [row for row in effect["counts"] if row["basis"] == "assets"]
    assert [(row["site"], row["before"]["spare"], row["after"]["spare"]) for row in machines] == [
        (None, 1, 1), ("Harbor Dental", 0, 1), ("Harbour Dental Clinic", 1, 0),
    ]  # fmt: skip
    assert [item["hostname"] for item in effect["items"]] == ["lab-3"]
    # The merge that holds; not the one that was undone, nor its undoing.
    assert effect["reasons"].keys() == {str(clinic), str(harbor)}
    for decisions in effect["reasons"].values():
        (merge,) = decisions
        assert (merge["action"], merge["actor"]) == ("merge_sites", "Ana")
    hub.reopen("2026-10")
    after = numbers(hub, end)["assets"]
    for row in machines[1:]:
        said = Counter({s: n for s, n in row["after"].items() if n})
        counted = Counter()
        for (site_id, _type, status), n in after.items():
            counted[status] += n * (str(site_id) == row["site_id"])
        assert +counted == said


def test_a_preview_equals_the_effect_of_the_decision(sqlite_world: Engine) -> None:
    """Any decision on any random history: every count and every device, as the preview said."""

    @settings(max_examples=samples(6, 1000))
    @given(histories, decision)
    def holds(history: list[Any], decided: tuple[Any, ...]) -> None:
        world = RandomHub(sqlite_world)
        for kind, *arguments in history:
            world.step(kind, *arguments)
        kind, *arguments = decided
        shadow = RandomHub.__new__(RandomHub)
        shadow.day = world.day

        def decide(engine: Engine) -> None:
            shadow.hub = Hub(engine, world.hub.environ)
            shadow.decide(kind, *arguments)

        with reading(sqlite_world) as connection:
            newest = newest_day(connection)
        if newest is None:
            return
        try:
            effect = preview(sqlite_world, decide, lambda _text: None)
        except DecisionRefused:
            assert not world.step(kind, *arguments)
            return
        world.step(kind, *arguments)
        with reading(sqlite_world) as connection:
            for day in {row["day"] for row in effect["counts"]}:
                for basis in {row["basis"] for row in effect["counts"]}:
                    found = computed_counts(connection, basis, date.fromisoformat(day))
                    sums = {"billable": 0, "spare": 0, "excluded": 0}
                    for (_, _, status), n in found.items():
                        sums[status] += n
                    (all_sites,) = [
                        row for row in effect["counts"]
                        if (row["day"], row["basis"], row["site"]) == (day, basis, None)
                    ]  # fmt: skip
                    assert all_sites["after"] == sums
                    for row in effect["counts"]:
                        if row["site"] and (row["day"], row["basis"]) == (day, basis):
                            here = dict.fromkeys(sums, 0)
                            for (site_id, _, status), n in found.items():
                                if site_id == int(row["site_id"]):
                                    here[status] += n
                            assert row["after"] == here

    holds()
