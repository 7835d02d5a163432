"""One predicate: numbers, lists and bars agree with each other and with plain Python."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, Engine, insert

from dashboard.base.params import BASES, STATUSES, Filters, Sort
from dashboard.queries import counts, moment, series
from dashboard.queries.changes import bars as changes
from dashboard.queries.devices import device_list
from dashboard.queries.entities import NO_SITE
from dashboard.queries.moment import Moment
from dashboard.queries.months import month_ends
from dashboard.queries.sites import site_table
from db.engine import reading, writing
from db.history.kept import month_before, month_end
from db.tables import months as months_table
from tests.support.changes_oracle import bar_of as _bar
from tests.support.changes_oracle import matches as _matches
from tests.support.changes_oracle import random_filters as _random_filters
from tests.support.samples import samples
from tests.support.worlds import (
    HARBOR,
    MONTH_END,
    MUELLER,
    TODAY,
    DeviceState,
    World,
    named_world,
    random_world,
)

BAR_NAMES = ("added", "removed", "moved_in", "moved_out", "reclassified_in", "reclassified_out")


def _expected(world: World, day: date, filters: Filters) -> dict[int, DeviceState]:
    standing = world.standing(day, filters.basis)
    return {key: said for key, said in standing.items() if _matches(world, said, filters)}


def _listed(connection: Connection, found: Moment, filters: Filters) -> list[str]:
    return [row["device_id"] for row in device_list.page(connection, found, filters, limit=1000)]


@pytest.mark.parametrize("seed", range(samples(1, 30)))
def test_number_list_file_and_bars_agree_with_plain_python(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    world = random_world(rng)
    world.save(engine)
    with reading(engine) as connection:
        for _ in range(25):
            filters = _random_filters(rng, sites=(0, *world.sites))
            assert filters.as_of and filters.compare_to
            found = moment.resolve(connection, filters, TODAY)
            expected = _expected(world, filters.as_of, filters)
            counted = counts.device_counts(connection, found, found.now, filters)
            if not world.known(filters.as_of, filters.basis):
                assert counted is None
                assert not expected
                continue
            assert counted is not None
            groups: Counter[tuple[object, ...]] = Counter()
            for said in expected.values():
                groups[said.site_id, said.device_type, said.billing_status] += 1
            assert {tuple(row[:3]): row.n for row in counted} == groups, filters
            assert device_list.count(connection, found, filters) == len(expected)
            listed = _listed(connection, found, filters)
            assert sorted(listed) == sorted(str(said.device_id) for said in expected.values())
            chunks = device_list.stream(connection, found, filters)
            assert [str(row[0]) for chunk in chunks for row in chunk] == listed
            _check_bars(connection, found, world, filters)
            _check_sites(connection, found, world, filters)


def _check_bars(connection: Connection, found: Moment, world: World, filters: Filters) -> None:
    assert filters.as_of and filters.compare_to
    bars = changes.bars(connection, found, filters)
    if not world.known(filters.compare_to, filters.basis):
        assert bars == changes.Bars(closing=len(_expected(world, filters.as_of, filters)))
        return
    then = world.standing(filters.compare_to, filters.basis)
    now = world.standing(filters.as_of, filters.basis)
    expected: Counter[str] = Counter()
    for key in then.keys() | now.keys():
        was, is_now = then.get(key), now.get(key)
        was_counted = was is not None and _matches(world, was, filters)
        is_counted = is_now is not None and _matches(world, is_now, filters)
        expected["opening"] += was_counted
        expected["closing"] += is_counted
        if is_counted and not was_counted:
            expected[_bar(was, filters, "added", "moved_in", "reclassified_in")] += 1
        if was_counted and not is_counted:
            expected[_bar(is_now, filters, "removed", "moved_out", "reclassified_out")] += 1
    names = ("opening", *BAR_NAMES, "closing")
    assert {name: getattr(bars, name) for name in names} == {name: expected[name] for name in names}
    signed = sum(
        (1 if name in ("added", "moved_in", "reclassified_in") else -1) * getattr(bars, name)
        for name in BAR_NAMES
    )
    assert bars.opening is not None
    assert bars.opening + signed == bars.closing


def _check_sites(connection: Connection, found: Moment, world: World, filters: Filters) -> None:
    assert filters.as_of
    table = site_table.site_rows(connection, found, filters)
    total = len(_expected(world, filters.as_of, filters))
    assert sum(row.figure.current or 0 for row in table) == total
    assert all(sum(row.by_type.values()) == (row.figure.current or 0) for row in table)
    everywhere = Counter(
        (record.site_id, record.billing_status)
        for record in _expected(world, filters.as_of, filters.having(statuses=STATUSES)).values()
    )
    for row in table:
        assert row.by_status == {
            status: n for (site, status), n in everywhere.items() if site == row.site_id
        }
    moved = changes.movers(connection, found, filters)
    if found.then.has_data(filters.basis):
        assert {row.site_id for row in moved} == {row.site_id for row in table if row.figure.change}


def test_stored_counts_and_stretches_agree_on_every_kept_day(named_engine: Engine) -> None:
    with reading(named_engine) as connection:
        for basis in BASES:
            for back in range(0, 66, 5):
                filters = Filters(as_of=TODAY - timedelta(days=back), basis=basis)
                found = moment.resolve(connection, filters, TODAY)
                stored = counts.device_counts(connection, found, found.now, filters)
                total = None if stored is None else sum(count.n for count in stored)
                if total is None:
                    assert not found.now.has_data(basis)
                    continue
                assert total == device_list.count(connection, found, filters)


@pytest.mark.any_database
def test_each_figure_equals_the_length_of_its_list(named_engine: Engine) -> None:
    with reading(named_engine) as connection:
        for basis in BASES:
            for given in (
                Filters(basis=basis),
                Filters(basis=basis, sites=(HARBOR,)),
                Filters(basis=basis, statuses=("spare",)),
                Filters(basis=basis, types=("server", "network"), q="h-"),
            ):
                found = moment.resolve(connection, given, TODAY)
                for kpi in counts.compare(connection, found, given).kpis().values():
                    listed = device_list.count(connection, found, kpi.filters)
                    assert kpi.figure.current == listed, kpi
                by_source = counts.by_source(connection, found, found.now, given)
                assert by_source is not None
                total = sum(n for sites in by_source.values() for n in sites.values())
                assert total == device_list.count(connection, found, given)


def test_the_listed_changes_are_in_the_bars_of_their_site(named_engine: Engine) -> None:
    with reading(named_engine) as connection:
        harbor = Filters(basis="ninja", sites=(HARBOR,), statuses=("billable",))
        found = moment.resolve(connection, harbor, TODAY)
        assert changes.bars(connection, found, harbor) == changes.Bars(
            opening=5, added=1, removed=1, moved_in=0, moved_out=1,
            reclassified_in=0, reclassified_out=1, closing=3,
        )  # fmt: skip
        mueller = harbor.having(sites=(MUELLER,))
        assert changes.bars(connection, found, mueller) == changes.Bars(
            opening=2, added=0, removed=0, moved_in=1, moved_out=0,
            reclassified_in=0, reclassified_out=1, closing=2,
        )  # fmt: skip
        both = changes.movers(connection, found, harbor.having(sites=(HARBOR, MUELLER)))
        assert [(row.site, row.figure.change) for row in both] == [("Harbor Dental", -2)]


def test_a_gap_resolves_to_the_last_snapshot_before_it_and_is_reported(
    named_sqlite: Engine,
) -> None:
    with reading(named_sqlite) as connection:
        gap = Filters(as_of=date(2026, 11, 15), basis="records")
        found = moment.resolve(connection, gap, TODAY)
        assert found.now.day == date(2026, 11, 15)
        assert found.now.dates("records")["ninja"] == date(2026, 11, 14)
        assert found.then.dates("records")["threatlocker"] == date(2026, 10, 30)
        assert [str(notice) for notice in found.notices] == [
            "NinjaRMM has no snapshot of 2026-11-15. Showing 2026-11-14.",
            "ThreatLocker has no snapshot of 2026-10-31. Showing 2026-10-30.",
        ]
        the_day_before = gap.having(as_of=date(2026, 11, 14))
        earlier = moment.resolve(connection, the_day_before, TODAY)
        assert device_list.count(connection, found, gap) == device_list.count(
            connection, earlier, the_day_before
        )


def test_a_day_that_is_not_kept_resolves_to_the_one_before(named_sqlite: Engine) -> None:
    with reading(named_sqlite) as connection:
        asked = Filters(as_of=date(2026, 9, 10), basis="ninja")
        found = moment.resolve(connection, asked, TODAY)
        assert found.now.day == date(2026, 8, 31)
        assert "2026-09-10 is no longer kept" in str(found.notices[0])
        assert found.then.requested == date(2026, 7, 31)


def test_the_border_keeps_every_day_after_it(sqlite_engine: Engine) -> None:
    named_world().save(sqlite_engine)
    with writing(sqlite_engine) as connection:
        connection.execute(insert(months_table).values(month="2026-08", closed=True))
    with reading(sqlite_engine) as connection:
        asked = Filters(as_of=date(2026, 9, 10), basis="ninja")
        assert moment.resolve(connection, asked, TODAY).now.day == date(2026, 9, 10)


def test_before_a_basis_begins_figures_are_unknown_not_zero(named_sqlite: Engine) -> None:
    with reading(named_sqlite) as connection:
        agent = Filters(basis="agent")
        found = moment.resolve(connection, agent, TODAY)
        kpi = counts.compare(connection, found, agent).kpis()["total"]
        assert (kpi.figure.current, kpi.figure.previous, kpi.figure.verdict) == (1, None, "no data")
        assert changes.bars(connection, found, agent) == changes.Bars(closing=1)
        assert changes.movers(connection, found, agent) == []
        daily = series.daily_series(connection, found, agent)
        first = daily.days.index(date(2026, 11, 5))
        assert daily.of("total")[first - 1 : first + 1] == (None, 1)
        monthly = month_ends.last_months(connection, found, agent)
        assert [month.total for month in monthly][-2:] == [None, 1]


def test_without_any_snapshot_everything_is_unknown(engine: Engine) -> None:
    with reading(engine) as connection:
        for basis in BASES:
            filters = Filters(basis=basis)
            found = moment.resolve(connection, filters, TODAY)
            assert found.now.day is None
            assert counts.device_counts(connection, found, found.now, filters) is None
            assert counts.compare(connection, found, filters).kpis()["total"].figure.current is None
            assert device_list.page(connection, found, filters) == []
            assert list(device_list.stream(connection, found, filters)) == []
            assert month_ends.last_months(connection, found, filters) == []
            assert site_table.site_rows(connection, found, filters) == []
            assert series.daily_series(connection, found, filters).days == ()
            assert site_table.site_options(connection) == []


def test_the_series_repeats_what_stands_on_a_day_without_a_snapshot(named_engine: Engine) -> None:
    world = named_world()
    with reading(named_engine) as connection:
        for basis in BASES:
            filters = Filters(basis=basis)
            found = moment.resolve(connection, filters, TODAY)
            daily = series.daily_series(connection, found, filters)
            assert len(daily.days) == 30
            for day, total in zip(daily.days, daily.of("total"), strict=True):
                known = world.known(day, basis)
                assert total == (len(_expected(world, day, filters)) if known else None)


@pytest.mark.any_database
def test_months_are_counted_on_their_last_day_and_name_their_gaps(engine: Engine) -> None:
    world = named_world()
    world.save(engine)
    with writing(engine) as connection:
        connection.execute(insert(months_table).values(month="2026-08", closed=True))
    with reading(engine) as connection:
        for filters in (Filters(), Filters(basis="records"), Filters(basis="ninja", q="h-")):
            found = moment.resolve(connection, filters, TODAY)
            monthly = month_ends.last_months(connection, found, filters)
            assert [month.month for month in monthly][0] == "2025-10"
            assert [month.month for month in monthly if month.total is not None] == [
                "2026-08", "2026-09", "2026-10", "2026-11",
            ]  # fmt: skip
            for month in monthly[-4:]:
                day = min(month_end(month.month), TODAY)
                assert month.total == len(_expected(world, day, filters))
            assert [month.open for month in monthly[-4:]] == [False, True, True, True]
            assert [month.running for month in monthly[-2:]] == [False, True]
        found = moment.resolve(connection, Filters(basis="records"), TODAY)
        october = month_ends.last_months(connection, found, Filters(basis="records"))[-2]
        assert october.dates == {"ninja": MONTH_END, "threatlocker": date(2026, 10, 30)}
        assert october.gaps == ()


def test_a_month_without_a_snapshot_is_a_gap_that_stands_with_the_one_before(
    sqlite_engine: Engine,
) -> None:
    world = World({1: "Alpha"})
    world.publish("ninja", date(2026, 9, 29), [DeviceState("ninja", "1", 1)])
    world.publish(
        "ninja", date(2026, 11, 20), [DeviceState("ninja", "1", 1), DeviceState("ninja", "2", 1)]
    )
    world.save(sqlite_engine)
    with reading(sqlite_engine) as connection:
        found = moment.resolve(connection, Filters(basis="ninja"), TODAY)
        monthly = month_ends.last_months(connection, found, Filters(basis="ninja"), 3)
        assert [(month.total, month.gaps) for month in monthly] == [
            (1, ()), (1, ("ninja",)), (2, ()),
        ]  # fmt: skip


def test_a_site_row_shows_both_days_its_sources_and_its_trend(named_engine: Engine) -> None:
    with reading(named_engine) as connection:
        filters = Filters(statuses=("billable",))
        found = moment.resolve(connection, filters, TODAY)
        table = {row.name: row for row in site_table.site_rows(connection, found, filters)}
        assert list(table) == [NO_SITE, "Harbor Dental", "Müller & Söhne, Bau", "North 100% Farms"]
        harbor = table["Harbor Dental"]
        assert (harbor.figure.current, harbor.figure.previous) == (3, 5)
        assert str(harbor.figure.percent) == "-40.0"
        assert harbor.by_type == {"server": 1, "workstation": 2}
        assert harbor.sources == ("ninja", "threatlocker", "agent")
        assert harbor.trend == (None, None, None, None, 5, 5, 5, 3)
        assert table[NO_SITE].sources == ("ninja",)
        assert [option.name for option in site_table.site_options(connection)] == list(table)


def test_last_contact_belongs_to_the_newest_day_only(named_engine: Engine) -> None:
    with reading(named_engine) as connection:
        for as_of, known in ((None, True), (TODAY - timedelta(days=1), False)):
            filters = Filters(as_of=as_of, basis="agent")
            found = moment.resolve(connection, filters, TODAY)
            (row,) = device_list.page(connection, found, filters)
            assert (row["last_contact"] is not None) is known
            assert row["first_seen"] == "2026-11-05"


def test_every_column_sorts_totally_with_empty_values_last(named_engine: Engine) -> None:
    with reading(named_engine) as connection:
        for basis in ("assets", "records"):
            filters = Filters(basis=basis, statuses=STATUSES)
            found = moment.resolve(connection, filters, TODAY)
            everything = set(_listed(connection, found, filters))
            for column in device_list.columns(basis):
                for descending in (False, True):
                    sort = Sort(column, descending)
                    pages = [
                        row
                        for offset in range(0, len(everything), 4)
                        for row in device_list.page(
                            connection, found, filters, sort=sort, offset=offset, limit=4
                        )
                    ]
                    assert {row["device_id"] for row in pages} == everything
                    assert len(pages) == len(everything)
                    empty = [row[column] is None for row in pages]
                    assert empty == sorted(empty)
                    values = [row[column] for row in pages if row[column] is not None]
                    if column in ("device_id", "asset_id"):
                        numbers = [int(value) for value in values]
                        assert numbers == sorted(numbers, reverse=descending)
                    elif column in ("first_seen", "last_contact", "device_type"):
                        assert values == sorted(values, reverse=descending)


def test_an_asset_row_is_the_primary_record_with_all_sources_that_manage_it(
    named_engine: Engine,
) -> None:
    with reading(named_engine) as connection:
        filters = Filters(q="h-pc2")
        found = moment.resolve(connection, filters, TODAY)
        (row,) = device_list.page(connection, found, filters)
        assert tuple(row) == (*device_list.COLUMNS, "sources")
        assert (row["source"], row["source_key"]) == ("ninja", "102")
        assert row["sources"] == "ninja, threatlocker, agent"
        assert row["site"] == "Harbor Dental"
        assert row["site_id"] == HARBOR
        assert row["device_id"].isdecimal()


def test_the_default_comparison_is_the_month_end_before_the_requested_day(
    named_sqlite: Engine,
) -> None:
    with reading(named_sqlite) as connection:
        for as_of, then in ((None, MONTH_END), (date(2026, 11, 1), MONTH_END),
                            (MONTH_END, month_end(month_before("2026-10")))):  # fmt: skip
            filters = Filters(as_of=as_of)
            assert moment.resolve(connection, filters, TODAY).then.day == then


def test_a_past_month_is_counted_as_known_on_the_requested_day(named_engine: Engine) -> None:
    world = named_world()
    with reading(named_engine) as connection:
        filters = Filters(as_of=date(2026, 10, 15), basis="records")
        found = moment.resolve(connection, filters, TODAY)
        last = month_ends.last_months(connection, found, filters)[-1]
        assert (last.month, last.running, last.open) == ("2026-10", True, True)
        assert last.total == len(_expected(world, date(2026, 10, 15), filters))
        assert last.dates == {"ninja": date(2026, 10, 15), "threatlocker": date(2026, 10, 15)}
