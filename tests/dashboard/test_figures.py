"""Charts and small parts: what the rows say is what is drawn, and names are never markup."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote

import plotly.graph_objects as go
import pytest
from dash.development.base_component import Component
from hypothesis import given
from hypothesis import strategies as st

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.params import BASES, STATUSES, TYPES, Filters, Sort
from dashboard.components.changes.reason import reason_line
from dashboard.components.devices.grid import rows
from dashboard.components.kit import links
from dashboard.components.kit.drawn import Part
from dashboard.components.kit.grid import LONGEST, sort_of
from dashboard.components.kit.legend import Entry, legend
from dashboard.components.kit.sparkline import sparkline, svg
from dashboard.components.overview.movers import movers_list
from dashboard.components.sites.table import MOVED, ordered, pager, site_table
from dashboard.figures.coverage import trend_figure
from dashboard.figures.machine_day import KINDS, day_figure
from dashboard.figures.months import months_figure, stacks
from dashboard.figures.plain import LONGEST as LONGEST_NAME
from dashboard.figures.plain import plain
from dashboard.figures.waterfall import STEPS, axis_start, waterfall_figure
from dashboard.queries.changes.bars import Bars, Mover
from dashboard.queries.coverage.trend import Trend
from dashboard.queries.devices.device_list import BY_SITE, COLUMNS, SORTS
from dashboard.queries.machines.hours import Hour
from dashboard.queries.moment import Moment, SnapshotDay
from dashboard.queries.months.month_ends import MonthEnd
from dashboard.queries.sites.site_table import Site
from dashboard.words import sentences
from dashboard.words.terms import basis_phrase, counted_name, type_names
from db.rules import Rules, RulesByDay
from tests.support.mounted_page import expand_drawn

HOSTILE = "<img src=x onerror=alert(1)>"
THEN = date(2026, 10, 31)
MOMENT = Moment(
    SnapshotDay(date(2026, 11, 22), date(2026, 11, 22), {}),
    SnapshotDay(THEN, date(2026, 10, 30), {}),
    None,
    None,
    RulesByDay.always(Rules(1)),
)


def month(name: str, by_type: dict[str, int] | None, **more: Any) -> MonthEnd:
    total = None if by_type is None else sum(by_type.values())
    found = MonthEnd(name, total, by_type, {}, open=False, running=False, gaps=())
    return replace(found, **more)


YEAR = [
    month("2026-08", None),
    month("2026-09", {"server": 2, "workstation": 5}, gaps=("ninja",),
          dates={"ninja": date(2026, 8, 30)}),
    month("2026-10", {"workstation": 6}),
    month("2026-11", {"server": 1, "workstation": 7, "unknown": 1}, running=True, open=True),
]  # fmt: skip


def by_month(*rows: Any) -> go.Figure:
    """As Plotly reads it: it raises where a name or a value is none of its own."""
    return go.Figure(months_figure(*rows))


def waterfall(*rows: Any, good: str) -> go.Figure:
    """As Plotly reads it."""
    return go.Figure(waterfall_figure(*rows, good=good))


def bars_of(figure: go.Figure) -> dict[str, list[int | None]]:
    return {trace.name: list(trace.y) for trace in figure.data if trace.type == "bar"}


def texts(part: object) -> list[str]:
    """Every text and attribute of a component tree."""
    if isinstance(part, Component):
        part = expand_drawn(part)
    if isinstance(part, dict):
        return [text for value in part["props"].values() for text in texts(value)]
    if isinstance(part, list | tuple):
        return [text for one in part for text in texts(one)]
    return [part] if isinstance(part, str) else []


# Month by month.


def test_a_month_before_the_first_snapshot_is_unknown_and_a_type_it_lacks_is_zero() -> None:
    assert stacks(YEAR) == {
        "workstation": [None, 5, 6, 7],
        "server": [None, 2, 0, 1],
        "unknown": [None, 0, 0, 1],
    }


def test_the_bars_are_the_counts_largest_type_first() -> None:
    figure = by_month(YEAR, lambda month, kind: f"/{month.month}/{kind}")
    assert bars_of(figure) == {
        "Workstations": [None, 5, 6, 7],
        "Servers": [None, 2, 0, 1],
        "Unknown": [None, 0, 0, 1],
    }
    assert list(bars_of(figure)) == ["Workstations", "Servers", "Unknown"]


def test_the_label_above_each_bar_is_its_total_with_a_mark_for_a_gap() -> None:
    figure = by_month(YEAR, lambda *_: None)
    assert list(figure.data[-1].text) == ["no<br>data", "7*", "6", "9"]


def test_a_stretch_of_unknown_months_says_so_once() -> None:
    unknown = [replace(YEAR[0], month=f"2026-0{n}") for n in range(3, 8)]
    figure = by_month([*unknown, YEAR[1], YEAR[0]], lambda *_: None)
    dash = formats.NOTHING
    assert list(figure.data[-1].text) == [dash, dash, "no<br>data", dash, dash, "7*", "no<br>data"]


def test_a_segment_links_to_its_month_and_type() -> None:
    figure = by_month(YEAR, lambda month, kind: f"/{month.month}/{kind}")
    assert list(figure.data[1].customdata)[1:] == [
        "/2026-09/server", "/2026-10/server", "/2026-11/server",
    ]  # fmt: skip


def test_the_open_month_is_outlined_and_the_closed_ones_are_not() -> None:
    for trace in by_month(YEAR, lambda *_: None).data[:-1]:
        assert list(trace.marker.line.width) == [0, 0, 0, 2]
        assert list(trace.marker.opacity) == [1, 1, 1, 0.45]


def test_only_unknown_devices_are_hatched() -> None:
    traces = {trace.name: trace for trace in by_month(YEAR, lambda *_: None).data[:-1]}
    assert {name: trace.marker.pattern.shape for name, trace in traces.items()} == {
        "Workstations": "", "Servers": "", "Unknown": "/",
    }  # fmt: skip


def test_the_hover_text_names_the_day_that_fills_a_gap() -> None:
    hover = by_month(YEAR, lambda *_: None).data[0].hovertext
    assert hover[1] == "Sep 2026: 5 Workstations<br>of 7 in all<br>NinjaRMM: as of 30 Aug 2026"
    assert hover[3].endswith("month still open")


def test_no_month_at_all_is_an_empty_chart() -> None:
    assert bars_of(by_month([], lambda *_: None)) == {}
    assert bars_of(by_month([month("2026-11", {})], lambda *_: None)) == {}


# The waterfall.

_COUNT = st.integers(0, 3000)


@st.composite
def balanced(draw: st.DrawFn) -> Bars:
    """Bars that add up."""
    came = [draw(_COUNT) for _ in range(3)]
    opening = draw(_COUNT)
    went, left = [], opening
    for _ in range(3):
        went.append(draw(st.integers(0, left)))
        left -= went[-1]
    return Bars(opening, came[0], went[0], came[1], went[1], came[2], went[2], left + sum(came))


NAMES = {
    "opening": "31 Oct", "added": "Added", "removed": "Removed", "moved_in": "Moved in",
    "moved_out": "Moved out", "reclassified_in": "Became billable",
    "reclassified_out": "No longer billable", "closing": "22 Nov",
}  # fmt: skip


@given(balanced())
def test_each_bar_begins_where_the_last_one_ended(found: Bars) -> None:
    figure = waterfall(found, NAMES, {}, good="up")
    trace = figure.data[0]
    floor = axis_start(found)
    ends = [base + height for base, height in zip(trace.base, trace.y, strict=True)]
    level = found.opening or 0
    assert ends[0] == level
    for place, (key, sign) in enumerate(STEPS, 1):
        before, level = level, level + sign * getattr(found, key)
        assert (trace.base[place], ends[place]) == (
            max(min(before, level), floor), max(before, level),
        )  # fmt: skip
    assert ends[-1] == level == found.closing
    assert all(height >= 0 for height in trace.y)


@given(balanced())
def test_its_axis_begins_at_zero_or_below_everything_that_changes(found: Bars) -> None:
    floor, roof = waterfall(found, NAMES, {}, good="up").layout.yaxis.range
    level, levels = found.opening or 0, [found.opening or 0]
    for key, sign in STEPS:
        level += sign * getattr(found, key)
        levels.append(level)
    assert floor == axis_start(found)
    assert floor == 0 or floor < min(levels)
    assert roof > max(levels)


def test_its_labels_are_signed_and_a_zero_has_no_sign() -> None:
    figure = waterfall(Bars(395, 18, 15, 0, 0, 2, 3, 397), NAMES, {}, good="up")
    assert list(figure.data[1].text) == [
        "395", "+18", "\u221215", "0", "0", "+2", "\u22123", "397",
    ]  # fmt: skip
    assert list(figure.data[0].x)[-3:] == ["Became<br>billable", "No longer<br>billable", "22 Nov"]


def test_a_line_leads_from_each_bar_to_the_next_and_through_a_bar_of_nothing() -> None:
    lines = waterfall(Bars(395, 18, 15, 0, 0, 2, 3, 397), NAMES, {}, good="up").layout.shapes
    assert [line.y0 for line in lines] == [395, 413, 398, 398, 398, 400, 397]
    assert [(line.x0, line.x1) for line in lines][2:5] == [(2.35, 3), (3, 4), (4, 4.65)]


def test_findings_day_by_day_are_a_line_for_each_kind_that_there_is() -> None:
    days = (date(2026, 11, 21), date(2026, 11, 22))
    values = {"agent_only": (3, 1_200), "duplicate": (0, 0)}
    figure = go.Figure(trend_figure(Trend(days, values), lambda day, kind: f"/{day}/{kind}"))
    assert [list(line.y) for line in figure.data] == [[3, 1_200]]
    assert figure.data[0].customdata[1] == "/2026-11-22/agent_only"
    assert figure.layout.annotations[0].text.startswith("1,200 ")


@pytest.mark.parametrize("kind", KINDS)
def test_an_hour_without_a_report_is_a_gap_and_grey(kind: str) -> None:
    first, second = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (8, 9))
    hours = [Hour(first, 4, 20.0, 40.0, 20.0, 40.0), Hour(second)]
    figure = go.Figure(day_figure(hours, kind, UTC))
    assert [list(line.y) for line in figure.data] == [[40.0, None], [20.0, None]]
    assert [list(line.x)[0] for line in figure.data] == ["2026-11-22T08:30:00"] * 2
    assert [(grey.x0, grey.x1) for grey in figure.layout.shapes] == [
        ("2026-11-22T09:00:00", "2026-11-22T10:00:00")
    ]


def test_nothing_to_compare_with_is_an_empty_chart() -> None:
    assert len(waterfall(Bars(), NAMES, {}, good="up").data) == 0


# What a sentence says.

BILLABLE = Filters(statuses=("billable",))


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        (Change(404, 400), "Billable devices grew 1.0% since 31 Oct"),
        (Change(396, 400), "Billable devices fell 1.0% since 31 Oct"),
        (Change(400, 400), "Billable devices: unchanged since 31 Oct"),
        (Change(4, 0), "Billable devices: first counted since 31 Oct"),
        (Change(0, 0), "Billable devices: unchanged since 31 Oct"),
        (Change(4, None), "Billable devices: nothing to compare with on 31 Oct"),
    ],
)
def test_the_title_states_the_change(figure: Change, sentence: str) -> None:
    assert sentences.finding(figure, BILLABLE, THEN) == sentence


def plain_text(parts: list[Part]) -> str:
    """The text of a line, as it is read."""
    return "".join(
        part if isinstance(part, str) else str(part.children) for part in parts if part is not None
    )


def test_the_reason_names_what_moved_and_nothing_else() -> None:
    bars = Bars(400, 9, 0, 0, 0, 3, 0, 412)
    reason = plain_text(reason_line(Change(412, 400), bars, BILLABLE, THEN))
    assert reason == "+12 since 31 Oct: 9 added, 3 became billable"
    servers = Filters(statuses=("billable",), types=("server",))
    reason = plain_text(reason_line(Change(412, 400), bars, servers, THEN))
    assert reason == "+12 since 31 Oct: 9 added, 3 now match"
    assert plain_text(reason_line(Change(4, None), Bars(), BILLABLE, THEN)) == "No count for 31 Oct"
    swapped = plain_text(reason_line(Change(4, 4), Bars(4, 1, 1, 0, 0, 0, 0, 4), BILLABLE, THEN))
    assert swapped == "unchanged since 31 Oct: 1 added, 1 removed"


def test_the_bars_are_called_by_what_happened_and_the_ends_by_their_days() -> None:
    assert sentences.bar_names(MOMENT, BILLABLE) == NAMES | {"opening": "30 Oct"}
    # A device that comes in without being new or moved crossed the border of one status, or of
    # another filter.
    for filters, came, went in (
        (Filters(), "Became billable", "No longer billable"),
        (Filters(statuses=("spare",)), "Became spare", "No longer spare"),
        (Filters(statuses=("billable", "spare")), "No longer excluded", "Became excluded"),
        (Filters(statuses=("billable", "excluded")), "No longer spare", "Became spare"),
        (Filters(statuses=STATUSES), "Now matches", "No longer matches"),
        (Filters(types=("server",)), "Now matches", "No longer matches"),
        (Filters(q="pc"), "Now matches", "No longer matches"),
    ):
        every = sentences.bar_names(MOMENT, filters)
        assert (every["reclassified_in"], every["reclassified_out"]) == (came, went), filters


def test_the_site_that_changed_most_is_named_and_cut_when_too_long() -> None:
    first, second = Mover(1, "Harbor Dental", Change(3, 5)), Mover(2, "B", Change(2, 1))
    assert (
        sentences.most_moved([first, second], Change(5, 6), THEN)
        == "Harbor Dental moved most: \u22122"
    )
    assert sentences.most_moved([], Change(5, 5), THEN) == "No site moved"
    assert len(sentences.most_moved([replace(first, site="y" * 10_000)], Change(5, 6), THEN)) < 70


def test_every_choice_of_filters_has_a_name() -> None:
    for statuses in [(one,) for one in STATUSES] + [STATUSES, STATUSES[:2]]:
        for types in [(), *((one,) for one in TYPES), TYPES]:
            assert counted_name(Filters(statuses=statuses, types=types))
    assert all(basis_phrase(basis) for basis in BASES)
    assert len({type_names(name) for name in TYPES}) == len(TYPES)


# Names are text.


@given(st.text(max_size=100))
def test_a_name_in_a_chart_is_shown_unchanged(name: str) -> None:
    shown = plain(name)
    assert not re.search("[<>]", shown)
    back = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert back == (name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\u2026")


@pytest.mark.parametrize("name", [HOSTILE, "=cmd|' /C calc'!A0", "__proto__", "x" * 10_000])
def test_sec_12_html_in_a_site_name_is_text_in_lists_and_tables(name: str) -> None:
    change = Change(5, 3)
    movers = movers_list([Mover(7, name, change)], Filters(), compared=True)
    site = Site(7, name, change, {}, {}, ("ninja",), (1, None, 5))
    table = site_table([site], Filters(), MOVED, MOMENT)
    for part in (movers, table):
        assert name in texts(part)
        markup = json.dumps(part, default=lambda one: one.to_plotly_json())
        assert "dangerously" not in markup


# Small parts.


def test_a_sparkline_has_a_line_per_unbroken_stretch_inside_its_frame() -> None:
    picture = svg([3, 9, None, 4, 4], 96, 24)
    assert picture.count("M") == 2
    places = re.findall(r"[ML]([\d.]+) ([\d.]+)", picture)
    assert all(0 <= float(x) <= 96 and 0 <= float(y) <= 24 for x, y in places)
    assert len(places) == 4


@given(st.lists(st.none() | st.integers(0, 10**6), max_size=30))
def test_a_trend_of_less_than_two_values_has_no_sparkline(values: list[int | None]) -> None:
    found = sparkline(values, "trend")
    if sum(value is not None for value in values) < 2:
        assert "maskImage" not in found.style
    else:
        shape = unquote(found.style["maskImage"])
        assert shape.startswith('url("data:image/svg+xml,<svg') and shape.endswith('</svg>")')


def site(name: str, now: int | None, then: int | None, number: int = 1) -> Site:
    return Site(number, name, Change(now, then), {}, {}, (), ())


@pytest.mark.parametrize(
    ("column", "down", "names"),
    [
        ("moved", True, "beta Alpha delta gamma"),
        ("change", True, "Alpha delta beta gamma"),
        ("change", False, "beta delta Alpha gamma"),
        ("percent", True, "Alpha delta beta gamma"),
        ("now", True, "Alpha beta gamma delta"),
        ("then", False, "delta Alpha beta gamma"),
        ("name", False, "Alpha beta delta gamma"),
        ("name", True, "gamma delta beta Alpha"),
    ],
)
def test_sites_are_sorted_by_a_column_with_unknown_values_last(
    column: str, down: bool, names: str
) -> None:
    found = [site("beta", 5, 9), site("Alpha", 9, 8), site("gamma", 3, None), site("delta", 2, 2)]
    assert " ".join(one.name for one in ordered(found, column, down)) == names


def test_two_thousand_sites_are_shown_page_by_page() -> None:
    many = [site(f"Site {number}", 1, 1, number) for number in range(2000)]

    def names(order: dict[str, Any], filters: Filters) -> list[str]:
        table = expand_drawn(site_table(many, filters, order, MOMENT))
        return re.findall(r"Site \d+", str(table))

    every, some = Filters(), Filters(types=("server",))
    last = MOVED | {"page": 79, "query": every.to_query()}
    first_names = [f"Site {number}" for number in range(25)]
    last_names = [f"Site {number}" for number in range(1975, 2000)]
    assert names(MOVED, every) == first_names
    assert names(last, every) == names(last | {"page": 10**6}, every) == last_names
    assert names(last, some) == first_names  # chosen under other filters
    assert pager(25, every, MOVED) is None
    shown = pager(2000, every, last)
    assert "1,976 to 2,000 of 2,000 sites" in texts(shown)
    back, on = re.findall(r"'data-order': '(.*?)'", str(expand_drawn(shown)))
    assert json.loads(back)["page"] == 78


def test_bars_of_movers_are_shares_of_the_largest() -> None:
    found = movers_list(
        [Mover(1, "A", Change(0, 8)), Mover(2, "B", Change(4, 0))], Filters(), compared=True
    )
    assert re.findall(r"width: ([\d.]+)%", str(expand_drawn(found))) == ["100.0", "50.0"]
    assert texts(movers_list([], Filters(), compared=True)) == [
        "No site's count changed.",
        "note",
    ]


def test_a_link_to_a_past_day_drops_the_compared_day() -> None:
    now = Filters(as_of=date(2026, 11, 22), compare_to=THEN, statuses=("billable",))
    assert links.devices_on(now, date(2026, 6, 30), types=("server",)) == (
        "/devices?as_of=2026-06-30&type=server"
    )
    assert links.devices_on(now, None) == links.devices(now)
    assert links.devices(Filters()) == "/devices"


def test_a_file_is_sorted_as_the_list_is() -> None:
    spares = Filters(statuses=("spare",), sources=("ninja",))
    assert links.devices_file(spares) == "/export/devices.csv?status=spare&source=ninja"
    assert links.devices_file(Filters(), Sort("os", True)) == "/export/devices.csv?sort=-os"
    assert links.devices_file(spares, Sort("os")).endswith("source=ninja&sort=os")


def test_a_legend_entry_has_its_count_and_links_to_its_devices() -> None:
    drawn = expand_drawn(legend([Entry("vm_guest", "VM guests", 1200, "/devices?type=vm_guest")]))
    (link,) = drawn["props"]["children"]
    assert link["props"]["href"] == "/devices?type=vm_guest"
    assert link["props"]["data-count"] == "1,200"
    read = [text for text in texts(link["props"]["children"]) if not text.startswith("legend")]
    assert sorted(read) == ["1,200", "VM guests", "true"]
    assert "legend-mark mark-vm-guest" in texts(link)


def test_a_cell_is_cut_at_a_maximum_length() -> None:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {
        "device_id": "1", "hostname": "x" * 10_000, "source": "ninja", "display_name": HOSTILE,
    }  # fmt: skip
    shown = rows([row], datetime(2026, 11, 22, tzinfo=UTC))[0]
    assert len(shown["hostname"]) == LONGEST
    assert shown["display_name"] == HOSTILE
    assert shown["sources"] == "ninja"


@pytest.mark.parametrize(
    ("model", "sort"),
    [
        (None, BY_SITE),
        ([], BY_SITE),
        ([{"colId": "hostname", "sort": "desc"}], Sort("hostname", True)),
        ([{"colId": "sources", "sort": "asc"}], Sort("sources")),
        ([{"colId": "__proto__", "sort": "asc"}], BY_SITE),
        ([{"colId": "device_id; DROP TABLE devices", "sort": "desc"}], BY_SITE),
    ],
)
def test_a_grid_sorts_by_known_columns_only(model: Any, sort: Sort) -> None:
    assert sort_of({"sortModel": model}, SORTS, BY_SITE) == sort
