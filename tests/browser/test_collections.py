"""Collections and months in Chromium, with the real worker behind the buttons: a gap is drawn as a
gap, a held run is accepted, a month is closed and locked."""

import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Page, Response, Route, expect
from sqlalchemy import Engine

from cli.logs import JsonLines
from dashboard.app import METRICS
from dashboard.base.metrics import Metrics
from db.decisions import Collect, RejectRun
from db.engine import writing
from db.jobs import enqueue
from db.tables import audit_log, jobs
from etl.work.jobs import JobRunner
from etl.work.preview_lane import PreviewLane
from tests.support.demo_dashboard import serve_dashboard
from tests.support.small_hub import Hub, Pc, pcs

LAST = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
FLEET = [*pcs(range(30)), *[Pc(f"n{n}", org="2", org_name="North Farms") for n in range(4)]]


@dataclass
class Story:
    """A hub whose NinjaRMM failed on the 10th, was not asked on the 12th, and is held today."""

    hub: Hub
    address: str
    metrics: Metrics

    @property
    def runner(self) -> JobRunner:
        sources = dict(self.hub.sources)
        return JobRunner(self.hub.engine, sources, lambda: NOW, self.hub.settings)  # type: ignore[arg-type]  # small sources

    def look(self) -> None:
        """Let the worker do the preview that was asked for."""
        assert PreviewLane(self.runner).run_waiting() == 1

    def work(self) -> int:
        """Let the worker do what was asked for."""
        return self.runner.run_waiting()


def day(n: int, month: int = 11) -> date:
    return date(2026, month, n)


@pytest.fixture
def story(sqlite_engine: Engine) -> Iterator[Story]:
    hub = Hub(sqlite_engine)
    for one in (day(30, 10), day(31, 10), *(day(n) for n in range(1, 22))):
        if one == day(10):
            hub.sources["ninja"].failure = "NinjaRMM answered 503: try again later."
            hub.collect(one, FLEET)
            hub.sources["ninja"].failure = None
        elif one != day(12):
            hub.collect(one, FLEET)
    hub.collect(LAST, FLEET[:12])
    with serve_dashboard(sqlite_engine, NOW) as (address, app):
        yield Story(hub, address, app.server.extensions[METRICS])


def test_an_outage_day_is_drawn_as_a_gap(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/collections")
    expect(quiet.locator("#calendar-title")).to_have_text("3 of 65 days have a gap")
    failed = quiet.get_by_label("NinjaRMM, 10 Nov 2026: failed")
    expect(failed).to_have_class("day day-failed")
    expect(quiet.get_by_label("NinjaRMM, 12 Nov 2026: missing")).to_have_class("day day-missing")
    expect(quiet.get_by_label(re.compile("NinjaRMM, 11 Nov 2026: complete"))).to_be_visible()
    failed.click()
    quiet.wait_for_url("**/collections?run=*")
    expect(quiet.locator("h1").last).to_have_text("NinjaRMM, 10 Nov 2026")
    expect(quiet.locator(".collections .alert")).to_contain_text("NinjaRMM answered 503")
    quiet.go_back()
    expect(quiet.locator("#calendar-title")).to_be_visible()


def test_a_run_opens_at_its_top_and_back_returns_to_the_place_in_the_list(
    quiet: Page, story: Story
) -> None:
    quiet.set_viewport_size({"width": 1280, "height": 400})
    quiet.goto(story.address + "/collections")
    link = quiet.locator("#runs a[href*='run=']", has_text=re.compile(r"^2 Nov")).first
    link.scroll_into_view_if_needed()
    left = quiet.evaluate("window.scrollY")
    assert left > 400
    link.click()
    expect(quiet.locator("h1").last).to_have_text("NinjaRMM, 2 Nov 2026")
    quiet.wait_for_function("() => window.scrollY === 0")
    quiet.go_back()
    expect(link).to_be_in_viewport(ratio=1)
    quiet.wait_for_function("left => Math.abs(window.scrollY - left) <= 1", arg=left)
    # A filter of the same list is no other page.
    quiet.evaluate("window.hubAddress.go('state=complete')")
    quiet.wait_for_url("**/collections?state=complete")
    assert quiet.evaluate("window.scrollY") == left


def test_arrow_keys_move_through_the_calendar(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/collections")
    last = quiet.locator(".calendar .day").last
    expect(last).to_be_visible()
    last.focus()
    for _ in range(10):
        quiet.keyboard.press("ArrowLeft")
    focused = quiet.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "NinjaRMM, 12 Nov 2026: missing"
    assert quiet.locator(".calendar .day[tabindex='0']").count() == 1


def test_the_date_pickers_mark_the_days(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/devices")
    expect(quiet.locator("#devices-count")).not_to_be_empty()
    quiet.get_by_role("button", name="As of: open the calendar").click()
    cells = quiet.locator(".day-table td")
    marked = {
        name: cells.and_(quiet.locator(f"[data-mark={name}]"))
        for name in ("failed", "missing", "suspicious", "complete")
    }
    for name, text in (("failed", "10"), ("missing", "12"), ("suspicious", "22")):
        expect(marked[name]).to_have_text(text)
    assert marked["complete"].count() > 15
    expect(marked["failed"]).to_have_attribute("title", "NinjaRMM failed")
    expect(quiet.locator(".day-legend li")).to_have_text(
        ["complete", "suspicious", "failed", "missing", "no longer kept"]
    )
    quiet.get_by_label("Previous month").click()
    expect(marked["failed"]).to_have_count(0)
    expect(marked["complete"].first).to_be_visible()


def test_a_calendar_that_was_opened_early_gets_its_marks_when_they_come(
    quiet: Page, story: Story
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        asked = route.request.post_data_json["output"]
        held.append(route) if asked == "days.data" else route.continue_()

    quiet.route("**/_dash-update-component", hold)
    quiet.goto(story.address + "/devices")
    expect(quiet.locator("#devices-count")).not_to_be_empty()
    quiet.get_by_role("button", name="As of: open the calendar").click()
    expect(quiet.locator(".day-table")).to_be_visible()
    expect(quiet.locator(".day-table td[data-mark]")).to_have_count(0)
    while not held:
        quiet.wait_for_timeout(20)
    held[0].continue_()
    expect(quiet.locator(".day-table td[data-mark=failed]")).to_have_text("10")


def test_a_held_run_is_accepted(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/months")
    quiet.get_by_role("link", name="See the run").click()
    expect(quiet.locator(".held-card")).to_contain_text("vanished at once")
    quiet.get_by_role("button", name="Accept", exact=True).click()
    dialog = quiet.get_by_role("dialog")
    expect(dialog).to_contain_text("Accept the run of NinjaRMM of 22 Nov 2026?")
    expect(dialog).to_contain_text("Every count from that day on is recalculated.")
    quiet.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert story.work() == 0
    quiet.get_by_role("button", name="Accept", exact=True).click()
    dialog.get_by_role("button", name="Accept the run").click()
    expect(quiet.locator("#jobs")).to_contain_text("Waiting for the worker")
    assert story.work() == 1
    expect(quiet.locator("#jobs")).to_contain_text("done")
    expect(quiet.locator(".run-head .pill")).to_have_text("complete")
    expect(quiet.locator(".held-card")).to_have_count(0)
    assert [run.hold for run in story.hub.runs() if run.hold] == ["accepted"]


def _asks_to_collect(answer: Response) -> bool:
    sent = answer.request.post_data or ""
    return '"job":"collect"' in sent and answer.status == 200


def test_one_id_joins_log_job_run_audit_entry_and_metric_of_a_click(
    quiet: Page, story: Story
) -> None:
    story.hub.sources["ninja"].rows = FLEET
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonLines())
    quiet.goto(story.address + "/collections")
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        answers: list[Response] = []
        quiet.on("response", lambda answer: answers.append(answer))
        quiet.get_by_role("button", name="Collect now: NinjaRMM").click()
        expect(quiet.locator("#jobs")).to_contain_text("Collect NinjaRMM")
        assert story.work() == 1
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    (job,) = story.hub.all(jobs)
    clicked = [each.headers["x-correlation-id"] for each in answers if _asks_to_collect(each)]
    (clicked_id,) = clicked
    run = story.hub.runs()[-1]
    (entry,) = story.hub.all(audit_log, action=Collect.kind)
    assert {job.correlation_id, run.correlation_id, entry.correlation_id} == {clicked_id}
    assert (entry.subject, json.loads(entry.detail)["run_id"]) == ("ninja", run.run_id)
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    messages = [line["message"] for line in said if line["correlation_id"] == clicked_id]
    assert "POST /_dash-update-component 200" in messages
    assert f"Collecting Ninja for {LAST}." in messages
    assert any(text.startswith(f"job {job.job_id} collect for local: ") for text in messages)
    labels = {"source": "ninja", "state": "complete", "correlation_id": clicked_id}
    assert story.metrics.registry.get_sample_value("inventory_hub_last_run_info", labels) == 1
    quiet.goto(f"{story.address}/collections?run={run.run_id}")
    expect(quiet.get_by_text(clicked_id)).to_be_visible()
    expect(quiet.locator(".log-text").first).to_have_text(f"Collecting Ninja for {LAST}.")


@pytest.mark.own_context
def test_collecting_now_shows_its_progress_in_a_toast_that_goes_by_itself(
    quiet: Page, story: Story
) -> None:
    quiet.clock.install()
    quiet.goto(story.address + "/collections")
    story.hub.sources["ninja"].rows = FLEET
    quiet.get_by_role("button", name="Collect now: NinjaRMM").click()
    expect(quiet.locator("#jobs")).to_contain_text("Collect NinjaRMM")
    assert story.work() == 1
    expect(quiet.locator("#jobs .pill-done")).to_be_visible()
    expect(quiet.locator(".source-card")).to_contain_text("34 rows")
    toast = quiet.locator("#jobs .job")
    expect(toast).to_be_in_viewport(ratio=1)
    toast.hover()
    for _ in range(3):
        quiet.clock.fast_forward(7_000)
    expect(toast).to_be_visible()
    quiet.mouse.move(5, 5)
    quiet.clock.fast_forward(7_000)
    expect(toast).to_have_count(0)


PRESSABLE = """() => [...document.querySelectorAll('a[href], button, input')].filter(element => {
  const toasts = document.getElementById('jobs'), box = element.getBoundingClientRect();
  const over = toasts.getBoundingClientRect();
  return !toasts.contains(element) && element.checkVisibility() && box.width
    && box.right > over.left && box.left < over.right
    && box.bottom > over.top && box.top < over.bottom && box.top < innerHeight;
}).map(element => element.outerHTML.slice(0, 120))"""
"""What can be pressed and lies under the toasts."""


@pytest.mark.own_context
@pytest.mark.parametrize(("width", "height"), ((1440, 900), (390, 844)))
def test_at_most_three_toasts_cover_nothing_and_go_once(
    quiet: Page, story: Story, width: int, height: int
) -> None:
    with writing(story.hub.engine) as connection:
        ids = [
            enqueue(connection, RejectRun(run_id=number, reason="No."), "Ana", NOW)
            for number in (1, 2, 3, 4)
        ]
        connection.execute(jobs.update().values(state="done", finished_at=NOW, result="Done."))
    quiet.clock.install()
    quiet.set_viewport_size({"width": width, "height": height})
    quiet.goto(story.address + "/collections")
    expect(quiet.locator(".source-card")).to_be_visible()
    follow = f"window.dash_clientside.set_props('asked', {{data: {ids}}})"
    quiet.evaluate(follow)
    toasts = quiet.locator("#jobs .job")
    expect(toasts).to_have_count(3)
    expect(toasts).to_contain_text(["Reject run 4", "Reject run 3", "Reject run 2"])
    quiet.clock.run_for(1_000)
    expect(toasts).to_have_count(3)
    if width > 700:
        assert quiet.evaluate(PRESSABLE) == []
        expect(toasts.last).to_be_in_viewport(ratio=1)
    else:
        bar = quiet.locator(".bottom").bounding_box()
        last = toasts.last.bounding_box()
        assert bar and last and last["y"] + last["height"] < bar["y"]
    quiet.reload()
    expect(quiet.locator(".source-card")).to_be_visible()
    quiet.clock.run_for(5_000)
    # They were seen before: 6 seconds in all, not on each page anew.
    expect(toasts.get_by_text("Reject run 4")).to_have_count(0)
    quiet.clock.run_for(8_000)
    expect(toasts).to_have_count(0)


def test_ending_a_source_stands_apart_in_red_and_asks_for_its_name(
    quiet: Page, story: Story
) -> None:
    quiet.goto(story.address + "/collections")
    expect(quiet.locator(".source-card").get_by_role("button")).to_have_text(["Collect now"])
    zone = quiet.locator(".danger-zone")
    expect(zone.get_by_role("button")).to_have_text(["Withdraw the day", "End source"])
    below = zone.bounding_box(), quiet.locator("#runs").bounding_box()
    assert below[0] and below[1] and below[0]["y"] >= below[1]["y"] + below[1]["height"]
    zone.get_by_role("button", name="End source: NinjaRMM").click()
    dialog = quiet.get_by_role("dialog")
    button = dialog.get_by_role("button", name="End NinjaRMM")
    expect(button).to_have_class(re.compile("btn-danger"))
    expect(button).to_be_disabled()
    typed = dialog.get_by_label("To confirm, type NinjaRMM")
    typed.fill("ThreatLocker")
    expect(button).to_be_disabled()
    typed.fill(" ninjarmm ")
    expect(button).to_be_enabled()
    dialog.get_by_role("button", name="Cancel").click()
    # The next dialog has nothing to type.
    quiet.get_by_role("link", name="See the run").first.click()
    quiet.get_by_role("button", name="Reject", exact=True).click()
    expect(dialog).to_contain_text("Reject the run")
    # Only the reason is asked for, which the audit log keeps.
    expect(dialog.get_by_role("textbox")).to_have_count(1)
    reject = dialog.get_by_role("button", name="Reject the run")
    expect(reject).to_have_class(re.compile("btn-danger"))
    reject.click()
    expect(dialog.get_by_role("alert")).to_contain_text("Write a reason")
    dialog.get_by_label("Reason, for the audit log").fill("A customer's agent was off.")
    reject.click()
    expect(quiet.locator("#jobs")).to_contain_text("Waiting for the worker")
    assert story.work() == 1
    expect(quiet.locator(".decided")).to_contain_text("Rejected by local on 22 Nov 2026, 14:00")
    expect(quiet.locator(".decided q")).to_have_text("A customer's agent was off.")


def test_a_closed_month_is_locked_and_its_hash_is_verified(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/months")
    row = quiet.locator(".months tbody tr", has_text="Oct 2026")
    expect(row.locator(".month-state .pill")).to_have_text("open")
    row.get_by_role("button", name="Close: Oct 2026").click()
    dialog = quiet.get_by_role("dialog")
    expect(dialog).to_contain_text("The devices of 31 Oct 2026 are stored")
    expect(dialog.locator(".fact-list")).to_contain_text("34")
    dialog.get_by_role("button", name="Close the month").click()
    expect(quiet.locator("#jobs")).to_contain_text("Close Oct 2026")
    assert story.work() == 1
    expect(row.locator(".month-state .pill")).to_have_text("closed")
    expect(row).to_contain_text("by local")
    expect(row.get_by_role("button", name="Close: Oct 2026")).to_have_count(0)
    row.get_by_role("link", name="Oct 2026").click()
    quiet.wait_for_url("**/months/2026-10")
    quiet.get_by_role("button", name="Verify").click()
    expect(quiet.locator("#month-proven")).to_have_text("Yes: the hash is the same.")
    with quiet.expect_download() as download:
        quiet.get_by_label("ZIP: invoice pack of North Farms").click()
    assert download.value.suggested_filename == "invoice-pack-North-Farms-assets-2026-10.zip"
    quiet.get_by_role("button", name="Reopen: Oct 2026").click()
    expect(dialog).to_contain_text("Working out what would change")
    story.look()
    dialog.get_by_role("button", name="Reopen the month").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Write a reason")
    dialog.get_by_label("Reason, for the audit log").fill("a wrong alias")
    dialog.get_by_role("button", name="Reopen the month").click()
    expect(dialog).to_have_count(0)
    assert story.work() == 1
    expect(quiet.locator(".run-head .pill")).to_have_text("open")
    expect(quiet.locator(".history")).to_contain_text("a wrong alias")


def test_the_devices_present_in_a_month_are_listed_and_come_into_view(
    quiet: Page, story: Story
) -> None:
    quiet.goto(story.address + "/months/2026-11")
    present = quiet.locator(
        "#month-bases tr.everything td[title='Counted on at least one day'] a"
    ).first
    said = present.inner_text()
    present.click()
    quiet.wait_for_url("**present=all")
    expect(quiet.locator("#differing h3")).to_have_text(
        f"{said} devices were counted at all sites on at least one day"
    )
    expect(quiet.locator("#differing h3")).to_be_in_viewport()
    expect(quiet.locator("#differing tbody tr")).to_have_count(int(said))


def test_no_page_is_wider_than_a_phone(quiet: Page, story: Story) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    held = next(run.run_id for run in story.hub.runs() if run.hold == "held")
    for path in ("/collections", f"/collections?run={held}", "/months", "/months/2026-10"):
        quiet.goto(story.address + path)
        expect(quiet.locator(".collections .card").first).to_be_visible()
        assert quiet.evaluate("document.documentElement.scrollWidth") == 390, path
        if path == "/months":
            # The question of the page: how did each month change?
            rows = quiet.locator(".months tbody tr")
            for row in rows.all():
                expect(row.locator(".delta")).to_be_in_viewport(ratio=1)


def test_an_unknown_address_shows_a_message(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/collections?run=99999")
    expect(quiet.locator(".state-title")).to_have_text("There is no run 99999")
    quiet.goto(story.address + "/months/2019-01")
    expect(quiet.locator(".state-title")).to_have_text("There is no such month")
