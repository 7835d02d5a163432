"""Why this number: the drawer says what the figure, its list and its file say."""

import random
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, insert, update

from dashboard.base.params import BARS, TYPES, Filters
from dashboard.queries import moment, series
from dashboard.queries.changes import bars as changes
from dashboard.queries.collection_days import gaps
from dashboard.queries.devices import device_list
from dashboard.queries.explain import figure as why
from dashboard.queries.explain.contributions import site_changes
from dashboard.queries.months import month_ends
from dashboard.queries.sites import site_table
from db.engine import reading, writing
from db.tables import collection_runs
from tests.support.changes_oracle import random_filters as _random_filters
from tests.support.samples import samples
from tests.support.worlds import HARBOR, MONTH_END, TODAY, named_world, random_world, run_row


def explained(engine: Engine, filters: Filters, figure: str = "count") -> why.Explanation:
    with reading(engine) as connection:
        found = moment.resolve(connection, filters, TODAY)
        return why.explain(connection, found, filters, figure)


@pytest.mark.parametrize("seed", range(samples(1, 2)))
def test_every_part_of_an_answer_agrees_with_the_list(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    world = random_world(rng)
    world.save(engine)
    with reading(engine) as connection:
        for _ in range(8):
            filters = _random_filters(rng, sites=(0, *world.sites))
            found = moment.resolve(connection, filters, TODAY)
            answer = why.explain(connection, found, filters, "bars")
            listed = device_list.count(connection, found, filters)
            assert (answer.count.current or 0) == listed
            for shares in (answer.statuses, answer.types, answer.sources):
                assert sum(shares.values()) == listed, filters
            assert answer.bars == changes.bars(connection, found, filters)
            if answer.bars and answer.bars.opening is not None:
                assert answer.count.previous == answer.bars.opening
                assert answer.count.current == answer.bars.closing
            for one in answer.left_out:
                assert one.n >= 0
                if one.filters:
                    assert one.n == device_list.count(connection, found, one.filters), (
                        filters,
                        one,
                    )


@pytest.mark.any_database
@pytest.mark.parametrize("seed", range(samples(2, 3)))
def test_the_parts_of_an_answer_add_up_to_its_figure_and_open_exactly_their_changes(
    engine: Engine, seed: int
) -> None:
    rng = random.Random(100 + seed)
    world = random_world(rng)
    world.save(engine)
    parts_checked = 0
    with reading(engine) as connection:
        for turn in range(12):
            filters = _random_filters(rng, sites=(0, *world.sites))
            if turn % 2:
                filters = filters.having(q=None, locations=(), managed_by=(), types=())
            asked = (connection, moment.resolve(connection, filters, TODAY))
            whole = changes.bars(*asked, filters)
            changed = site_changes(*asked, filters)
            assert whole.closing is not None or not list(changed)
            if whole.opening is None or whole.closing is None:
                continue
            assert sum(part.net for part in changed) == whole.closing - whole.opening, filters
            for part in changed:
                alone = changes.bars(*asked, filters.having(sites=(part.site_id,)))
                assert part.bars == {bar: n for bar in BARS if (n := getattr(alone, bar))}
                parts_checked += 1
            for bar in BARS:
                in_bar = site_changes(*asked, filters, bar)
                assert sum(part.in_bar for part in in_bar) == getattr(whole, bar), (filters, bar)
            answer = why.explain(*asked, filters, "count")
            if list(answer.parts):
                assert sum(part.n for part in answer.parts) == answer.value
            for share in answer.parts:
                assert share.n == device_list.count(*asked, share.filters), (filters, share)
    assert parts_checked > 3


@pytest.mark.any_database
@pytest.mark.parametrize("seed", range(samples(1, 2)))
def test_the_points_of_a_trend_equal_those_drawn_and_listed(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    world = random_world(rng, days=40)
    world.save(engine)
    with reading(engine) as connection:
        for _ in range(6):
            filters = _random_filters(rng, sites=(0, *world.sites))
            filters = filters.having(sites=(rng.choice((1, 2)),))
            asked = (connection, moment.resolve(connection, filters, TODAY), filters)
            drawn: dict[str, list[int | None]] = {
                "months": [one.total for one in month_ends.last_months(*asked)],
                "trend": list(series.daily_series(*asked).of("total")),
                "days": list(series.daily_series(*asked, 65, unbroken=True).of("total")),
            }
            row = next((one for one in site_table.site_rows(*asked) if one.trend), None)
            if row is not None:
                drawn["site"] = list(row.trend)
            for figure, values in drawn.items():
                answer = why.explain(*asked, figure)
                found = [one.n for one in reversed(answer.points)]
                assert found == values, (filters, figure)
                assert not found or answer.value == found[-1]
                for one in answer.points:
                    if one.filters is not None:
                        there = moment.resolve(connection, one.filters, TODAY)
                        listed = device_list.count(connection, there, one.filters)
                        assert listed == (one.n or 0)
                        assert one.snapshots or one.n is None


@pytest.mark.any_database
def test_devices_left_out_are_counted_by_their_reason(named_engine: Engine) -> None:
    answer = explained(
        named_engine, Filters(sites=(HARBOR,), types=("server",), statuses=("billable",))
    )
    assert (answer.value, answer.site_names) == (1, ("Harbor Dental",))
    assert {(one.name, *one.values): one.n for one in answer.left_out} == {
        ("site",): 0, ("type", *(name for name in TYPES if name != "server")): 2,
        ("status", "spare"): 0, ("status", "excluded"): 0, ("records",): 2,
    }  # fmt: skip
    everywhere = explained(named_engine, Filters())
    assert {(one.name, *one.values): one.n for one in everywhere.left_out} == {
        ("status", "spare"): 2, ("status", "excluded"): 2, ("records",): 12,
    }  # fmt: skip
    assert everywhere.sources == {"ninja": 7, "threatlocker": 1}


@pytest.mark.any_database
def test_an_answer_names_the_runs_it_rests_on_and_the_days_without(engine: Engine) -> None:
    named_world().save(engine)
    broken = run_row(
        "ninja", date(2026, 11, 15), state="failed", published=False, reason="HTTP 500"
    )
    with writing(engine) as connection:
        connection.execute(insert(collection_runs).values(broken))
        newest = (collection_runs.c.source == "ninja") & (collection_runs.c.business_date == TODAY)
        connection.execute(update(collection_runs).where(newest).values(quarantined=3))
    answer = explained(engine, Filters())
    assert [(one.source, one.date, one.quarantined) for one in answer.now] == [
        ("ninja", TODAY, 3), ("threatlocker", TODAY, 0), ("agent", TODAY, 0),
    ]  # fmt: skip
    assert [(one.source, one.date) for one in answer.then] == [
        ("ninja", MONTH_END), ("threatlocker", date(2026, 10, 30)),
    ]  # fmt: skip
    assert [(one.source, one.day, one.state, one.reason) for one in answer.gaps] == [
        ("threatlocker", MONTH_END, "missing", None),
        ("ninja", date(2026, 11, 15), "failed", "HTTP 500"),
    ]  # fmt: skip
    assert explained(engine, Filters(basis="agent")).gaps == ()


def test_before_the_first_snapshot_there_is_no_number(named_engine: Engine) -> None:
    early = date(2026, 8, 1)
    answer = explained(
        named_engine, Filters(as_of=early, compare_to=early - timedelta(days=1)), "added"
    )
    assert answer.value is None
    assert (answer.now, answer.then, answer.gaps) == ((), (), ())


@pytest.mark.any_database
def test_a_day_after_the_newest_snapshot_is_not_missing_but_may_have_failed(
    engine: Engine,
) -> None:
    named_world().save(engine)
    later = TODAY + timedelta(days=2)
    with writing(engine) as connection:
        connection.execute(
            insert(collection_runs).values(
                run_row("ninja", TODAY + timedelta(days=1), state="suspicious", published=False)
            )
        )
    with reading(engine) as connection:
        found = moment.resolve(connection, Filters(), later)
        said = gaps(connection, found, ("ninja", "agent"), TODAY, later)
    assert [(one.source, one.state) for one in said] == [("ninja", "suspicious")]
