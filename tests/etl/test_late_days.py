"""A source whose newest day is before a day that others published, or that a decision restated:
every number that follows from it is right at once, and `process` finds nothing to correct."""

from datetime import date

import pytest
from sqlalchemy import Engine

from db.engine import writing
from db.tables import audit_log, count_restatements, daily_counts
from etl.decisions.rules import save_rules
from etl.decisions.sites import merge_sites
from etl.months.imports import import_counts
from tests.support.decision_oracle import Administrator, check_nothing_is_stale
from tests.support.random_hub import decision_context, site
from tests.support.small_hub import Hub, Pc, noon, pcs

NOVEMBER = date(2026, 11, 30)
DECEMBER = date(2026, 12, 2)


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return Hub(sqlite_engine)


def test_a_late_run_after_a_reopened_month_is_counted_on_every_later_day(hub: Hub) -> None:
    ninja = [*pcs(range(20), org_name="Harbor"), *pcs(range(20, 30), org="2", org_name="Pelican")]
    for day in (date(2026, 11, 24), NOVEMBER, DECEMBER):
        hub.collect(day, ninja)
        if day < NOVEMBER:
            hub.collect(day, pcs(range(50), org_name="Harbor"), "threatlocker")
    hub.close("2026-11")
    with decision_context(hub, DECEMBER) as context:
        merge_sites(context, site(hub, "Pelican"), site(hub, "Harbor"))
    hub.reopen("2026-11")

    late = pcs(range(52), org_name="Harbor")
    hub.collect(date(2026, 11, 28), late, "threatlocker", today=DECEMBER)

    for day in (date(2026, 11, 28), NOVEMBER, date(2026, 12, 1), DECEMBER):
        assert hub.counted("threatlocker", day).total() == 52
        assert hub.counted("assets", day).total() == 82
    for month in ("2026-11", "2026-12"):
        assert hub.month_end("threatlocker", month).total() == 52
        assert hub.month_end("assets", month).total() == 82
    check_nothing_is_stale(hub, DECEMBER)


def test_a_first_day_before_a_restated_one_is_counted_on_both(hub: Hub) -> None:
    hub.collect(DECEMBER, pcs(range(30)))
    with decision_context(hub, DECEMBER) as context:
        rules = {
            "spare_words": ["loan"], "spare_node_classes": [], "internal_sites": [],
            "source_order": ["ninja", "threatlocker", "agent"],
            "expected_sources": ["ninja", "threatlocker"],
        }  # fmt: skip
        save_rules(context, rules, "Loans are spares.")

    yesterday = date(2026, 12, 1)
    hub.collect(yesterday, pcs(range(50)), "threatlocker", today=DECEMBER)

    assert hub.counted("threatlocker", yesterday).total() == 50
    assert hub.counted("threatlocker", DECEMBER).total() == 50
    assert hub.counted("assets", DECEMBER).total() == 80
    check_nothing_is_stale(hub, DECEMBER)


def test_withdrawing_a_late_day_logs_every_count_that_it_changed(hub: Hub) -> None:
    friday = date(2026, 11, 28)
    hub.collect(friday, pcs(range(40)), "threatlocker")
    for day in (friday, NOVEMBER, DECEMBER):
        hub.collect(day, [*pcs(range(10)), *pcs(range(10, 11), org="2", org_name="Pelican")])
    hub.close("2026-11")
    with decision_context(hub, DECEMBER) as context:
        merge_sites(context, site(hub, "Pelican"), site(hub, "Harbor Dental"))
    hub.reopen("2026-11")
    sunday = date(2026, 11, 29)
    hub.collect(sunday, pcs(range(50)), "threatlocker", today=DECEMBER)

    Administrator(hub, DECEMBER).withdraw("threatlocker", sunday)

    entry = hub.all(audit_log)[-1].entry_id
    changed = {
        (row.snapshot_date, row.basis): (row.before, row.after)
        for row in hub.all(count_restatements, entry_id=entry)
    }
    first = date(2026, 12, 1)
    assert changed == {
        **{(day, "threatlocker"): (50, 40) for day in (sunday, first)},
        **{(day, "assets"): (61, 51) for day in (sunday, NOVEMBER, first, DECEMBER)},
    }
    check_nothing_is_stale(hub, DECEMBER)


def test_an_import_ends_where_a_first_snapshot_of_an_earlier_month_begins(hub: Hub) -> None:
    columns = "month,site,source,device_type,billing_status,count"
    lines = [
        f"2026-{month},Harbor Dental,{basis},workstation,billable,95"
        for month in ("08", "09", "10", "11")
        for basis in ("ninja", "assets", "agent")
    ]
    with writing(hub.engine) as connection:
        file = "\n".join([columns, *lines]).encode()
        import_counts(connection, "year.csv", file, "Ana", noon(DECEMBER))

    hub.collect(date(2026, 9, 30), pcs(range(5)), today=DECEMBER)
    check_nothing_is_stale(hub, DECEMBER)
    hub.collect(DECEMBER, pcs(range(5)))

    counted = {
        (month, basis): hub.month_end(basis, month).total()
        for month in ("2026-08", "2026-09", "2026-10", "2026-11", "2026-12")
        for basis in ("ninja", "assets", "agent")
    }
    assert counted == {
        **{("2026-08", basis): 95 for basis in ("ninja", "assets", "agent")},
        **{(f"2026-{month}", basis): 5 for month in ("09", "10", "11", "12")
           for basis in ("ninja", "assets")},
        **{(f"2026-{month}", "agent"): 95 for month in ("09", "10", "11")},
        ("2026-12", "agent"): 0,
    }  # fmt: skip
    check_nothing_is_stale(hub, DECEMBER)


def test_a_decision_leaves_the_month_ends_whose_days_are_purged(hub: Hub) -> None:
    hub.environ = {
        "RETENTION_DAYS": "5", "MONTH_END_RETENTION_MONTHS": "1", "MONTH_CLOSE_DAYS": "99",
    }  # fmt: skip
    ends = [date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 31), DECEMBER]
    for day in ends:
        changing = Pc("changing", org="2", org_name="Pelican", note=str(day))
        hub.collect(day, [*pcs(range(10)), changing])
        hub.run_after_collection(noon(day))
    before = [hub.month_end("ninja", month) for month in ("2026-08", "2026-09", "2026-10")]
    assert before == [{"billable": 11}] * 3
    # The counts of purged days are gone, and stay so.
    counted = {row.snapshot_date for row in hub.all(daily_counts)}
    assert date(2026, 8, 31) not in counted

    with decision_context(hub, DECEMBER) as context:
        merge_sites(context, site(hub, "Pelican"), site(hub, "Harbor Dental"))

    after = [hub.month_end("ninja", month) for month in ("2026-08", "2026-09", "2026-10")]
    assert after == before
    assert {row.snapshot_date for row in hub.all(daily_counts)} == counted
    check_nothing_is_stale(hub, DECEMBER)


def test_a_day_collected_again_does_not_continue_from_the_counts_of_a_purged_day(hub: Hub) -> None:
    hub.environ = {
        "RETENTION_DAYS": "1", "MONTH_END_RETENTION_MONTHS": "1", "MONTH_CLOSE_DAYS": "99",
    }  # fmt: skip
    fleet = [*pcs(range(60)), *pcs(range(60, 66), org="2", org_name="Pelican")]
    hub.collect(date(2026, 11, 27), fleet)
    hub.collect(DECEMBER, fleet)
    hub.run_after_collection(noon(DECEMBER))
    hub.close("2026-11")
    pelican, harbor = site(hub, "Pelican"), site(hub, "Harbor Dental")
    with decision_context(hub, DECEMBER) as context:
        merge_sites(context, pelican, harbor)

    hub.collect(DECEMBER, [*fleet, Pc("new")])

    rows = hub.all(daily_counts, basis="ninja", snapshot_date=DECEMBER)
    assert {row.site_id: row.n for row in rows} == {harbor: 67}
    check_nothing_is_stale(hub, DECEMBER)
