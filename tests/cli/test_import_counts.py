"""`import-counts`: month-end counts from before the first collection, all or nothing."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine, insert

from db.engine import writing
from db.tables import audit_log, imported_counts, month_end_counts, months, sites
from etl.runtime import lease
from tests.support.api_server import address
from tests.support.cli import CliHere
from tests.support.decision_oracle import Administrator
from tests.support.samples import some
from tests.support.small_hub import Hub, Pc, contents, pcs

pytestmark = pytest.mark.any_database

HEADER = "month,site,source,device_type,billing_status,count"
GOOD = """\
2023-11,Harbor Dental,ninja,server,billable,3
2023-11,Harbor Dental,ninja,workstation,billable,40
2023-12,"HARBOR-DENTAL, Inc.",ninja,workstation,billable,41
2023-12,Pelican Freight,threatlocker,workstation,spare,2
2023-12,Pelican Freight,assets,workstation,spare,2
2023-12,(no site),ninja,unknown,billable,0
"""
Import = Callable[..., Result]


@pytest.fixture
def hub(engine: Engine) -> Hub:
    return filled(engine)


@pytest.fixture
def here(sqlite_engine: Engine) -> Hub:
    return filled(sqlite_engine)


def filled(engine: Engine) -> Hub:
    """Ninja since 30 January 2024, ThreatLocker since March."""
    hub = Hub(engine)
    hub.collect(date(2024, 1, 30), pcs(range(10)))
    hub.collect(date(2024, 3, 2), pcs(range(3), node_class=None), "threatlocker")
    return hub


@pytest.fixture
def bring(cli: CliHere, tmp_path: Path) -> Import:
    """Imports a file of this content."""

    def run(hub: Hub, content: str | bytes) -> Result:
        file = tmp_path / "counts.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return cli("import-counts", str(file), DATABASE_URL=address(hub.engine))

    return run


def imported(hub: Hub) -> list[tuple[str, str, str, int]]:
    names = {row.site_id: row.name for row in hub.all(sites)} | {0: "(no site)"}
    return [
        (row.month, row.basis, names[row.site_id], row.n)
        for row in hub.all(month_end_counts)
        if row.imported
    ]


def test_earlier_counts_are_stored_by_known_and_new_sites_and_marked_as_imported(
    hub: Hub, bring: Import
) -> None:
    done = bring(hub, f"{HEADER}\n{GOOD}")

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "6 counts of 2 months imported, 2023-11 to 2023-12.",
        "New sites that need a review: Pelican Freight.",
    ]
    assert sorted(imported(hub)) == [
        ("2023-11", "ninja", "Harbor Dental", 3),
        ("2023-11", "ninja", "Harbor Dental", 40),
        ("2023-12", "assets", "Pelican Freight", 2),
        ("2023-12", "ninja", "(no site)", 0),
        ("2023-12", "ninja", "Harbor Dental", 41),
        ("2023-12", "threatlocker", "Pelican Freight", 2),
    ]
    new = [row for row in hub.all(sites) if row.name == "Pelican Freight"]
    assert [row.needs_review for row in new] == [True]
    (entry,) = hub.all(audit_log)
    assert (entry.action, entry.subject) == ("import_counts", "counts.csv")
    assert json.loads(entry.detail)["counts"] == 6


def test_columns_may_come_in_any_order_with_a_byte_order_mark_and_a_type(
    here: Hub, bring: Import
) -> None:
    text = "\ufeffcount;type".replace(";", ",") + ",billing_status,source,site,month\r\n"
    text += "7,server,billable,ninja,Harbor Dental,2023-11\r\n\r\n"

    assert bring(here, text).exit_code == 0

    assert imported(here) == [("2023-11", "ninja", "Harbor Dental", 7)]


def test_a_file_with_semicolons_is_read_as_excel_writes_it(here: Hub, bring: Import) -> None:
    text = f"\ufeff{HEADER}\n2023-11,Clínica São José,ninja,workstation,billable,12\n"

    done = bring(here, text.replace(",", ";").replace("\n", "\r\n"))

    assert done.exit_code == 0, done.output
    assert imported(here) == [("2023-11", "ninja", "Clínica São José", 12)]


@pytest.mark.parametrize(
    "count", some(["1,5", "12,0", "1.234", "1 234", "1\u00a0234", "1'234", "+3"], 3)
)
def test_a_number_with_a_decimal_or_thousands_separator_is_refused(
    here: Hub, bring: Import, count: str
) -> None:
    line = f"2023-11;Harbor;ninja;server;billable;{count}"
    for content in (
        f"{HEADER}\n".replace(",", ";") + line,
        f"{HEADER}\n{line}".replace(count, f'"{count}"').replace(";", ","),
    ):
        done = bring(here, content)
        assert done.exit_code == 2 and imported(here) == []
        assert f"count is {count!r}, it must be a whole number of 0 or more" in done.stderr


def test_what_was_imported_of_a_month_is_removed_and_logged(
    here: Hub, bring: Import, cli: CliHere
) -> None:
    bring(here, f"{HEADER}\n{GOOD}")
    # An earlier version took months that cannot be.
    row = here.all(month_end_counts)[0]._asdict() | {"imported": True}
    with writing(here.engine) as connection:
        connection.execute(insert(month_end_counts).values(row | {"month": "0000-05"}))
        given = {column.name: row[column.name] for column in imported_counts.columns}
        connection.execute(insert(imported_counts).values(given | {"month": "0000-05"}))
        connection.execute(insert(months).values(month="2023-11", closed=True))
    database = {"DATABASE_URL": address(here.engine)}

    for month in ("2023-12", "0000-05"):
        done = cli("import-counts", "--remove", month, **database)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith(f"Removed what was imported of {month}: ")

    assert {row[0] for row in imported(here)} == {"2023-11"}
    entry = here.all(audit_log)[1]
    assert (entry.action, entry.subject) == ("remove_imported_counts", "2023-12")
    assert json.loads(entry.detail)["ninja"] == {"counts": 2, "devices": 41}
    for month, complaint in (
        ("2023-12", "No count of 2023-12 was imported"),
        ("2024-01", "No count of 2024-01 was imported"),
        ("2023-11", "2023-11 is closed"),
        ("xyz", "No count of xyz was imported"),
    ):
        refused = cli("import-counts", "--remove", month, **database)
        assert refused.exit_code == 2 and complaint in refused.stderr
    for arguments in ((), ("--remove", "2023-11", __file__)):
        assert cli("import-counts", *arguments, **database).exit_code == 2
    assert len(here.all(audit_log)) == 3


def test_a_month_and_source_imported_again_is_replaced_as_a_whole(here: Hub, bring: Import) -> None:
    bring(here, f"{HEADER}\n{GOOD}")

    done = bring(here, f"{HEADER}\n2023-11,Pelican Freight,ninja,server,billable,9\n")

    assert "Replaced what was imported before: 2023-11 ninja.\n" in done.stdout
    assert [row[2:] for row in imported(here) if row[:2] == ("2023-11", "ninja")] == [
        ("Pelican Freight", 9)
    ]
    assert len(imported(here)) == 5


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("2023-13,Harbor,ninja,server,billable,1", "month is '2023-13', it must be like 2025-11"),
        ("2023-1,Harbor,ninja,server,billable,1", "month is '2023-1'"),
        (
            "0206-05,Harbor,ninja,server,billable,1",
            "month is '0206-05', it must be like 2025-11, from 1990-01 on",
        ),
        ("0000-05,Harbor,ninja,server,billable,1", "month is '0000-05'"),
        ("1989-12,Harbor,ninja,server,billable,1", "month is '1989-12'"),
        ("2206-05,Harbor,ninja,server,billable,1", "2206-05 is not over yet"),
        ("2023-11,,ninja,server,billable,1", "site must be a name of 1 to 255 characters"),
        (
            "2023-11,Harbor,rmm,server,billable,1",
            "source is 'rmm', it must be one of ninja, threat",
        ),
        ("2023-11,Harbor,records,server,billable,1", "source is 'records'"),
        ("2023-11,Harbor,ninja,Server,billable,1", "device_type is 'Server'"),
        ("2023-11,Harbor,ninja,server,paid,1", "billing_status is 'paid'"),
        ("2023-11,Harbor,ninja,server,billable,-1", "count is '-1', it must be a whole number"),
        ("2023-11,Harbor,ninja,server,billable,1.5", "count is '1.5'"),
        ("2023-11,Harbor,ninja,server,billable,1_0", "count is '1_0'"),
        ("2023-11,Harbor,ninja,server,billable,", "count is ''"),
        ("2023-11,Harbor,ninja,server,billable", "it has 5 cells, the header has 6"),
        ("2023-11,Harbor,ninja,server,billable,1,2", "it has 7 cells, the header has 6"),
        ("2024-01,Harbor,ninja,server,billable,1", "2024-01 is not before 2024-01, from which on"),
        ("2024-01,Harbor,assets,server,billable,1", "2024-01 is not before 2024-01"),
        ("2024-03,Harbor,threatlocker,server,billable,1", "2024-03 is not before 2024-03"),
        ('2023-11,"Har"bor,ninja,server,billable,1', "it cannot be read as CSV"),
    ],
)
def test_wrong_line_is_reported_by_number_and_nothing_is_imported(
    here: Hub, bring: Import, line: str, wrong: str
) -> None:
    done = bring(here, f"{HEADER}\n2023-10,Newcomer,ninja,server,billable,1\n{line}\n")

    assert done.exit_code == 2
    first, complaint = done.stderr.splitlines()
    assert first == "Nothing was imported:" and complaint.startswith(f"line 3: {wrong}"), complaint
    assert imported(here) == [] and here.all(audit_log) == []
    assert [row.name for row in here.all(sites)] == ["Harbor Dental"]


@pytest.mark.parametrize("source", ["threatlocker", "agent"])
def test_a_source_that_came_later_or_not_yet_may_have_counts_of_before_it(
    here: Hub, bring: Import, source: str
) -> None:
    done = bring(here, f"{HEADER}\n2024-02,Harbor Dental,{source},server,billable,1\n")

    assert done.exit_code == 0, done.output


def test_counts_of_a_closed_month_are_refused(here: Hub, bring: Import) -> None:
    with writing(here.engine) as connection:
        connection.execute(insert(months).values(month="2024-02", closed=True))

    done = bring(here, f"{HEADER}\n2024-02,Harbor Dental,threatlocker,server,billable,1\n")

    assert done.exit_code == 2 and "line 2: 2024-02 is closed" in done.stderr


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "line 1: the header must name the columns month, site, source, device_type, billing"),
        (b"month,site\n", "line 1: the header must name the columns"),
        (f"{HEADER},note\n".encode(), "it is month, site, source, device_type, billing_status, c"),
        (f"{HEADER}\n".encode(), "line 2: there is no count in the file"),
        (f"{HEADER}\n2023-11,Caf\xe9,".encode("latin-1"), "line 2: it is not UTF-8; save the file"),
    ],
)
def test_invalid_file_is_refused(here: Hub, bring: Import, content: bytes, complaint: str) -> None:
    done = bring(here, content)

    assert done.exit_code == 2 and complaint in done.stderr, done.stderr


def test_the_same_count_twice_is_refused_however_its_site_is_spelt(
    here: Hub, bring: Import
) -> None:
    lines = [
        f"2023-11,{site},ninja,server,billable,1" for site in ("Harbor & Co", "HARBOR  and co")
    ]

    done = bring(here, "\n".join([HEADER, *lines]))

    assert done.exit_code == 2 and "line 3: it counts the same as line 2" in done.stderr


def test_at_most_twenty_wrong_lines_are_listed(here: Hub, bring: Import) -> None:
    done = bring(
        here, "\n".join([HEADER, *("x,Harbor,ninja,server,billable,1" for _ in range(33))])
    )

    complaint = done.stderr.splitlines()
    assert len(complaint) == 22 and complaint[-1] == "... and 13 more wrong lines"


def test_ambiguous_site_name_must_be_spelt_exactly(here: Hub, bring: Import) -> None:
    other = Pc("99", org="2", org_name="HARBOR DENTAL")
    here.collect(date(2024, 1, 31), [*pcs(range(10)), other])

    done = bring(here, f"{HEADER}\n2023-11,harbor dental,ninja,server,billable,1\n")
    assert done.exit_code == 2
    assert "line 2: 2 sites are called 'harbor dental' or alike: name one as it" in done.stderr

    assert bring(here, f"{HEADER}\n2023-11,HARBOR DENTAL,ninja,server,billable,1\n").exit_code == 0


def test_counts_of_a_merged_site_are_those_of_the_site_it_was_merged_into(
    here: Hub, bring: Import
) -> None:
    day = date(2024, 1, 31)
    here.collect(day, [*pcs(range(10)), Pc("99", org="2", org_name="Pelican")])
    merged, into = here.site_of("2").site_id, here.site_of("1").site_id
    Administrator(here, day).merge_sites(merged, into)

    assert bring(here, f"{HEADER}\n2023-11,Pelican,ninja,server,billable,7\n").exit_code == 0
    assert [(row.site_id, row.n) for row in here.all(month_end_counts, month="2023-11")] == [
        (into, 7)
    ]


def test_later_collections_and_processing_leave_imported_counts_unchanged(
    here: Hub, bring: Import, cli: CliHere
) -> None:
    bring(here, f"{HEADER}\n{GOOD}")
    before = imported(here)

    for day in (date(2024, 3, 31), date(2024, 4, 9)):
        here.collect(day, pcs(range(12)))
        here.run_after_collection()
    cli("process", DATABASE_URL=address(here.engine))

    assert imported(here) == before
    real = [row for row in contents(here.engine)["month_end_counts"] if not row[-1]]
    assert {row[0] for row in real} == {"2024-01", "2024-02", "2024-03", "2024-04"}


def test_process_leaves_imported_counts_of_a_later_source_unchanged(
    here: Hub, bring: Import, cli: CliHere
) -> None:
    bring(here, f"{HEADER}\n2024-02,Harbor Dental,threatlocker,server,billable,4\n")
    before = imported(here)

    assert cli("process", DATABASE_URL=address(here.engine)).exit_code == 0

    assert imported(here) == before != []


def test_an_import_counts_until_the_first_snapshot_of_its_source_and_again_without_it(
    hub: Hub, bring: Import, cli: CliHere
) -> None:
    lines = "".join(
        f"{month},Harbor Dental,{basis},server,billable,5\n"
        for month, basis in (("2023-12", "assets"), ("2024-02", "agent"), ("2024-04", "agent"))
    )
    bring(hub, f"{HEADER}\n{lines}")
    before = imported(hub)
    first = date(2024, 4, 30)
    hub.collect(first, pcs(range(3), node_class=None), "agent")
    while_collected = imported(hub)
    as_collected = hub.month_end("agent", "2024-04")

    # What does not count now can be imported anew for no month, but what is there can be removed.
    again = bring(hub, f"{HEADER}\n2024-04,Harbor Dental,agent,server,billable,6\n")
    Administrator(hub, first).withdraw("agent", first)

    assert again.exit_code == 2
    assert while_collected == [each for each in before if each[0] != "2024-04"]
    assert as_collected == {"billable": 3}
    assert imported(hub) == before and len(before) == 3
    cli("process", DATABASE_URL=address(hub.engine))
    assert imported(hub) == before

    hub.collect(first, pcs(range(3), node_class=None), "agent")
    done = cli("import-counts", "--remove", "2024-04", DATABASE_URL=address(hub.engine))
    assert done.exit_code == 0, done.output
    assert hub.month_end("agent", "2024-04") == {"billable": 3}
    Administrator(hub, first).withdraw("agent", first)
    assert imported(hub) == [each for each in before if each[0] != "2024-04"]


def test_exits_5_while_a_collection_runs(here: Hub, bring: Import) -> None:
    with lease.take(here.engine):
        assert bring(here, f"{HEADER}\n{GOOD}").exit_code == 5


def test_a_missing_file_exits_2(cli: CliHere) -> None:
    assert cli("import-counts", "nowhere.csv").exit_code == 2
