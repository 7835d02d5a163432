"""The fields of the filters: several of thousands of names, and a day, by mouse and by keyboard."""

import json
import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

MANY = [["Zürich Dental, the one that is looked for", "2"]] + [
    [f"Site {n}", str(n)] for n in range(1000, 3000)
]


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_several_of_2000_sites_are_found_and_chosen_by_keyboard(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/devices")
    expect(quiet.locator("#devices-count")).not_to_be_empty()
    quiet.evaluate(
        "options => dash_clientside.set_props('filter-site', {'data-options': options})",
        json.dumps(MANY),
    )
    quiet.get_by_role("button", name="Sites").focus()
    quiet.keyboard.press("Enter")
    panel = quiet.get_by_role("dialog", name="Sites")
    expect(panel.get_by_role("checkbox")).to_have_count(200)
    expect(panel.get_by_role("status")).to_have_text("and 1,801 more")
    # There is room for eight names.
    eighth = panel.get_by_role("checkbox").nth(7).bounding_box()
    listed = panel.locator(".choices-list").bounding_box()
    assert eighth and listed
    assert eighth["y"] + eighth["height"] <= listed["y"] + listed["height"]
    expect(panel.get_by_role("searchbox")).to_be_focused()
    quiet.keyboard.type("ZURICH")
    expect(panel.get_by_role("checkbox")).to_have_count(1)
    quiet.keyboard.press("Enter")
    expect(quiet).to_have_url(re.compile("site=2"))
    panel.get_by_role("searchbox").fill("site 299")
    quiet.keyboard.press("ArrowDown")
    quiet.keyboard.press("ArrowDown")
    expect(panel.get_by_role("checkbox", name="Site 2991")).to_be_focused()
    quiet.keyboard.press("Space")
    expect(quiet).to_have_url(re.compile("site=2991"))
    expect(panel.get_by_role("checkbox", name="Site 2991")).to_be_checked()
    quiet.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(quiet.get_by_role("button", name="Sites")).to_be_focused()
    expect(quiet.get_by_role("button", name="Sites")).to_contain_text("Site 2991")
    assert query_of(quiet) == {"site": ["2", "2991"]}


def test_a_day_is_typed_chosen_and_cleared_by_keyboard(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/devices")
    expect(quiet.locator("#devices-count")).not_to_be_empty()
    steps = len(quiet.evaluate("Array(history.length).fill(0)"))
    field = quiet.locator("#filter-as-of")
    typed = quiet.get_by_label("As of", exact=True)
    typed.focus()
    # As Chromium gives the digits of a year on, one by one; real keys depend on the time between
    # them. What comes for the calendar meanwhile takes away nothing.
    typed.evaluate(
        """(input, days) => {
          const value = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');
          for (const day of days) {
            input.dispatchEvent(new KeyboardEvent('keydown', {key: day[3], bubbles: true}));
            value.set.call(input, day);
            input.dispatchEvent(new Event('input', {bubbles: true}));
            input.closest('[data-field]').hubUpdate();
            if (input.value !== day) throw new Error(`${day} became ${input.value}`);
          }
        }""",
        ["0002-11-05", "0020-11-05", "0202-11-05", "2026-11-05"],
    )
    quiet.keyboard.press("Enter")
    expect(quiet).to_have_url(re.compile("as_of=2026-11-05"))
    expect(field).to_contain_text("5 Nov 2026")
    # A year half typed is no filter: one step of the history, not four.
    assert len(quiet.evaluate("Array(history.length).fill(0)")) == steps + 1
    field.get_by_role("button", name="open the calendar").click()
    quiet.keyboard.press("ArrowLeft")
    quiet.keyboard.press("PageUp")
    quiet.keyboard.press("PageDown")
    quiet.keyboard.press("Enter")
    expect(quiet).to_have_url(re.compile("as_of=2026-11-04"))
    field.get_by_role("button", name="open the calendar").click()
    panel = quiet.get_by_role("dialog", name="As of")
    # Nothing after today can be chosen.
    expect(panel.get_by_role("button", name=re.compile("^23 Nov 2026"))).to_be_disabled()
    panel.get_by_role("button", name="Today").click()
    expect(field).to_contain_text("Today")
    assert query_of(quiet) == {}
