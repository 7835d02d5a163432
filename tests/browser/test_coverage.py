"""The page of coverage in a real browser, with the real worker behind its buttons: a finding is
accepted and that is taken back, a cell of the matrix opens its list."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from db.tables import audit_log, coverage_exceptions
from etl.work.jobs import JobRunner
from tests.support.browser_pages import press_at_once
from tests.support.coverage_world import DAY, EXPECTED, FLEET_WITH_EVERY_KIND, CoverageWorld
from tests.support.demo_dashboard import serve_dashboard
from tests.support.small_hub import noon

ALL = sum(EXPECTED.values())


@dataclass
class Story:
    """A hub in which every kind of finding stands, and its dashboard."""

    world: CoverageWorld
    address: str

    def work(self) -> int:
        """Let the worker do what was asked for."""
        sources = dict(self.world.sources)
        runner = JobRunner(self.world.engine, sources, lambda: noon(DAY), self.world.settings)  # type: ignore[arg-type]  # small sources
        return runner.run_waiting()


@pytest.fixture
def story(sqlite_engine: Engine) -> Iterator[Story]:
    world = CoverageWorld(sqlite_engine)
    world.collect_all(DAY, **FLEET_WITH_EVERY_KIND)
    with serve_dashboard(sqlite_engine, noon(DAY)) as (address, _):
        yield Story(world, address)


def test_a_finding_is_accepted_with_a_reason_and_the_acceptance_withdrawn(
    quiet: Page, story: Story
) -> None:
    quiet.goto(story.address + "/coverage?kind=agent_only")
    expect(quiet.locator("#kpi-agent_only .kpi-value")).to_have_text("1")
    accept = quiet.get_by_label("Accept: z, Agent only")
    for _ in range(100):
        # Cells far below are not drawn until somebody scrolls there, and what is drawn above them
        # meanwhile moves them on.
        quiet.locator("#coverage-listed").evaluate("it => it.scrollIntoView()")
        if accept.is_visible():
            break
        quiet.wait_for_timeout(100)
    accept.click()
    expect(quiet.locator("#decision-title")).to_have_text("Accept this finding?")
    expect(quiet.locator("#decision-body")).to_contain_text("Harbor Dental")
    quiet.locator("#decision-do").click()
    expect(quiet.locator("#decision-wrong")).to_contain_text("Write a reason")
    quiet.locator("#decision-reason").fill("The owner's own notebook")
    quiet.get_by_text("For 30 days, until 8 Apr 2026").click()
    quiet.locator("#decision-do").click()
    expect(quiet.locator("#jobs")).to_contain_text("Accept a coverage finding")
    assert story.work() == 1

    row = quiet.locator(".ag-center-cols-container .ag-row")
    expect(row).to_contain_text("accepted")
    expect(row).to_contain_text("The owner's own notebook (local, until 8 Apr 2026)")
    expect(quiet.locator("#kpi-agent_only .kpi-value")).to_have_text("0")
    (accepted,) = story.world.all(coverage_exceptions)
    assert (accepted.reason, str(accepted.expires)) == ("The owner's own notebook", "2026-04-08")

    quiet.get_by_label("Withdraw: z, Agent only").click()
    expect(quiet.locator("#decision-title")).to_have_text("Withdraw this acceptance?")
    quiet.locator("#decision-do").click()
    expect(quiet.locator("#jobs")).to_contain_text("Withdraw an acceptance")
    assert story.work() == 1
    expect(row).to_contain_text("open")
    expect(quiet.locator("#kpi-agent_only .kpi-value")).to_have_text("1")
    assert [row.action for row in story.world.all(audit_log)] == [
        "accept_finding", "withdraw_acceptance"
    ]  # fmt: skip


def test_a_cell_of_the_matrix_opens_its_list_whose_count_is_the_cell(
    quiet: Page, story: Story
) -> None:
    quiet.goto(story.address + "/coverage")
    expect(quiet.locator("#coverage-listed")).to_have_text(f"{ALL} findings")
    cell = quiet.locator("#cell-ninja-threatlocker")
    expect(cell).to_have_text(str(EXPECTED["ninja_without_threatlocker"]))
    expect(quiet.locator("#coverage-listed")).not_to_be_in_viewport()
    cell.click()
    expect(quiet.locator("#coverage-listed")).to_be_in_viewport()
    quiet.wait_for_url("**/coverage?kind=ninja_without_threatlocker")
    expect(quiet.locator("#coverage-listed")).to_have_text(
        f"{EXPECTED['ninja_without_threatlocker']} findings"
    )
    rows = quiet.locator(".ag-center-cols-container .ag-row")
    expect(rows).to_have_count(EXPECTED["ninja_without_threatlocker"])
    expect(quiet.locator("#chips")).to_contain_text("In NinjaRMM, not in ThreatLocker")
    quiet.go_back()
    expect(quiet.locator("#coverage-listed")).to_have_text(f"{ALL} findings")


def test_machines_that_two_sources_share_open_their_list(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/coverage")
    row = quiet.locator("#overlap tbody tr").filter(has=quiet.locator("th", has_text="NinjaRMM"))
    row.get_by_role("link", name="5 in both").click()
    quiet.wait_for_url(re.compile(r"/devices\?.*managed_by=ninja&managed_by=threatlocker$"))
    expect(quiet.locator("#devices-count")).to_contain_text("5")
    expect(quiet.locator(".ag-center-cols-container .ag-row")).to_have_count(5)
    chips = quiet.locator("#chips")
    expect(chips).to_contain_text("managed by NinjaRMM")
    quiet.locator(".why").first.click()
    expect(quiet.locator("#drawer-body")).to_contain_text(
        "managed by NinjaRMM, managed by ThreatLocker"
    )
    quiet.keyboard.press("Escape")
    # Without the chip: all that ThreatLocker manages. Another page asks nobody who manages what.
    chips.get_by_text("managed by NinjaRMM").click()
    quiet.wait_for_url(re.compile(r"/devices\?(?!.*managed_by=ninja).*managed_by=threatlocker$"))
    expect(chips).not_to_contain_text("NinjaRMM")
    quiet.get_by_role("link", name="Sites", exact=True).first.click()
    quiet.wait_for_url(re.compile(r"/sites(?!.*managed_by)"))


def test_the_page_has_a_keyboard_shortcut_and_explanations(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/")
    expect(quiet.locator("#kpi-gap .kpi-value")).to_have_text("7")
    press_at_once(quiet, "gv")
    quiet.wait_for_url("**/coverage")
    quiet.locator(".kpi-place.duplicate .why").click()
    drawer = quiet.locator("#drawer-body")
    expect(drawer).to_contain_text("Two records of one source")
    expect(drawer).to_contain_text("Duplicate in one source: 1 open")


def test_the_card_of_a_site_opens_its_findings(quiet: Page, story: Story) -> None:
    site = story.world.site_of("1").site_id
    quiet.goto(f"{story.address}/sites/{site}")
    card = quiet.locator("#site-gaps")
    expect(card).to_contain_text("Expected here: NinjaRMM, ThreatLocker")
    card.get_by_role("link", name="In NinjaRMM, not in ThreatLocker").click()
    quiet.wait_for_url(f"**/coverage?site={site}&kind=ninja_without_threatlocker")
    expect(quiet.locator("#coverage-listed")).to_have_text("4 findings")
