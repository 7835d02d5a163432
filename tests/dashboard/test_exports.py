"""The files: exactly the filtered set, complete or not at all, and nothing a spreadsheet runs."""

import csv
import io
import operator
import random
import re
from datetime import timedelta
from itertools import groupby
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text, update

from dashboard.api.files.csv_text import csv_text
from dashboard.api.files.exports import SITE_COLUMNS
from dashboard.base.params import BASES, Filters, Sort
from dashboard.queries import moment
from dashboard.queries.devices import device_list
from dashboard.queries.devices.device_list import COLUMNS, columns
from db.engine import reading, writing
from db.keys import as_of
from db.tables import device_snapshots, sites
from tests.support.api_server import ApiClient, serve_api
from tests.support.samples import some
from tests.support.small_hub import Hub, Pc
from tests.support.worlds import HARBOR, TODAY, named_world, random_world

TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")

# Whatever a source may have stored, and what bites: triggers, quotes, separators, spaces first.
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_NASTY = st.builds(
    "".join, st.lists(st.sampled_from([*TRIGGERS, " ", '"', ",", ";", "'", "x", "1"]))
)
_CELL = st.none() | st.integers() | _TEXT | _NASTY


def _read(content: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content, newline="")))


def _content(response: Any) -> str:
    """The text of a CSV file, without the byte order mark that it must begin with."""
    assert response.status_code == 200, response.text
    content: bytes = response.content
    assert content.startswith(b"\xef\xbb\xbf")
    return content.decode("utf-8-sig")


def _file(client: ApiClient, path: str) -> list[dict[str, str]]:
    response = client.get(path)
    header, *rows = _read(_content(response))
    return [dict(zip(header, row, strict=True)) for row in rows]


@given(st.lists(st.lists(_CELL, min_size=2, max_size=4), max_size=5))
def test_sec_16_no_cell_starts_a_formula_and_every_text_reads_back(rows: list[list[Any]]) -> None:
    found = _read(csv_text(rows))
    assert len(found) == len(rows)
    for row, cells in zip(rows, found, strict=True):
        for value, cell in zip(row, cells, strict=True):
            if isinstance(value, int):
                assert cell == str(value)  # a negative number stays a number
                continue
            assert not cell.lstrip(" ").startswith(TRIGGERS)
            assert (value or "") in (cell, cell.removeprefix("'"))


def test_a_text_without_a_formula_is_written_unchanged() -> None:
    rows = [[1, "plain", "two, with comma", 'say "x"', "a=b", None, -5]]
    assert csv_text(rows) == '1,plain,"two, with comma","say ""x""",a=b,,-5\r\n'


@pytest.mark.any_database
def test_sec_17_the_file_equals_the_list_of_the_api(engine: Engine) -> None:
    rng = random.Random(5)
    world = random_world(rng)
    world.save(engine)
    with serve_api(engine) as client:
        for _ in range(12):
            filters = Filters(
                as_of=TODAY - timedelta(days=rng.randrange(5)),
                basis=rng.choice(BASES),
                q=rng.choice((None, None, "%", "_", "pc", "=")),
            ).having(
                sites=tuple(rng.sample((0, 1, 2, 3), rng.randrange(3))),
                types=tuple(rng.sample(("server", "unknown"), rng.randrange(2))),
                statuses=rng.choice((("billable", "spare"), ("excluded",))),
            )
            query = filters.to_query()
            file = _file(client, "/export/devices.csv?" + query)
            api = "/api/dashboard/devices"
            listed = client.json(f"{api}?{filters.to_query(api, extra={'limit': 1000})}")
            assert listed["count"] == len(file)
            assert [_as_cells(row) for row in listed["items"]] == file


def _as_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row of the API as it stands in a file."""
    cells = {name: "" if value is None else str(value) for name, value in row.items()}
    return {name: "'" + cell if cell.startswith(TRIGGERS) else cell for name, cell in cells.items()}


@pytest.mark.parametrize("basis", BASES)
def test_the_header_is_the_device_row_even_without_a_device(client: ApiClient, basis: str) -> None:
    response = client.get(f"/export/devices.csv?basis={basis}&q=nobody-has-this")
    assert _read(_content(response)) == [list(columns(basis))]
    assert columns("records") == COLUMNS


def test_formulas_in_names_are_escaped_and_ids_are_complete(client: ApiClient) -> None:
    (row,) = _file(client, "/export/devices.csv?basis=ninja&type=network")
    assert row["hostname"] == "'=cmd|' /C calc'!A0"
    assert row["location"] == "'-1+1"
    assert row["device_id"].isdecimal()
    assert row["site"] == "North 100% Farms"


def test_the_sites_file_adds_up_to_the_total(client: ApiClient) -> None:
    rows = _file(client, "/export/sites.csv?basis=ninja&status=billable")
    assert tuple(rows[0]) == SITE_COLUMNS
    total = client.json("/api/dashboard/today?basis=ninja&status=billable")["totals"]
    assert sum(int(row["current"]) for row in rows) == total["total_devices"]
    harbor = next(row for row in rows if row["site"] == "Harbor Dental")
    assert (harbor["current"], harbor["previous"], harbor["change"]) == ("3", "5", "-2")
    assert harbor["change_percent"] == "-40.0"
    assert harbor["sources"] == "ninja"


def test_the_file_of_movers_holds_the_sites_that_moved_most_first(client: ApiClient) -> None:
    moved = _file(client, "/export/movers.csv?status=billable&status=excluded")
    every = _file(client, "/export/sites.csv?status=billable&status=excluded")
    changes = [int(row["change"]) for row in moved]
    assert changes == sorted(changes, key=abs, reverse=True) and 0 not in changes
    known = [{name: row[name] for name in moved[0]} for row in every if row["change"] != "0"]
    key = operator.itemgetter("site_id")
    assert sorted(moved, key=key) == sorted(known, key=key)
    assert len(moved) == 2


def test_without_data_the_files_have_a_header_only(sqlite_engine: Engine) -> None:
    with serve_api(sqlite_engine) as client:
        assert _file(client, "/export/devices.csv") == []
        assert _file(client, "/export/sites.csv") == []


def test_the_file_is_named_after_its_filters(client: ApiClient) -> None:
    headers = client.get("/export/devices.csv?as_of=2026-11-20&site=2").headers
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    disposition = headers["Content-Disposition"]
    assert 'filename="devices-Muller-Sohne-Bau-assets-2026-11-20.csv"' in disposition
    named = unquote(disposition.split("filename*=UTF-8''")[1])
    assert named == "devices-Müller-Söhne-Bau-assets-2026-11-20.csv"


@pytest.mark.parametrize(
    "name",
    some(['a"\r\nX: y/../ü', "..\\..\\con", "日本", "‮gpj.exe", "%0d%0a", "é" * 200], 3),
)
def test_sec_18_a_site_name_cannot_break_the_header(sqlite_engine: Engine, name: str) -> None:
    named_world().save(sqlite_engine)
    with writing(sqlite_engine) as connection:
        connection.execute(update(sites).where(sites.c.site_id == HARBOR).values(name=name))
    with serve_api(sqlite_engine) as client:
        headers = client.get(f"/export/devices.csv?site={HARBOR}").headers
    assert "X" not in headers
    assert re.fullmatch(
        r"attachment; filename=\"[A-Za-z0-9_.-]+\.csv\"; filename\*=UTF-8''[A-Za-z0-9%_.~-]+\.csv",
        headers["Content-Disposition"],
    )
    assert ".." not in unquote(headers["Content-Disposition"])


def test_a_file_of_one_location_is_named_after_it(client: ApiClient) -> None:
    found = client.get("/export/devices.csv?site=1&location=Rack+1")
    assert "devices-Harbor-Dental-Rack-1-assets" in found.headers["Content-Disposition"]


def test_the_file_has_a_content_length_so_that_a_truncated_one_is_detectable(
    client: ApiClient,
) -> None:
    response = client.get("/export/devices.csv")
    assert int(response.headers["Content-Length"]) == len(response.content)


def test_sec_17_a_query_that_breaks_midway_gives_an_error_and_no_file(
    postgres_engine: Engine,
) -> None:
    """The 3,000th row makes the database fail, long after the first ones were read."""
    named_world().save(postgres_engine)
    with postgres_engine.connect() as connection:
        row = dict(
            connection.execute(
                device_snapshots.select()
                .where(device_snapshots.c.hostname == "H-SRV1", as_of(TODAY))
            ).mappings().one()
        )  # fmt: skip
    with writing(postgres_engine) as connection:
        many = [
            row | {"device_id": number, "asset_id": number, "hostname": f"z{number:05d}"}
            for number in range(1, 5001)
        ]
        connection.execute(insert(device_snapshots), many)
        connection.execute(
            text(
                "INSERT INTO devices SELECT device_id, source, 'k' || device_id, valid_from, NULL "
                "FROM device_snapshots WHERE device_id <= 5000"
            )
        )
    with serve_api(postgres_engine) as client:
        everything = client.get("/export/devices.csv?basis=ninja")
        assert len(_read(_content(everything))) > 5000
        with writing(postgres_engine) as connection:
            # A view in place of the table: reading one row of it divides by zero.
            connection.execute(text("ALTER TABLE devices RENAME TO devices_kept"))
            connection.execute(
                text(
                    "CREATE VIEW devices AS SELECT device_id, source, CASE WHEN 1 / (device_id - "
                    "4000) IS NULL THEN '' ELSE source_key END AS source_key, first_seen, "
                    "last_seen FROM devices_kept"
                )
            )
        broken = client.json("/export/devices.csv?basis=ninja", 503)
        assert "inventory-hub doctor" in broken["error"]


def test_a_file_is_sorted_as_requested(client: ApiClient) -> None:
    path = "/export/devices.csv?basis=records&site=1&sort="
    up = [row["hostname"] for row in _file(client, f"{path}hostname")]
    down = [row["hostname"] for row in _file(client, f"{path}-hostname")]
    assert up == sorted(up, key=str.casefold)
    assert sorted(down) == sorted(up)
    assert down != up
    assert [row["hostname"].casefold() for row in _file(client, f"{path}-hostname")] == sorted(
        (name.casefold() for name in up), reverse=True
    )


ODD = [
    Pc("1"), Pc("2", hostname="b"), Pc("3", hostname="A", location="Cellar", serial="SN-77"),
    Pc("4", location="attic", os="Windows 11"), Pc("5", org="2", org_name="North", hostname="c"),
    Pc("6", org="2", org_name="North"), Pc("7", org=None, org_name=None),
    Pc("8", hostname="b", serial="SN-78", location="Cellar"),
]  # fmt: skip


def test_what_has_no_value_comes_last_on_every_database_in_list_and_file(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(TODAY - timedelta(days=30), [Pc("0")])
    hub.collect(TODAY, [Pc("0"), *ODD])
    with serve_api(engine) as client:
        for basis in ("ninja", "assets"):
            for column in ("site", "hostname", "location", "serial", "os", "last_contact"):
                for sort in (column, f"-{column}"):
                    rows = _file(client, f"/export/devices.csv?basis={basis}&sort={sort}")
                    assert len(rows) == 9
                    values = [row[column].casefold() for row in rows]
                    known = sorted(filter(None, values), reverse=sort != column)
                    assert values == known + [""] * (len(values) - len(known)), sort
                    # Among equal ones by hostname, without one last.
                    for _value, equal in groupby(rows, key=lambda row: row[column].casefold()):
                        names = [row["hostname"].casefold() for row in equal]
                        assert names == sorted(names, key=lambda name: (name == "", name)), sort
                    with reading(engine) as connection:
                        filters = Filters(basis=basis)
                        shown = moment.resolve(connection, filters, TODAY)
                        order = Sort(column, sort != column)
                        page = device_list.page(connection, shown, filters, sort=order)
                    assert [row["device_id"] for row in page] == [row["device_id"] for row in rows]
            listed = client.json(f"/api/dashboard/devices?basis={basis}")["items"]
            by_default = _file(client, f"/export/devices.csv?basis={basis}")
            assert [row["device_id"] for row in listed] == [row["device_id"] for row in by_default]
        changed = _file(client, "/export/changes.csv?sort=hostname")
        assert [row["hostname"].casefold() for row in changed] == ["a", "b", "b", "c", *[""] * 4]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("location=Rack+1", {"101"}),
        ("location=rack+1", set()),
        ("location=Rack+1&location=-1%2B1", {"101", "105"}),
        ("location=&site=1&basis=ninja", {"102", "103", "109", "112"}),
    ],
)
def test_list_file_and_number_of_a_location_agree(
    client: ApiClient, query: str, keys: set[str]
) -> None:
    query += "" if "basis" in query else "&basis=assets"
    query += "&status=billable&status=spare"
    listed = client.json(f"/api/dashboard/devices?{query}")
    assert {row["source_key"] for row in listed["items"]} == keys
    assert listed["count"] == len(keys)
    assert {row["source_key"] for row in _file(client, f"/export/devices.csv?{query}")} == keys
    total = client.json(f"/api/dashboard/today?{query}")["totals"]["total_devices"]
    assert total == sum(row["billing_status"] != "excluded" for row in listed["items"])
    sites = _file(client, f"/export/sites.csv?{query}")
    assert sum(int(row["current"]) for row in sites) == total
    for path in ("/api/months", "/export/month-ends.csv"):
        assert client.json(f"{path}?{query}", 400)["parameter"] == "location"


def test_a_file_can_be_limited_to_one_source(client: ApiClient) -> None:
    rows = _file(client, "/export/devices.csv?basis=records&source=threatlocker")
    assert {row["source"] for row in rows} == {"threatlocker"}
    sites = _file(client, "/export/sites.csv?basis=records&source=threatlocker")
    assert sum(int(row["current"]) for row in sites) == len(rows)


@pytest.mark.parametrize("sort", ["", "-", "--site", "__proto__", "site;drop", "payload"])
def test_an_unknown_sort_order_is_refused(client: ApiClient, sort: str) -> None:
    found = client.json(f"/export/devices.csv?sort={sort}", 400)
    assert found["parameter"] == "sort"
