"""Changes: bars that add up, lists as long as their bars, files as long as their lists."""

import csv
import io
import random
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, update

from dashboard.api.files.xlsx import LONGEST
from dashboard.base.params import BARS, BASES, NO_LOCATION, STATUSES, TYPES, Filters
from dashboard.queries import moment
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes import change_list
from dashboard.queries.moment import Moment
from db.engine import reading, writing
from db.tables import device_snapshots, metadata
from tests.conftest import MakeEngine
from tests.support.api_server import ApiClient, serve_api
from tests.support.changes_oracle import DailyRecords, bar_of, matches
from tests.support.files import csv_rows, sheets
from tests.support.samples import samples
from tests.support.worlds import COUNTED, HARBOR, MUELLER, TODAY, World, named_world, random_world

SIGNS = dict(zip(BARS, (1, -1, 1, -1, 1, -1), strict=True))


# The arithmetic, on random histories.


def random_filters(rng: random.Random, world: World, basis: str) -> Filters:
    as_of = TODAY - timedelta(days=rng.randrange(6))
    return Filters(
        as_of=as_of, compare_to=as_of - timedelta(days=rng.randrange(7)), basis=basis
    ).having(
        sites=tuple(rng.sample((0, *world.sites), rng.randrange(4))),
        types=tuple(rng.sample(TYPES, rng.choice((0, 0, 1, 3)))),
        statuses=rng.choice((COUNTED, ("billable",), ("spare", "excluded"), STATUSES)),
        q=rng.choice((None, None, None, "pc", "a")),
        locations=rng.choice(((), (), (NO_LOCATION,), ("Rack 1", "Büro"))),
    )


def expected_bars(world: World, filters: Filters) -> tuple[dict[int, str | None], DailyRecords]:
    """The bar of every device that changed while it was counted on either day, by its key."""
    assert filters.compare_to and filters.as_of
    days = DailyRecords(world, filters.basis, filters.compare_to, filters.as_of)
    then, now = days.standing[0], days.standing[-1]
    differing, found = days.differing(), dict[int, str | None]()
    for key in then.keys() | now.keys():
        was, is_now = then.get(key), now.get(key)
        was_counted = was is not None and matches(world, was, filters)
        is_counted = is_now is not None and matches(world, is_now, filters)
        if is_counted and not was_counted:
            found[key] = bar_of(was, filters, "added", "moved_in", "reclassified_in")
        elif was_counted and not is_counted:
            found[key] = bar_of(is_now, filters, "removed", "moved_out", "reclassified_out")
        elif is_counted and key in differing:
            found[key] = None
    return found, days


def check(connection: Connection, world: World, filters: Filters, rng: random.Random) -> None:
    assert filters.compare_to and filters.as_of
    found = moment.resolve(connection, filters, TODAY)
    bars = changes.bars(connection, found, filters)
    if not world.known(filters.compare_to, filters.basis):
        standing = DailyRecords(world, filters.basis, filters.as_of, filters.as_of).standing[-1]
        closing = sum(matches(world, record, filters) for record in standing.values())
        is_known = world.known(filters.as_of, filters.basis)
        assert bars == changes.Bars(closing=closing if is_known else None)
        assert change_list.count(connection, found, filters.having(changes=("all",))) == 0
        return
    net = sum(SIGNS[name] * getattr(bars, name) for name in BARS)
    assert bars.opening is not None
    assert bars.opening + net == bars.closing
    expected, days = expected_bars(world, filters)
    numbers = Counter(expected.values())
    for name in BARS:
        one = filters.having(changes=(name,))
        assert getattr(bars, name) == numbers[name] == change_list.count(connection, found, one)
    name = rng.choice(BARS)
    assert {item.bar for item in listed(connection, found, filters, name)} <= {name}
    everything = listed(connection, found, filters, "all")
    assert {item.changed.key: item.bar for item in everything} == expected
    for item in everything:
        told: dict[str, set[date]] = {}
        for reason in item.changed.reasons:
            told.setdefault(reason.code, set()).add(reason.day)
        for code, dates in days.dated(item.changed.key).items():
            assert told[code] == dates
    check_sites(connection, found, filters, bars)


def listed(
    connection: Connection, found: Moment, filters: Filters, name: str
) -> list[change_list.Item]:
    """What one bar opens: its page, its count and its file must be one."""
    asked = (connection, found, filters.having(changes=(name,)))
    items = change_list.page(*asked, limit=1000)
    assert len(items) == change_list.count(*asked)
    assert [item for part in change_list.stream(*asked) for item in part] == items
    return items


def check_sites(
    connection: Connection, found: Moment, filters: Filters, total: changes.Bars
) -> None:
    """Opening, closing and what lies between add up over the sites; single bars need not."""
    if filters.sites or filters.q:
        return
    each = [changes.bars(connection, found, filters.having(sites=(site,))) for site in (0, 1, 2, 3)]
    assert sum(bars.opening or 0 for bars in each) == total.opening
    assert sum(bars.closing or 0 for bars in each) == total.closing


def check_history(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    world = random_world(rng, days=rng.choice((3, 8, 12)), devices=rng.choice((3, 8, 14)))
    with writing(engine) as connection:
        for table in metadata.tables.values():
            connection.execute(delete(table))
    world.save(engine)
    with reading(engine) as connection:
        for basis in BASES:
            check(connection, world, random_filters(rng, world, basis), rng)


@pytest.fixture(scope="module")
def sqlite_histories(make_engine: MakeEngine) -> Engine:
    return make_engine("sqlite")


@pytest.fixture(scope="module")
def postgres_histories(make_engine: MakeEngine) -> Engine:
    return make_engine("postgresql")


def test_bars_lists_and_files_agree_on_any_history_on_sqlite(sqlite_histories: Engine) -> None:
    @settings(max_examples=samples(8, 10_000))
    @given(st.integers(0, 2**40))
    def holds(seed: int) -> None:
        check_history(sqlite_histories, seed)

    holds()


def test_bars_lists_and_files_agree_on_any_history_on_postgresql(
    postgres_histories: Engine,
) -> None:
    @settings(max_examples=samples(4, 10_000))
    @given(st.integers(0, 2**40))
    def holds(seed: int) -> None:
        check_history(postgres_histories, seed)

    holds()


# The API.


@pytest.mark.any_database
def test_the_bars_and_their_devices_with_every_reason(named_engine: Engine) -> None:
    with serve_api(named_engine, zone="America/Chicago") as client:
        found = client.json("/api/dashboard/changes?basis=ninja")
    assert (found["opening"], found["closing"]) == (9, 7)
    assert found["bars"] == {
        "added": 1, "removed": 1, "moved_in": 0, "moved_out": 0, "reclassified_in": 0,
        "reclassified_out": 2,
    }  # fmt: skip
    assert found["date"] == "2026-11-22T00:00:00-06:00"
    assert found["compare_date"] == "2026-10-31T00:00:00-05:00"
    assert found["count"] == len(found["items"]) == 4
    told = {item["hostname"]: item for item in found["items"]}
    assert [told[name]["reasons"] for name in ("H-NEW", "H-OLD")] == [
        ["first seen 10 Nov 2026"], ["gone since 10 Nov 2026, last seen 9 Nov 2026"],
    ]  # fmt: skip
    spare = told["H-SPARE"]
    assert spare["bar"] == "reclassified_out"
    assert spare["changed_on"] == "2026-11-10"
    assert spare["reasons"] == [
        "renamed (none) to H-SPARE (spare) on 10 Nov 2026",
        "became spare on 10 Nov 2026: it is spare",
    ]
    assert spare["before"]["billing_status"] == "billable"
    assert spare["after"]["display_name"] == "H-SPARE (spare)"
    assert (told["H-NEW"]["before"], told["H-OLD"]["after"]) == (None, None)
    assert told["H-NEW"]["last_contact"] is not None
    assert told["H-OLD"]["last_contact"] is None
    assert all(item["device_id"].isdecimal() for item in found["items"])


def test_changes_outside_the_bars_are_returned_on_request(client: ApiClient) -> None:
    path = "/api/dashboard/changes?basis=ninja&status=billable&status=spare"
    assert [item["hostname"] for item in client.json(path)["items"]] == ["H-NEW", "H-OLD", "M-SRV"]
    everything = client.json(f"{path}&change=all")
    assert everything["count"] == 5
    assert {item["hostname"]: item["bar"] for item in everything["items"]} == {
        "H-NEW": "added", "H-OLD": "removed", "M-SRV": "reclassified_out", "H-MOVE": None,
        "H-SPARE": None,
    }  # fmt: skip
    moved = next(item for item in everything["items"] if item["hostname"] == "H-MOVE")
    assert moved["reasons"] == [
        "organization changed: Harbor Dental to Müller & Söhne, Bau on 10 Nov 2026"
    ]


def test_a_site_sees_the_device_that_moved(client: ApiClient) -> None:
    for site, bar in ((HARBOR, "moved_out"), (MUELLER, "moved_in")):
        found = client.json(f"/api/dashboard/changes?basis=ninja&site={site}&change={bar}")
        assert [item["hostname"] for item in found["items"]] == ["H-MOVE"]
        assert found["bars"][bar] == 1
        assert found["items"][0]["site"] == "Müller & Söhne, Bau"


def test_pages_join_to_the_whole_list_in_any_order(client: ApiClient) -> None:
    for sort in ("bar", "-site", "hostname", "-changed_on", "display_name", "-device_type"):
        path = f"/api/dashboard/changes?basis=records&change=all&sort={sort}"
        whole = client.json(path)
        pages = [client.json(f"{path}&limit=2&offset={n}") for n in range(0, whole["count"], 2)]
        assert [item for page in pages for item in page["items"]] == whole["items"]
    names = [item["hostname"] for item in client.json(
        "/api/dashboard/changes?basis=records&sort=-hostname")["items"]]  # fmt: skip
    assert names == sorted(names, key=str.casefold, reverse=True)
    days = [item["changed_on"] for item in client.json(
        "/api/dashboard/changes?basis=records&sort=changed_on")["items"]]  # fmt: skip
    assert days == sorted(days)


def test_before_the_first_snapshot_bars_are_null_and_never_zero(client: ApiClient) -> None:
    found = client.json("/api/dashboard/changes?basis=ninja&as_of=2020-01-31")
    assert (found["opening"], found["closing"]) == (None, None)
    assert set(found["bars"].values()) == {None}
    assert (found["items"], found["count"]) == ([], 0)


def test_only_the_opening_is_unknown_when_the_basis_began_between_the_days(
    client: ApiClient,
) -> None:
    found = client.json("/api/dashboard/changes?basis=agent")
    counted = client.json("/api/dashboard/devices?basis=agent&status=billable")["count"]
    assert (found["opening"], found["closing"]) == (None, counted) != (None, 0)
    assert set(found["bars"].values()) == {None}


@pytest.mark.parametrize(
    ("query", "name"), [("change=vanished", "change"), ("sort=os", "sort"), ("limit=0", "limit")]
)
def test_invalid_parameters_are_refused(client: ApiClient, query: str, name: str) -> None:
    assert client.json(f"/api/dashboard/changes?{query}", 400)["parameter"] == name


def test_other_lists_refuse_the_change_parameter(client: ApiClient) -> None:
    assert client.json("/api/dashboard/devices?change=added", 400)["parameter"] == "change"
    assert client.json("/export/bars.csv?change=added", 400)["parameter"] == "change"


# The files.


def as_text(cell: str | float | None) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell)


@pytest.mark.parametrize(
    "query", ["", "?basis=records&change=all", "?basis=ninja&site=1&status=billable&status=spare"]
)
def test_the_files_of_changes_equal_the_list(client: ApiClient, query: str) -> None:
    sep = "&" if query else "?"
    listed = client.json(f"/api/dashboard/changes{query}{sep}limit=1000")
    rows = csv_rows(client.get(f"/export/changes.csv{query}").content)
    assert len(rows) == listed["count"] > 0
    for row, item in zip(rows, listed["items"], strict=True):
        assert row["bar"] == (item["bar"] or "")
        assert row["reasons"] == "; ".join(item["reasons"])
        assert row["device_id"] == item["device_id"]
        assert row["site_before"] == (item["before"]["site"] if item["before"] else "")
        assert row["site_after"] == (item["after"]["site"] if item["after"] else "")


@pytest.mark.parametrize("subject", ["devices", "changes", "bars", "sites", "months", "movers"])
@pytest.mark.parametrize("query", ["", "?basis=records", "?q=nobody-has-this"])
def test_excel_holds_what_the_csv_holds_as_text_and_numbers(
    client: ApiClient, subject: str, query: str
) -> None:
    text = client.get(f"/export/{subject}.csv{query}")
    book = client.get(f"/export/{subject}.xlsx{query}")
    assert book.status_code == 200
    assert int(book.headers["Content-Length"]) == len(book.content)
    assert book.headers["Content-Disposition"].endswith(".xlsx")
    found = sheets(book.content)
    assert list(found) == [subject.capitalize(), "About"]
    header, *rows = csv.reader(io.StringIO(text.content.decode("utf-8-sig"), newline=""))
    first, *cells = found[subject.capitalize()]
    assert first == header
    assert len(cells) == len(rows)
    for row, line in zip(rows, cells, strict=True):
        padded = [*line, *[None] * (len(header) - len(line))]
        said = [as_text(cell) for cell in padded]
        assert [cell.removeprefix("'") for cell in row] == [
            str(float(cell)) if name == "change_percent" and cell else cell
            for name, cell in zip(header, said, strict=True)
        ]
        for name, cell in zip(header, padded, strict=True):
            if name.endswith("_id") and cell is not None:
                assert isinstance(cell, str)


def test_the_about_sheet_lists_filters_dates_and_runs(client: ApiClient) -> None:
    query = "?basis=records&site=1&type=workstation&q=h-&change=added&compare_to=2026-10-31"
    about = dict(row for row in sheets(client.get(f"/export/changes.xlsx{query}").content)["About"])
    assert about == about | {
        "As of, asked": "2026-11-22", "As of, shown": "2026-11-22",
        "Compared with, asked": "2026-10-31",
        "Counted": "all records", "Sites": "Harbor Dental",
        "Types": "workstation", "Billing statuses": "billable", "Search": "h-",
        "Changes": "added", "Rows": "2",
    }  # fmt: skip
    assert about["As of, NinjaRMM"].startswith("snapshot of 2026-11-22, run ")
    assert about["As of, NinjaRMM"].endswith("finished 2026-11-22T02:10:00+00:00")
    assert about["Compared with, ThreatLocker"].startswith("snapshot of 2026-10-30, run ")
    assert "ThreatLocker has no snapshot of 2026-10-31" in about["Notice"]


def test_a_file_of_changes_is_named_after_its_days_and_bars(client: ApiClient) -> None:
    asked = client.get("/export/changes.csv?site=1&change=moved_out&basis=ninja")
    name = "changes-moved-out-Harbor-Dental-ninja-2026-10-31-to-2026-11-22.csv"
    assert f'filename="{name}"' in asked.headers["Content-Disposition"]


def test_the_file_of_bars_adds_up(client: ApiClient) -> None:
    rows = csv_rows(client.get("/export/bars.csv?basis=ninja").content)
    opening, *between, closing = rows
    assert [row["bar"] for row in between] == list(BARS)
    net = sum(int(row["change"]) for row in between)
    assert int(opening["devices"]) + net == int(closing["devices"])


def test_the_file_of_months_has_the_real_date_of_each_source(client: ApiClient) -> None:
    rows = csv_rows(client.get("/export/months.csv?basis=records").content)
    october = next(row for row in rows if row["month"] == "2026-10")
    assert october["ninja_date"] == "2026-10-31"
    assert (october["state"], rows[-1]["state"], rows[0]["state"]) == ("open", "running", "")
    assert october["threatlocker_date"] == "2026-10-30"
    total = client.json("/api/dashboard/today?basis=records")["totals"]["billable_devices"]
    assert int(rows[-1]["total"]) == total
    assert int(rows[-1]["total"]) == sum(int(rows[-1][name]) for name in TYPES)


def test_formulas_in_names_are_text_in_excel(sqlite_engine: Engine) -> None:
    named_world().save(sqlite_engine)
    nasty = ["=1+1", "https://x.example", "007", "x\ty\r\n\x01<&>", "日本 'quoted'", "{=A1}"]
    with writing(sqlite_engine) as connection:
        ids = list(
            connection.scalars(
                device_snapshots.select().with_only_columns(device_snapshots.c.device_id).distinct()
            )
        )
        for device_id, name in zip(sorted(ids), nasty, strict=False):
            connection.execute(
                update(device_snapshots)
                .where(device_snapshots.c.device_id == device_id)
                .values(hostname=name, location="z" * 40_000)
            )
    with serve_api(sqlite_engine) as client:
        path = "?basis=records&status=billable&status=spare&status=excluded"
        table = sheets(client.get(f"/export/devices.xlsx{path}").content)["Devices"]
    place, where = table[0].index("hostname"), table[0].index("location")
    names = {str(row[place]) for row in table[1:] if row[place]}
    assert {"=1+1", "https://x.example", "007", "日本 'quoted'", "{=A1}"} <= names
    long = [row[where] for row in table[1:] if str(row[where] or "").startswith("z")]
    assert {len(str(text)) for text in long} == {LONGEST}
