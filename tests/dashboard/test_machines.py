"""Machines: figures, lists, exports and the report page against a plain recount."""

import csv
import io
import random
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from html.parser import HTMLParser
from statistics import mean, median
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from werkzeug.datastructures import MultiDict

from dashboard.app import create_app
from dashboard.base.machine_params import (
    BUCKETS,
    STATES,
    MachineFilters,
    MachineList,
    parse_machines_page,
)
from dashboard.base.params import Sort
from dashboard.ingest.items import LISTED_KEYS
from dashboard.queries.machines import hours as machine_day
from dashboard.queries.machines import latest as machines
from dashboard.queries.machines.ages import Ages, age_distribution
from dashboard.queries.machines.shares import Shares, shares
from db.engine import reading, writing
from db.settings import load
from db.tables import agent_hours, inventory
from tests.support.api_server import NOW, ApiClient, serve_api
from tests.support.files import sheets
from tests.support.machines import insert_machines, machine_id

pytestmark = pytest.mark.any_database

HOSTILE = (
    "<img src=x onerror=window.hit=1>",
    '=HYPERLINK("http://x.test","a")',
    "__proto__",
    "@x'\"&amp;",
)
CUIABA = ZoneInfo("America/Cuiaba")
MICROSECOND = timedelta(microseconds=1)


def ids(engine: Engine, asked: MachineFilters, now: datetime = NOW, **more: Any) -> list[str]:
    with reading(engine) as connection:
        found = [row["machine_id"] for row in machines.rows(connection, asked, now, **more)]
        assert machines.count(connection, asked, now) == len(found)
    return found


# States


def test_a_machine_is_late_after_three_minutes_and_offline_after_fifteen(engine: Engine) -> None:
    three, fifteen = timedelta(minutes=3), timedelta(minutes=15)
    silent: dict[str, tuple[timedelta | None, str]] = {
        "new": (timedelta(0), "online"), "just": (three, "online"),
        "missed": (three + MICROSECOND, "late"), "still": (fifteen, "late"),
        "gone": (fifteen + MICROSECOND, "offline"), "long": (timedelta(days=400), "offline"),
        "ahead": (-timedelta(minutes=1), "online"), "cart": (None, "added_by_hand"),
    }  # fmt: skip
    received = {
        name: None if passed is None else NOW - passed for name, (passed, _) in silent.items()
    }
    insert_machines(engine, *({"hostname": name, "received_at": at}
                     for name, at in received.items()))  # fmt: skip
    for state in STATES:
        expected = {machine_id(name) for name, (_, said) in silent.items() if said == state}
        assert set(ids(engine, MachineFilters(states=(state,)))) == expected
    with reading(engine) as connection:
        found = machines.by_state(connection, MachineFilters(states=("late",)), NOW)
        assert found == Counter(said for _, said in silent.values())
    order = ids(engine, MachineFilters(), sort=Sort("state"))
    assert order[0] == machine_id("ahead") and order[-2:] == [
        machine_id("long"), machine_id("cart")
    ]  # fmt: skip
    assert ids(engine, MachineFilters(), sort=Sort("state", descending=True)) == order[::-1]


# Ages


def put_to_work(days_ago: int, zone: ZoneInfo, now: datetime, at: time = time(0)) -> datetime:
    day = now.astimezone(zone).date() - timedelta(days=days_ago)
    return datetime.combine(day, at, zone).astimezone(UTC)


def plain_bucket(days: int) -> str:
    """TatuScan's buckets, from its own words: whole days by 30.42 are months."""
    if days < 0:
        return "future"
    months = days / 30.42
    edges = {"0-12": (0, 12), "12-36": (12, 36), "36-60": (36, 60), "60-120": (60, 120),
             "120-": (120, 9999)}  # fmt: skip
    return next(name for name, (least, most) in edges.items() if least <= months < most)


EDGES = (-400, -1, 0, 1, 364, 365, 366, 1095, 1096, 1825, 1826, 3650, 3651, 9000)


@pytest.mark.parametrize("zone", ["UTC", "America/Cuiaba", "Asia/Tokyo", "America/Santiago"])
def test_age_buckets_count_and_link_to_their_machines(engine: Engine, zone: str) -> None:
    here = ZoneInfo(zone)
    now = NOW.astimezone(here)
    dated = [
        {"hostname": f"{days} {at}", "computer_activation": put_to_work(days, here, NOW, at)}
        for days in EDGES
        for at in (time(0), time(23, 59, 59, 999999))
    ]
    insert_machines(engine, *dated, {"hostname": "undated"}, {"hostname": "undated too"})
    expected = Counter(plain_bucket(days) for days in EDGES for _ in range(2)) + Counter(unknown=2)
    with reading(engine) as connection:
        found = age_distribution(connection, (), now)
    assert found.counts == {name: expected[name] for name in BUCKETS}
    past = [days for days in EDGES for _ in range(2) if days >= 0]
    assert found.mean == pytest.approx(mean(past))
    assert (found.median, found.known) == (median(past), len(past))
    for bucket in BUCKETS:
        assert len(ids(engine, MachineFilters(ages=(bucket,)), now)) == expected[bucket], bucket
    assert len(ids(engine, MachineFilters(ages=BUCKETS), now)) == len(dated) + 2


def test_no_mean_or_median_without_activation_dates(sqlite_engine: Engine) -> None:
    insert_machines(
        sqlite_engine,
        {"hostname": "a"},
        {"hostname": "b", "computer_activation": NOW + timedelta(days=9)},
    )
    with reading(sqlite_engine) as connection:
        found = age_distribution(connection, (), NOW)
    nothing = dict.fromkeys(BUCKETS, 0) | {"unknown": 1, "future": 1}
    assert found == Ages(nothing, None, None)


# Shares


def test_top_values_and_others_add_up_to_all(engine: Engine) -> None:
    dice = random.Random(4)
    names = ["linux", "windows", "Windows", "darwin", "", None, *HOSTILE, "müller", "MÜLLER"]
    said = [{"hostname": str(n), "os": dice.choice(names), "os_version": dice.choice(names)}
            for n in range(200)]  # fmt: skip
    insert_machines(engine, *said)
    for column in ("os", "os_version"):
        counted = Counter(one[column] or "" for one in said)
        for top in (1, 3, 8, 50):
            with reading(engine) as connection:
                found = shares(connection, (), column, top)
            assert (found.total, found.kinds) == (200, len(counted))
            ranked = sorted(counted.values(), reverse=True)[:top]
            assert [n for _name, n in found.top] == ranked
            assert all(counted[name] == n for name, n in found.top)
            assert found.others == 200 - sum(ranked)
            kept = tuple(name for name, _n in found.top)
            fields = {"os": ("systems", "other_systems"),
                      "os_version": ("versions", "other_versions")}[column]  # fmt: skip
            assert len(ids(engine, MachineFilters(**{fields[0]: kept}))) == sum(ranked)  # type: ignore[arg-type]
            assert len(ids(engine, MachineFilters(**{fields[1]: kept}))) == found.others  # type: ignore[arg-type]


def test_without_machines_there_are_no_shares(sqlite_engine: Engine) -> None:
    with reading(sqlite_engine) as connection:
        assert shares(connection, (), "os", 8) == Shares((), 0, 0)
        assert age_distribution(connection, (), NOW).known == 0


# One machine's day


def test_a_day_has_24_hours_and_those_without_a_report_are_empty(engine: Engine) -> None:
    (key,) = insert_machines(engine, {"hostname": "anna"})
    with reading(engine) as connection:
        device = machines.find(connection, key.upper(), NOW)
    assert device is not None and device["state"] == "online"
    this = NOW.replace(minute=0)
    told = {0: (2, 30.0, 20.0), 5: (1, 7.0, 7.0), 23: (3, 30.0, 15.0), 24: (1, 99.0, 99.0)}
    with writing(engine) as connection:
        for hours, (n, cpu, most) in told.items():
            connection.execute(agent_hours.insert().values(
                device_id=device["device_id"], hour=this - timedelta(hours=hours), n=n, cpu_n=n,
                cpu_sum=cpu, cpu_max=most, memory_n=0, memory_sum=0, memory_max=0,
            ))  # fmt: skip
    with reading(engine) as connection:
        found = machine_day.last_24_hours(connection, device["device_id"], NOW.astimezone(CUIABA))
        assert machine_day.last_24_hours(connection, device["device_id"] + 1, NOW)[0].reports == 0
    assert [hour.start for hour in found] == [this - timedelta(hours=n) for n in range(23, -1, -1)]
    reporting = {n: hour for n, hour in zip(range(23, -1, -1), found, strict=True) if hour.reports}
    assert sorted(reporting) == [0, 5, 23]
    assert (reporting[23].cpu_mean, reporting[23].cpu_max) == (10, 15)
    assert (reporting[0].cpu_mean, reporting[0].memory_mean) == (15, None)


# The plain report


class Cells(HTMLParser):
    """The texts of a table's cells, and every tag there is."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip("\n")


def report_of(client: ApiClient, query: str = "") -> Cells:
    answer = client.get(f"/report{query}")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    found = Cells()
    found.feed(answer.text)
    return found


@pytest.fixture
def engine_with_reports(engine: Engine) -> Engine:
    insert_machines(
        engine,
        {"hostname": "beta", "os": "linux", "os_version": "Debian 12", "received_at": NOW,
         "created_at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
         "updated_at": datetime(2026, 11, 22, 1, 30, tzinfo=UTC)},
        {"hostname": "Alpha", "os": "windows", "os_version": "", "created_at": NOW,
         "computer_activation": datetime(2024, 5, 6, tzinfo=CUIABA)},
        {"hostname": "gamma", "os": None, "os_version": None,
         "created_at": NOW - timedelta(days=9)},
    )  # fmt: skip
    return engine


def test_the_report_has_tatuscan_s_six_columns(engine_with_reports: Engine) -> None:
    with serve_api(engine_with_reports, zone="America/Cuiaba") as client:
        found = report_of(client)
        assert "Total: 3" in client.get("/report").text
        assert client.get("/report/").text == client.get("/report").text
    heads = ["Hostname ▲", "OS ", "Version ", "Created ", "Updated ", "Activation "]
    assert found.rows[0] == heads
    assert found.rows[1] == ["Alpha", "windows", "-", "2026-11-22 10:30", "-", "2024-05-06 00:00"]
    assert found.rows[2] == [
        "beta",
        "linux",
        "Debian 12",
        "2026-01-01 23:04",
        "2026-11-21 21:30",
        "-",
    ]
    assert found.rows[3] == ["gamma", "-", "-", "2026-11-13 10:30", "-", "-"]
    assert "script" not in found.tags


@pytest.mark.parametrize(
    ("query", "column", "names"),
    [
        ("?sort=hostname&dir=desc", "Hostname ▼", "gamma beta Alpha"),
        ("?sort=os", "OS ▲", "beta Alpha gamma"),
        ("?sort=os&dir=desc", "OS ▼", "Alpha beta gamma"),
        ("?sort=created_at", "Created ▲", "beta gamma Alpha"),
        ("?sort=computer_activation&dir=up", "Activation ▲", "Alpha"),
        ("?sort=updated_at&dir=desc", "Updated ▼", "beta"),
        ("?sort=machine_id;drop", "Hostname ▲", "Alpha beta gamma"),
    ],
)
def test_report_page_is_sorted_by_its_parameter(
    engine_with_reports: Engine, query: str, column: str, names: str
) -> None:
    with serve_api(engine_with_reports) as client:
        found = report_of(client, query)
    assert column in found.rows[0]
    assert sum("▲" in head or "▼" in head for head in found.rows[0]) == 1
    first = [row[0] for row in found.rows[1:]]
    assert first[: len(names.split())] == names.split()
    turned = "asc" if "▼" in column else "desc"
    key = {"Hostname": "hostname", "OS": "os", "Created": "created_at", "Updated": "updated_at",
           "Activation": "computer_activation"}[column.split()[0]]  # fmt: skip
    assert f"/report?sort={key}&dir={turned}" in found.links


def test_hostile_names_are_text_in_the_report(sqlite_engine: Engine) -> None:
    insert_machines(
        sqlite_engine, *({"hostname": name, "os": name, "os_version": name} for name in HOSTILE)
    )
    with serve_api(sqlite_engine) as client:
        found = report_of(client)
    assert {row[0] for row in found.rows[1:]} == set(HOSTILE)
    assert "img" not in found.tags and "script" not in found.tags


def test_report_page_answers_503_without_a_database(sqlite_engine: Engine) -> None:
    with writing(sqlite_engine) as connection:
        inventory.drop(connection)
    with serve_api(sqlite_engine) as client:
        answer = client.get("/report")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "cannot be read now" in answer.text and "inventory-hub doctor" in answer.text
    assert "SELECT" not in answer.text


def test_charts_redirects_to_the_machines_page(sqlite_engine: Engine) -> None:
    with serve_api(sqlite_engine) as client:
        for path, leads in (
            ("/charts", "/machines#charts"),
            ("/charts/?top=5", "/machines?top=5#charts"),
        ):
            answer = client.get(path, allow_redirects=False)
            assert (answer.status_code, answer.headers["Location"]) == (302, leads)


# Files


def lines(client: ApiClient, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/export/machines.csv{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_file_is_the_list_of_the_api_in_its_order(engine_with_reports: Engine) -> None:
    with serve_api(engine_with_reports) as client:
        for query in ("", "?sort=-created_at", "?q=a&os=linux&os=windows", "?os=", "?age=unknown"):
            listed = client.json(f"/api/machines{query}")["items"]
            found = lines(client, query)
            assert [row["machine_id"] for row in found] == [one["machine_id"] for one in listed]
            for row, one in zip(found, listed, strict=True):
                assert row["state"] == one["state"] and row["created_at"] == one["created_at"]
                assert row["hostname"] == one["hostname"]
    assert tuple(found[0]) == LISTED_KEYS


def test_exports_escape_formulas_and_list_the_filters(sqlite_engine: Engine) -> None:
    texts = ("hostname", "ip", "os", "os_version", "computer_model", "agent_version", "serial",
             "manufacturer", "logged_in_user", "site")  # fmt: skip
    insert_machines(sqlite_engine, *(dict.fromkeys(texts, name) for name in HOSTILE))
    with serve_api(sqlite_engine) as client:
        for row in lines(client):
            assert not any(str(value).startswith(("=", "@", "+")) for value in row.values())
        answer = client.get("/export/machines.xlsx?state=online&state=late&sort=-hostname&q=h")
    book = sheets(answer.content)
    about = {row[0]: row[1] for row in book["About"]}
    assert about["States"] == "online; late" and about["Search"] == "h"
    assert about["Sorted by"] == "hostname, downwards" and about["Rows"] == "2"
    assert about["As of"] == "2026-11-22T14:30:00+00:00"
    assert 'filename="machines-2026-11-22-1430.xlsx"' in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "query",
    ["?state=asleep", "?age=1-2", "?sort=recent_reports", "?clones=no", "?as_of=2026-01-01",
     "?site=%00", "?q=%00", "?top=5", "?os=" + "x" * 300],
)  # fmt: skip
def test_invalid_parameters_are_refused_by_export_and_api(
    sqlite_engine: Engine, query: str
) -> None:
    with serve_api(sqlite_engine) as client:
        for path in ("/api/machines", "/export/machines.csv", "/export/machines.xlsx"):
            refused = client.json(path + query, 400)
            assert refused["parameter"] == query[1:].split("=")[0]


# Addresses


def read(query: str) -> MachineList:
    return parse_machines_page(MultiDict(parse_qsl(query, keep_blank_values=True)))


@pytest.mark.parametrize(
    "shown",
    [
        MachineList(),
        MachineList(
            MachineFilters(q="a&b", states=("online", "offline"), clones=True),
            Sort("state", True),
            20,
        ),
        MachineList(
            MachineFilters(sites=("", *HOSTILE), other_systems=("", "x"), ages=("0-12", "unknown"))
        ),
    ],
)
def test_address_round_trips(shown: MachineList) -> None:
    assert read(shown.query()) == shown
    assert read(shown.address().partition("?")[2]) == shown


def test_parameters_of_other_pages_are_ignored() -> None:
    assert read("as_of=2026-01-01&basis=ninja&type=server&q=x") == MachineList(
        MachineFilters(q="x")
    )


def test_an_id_without_a_machine_is_404_and_its_page_is_shown(sqlite_engine: Engine) -> None:
    (key,) = insert_machines(sqlite_engine, {"hostname": "anna"})
    client = whole(sqlite_engine)
    for name, code in ((key, 200), (key.upper(), 200), (machine_id("nobody"), 404), ("x", 404)):
        answer = client.get(f"/machines/{name}")
        assert (answer.status_code, "_dash-config" in answer.text) == (code, True), name


def whole(engine: Engine, **settings: str) -> Any:
    """A client of the whole dashboard."""
    environ = {"AUTH": "none", "TIMEZONE": "UTC"} | settings
    return create_app(engine, clock=lambda: NOW, settings=load(environ)).server.test_client()


def test_report_page_warns_about_open_ingest(sqlite_engine: Engine) -> None:
    for setting, said in (("open", True), ("token", False)):
        text = whole(sqlite_engine, INGEST_AUTH=setting).get("/report").text
        assert ("INGEST_AUTH is open" in text) is said
