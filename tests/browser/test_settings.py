"""Decisions in Chromium, with the real worker behind the buttons: what one would change is shown
before it is saved, it changes that, and undone it never was."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine, insert, update

from db.engine import writing
from db.keys import device_id
from db.tables import audit_log, daily_counts, rule_versions, sites, suggestions
from etl.work.jobs import JobRunner
from etl.work.preview_lane import PreviewLane
from tests.support.demo_dashboard import serve_dashboard
from tests.support.small_hub import Hub, Pc, pcs

TODAY = date(2026, 11, 22)
DAYS = (date(2026, 10, 31), date(2026, 11, 21), TODAY)
NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
HARBOR = [
    *pcs(range(6), serial="real"),
    Pc("front", hostname="front01.harbor.local", display_name="Front desk"),
    Pc("loan", display_name="Loaner 7"),
]
FARMS = [Pc(f"f{n}", org="2", org_name="North Farms") for n in range(3)]
ELSEWHERE = [
    *[Pc(f"t{n}", org="x", org_name="Harbor Dental Grp", node_class=None, os="Windows 11")
      for n in range(4)],
    Pc("tfront", org="h", org_name="Harbor Dental", hostname="front-desk", node_class=None),
]  # fmt: skip


@dataclass
class Story:
    """Two sources of which one calls Harbor Dental otherwise; October is closed."""

    hub: Hub
    address: str

    @property
    def runner(self) -> JobRunner:
        sources = dict(self.hub.sources)
        return JobRunner(self.hub.engine, sources, lambda: NOW, self.hub.settings)  # type: ignore[arg-type]  # small sources

    def look(self) -> None:
        """Let the worker do the preview that was asked for."""
        assert PreviewLane(self.runner).run_waiting() == 1

    def work(self) -> None:
        """Let it do what was asked for, once the click has reached the server."""
        late = time.monotonic() + 180
        while self.runner.run_waiting() == 0:
            assert time.monotonic() < late, "nothing was asked for"
            time.sleep(0.05)

    def totals(self) -> list[object]:
        """Every count of the days that were collected."""
        return [tuple(row) for day in DAYS for row in self.hub.all(daily_counts, snapshot_date=day)]

    def billable(self) -> Counter[str]:
        """How many machines are billable today, by site."""
        names = {row.site_id: row.name for row in self.hub.all(sites)}
        rows = self.hub.all(daily_counts, basis="assets", snapshot_date=TODAY)
        found: Counter[str] = Counter()
        for row in rows:
            if row.billing_status == "billable":
                found[names[row.site_id]] += row.n
        return found


@pytest.fixture
def story(sqlite_engine: Engine) -> Iterator[Story]:
    hub = Hub(sqlite_engine)
    rows = [Pc(**{**one.__dict__, "serial": f"SN-7{one.key}"}) for one in HARBOR]
    for day in DAYS:
        hub.collect(day, [*rows, *FARMS])
        hub.collect(day, ELSEWHERE, "threatlocker")
    hub.close("2026-10")
    other, harbor = (
        hub.site_of(key, source).site_id for key, source in (("x", "threatlocker"), ("1", "ninja"))
    )
    front, desk = device_id("ninja", "front"), device_id("threatlocker", "tfront")
    with serve_dashboard(sqlite_engine, NOW) as (address, _):
        story = Story(hub, address)
        suggest(story, ("site", other, harbor), ("link", front, desk))
        yield story


def suggest(story: Story, *pairs: tuple[str, int, int]) -> None:
    """What the worker suggests: kind, subject and other of each pair."""
    with writing(story.hub.engine) as connection:
        connection.execute(
            insert(suggestions).prefix_with("OR REPLACE"),
            [
                {"kind": kind, "subject_id": one, "other_id": two, "score": 91,
                 "evidence": "the names differ in a letter", "since": TODAY}
                for kind, one, two in pairs
            ],
        )  # fmt: skip


def effect_dialog(quiet: Page, story: Story) -> Locator:
    """The dialog once the worker has found what would change."""
    dialog = quiet.locator("#decision")
    expect(dialog).to_contain_text("Working out what would change")
    story.look()
    expect(dialog.locator(".effect-said")).to_be_visible()
    return dialog


def typed(field: Locator, text: str) -> None:
    """As fast as Chromium takes it, a letter at a time."""
    field.press_sequentially(text)
    expect(field).to_have_value(text)


def test_a_site_is_merged_and_that_is_undone(quiet: Page, story: Story) -> None:
    before, counts = story.billable(), story.totals()
    quiet.goto(story.address + "/settings")
    expect(quiet.locator("#waits-top")).to_have_text("4")
    quiet.get_by_role("button", name="Same: Harbor Dental Grp").click()
    dialog = effect_dialog(quiet, story)
    expect(dialog).to_contain_text("Nothing on or before it changes")
    expect(dialog.locator(".effect-said")).to_contain_text("4 records move")
    row = dialog.locator(".effect-counts").first.locator("tr", has_text="Harbor Dental Grp")
    expect(row).to_contain_text("4 \u2192 0")
    assert story.totals() == counts
    dialog.get_by_role("button", name="Merge", exact=True).click()
    story.work()
    expect(quiet.locator("#inbox-sites")).to_have_count(0)
    expect(quiet.locator("#waits-top")).to_have_text("3")
    after = story.billable()
    assert after["Harbor Dental"] == before["Harbor Dental"] + 4
    assert after["Harbor Dental Grp"] == 0

    quiet.goto(f"{story.address}/sites/{story.hub.site_of('x', 'threatlocker').site_id}")
    expect(quiet.locator(".merged-line")).to_contain_text("Merged into Harbor Dental")
    expect(quiet.locator(".merged-line")).to_contain_text("Its own days end on 31 Oct 2026")
    quiet.get_by_role("button", name="Unmerge").click()
    dialog = effect_dialog(quiet, story)
    expect(dialog.locator(".effect-said")).to_contain_text("4 records move")
    dialog.get_by_role("button", name="Undo it").click()
    story.work()
    expect(quiet.locator(".merged-line")).to_have_count(0)
    assert story.totals() == counts

    quiet.goto(story.address + "/settings/audit?action=merge_sites&action=undo")
    entries = quiet.locator(".entries > li")
    expect(entries).to_have_count(2)
    expect(entries.nth(0)).to_contain_text("undoes entry")
    expect(entries.nth(1)).to_contain_text("Harbor Dental Grp into Harbor Dental")
    expect(entries.nth(1)).to_contain_text("undone by entry")
    expect(entries.nth(1).get_by_role("button")).to_have_count(0)


def test_another_site_is_chosen_by_its_name(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/settings")
    quiet.locator("#inbox-sites summary").click()
    quiet.get_by_role("button", name="Merge Harbor Dental Grp into another site").click()
    picker = quiet.locator("#picker")
    typed(picker.locator("#picker-text"), "north farms")
    expect(picker.locator(".choice")).to_have_count(1)
    picker.get_by_role("button", name="North Farms").click()
    dialog = quiet.locator("#decision")
    expect(dialog).to_contain_text("Merge Harbor Dental Grp into North Farms?")
    expect(picker).to_have_count(0)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    quiet.get_by_role("button", name="Different: Harbor Dental Grp").click()
    expect(quiet.locator("#jobs")).to_contain_text("Keep a site as its own")
    story.work()
    expect(quiet.locator("#inbox-sites")).to_have_count(0)


def test_rules_are_previewed_then_abandoned_and_then_saved(quiet: Page, story: Story) -> None:
    counts, versions = story.totals(), len(story.hub.all(rule_versions))
    quiet.goto(story.address + "/settings/rules")
    quiet.locator("#rules-spare-words").fill("spare, loaner")
    quiet.get_by_role("button", name="Replay").click()
    dialog = effect_dialog(quiet, story)
    expect(dialog).to_contain_text("+loaner")
    expect(dialog.locator(".effect-devices")).to_contain_text("Billable \u2192 Spare")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert story.runner.run_waiting() == 0
    assert (story.totals(), len(story.hub.all(rule_versions))) == (counts, versions)

    quiet.get_by_role("button", name="Replay").click()
    dialog = effect_dialog(quiet, story)
    dialog.get_by_role("button", name="Save the rules").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Write a reason")
    # Where the eye is: beside the button, however far the body is scrolled.
    expect(dialog.locator(".modal-footer").get_by_role("alert")).to_be_in_viewport(ratio=1)
    dialog.get_by_label("Reason, for the audit log").fill("Loaners are spare")
    dialog.get_by_role("button", name="Save the rules").click()
    story.work()
    newest = quiet.locator(".versions > li").first
    expect(newest).to_contain_text("By local")
    expect(newest).to_contain_text("+loaner")
    expect(newest).to_contain_text("Loaners are spare")
    expect(newest).to_contain_text("Counts every day from 1 Nov 2026 on.")
    oldest = quiet.locator(".versions > li").last
    expect(oldest).to_contain_text("Counts every day up to 31 Oct 2026.")
    assert story.billable()["Harbor Dental"] == 8


def test_records_are_linked_and_split_on_the_page_of_a_device(quiet: Page, story: Story) -> None:
    before = story.billable()["Harbor Dental"]
    quiet.goto(f"{story.address}/devices/{device_id('ninja', 'front')}")
    expect(quiet.locator("#device-machine-title")).to_have_text("This machine has 1 record")
    quiet.get_by_role("button", name="Link with another device").click()
    quiet.locator("#picker-text").fill("front-desk")
    quiet.locator("#picker .choice").click()
    dialog = effect_dialog(quiet, story)
    expect(dialog).to_contain_text("joins another machine")
    dialog.get_by_role("button", name="Same machine").click()
    story.work()
    expect(quiet.locator("#device-machine-title")).to_have_text("This machine has 2 records")
    expect(quiet.locator(".evidence")).to_contain_text("By hand")
    expect(quiet.locator("#device-decided .entries > li")).to_have_count(1)
    assert story.billable()["Harbor Dental"] == before - 1
    quiet.get_by_role("button", name="Not the same machine").click()
    dialog = effect_dialog(quiet, story)
    dialog.get_by_role("button", name="Not the same machine").click()
    story.work()
    expect(quiet.locator("#device-machine-title")).to_have_text("This machine has 1 record")
    expect(quiet.locator("#device-decided .entries > li")).to_have_count(2)
    assert story.billable()["Harbor Dental"] == before


def test_changing_expected_sources_previews_the_findings_that_close(
    quiet: Page, story: Story
) -> None:
    story.hub.run_after_collection(NOW)
    harbor = story.hub.site_of("1", "ninja").site_id
    quiet.goto(f"{story.address}/sites/{harbor}")
    expected = quiet.locator(".expected")
    expect(expected).to_contain_text("the default of the rules")
    expected.get_by_role("button", name="Don't expect ThreatLocker").click()
    dialog = effect_dialog(quiet, story)
    expect(dialog.locator(".effect-said")).to_have_text("No device and no count changes.")
    expect(dialog).to_contain_text("In NinjaRMM, not in ThreatLocker 11 \u2192 3.")
    dialog.get_by_role("button", name="Save").click()
    story.work()
    expect(expected).to_contain_text("NinjaRMM, set for this site")


def test_a_pair_declared_distinct_is_not_suggested_again(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/settings")
    pair = quiet.locator("#inbox-pairs .inbox-items > li")
    expect(pair).to_contain_text("front01.harbor.local")
    expect(pair.locator("td", has_text="SN-7front")).to_be_hidden()
    pair.locator("summary").click()
    expect(pair.get_by_role("cell", name="SN-7front")).to_be_visible()
    pair.get_by_role("button", name="Different").click()
    dialog = effect_dialog(quiet, story)
    expect(dialog.locator(".effect-said")).to_have_text("No device and no count changes.")
    dialog.get_by_role("button", name="Two machines").click()
    story.work()
    expect(quiet.locator("#inbox-pairs")).to_have_count(0)


def test_the_number_beside_settings_is_that_of_the_questions_listed(
    quiet: Page, story: Story
) -> None:
    """Each pair of sites and of machines is asked about once."""
    harbor, farms, group = (
        story.hub.site_of(key, source).site_id
        for key, source in (("1", "ninja"), ("2", "ninja"), ("x", "threatlocker"))
    )
    front, desk, loan = (
        device_id(*name)
        for name in (("ninja", "front"), ("threatlocker", "tfront"), ("ninja", "loan"))
    )
    # The first two once more, the other way round.
    suggest(story, ("site", harbor, group), ("link", desk, front), ("link", front, loan))
    quiet.goto(story.address + "/settings")
    items = quiet.locator(".inbox-items > li")
    expect(items).to_have_count(4)
    expect(quiet.locator("#waits-top")).to_have_text("4")
    expect(quiet.locator("#inbox-sites .inbox-items > li")).to_have_count(1)
    expect(quiet.locator("#inbox-pairs .inbox-items > li")).to_have_count(2)
    expect(items.filter(has_text="Harbor Dental Grp")).to_have_count(1)
    # Two customers: both are decided about.
    quiet.get_by_role("button", name="Different: Harbor Dental Grp").click()
    story.work()
    expect(items).to_have_count(3)
    reviewed = {row.site_id: row.needs_review for row in story.hub.all(sites)}
    assert not reviewed[harbor] and not reviewed[group] and reviewed[farms]


def test_new_sites_are_kept_as_they_are_all_at_once(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/settings")
    expect(quiet.locator("#inbox-unlike-title")).to_have_text("2 new sites to confirm")
    quiet.get_by_role("button", name="Keep all as they are").click()
    story.work()
    expect(quiet.locator("#inbox-unlike")).to_have_count(0)
    expect(quiet.locator("#jobs")).to_contain_text("2 sites are kept as they are.")
    expect(quiet.locator("#waits-top")).to_have_text("2")
    expect(quiet.locator(".inbox-items > li")).to_have_count(2)
    kept = [row.subject for row in story.hub.all(audit_log) if row.action == "confirm_site"]
    assert sorted(kept) == ["Harbor Dental", "North Farms"]


def test_a_possible_duplicate_says_what_is_equal_and_what_differs_and_unfolds_in_place(
    quiet: Page, story: Story
) -> None:
    records = [device_id("ninja", row.key) for row in (*HARBOR, *FARMS)]
    pairs = [("link", one, two) for n, one in enumerate(records) for two in records[n + 1 :]]
    suggest(story, *pairs[:8])
    quiet.goto(story.address + "/settings")
    card = quiet.locator("#inbox-pairs .inbox-items > li").nth(3)
    said = card.locator(".inbox-said")
    expect(said).to_contain_text(
        re.compile(r"^Serial SN-7\w+ / SN-7\w+ · Site Harbor Dental in both")
    )
    before = card.locator("summary").bounding_box()
    card.locator("summary").click()
    expect(card.locator(".side")).to_be_visible()
    assert card.locator("summary").bounding_box()["x"] == before["x"]  # type: ignore[index]  # visible
    assert card.locator("summary").bounding_box()["y"] == before["y"]  # type: ignore[index]  # visible
    expect(card.locator(".side tr", has_text="Serial").locator(".compared")).to_have_text(
        "different"
    )
    expect(card.locator(".side tr", has_text="Site").locator(".compared")).to_have_text("same")
    expect(card).to_contain_text("the names differ in a letter")
    assert said.evaluate("it => it.scrollWidth <= it.clientWidth")


def test_25_questions_fit_on_one_screen_and_on_two_of_a_phone(quiet: Page, story: Story) -> None:
    """In groups, and when all are of the kind with most to say."""
    records = [device_id("ninja", row.key) for row in (*HARBOR, *FARMS)]
    pairs = [("link", one, two) for n, one in enumerate(records) for two in records[n + 1 :]]
    suggest(story, *pairs[:21])
    items = quiet.locator(".inbox-items > li")
    for groups in (3, 1):
        quiet.goto(story.address + "/settings")
        expect(items).to_have_count(25)
        expect(quiet.locator(".inbox-group")).to_have_count(groups)
        for width, height, screens in ((1440, 900, 1), (390, 844, 2)):
            quiet.set_viewport_size({"width": width, "height": height})
            full = quiet.evaluate("document.documentElement.scrollHeight")
            assert full <= screens * height, (groups, width)
            assert quiet.evaluate("document.documentElement.scrollWidth") == width
        with writing(story.hub.engine) as connection:
            connection.execute(update(sites).values(needs_review=False))
        suggest(story, *pairs[21:24])


def test_a_refused_decision_shows_the_reason_before_it_is_saved(quiet: Page, story: Story) -> None:
    quiet.goto(f"{story.address}/devices/{device_id('ninja', 'front')}")
    quiet.get_by_role("button", name="Link with another device").click()
    quiet.locator("#picker-text").fill("Loaner")
    quiet.locator("#picker .choice").click()
    dialog = quiet.locator("#decision")
    expect(dialog).to_contain_text("Working out what would change")
    story.look()
    expect(dialog.get_by_role("alert").first).to_contain_text("two real serial numbers")
    expect(dialog.get_by_role("button", name="Same machine")).to_be_disabled()


def test_the_audit_log_is_filtered_and_downloaded(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/settings/audit")
    expect(quiet.locator("#audit-title")).to_have_text("1 decision")
    expect(quiet.locator(".entries")).to_contain_text("Close a month")
    typed(quiet.locator("#audit-text"), "no such thing")
    expect(quiet.locator("#audit")).to_contain_text("No decision matches")
    assert "q=no+such+thing" in quiet.url
    quiet.go_back()
    expect(quiet.locator("#audit-title")).to_have_text("1 decision")
    expect(quiet.locator("#audit-text")).to_have_value("")
    with quiet.expect_download() as download:
        quiet.locator("#audit .file-csv").click()
    assert download.value.suggested_filename.startswith("audit-2026-11-22")
    assert len(story.hub.all(audit_log)) == 1


def test_sites_are_searched_by_the_names_of_every_source(quiet: Page, story: Story) -> None:
    quiet.goto(story.address + "/settings/sites")
    expect(quiet.locator("#sites-known-count")).to_have_text("3 sites")
    typed(quiet.locator("#sites-known-text"), "dental grp")
    expect(quiet.locator("#sites-known-count")).to_have_text("1 site")
    expect(quiet.locator(".ag-center-cols-container .ag-row")).to_have_count(1)
    quiet.get_by_role("link", name="Harbor Dental Grp").click()
    quiet.wait_for_url("**/sites/*")
    expect(quiet.locator("h1").last).to_have_text("Harbor Dental Grp")
    quiet.get_by_role("button", name="Expect Agent").click()
    dialog = effect_dialog(quiet, story)
    expect(dialog).to_contain_text("Expected: NinjaRMM, ThreatLocker, Agent.")
    dialog.get_by_role("button", name="Save").click()
    story.work()
    expect(quiet.locator(".expected")).to_contain_text("set for this site")


def test_no_settings_page_is_wider_than_a_phone(quiet: Page, story: Story) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    for path in ("", "/rules", "/sites", "/audit"):
        quiet.goto(f"{story.address}/settings{path}")
        expect(quiet.locator(".settings-tabs .active")).to_be_visible()
        expect(quiet.locator(".settings .card, .settings .grid-card").first).to_be_visible()
        assert quiet.evaluate("document.documentElement.scrollWidth") == 390, path


def test_without_pending_decisions_the_inbox_is_empty(quiet: Page, sqlite_engine: Engine) -> None:
    with serve_dashboard(sqlite_engine, NOW) as (address, _):
        quiet.goto(address + "/settings")
        expect(quiet.locator(".state-title")).to_have_text("Nothing waits for you")
        expect(quiet.locator("#waits-top")).to_have_text("")
