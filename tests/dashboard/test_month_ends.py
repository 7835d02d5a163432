"""Month-ends of odd stories (docs/rules.md, 6): months without a snapshot, between imports, of a
source that began and ended inside one month. A missing row is never zero."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert

from dashboard.base.params import Filters
from dashboard.queries import moment
from dashboard.queries.months import month_ends, month_table
from dashboard.queries.sites import site_table
from db.engine import reading, writing
from db.tables import month_end_counts
from tests.support.api_server import ApiClient, serve_api
from tests.support.decision_oracle import Administrator
from tests.support.files import csv_rows
from tests.support.samples import some
from tests.support.small_hub import Hub, Pc, pcs

NOW = datetime(2024, 6, 5, 12, tzinfo=UTC)
HARBOR = pcs(range(10))
NORTH = [Pc("n1", org="2", org_name="North Farms")]


@pytest.fixture
def stalled(sqlite_engine: Engine) -> Hub:
    """January as usual, none in February, the newest snapshots in March; it is June."""
    hub = Hub(sqlite_engine)
    hub.collect(date(2024, 1, 20), HARBOR)
    hub.collect(date(2024, 1, 31), HARBOR)
    hub.collect(date(2024, 3, 20), [*HARBOR, *NORTH])
    hub.collect(date(2024, 3, 21), pcs(range(3)), "threatlocker")
    return hub


@pytest.fixture
def client(stalled: Hub) -> Iterator[ApiClient]:
    with serve_api(stalled.engine, clock=lambda: NOW) as client:
        yield client


BILLABLE = {
    "ninja": [10, 10, 11, 11, 11, 11],
    "threatlocker": [None, None, 3, 3, 3, 3],
    "records": [10, 10, 14, 14, 14, 14],
    "assets": [10, 10, 14, 14, 14, 14],
    "agent": [None] * 6,
}
MONTHS = [f"2024-0{month}" for month in range(1, 7)]


def numbers(rows: list[dict[str, str]], column: str) -> list[int | None]:
    """A column of a file by month, oldest first; an empty cell is None."""
    values = {row["month"]: row[column] for row in rows}
    return [int(values[month]) if values.get(month) else None for month in MONTHS]


@pytest.mark.parametrize("basis", some(BILLABLE, 3))
def test_a_month_without_a_snapshot_counts_what_stands(
    stalled: Hub, client: ApiClient, basis: str
) -> None:
    expected = BILLABLE[basis]
    items = client.json(f"/api/months?basis={basis}")["items"]
    assert [item["billable_devices"] for item in reversed(items)] == expected
    april = items[2]
    assert april["change"] == (None if expected[2] is None else 0)
    # Labelled with the real dates.
    assert april["sources"]["ninja"]["date"] == "2024-03-20"
    files = {
        name: csv_rows(client.get(f"/export/{name}.csv?{query}").content)
        for name, query in (
            ("month-ends", f"basis={basis}"),
            ("months", f"basis={basis}"),
            ("months", f"basis={basis}&q=harbor"),
        )
    }
    assert numbers(files["month-ends"], "billable") == expected
    assert numbers(files["months"], "total") == [n and n - (n in (11, 14)) for n in expected]
    dates = {row["month"]: row["ninja_date"] for row in files["month-ends"]}
    assert (dates["2024-02"], dates["2024-05"]) == ("2024-01-31", "2024-03-20")
    assert numbers(csv_rows(client.get(f"/export/months.csv?basis={basis}").content), "total") == (
        expected
    )


@pytest.mark.parametrize("basis", some(BILLABLE, 3))
def test_trends_and_their_gaps_show_what_stands(stalled: Hub, basis: str) -> None:
    filters = Filters(basis=basis)
    with reading(stalled.engine) as connection:
        shown = moment.resolve(connection, filters, NOW.date())
        monthly = month_ends.last_months(connection, shown, filters, 6)
        sites = site_table.site_rows(connection, shown, filters)
        north = Filters(basis=basis, sites=(stalled.site_of("2").site_id,))
        trend = month_ends.last_months(connection, shown, north, 6)
    assert [month.total for month in monthly] == BILLABLE[basis]
    in_force = [source for source in ("ninja", "threatlocker") if basis in (source, "records",
                                                                            "assets")]  # fmt: skip
    assert [month.gaps for month in monthly[3:]] == [tuple(in_force)] * 3
    added = {"ninja": 1, "records": 1, "assets": 1, "threatlocker": 0}.get(basis)
    # Of one site: 0 where it has none, null where nothing is known.
    none_known = [None if n is None else 0 for n in BILLABLE[basis][:2]]
    assert [month.total for month in trend] == [*none_known, *[added] * 4]
    trends = {site.name: site.trend[-6:] for site in sites}
    if added:
        assert trends["North Farms"] == (*none_known, 1, 1, 1, 1)
    if added is not None:
        harbor = tuple(n and n - (added if n > 10 else 0) for n in BILLABLE[basis])
        assert trends["Harbor Dental"] == harbor


def pack(client: ApiClient, site: int, month: str, basis: str) -> dict[str, bytes]:
    answer = client.get(f"/export/invoice-pack.zip?site={site}&month={month}&basis={basis}")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("basis", some(["ninja", "threatlocker", "records", "assets"], 2))
def test_the_pack_of_a_month_without_a_snapshot_is_made_and_is_that_of_its_closing(
    stalled: Hub, client: ApiClient, basis: str
) -> None:
    site, stands = stalled.site_of("1").site_id, {"ninja": 10, "threatlocker": 3}.get(basis, 13)
    preliminary = {}
    for month, days in (("2024-04", 30), ("2024-05", 31), ("2024-06", 5)):
        preliminary[month] = pack(client, site, month, basis)
        about = json.loads(preliminary[month]["about.json"])
        assert about["state"] == "preliminary"
        assert about["closing"]["day"] == f"{month}-{days:02d}"
        assert about["closing"]["sources"]["ninja"]["date"] == "2024-03-20"
        counts = {row["name"]: row["value"] for row in csv_rows(preliminary[month]["counts.csv"])}
        known = {name: counts[name] for name in ("opening", "added", "removed", "closing", "days")}
        assert known == {"opening": str(stands), "added": "0", "removed": "0",
                         "closing": str(stands), "days": str(days)}  # fmt: skip
    stalled.collect(date(2024, 6, 5), [*HARBOR, *NORTH])
    for month in MONTHS[:5]:
        stalled.close(month)
    for month in MONTHS[3:5]:
        closed = pack(client, site, month, basis)
        for name in ("opening.csv", "closing.csv", "changes.csv", "counts.csv"):
            assert closed[name] == preliminary[month][name], (month, name)
        body = client.json(f"/api/months?basis={basis}")
        (row,) = [item for item in body["items"] if item["month"] == month]
        assert (row["state"], row["billable_devices"]) == ("closed", BILLABLE[basis][4])


def test_the_pack_of_a_closed_month_knows_nothing_before_the_first_snapshot_of_its_basis(
    stalled: Hub, client: ApiClient
) -> None:
    def march() -> dict[str, bytes | int]:
        """The counts of its pack by basis, or the code of the refusal."""
        answers = {}
        for basis in BILLABLE:
            query = f"site=1&month=2024-03&basis={basis}"
            code = client.get(f"/export/invoice-pack.zip?{query}").status_code
            answers[basis] = (
                pack(client, 1, "2024-03", basis)["counts.csv"] if code == 200 else code
            )
        return answers

    stalled.collect(date(2024, 4, 2), [*HARBOR, *NORTH])
    before = march()
    for month in ("2024-01", "2024-02", "2024-03"):
        stalled.close(month)
    assert march() == before
    # ThreatLocker began in March, and the agent never.
    assert b"\r\nopening,\r\nadded,\r\n" in before["threatlocker"]
    assert before["agent"] == 400


def test_a_month_that_is_over_ends_on_its_last_day_whether_or_not_a_later_one_has_a_snapshot(
    stalled: Hub, client: ApiClient
) -> None:
    march = json.loads(pack(client, stalled.site_of("1").site_id, "2024-03", "ninja")["about.json"])
    assert march["closing"]["day"] == "2024-03-31"


def bring(hub: Hub, month: str, basis: str, n: int) -> None:
    """A count of `month` from a file."""
    with writing(hub.engine) as connection:
        connection.execute(
            insert(month_end_counts).values(
                month=month, basis=basis, site_id=1, device_type="server",
                billing_status="billable", n=n, imported=True,
            )
        )  # fmt: skip


def test_bases_up_to_a_day_before_a_first_snapshot_are_empty_and_no_error(
    stalled: Hub, client: ApiClient
) -> None:
    bring(stalled, "2023-11", "ninja", 7)
    # Of March, NinjaRMM alone is known on the 20th; ThreatLocker began on the 21st.
    for basis, end in (("ninja", 11), ("threatlocker", None), ("records", 11), ("assets", 11)):
        for filters in ("", "&type=workstation", "&q=a"):
            for month, day, expected in (
                ("2024-03", "2024-03-20", end),
                ("2023-12", "2024-03-20", None),
                ("2023-11", "2024-06-05", None),
            ):
                query = f"month={month}&as_of={day}&basis={basis}{filters}"
                rows = csv_rows(client.get(f"/export/month-bases.csv?{query}").content)
                if filters != "&q=a":
                    ends = [int(row["month_end"]) for row in rows if row["site"] == "All sites"]
                    assert ends == ([] if expected is None else [expected]), query


def totals(hub: Hub, **query: Any) -> dict[str, tuple[Any, ...]]:
    """By month: its state, its billable count in the table and its total in the trend."""
    filters = Filters(**query)
    with reading(hub.engine) as connection:
        shown = moment.resolve(connection, filters, NOW.date())
        rows = month_table.month_rows(connection, shown, filters)
        trend = month_ends.last_months(connection, shown, filters)
    drawn = {month.month: month.total for month in trend}
    return {row.month: (row.state, row.billable, drawn.get(row.month)) for row in reversed(rows)}


def test_between_two_imports_and_up_to_the_first_snapshot_nothing_is_known(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(date(2024, 5, 2), HARBOR)
    hub.collect(date(2024, 6, 4), pcs(range(3)), "threatlocker")
    for month, basis, n in (("2024-01", "ninja", 7), ("2024-03", "ninja", 0),
                            ("2024-05", "threatlocker", 4)):  # fmt: skip
        bring(hub, month, basis, n)
    nothing, other = (None, None), {"assets": (None, None)}
    imported = {"ninja": (7, 7), "records": (7, 7)}
    zero = {"ninja": (0, 0), "records": (0, 0)}
    may = {"ninja": (10, 10), "threatlocker": (4, 4), "records": (14, 14), "assets": (10, 10)}
    june = {"ninja": (10, 10), "threatlocker": (3, 3), "records": (13, 13)}
    for basis in ("ninja", "threatlocker", "records", "assets"):
        expected = {
            "2024-01": ("imported", *(imported | other).get(basis, nothing)),
            "2024-02": ("open", None, None),
            "2024-03": ("imported", *(zero | other).get(basis, nothing)),
            "2024-04": ("open", None, None),
            # An imported count of one source does not make the month one without snapshots.
            "2024-05": ("open", *may[basis]),
            "2024-06": ("running", *june.get(basis, (13, 13))),
        }
        assert totals(hub, basis=basis) == expected, basis
        # Of a type or site without any: 0 where something is known.
        mobiles = totals(hub, basis=basis, types=("mobile",))
        assert {month: row[1] for month, row in mobiles.items()} == {
            month: None if row[1] is None else 0 for month, row in expected.items()
        }


def test_imported_months_that_cannot_be_are_left_out_and_old_ones_are_shown_quickly(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(date(2024, 5, 2), HARBOR)
    for month in ("0000-05", "0206-05"):
        bring(hub, month, "ninja", 7)
    assert list(totals(hub, basis="ninja")) == ["2024-05", "2024-06"]
    bring(hub, "1990-01", "ninja", 8)
    statements = []
    event.listen(hub.engine, "after_cursor_execute", lambda *args: statements.append(args[2]))
    rows = totals(hub, basis="ninja")
    assert len(rows) == 34 * 12 + 6 and rows["1990-01"] == ("imported", 8, None)
    # Not some for each month.
    assert len(statements) < 100


def test_a_source_that_began_and_ended_in_its_first_month_counts_zero_from_then_on(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(date(2024, 4, 10), HARBOR)
    Administrator(hub, date(2024, 4, 20)).end("ninja")
    zero = ("open", 0, 0)
    for basis in ("ninja", "records", "assets"):
        assert totals(hub, basis=basis) == {
            "2024-04": zero, "2024-05": zero, "2024-06": ("running", 0, 0),
        }  # fmt: skip
    with reading(hub.engine) as connection:
        shown = moment.resolve(connection, Filters(), NOW.date())
        assert [m.gaps for m in month_ends.last_months(connection, shown, Filters(), 2)] == [
            (), (),
        ]  # fmt: skip
