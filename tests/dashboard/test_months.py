"""The months as pages and programs see them: state, counts, real dates, bases, closings."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert

from dashboard.app import create_app
from dashboard.base.params import BASES, BILLABLE, Filters
from dashboard.components.ask.dialog import dialog_body
from dashboard.decisions.proposals.registry import propose
from dashboard.queries import moment
from dashboard.queries.changes import adjustments
from dashboard.queries.months import bases as month_bases
from dashboard.queries.months import month_table
from dashboard.queries.months.month_table import MonthRow
from db import audit
from db.decisions import CloseMonth, Decision, ReopenMonth
from db.engine import reading, writing
from db.months.closings import is_unchanged
from db.settings import load
from db.tables import ALL_SITES, count_restatements, month_closings, month_end_counts
from etl.decisions.sites import merge_sites
from etl.months.imports import import_counts
from tests.support.api_server import ApiClient, serve_api
from tests.support.callbacks import run_callback
from tests.support.demo_dashboard import ENVIRON
from tests.support.files import csv_rows, sheets
from tests.support.mounted_page import read_aloud
from tests.support.random_hub import decision_context
from tests.support.samples import some
from tests.support.small_hub import Hub, Pc, noon, pcs

pytestmark = pytest.mark.any_database

JANUARY = date(2024, 1, 31)
TODAY = date(2024, 3, 5)
HARBOR = [Pc(str(n)) for n in range(6)]
NORTH = [Pc(f"n{n}", org="2", org_name="North Farms") for n in range(3)]
SPARE = [Pc("s1", display_name="spare PC")]


def february(n: int) -> date:
    return date(2024, 2, n)


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return _story(sqlite_engine)


def _story(engine: Engine) -> Hub:
    """January to March: a month of two sources, of which one misses the last day of February."""
    hub = Hub(engine)
    hub.collect(date(2024, 1, 30), HARBOR)
    hub.collect(JANUARY, [*HARBOR, *NORTH])
    hub.collect(JANUARY, pcs(range(4)), "threatlocker")
    hub.collect(february(10), [*HARBOR, *NORTH, *SPARE])
    hub.collect(february(20), [*HARBOR[:4], *NORTH, *SPARE])
    hub.collect(february(28), pcs(range(3)), "threatlocker")
    hub.collect(february(29), [*HARBOR[:5], *NORTH, *SPARE])
    hub.collect(date(2024, 3, 4), [*HARBOR[:5], *NORTH])
    return hub


def _rows(connection: Connection, query: Filters | None = None) -> dict[str, MonthRow]:
    filters = query or Filters(basis="ninja")
    seen = moment.resolve(connection, filters, TODAY)
    return {row.month: row for row in month_table.month_rows(connection, seen, filters)}


def _of(hub: Hub, query: Filters | None = None) -> dict[str, MonthRow]:
    with reading(hub.engine) as connection:
        return _rows(connection, query)


def test_each_month_has_its_state_and_its_counts(engine: Engine) -> None:
    hub = _story(engine)
    hub.close("2024-01")
    found = _of(hub)
    assert list(found) == ["2024-03", "2024-02", "2024-01"]
    assert [row.state for row in found.values()] == ["running", "open", "closed"]
    counted = [(row.billable, row.spare, row.total, row.figure.change) for row in found.values()]
    assert counted == [(8, 0, 8, 0), (8, 1, 9, -1), (9, 0, 9, None)]


def test_an_open_month_lists_what_prevents_closing_and_the_oldest_can_be_closed(hub: Hub) -> None:
    found = _of(hub)
    assert [row.can_close for row in found.values()] == [False, False, True]
    assert [one.code for one in found["2024-02"].hindrances] == ["older_open"]
    assert found["2024-01"].hindrances == ()
    hub.close("2024-01")
    found = _of(hub)
    assert [row.can_close for row in found.values()] == [False, True, False]
    assert [row.can_reopen for row in found.values()] == [False, False, True]


def test_the_list_says_when_the_running_month_can_close_and_the_real_date_of_each_source(
    hub: Hub,
) -> None:
    hub.close("2024-01")
    app = create_app(hub.engine, clock=lambda: noon(TODAY), settings=load(ENVIRON))
    app.server.test_client().get("/")
    listed = run_callback(app, "months-body", filters="")["response"]["months-body"]["children"]
    text = read_aloud(listed)
    assert "It can be closed from 1 Apr 2024; it closes automatically from 3 Apr 2024." in text
    # One date is said once.
    assert "N NinjaRMM T ThreatLocker 31 Jan" in text and "last day" not in text
    assert "N NinjaRMM 29 Feb T ThreatLocker 28 Feb" in text
    shown = {"filters": "", "month-shown": "2024-03"}
    body = run_callback(app, "month-body.children", **shown)["response"]["month-body"]["children"]
    text = read_aloud(body)
    assert "When it can be closed It can be closed from 1 Apr 2024" in text
    assert "Feb 2024 is still open: close it first." in text


@pytest.mark.parametrize(
    ("month", "sentence"),
    [
        ("2099-01", "Jan 2099 has not begun. There are Jan 2024 to Mar 2024."),
        ("2019-01", "Jan 2019 is before the first count. There are Jan 2024 to Mar 2024."),
        ("10", "Months are written like 2024-03. There are Jan 2024 to Mar 2024."),
    ],
)
def test_the_address_of_a_month_that_is_not_there_says_which_are(
    hub: Hub, month: str, sentence: str
) -> None:
    app = create_app(hub.engine, clock=lambda: noon(TODAY), settings=load(ENVIRON))
    app.server.test_client().get("/")
    shown = {"filters": "", "month-shown": month}
    body = run_callback(app, "month-body.children", **shown)["response"]["month-body"]["children"]
    assert sentence in read_aloud(body)
    assert re.findall(r'"href": "([^"]*)"', json.dumps(body))[1:] == [
        "/months/2024-03", "/months/2024-01", "/months",
    ]  # fmt: skip


def test_the_real_date_of_a_source_is_shown_when_it_is_not_the_last_day(hub: Hub) -> None:
    found = _of(hub)
    assert found["2024-01"].late == {}
    assert found["2024-02"].late == {"threatlocker": february(28)}
    assert found["2024-03"].late == {}
    hub.close("2024-01")
    hub.close("2024-02")
    row = _of(hub)["2024-02"]
    assert row.closing is not None
    assert row.closing.dates["threatlocker"].date == february(28)
    assert row.closing.dates_before["ninja"].date == JANUARY
    assert row.late == {"threatlocker": february(28)}


def test_a_closed_month_is_counted_as_it_was_then(hub: Hub) -> None:
    hub.close("2024-01")
    before = _of(hub)["2024-01"]
    with writing(hub.engine) as connection:
        connection.execute(month_end_counts.update().values(n=99))
    assert _of(hub)["2024-01"] == before


def test_closing_keeps_the_imported_counts_of_a_source_that_began_later(
    sqlite_engine: Engine,
) -> None:
    hub, ten = Hub(sqlite_engine), pcs(range(10))
    hub.collect(JANUARY, ten)
    hub.collect(february(3), ten)
    hub.collect(february(4), pcs(range(100)), "threatlocker")
    columns = "month,site,source,device_type,billing_status,count"
    file = f"{columns}\n2024-01,Harbor Dental,threatlocker,workstation,billable,100\n".encode()
    with writing(hub.engine) as connection:
        import_counts(connection, "january.csv", file, "Ana", datetime(2024, 2, 5, tzinfo=UTC))

    def billable(basis: str) -> set[str]:
        """What the page, the API and the two files say of January: one number."""
        shown = _of(hub, Filters(basis=basis))["2024-01"].billable
        said = {str(shown)}
        with serve_api(hub.engine, clock=lambda: datetime(2024, 2, 5, 12, tzinfo=UTC)) as client:
            for name, column in (("month-ends", "billable"), ("months", "total")):
                rows = csv_rows(client.get(f"/export/{name}.csv?basis={basis}").content)
                said |= {row[column] for row in rows if row["month"] == "2024-01"}
            items = client.json(f"/api/months?basis={basis}")["items"]
            said |= {str(item["billable_devices"]) for item in items if item["month"] == "2024-01"}
        return said

    right = {"ninja": {"10"}, "threatlocker": {"100"}, "records": {"110"}}
    assert {basis: billable(basis) for basis in right} == right
    closing = hub.close("2024-01")
    assert {basis: billable(basis) for basis in right} == right
    with reading(hub.engine) as connection:
        assert is_unchanged(connection, closing)


def test_a_number_that_holds_imported_counts_says_how_many_and_others_say_what_they_leave_out(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(JANUARY, pcs(range(10)))
    hub.collect(february(3), pcs(range(10)))
    columns = "month,site,source,device_type,billing_status,count"
    lines = ("workstation,billable,100", "server,spare,5", "server,excluded,2")
    file = "\n".join([columns, *(f"2024-01,Harbor Dental,threatlocker,{line}" for line in lines)])
    with writing(hub.engine) as connection:
        import_counts(connection, "a.csv", file.encode(), "Ana", datetime(2024, 2, 5, tzinfo=UTC))
    counted = {
        "billable_devices": 100, "spare_devices": 5, "excluded_devices": 2, "total_devices": 105,
    }  # fmt: skip
    sentence = (
        "At the end of 2024-01-31 105 devices of ThreatLocker are counted from a file. They are in "
        "the numbers of months only, and in no list, comparison, billing basis or invoice pack."
    )
    site = hub.site_of("1").site_id

    def pack_says(client: ApiClient, basis: str) -> Any:
        address = f"/export/invoice-pack.zip?site={site}&month=2024-01&basis={basis}"
        with zipfile.ZipFile(io.BytesIO(client.get(address).content)) as archive:
            return json.loads(archive.read("about.json")).get("not_included", {}).get("devices")

    with serve_api(hub.engine, clock=lambda: datetime(2024, 2, 5, 12, tzinfo=UTC)) as client:
        for closed in (False, True):
            if closed:
                hub.close("2024-01")
            months = client.json("/api/months?basis=records")["items"]
            (january,) = [item for item in months if item["month"] == "2024-01"]
            assert (january["total_devices"], january["imported"]) == (115, ["threatlocker"])
            assert january["imported_counts"] == {"threatlocker": counted}
            bases = client.json("/api/months/2024-01/bases?basis=records")
            assert bases["items"][0]["month_end"] == 10
            assert bases["imported_counts"] == {"threatlocker": counted}
            compared = client.json("/api/dashboard/comparison")
            assert compared["last_month_totals"]["total_devices"] == 10
            assert sentence in compared["notices"]
            book = sheets(client.get("/export/month-ends.xlsx?basis=records").content)
            told = dict(line[:2] for line in book["About"] if len(line) > 1)
            assert "100 billable, 5 spare, 2 excluded" in told["2024-01, from a file"]
            assert pack_says(client, "records") == {"threatlocker": 100}
            # Where the basis has no imported count, nothing is said.
            assert pack_says(client, "ninja") is None
            for basis in ("ninja", "assets"):
                compared = client.json(f"/api/dashboard/comparison?basis={basis}")
                assert not any("from a file" in notice for notice in compared["notices"])


def _imported(hub: Hub) -> None:
    """A count of December from a file; January closed."""
    hub.close("2024-01")
    with writing(hub.engine) as connection:
        connection.execute(
            insert(month_end_counts).values(
                month="2023-12", basis="ninja", site_id=hub.site_of("1").site_id,
                device_type="server", billing_status="billable", n=7, imported=True,
            )
        )  # fmt: skip


@pytest.mark.parametrize("day", [None, "2024-02-29", "2024-02-15"])
def test_files_and_api_have_the_states_of_the_page(hub: Hub, day: str | None) -> None:
    _imported(hub)
    query = "basis=ninja" + (f"&as_of={day}" if day else "")
    shown = _of(hub, Filters(basis="ninja", as_of=date.fromisoformat(day) if day else None))
    states = {month: row.state for month, row in shown.items()}
    assert {"imported", "closed"} < set(states.values())
    with serve_api(hub.engine, clock=lambda: datetime(2024, 3, 5, 12, tzinfo=UTC)) as client:
        api = client.json(f"/api/months?{query}")["items"]
        assert {one["month"]: one["state"] for one in api} == states
        for name in ("months", "month-ends"):
            rows = csv_rows(client.get(f"/export/{name}.csv?{query}").content)
            assert {row["month"]: row["state"] for row in rows if row["state"]} == states, name
            book = sheets(client.get(f"/export/{name}.xlsx?{query}").content)
            sheet = next(iter(book.values()))
            column = sheet[0].index("state")
            told = {line[0]: line[column] for line in sheet[1:] if len(line) > column}
            assert {month: state for month, state in told.items() if state} == states, name
        assert [row["month"] for row in rows] == list(states)
        for row, one in zip(rows, shown.values(), strict=True):
            assert [row[name] for name in ("billable", "change", "spare", "total")] == [
                "" if value is None else str(value)
                for value in (one.billable, one.figure.change, one.spare, one.total)
            ]
            assert row["hash"] == (one.closing.hash if one.closing else "")


def test_sites_and_types_narrow_the_months(hub: Hub) -> None:
    north = hub.site_of("2").site_id
    hub.close("2024-01")
    found = _of(hub, Filters(basis="ninja", sites=(north,)))
    assert [row.billable for row in found.values()] == [3, 3, 3]
    found = _of(hub, Filters(basis="ninja", types=("server",)))
    assert [row.billable for row in found.values()] == [0, 0, 0]


def test_as_of_an_earlier_day_the_running_month_is_that_days(hub: Hub) -> None:
    found = _of(hub, Filters(basis="ninja", as_of=february(21)))
    assert list(found) == ["2024-02", "2024-01"]
    assert (found["2024-02"].state, found["2024-02"].billable) == ("running", 7)


def test_before_a_bases_first_snapshot_a_month_is_unknown(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(JANUARY, HARBOR)
    hub.collect(february(29), HARBOR)
    hub.collect(february(29), pcs(range(3)), "threatlocker")
    hub.collect(date(2024, 3, 4), HARBOR)
    found = _of(hub, Filters(basis="threatlocker"))
    assert [row.billable for row in found.values()] == [3, 3, None]


def test_imported_months_are_marked_and_have_totals(hub: Hub) -> None:
    with writing(hub.engine) as connection:
        row = {"month": "2023-11", "basis": "ninja", "site_id": 1, "device_type": "workstation"}
        row |= {"billing_status": "billable", "n": 5, "imported": True}
        connection.execute(insert(month_end_counts).values(row))
    found = _of(hub)
    assert [row.state for row in found.values()][-1] == "imported"
    assert (found["2023-11"].billable, found["2023-11"].dates) == (5, {})


@pytest.mark.parametrize("basis", some(BASES, 2))
def test_an_open_months_bases_are_those_that_its_closing_stores(hub: Hub, basis: str) -> None:
    filters = Filters(basis=basis, statuses=BILLABLE)
    for month in ("2024-01", "2024-02"):
        with reading(hub.engine) as connection:
            seen = moment.resolve(connection, filters, TODAY)
            live = month_bases.computed_bases(connection, seen, month, filters)
        hub.close(month)
        closing = _of(hub)[month].closing
        assert closing is not None
        with reading(hub.engine) as connection:
            assert month_bases.stored_bases(connection, closing.closing_id, filters) == live
    assert bool(live) == (basis != "agent")


def test_average_peak_and_device_days_count_every_calendar_day(hub: Hub) -> None:
    filters = Filters(basis="ninja", statuses=BILLABLE)
    with reading(hub.engine) as connection:
        seen = moment.resolve(connection, filters, TODAY)
        everything, harbor, north = month_bases.computed_bases(connection, seen, "2024-02", filters)
    assert (everything.site_id, harbor.site, north.site) == (ALL_SITES, "Harbor Dental",
                                                            "North Farms")  # fmt: skip
    # Six machines up to the 19th, four from the 20th on, five on the 29th.
    assert (harbor.month_end, harbor.device_days, harbor.days) == (5, 6 * 19 + 4 * 9 + 5, 29)
    assert (harbor.peak, harbor.peak_day) == (6, february(1))
    assert north.average == 3
    assert everything.device_days == harbor.device_days + north.device_days


def test_the_running_months_bases_end_on_the_shown_day(hub: Hub) -> None:
    filters = Filters(basis="ninja", as_of=february(21), statuses=BILLABLE)
    with reading(hub.engine) as connection:
        seen = moment.resolve(connection, filters, TODAY)
        found = month_bases.computed_bases(connection, seen, "2024-02", filters)
    harbor = found[1]
    assert (harbor.month_end, harbor.days) == (4, 21)


def test_adjustments_name_the_decision_and_the_count_before_and_after(engine: Engine) -> None:
    _story(engine)
    at = datetime(2024, 3, 5, 9, tzinfo=UTC)
    with writing(engine) as connection:
        entry = audit.write_entry(connection, "ada", "merge_sites", "North Farms", at)
        row = {"entry_id": entry, "basis": "ninja", "site_id": 2, "device_type": "workstation"}
        row |= {"billing_status": "billable"}
        for day, before, after in ((february(1), 3, 0), (february(28), 4, 1)):
            counts = {"snapshot_date": day, "before": before, "after": after}
            connection.execute(insert(count_restatements).values(row | counts))
    with reading(engine) as connection:
        (found,) = adjustments.adjustments(connection, "2024-02", Filters(basis="ninja"))
        assert adjustments.adjustments(connection, "2024-01", Filters(basis="ninja")) == []
    assert (found.actor, found.action, found.day) == ("ada", "merge_sites", february(28))
    assert (found.before, found.after) == (4, 1)


def test_the_history_of_a_month_keeps_every_closing(hub: Hub) -> None:
    hub.close("2024-01")
    hub.reopen("2024-01", "wrong alias")
    with reading(hub.engine) as connection:
        assert _rows(connection)["2024-01"].state == "open"
        entries = adjustments.audited(connection, "2024-01")
        (closing,) = month_table.closings_of(connection, "2024-01")
    assert [one.action for one in entries] == ["reopen_month", "close_month"]
    assert entries[0].detail == {"reason": "wrong alias"}
    assert entries[1].detail["hash"] == closing.hash


def test_a_reopened_month_says_what_differs_from_its_closing_and_why(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(JANUARY, [*HARBOR, *NORTH])
    hub.collect(TODAY, [*HARBOR, *NORTH])
    first = hub.close("2024-01", "Ana")
    north, harbor = hub.site_of("2").site_id, hub.site_of("1").site_id
    with decision_context(hub, TODAY, "Ben") as by:
        merge_sites(by, north, harbor)
    app = create_app(hub.engine, clock=lambda: noon(TODAY), settings=load(ENVIRON))
    app.server.test_client().get("/")

    def page(query: str = "") -> str:
        # What stands beside the billing options, and the history.
        shown = {"filters": query, "month-shown": "2024-01"}
        answers = [run_callback(app, f"{name}.children", **shown)["response"][name]
                   for name in ("month-bases", "month-history")]  # fmt: skip
        return read_aloud([answer["children"] for answer in answers])

    def dialog(kind: type[Decision]) -> str:
        with hub.engine.connect() as connection, app.server.test_request_context():
            arguments = {"month": "2024-01"} | ({"reason": "x"} if kind is ReopenMonth else {})
            proposal = propose(connection, kind.model_validate(arguments))
            return read_aloud(dialog_body(proposal))

    assert "Since the last closing" not in page()
    assert "Decisions since its closing on" in dialog(ReopenMonth)
    hub.reopen("2024-01", "An invoice was late.", "Cas")

    what = "Merge sites: North Farms into Harbor Dental, 5 Mar 2024, 12:00 by Ben"
    text = page()
    assert "Since the last closing: the same total" in text
    # Site, at the closing, now, difference, adjustment.
    assert f"Harbor Dental 6 9 ▲ +3 {what}" in text and f"North Farms 3 0 ▼ −3 {what}" in text
    assert "All sites 9 9" in text
    listed = page(f"since={harbor}")
    assert "+3: 3 in, 0 out at Harbor Dental" in listed
    assert "North Farms, Billable Harbor Dental, Billable" in listed
    assert "−3: 0 in, 3 out at North Farms" in page(f"since={north}")
    assert f"Harbor Dental 6 9 ▲ +3 {what}" in dialog(CloseMonth)

    second = hub.close("2024-01", "Dan")
    text = page()
    assert "Since the last closing" not in text
    hashes = {row.closing_id: row.hash for row in hub.all(month_closings)}
    for closing, actor in ((first, "Ana"), (second, "Dan")):
        assert re.search(rf"Closed by {actor} [^ ]+ [^ ]+ [^ ]+ [^ ]+ 9 billable {hashes[closing]}",
                         text)  # fmt: skip
    assert hashes[first] != hashes[second]


@pytest.fixture
def client(hub: Hub) -> Iterator[Any]:
    hub.close("2024-01")
    now = datetime(2024, 3, 5, 12, tzinfo=UTC)
    with serve_api(hub.engine, clock=lambda: now) as found:
        yield found


def test_the_months_in_json(client: Any) -> None:
    body = client.json("/api/months?basis=ninja")
    assert (body["count"], body["as_of"], body["basis"]) == (3, "2024-03-05", "ninja")
    assert [item["month"] for item in body["items"]] == ["2024-03", "2024-02", "2024-01"]
    closed = body["items"][2]
    assert closed["state"] == "closed" and len(closed["closing"]["hash"]) == 64
    assert closed["sources"]["ninja"]["date"] == "2024-01-31"
    assert (body["items"][1]["hindrances"], body["items"][1]["can_close"]) == ([], True)
    assert client.json("/api/months?limit=1&offset=1")["items"][0]["month"] == "2024-02"
    assert client.json("/api/months?as_of=2024-02-15&basis=ninja")["items"][0]["billable_devices"]
    assert client.json("/api/months?q=x", 400)["parameter"] == "q"
    assert client.json("/api/months?source=ninja", 400)["parameter"] == "source"


def test_without_data_there_is_no_month(sqlite_engine: Engine) -> None:
    with serve_api(sqlite_engine) as client:
        body = client.json("/api/months")
    assert (body["items"], body["count"], body["as_of"]) == ([], 0, None)
