"""The views of records and assets, compared with plain Python on random fleets."""

import random
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, func, select

from db.engine import reading
from db.history.views import assets_as_of, records_as_of
from db.tables import daily_counts
from tests.support.samples import samples
from tests.support.worlds import TODAY, World, random_world


def _assets(engine: Engine, day: date) -> dict[int, tuple[object, ...]]:
    with reading(engine) as connection:
        rows = connection.execute(assets_as_of(day)).mappings().all()
    return {
        row["asset_id"]: (
            row["device_id"], row["site_id"], row["device_type"], row["billing_status"],
            row["sources"], row["type_reason"],
        )
        for row in rows
    }  # fmt: skip


def _expected(world: World, day: date) -> dict[int, tuple[object, ...]]:
    return {
        asset: (
            record.device_id, record.site_id, record.device_type, record.billing_status,
            ", ".join(sources), f"it is a {record.device_type}",
        )
        for asset, (record, sources) in world.assets(day).items()
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(samples(3, 6)))
def test_each_machine_has_the_primary_record_of_rule_4(engine: Engine, seed: int) -> None:
    world = random_world(random.Random(seed))
    world.save(engine)
    for back in range(14):
        day = TODAY - timedelta(days=back)
        assert _assets(engine, day) == _expected(world, day)


def test_records_of_a_day_are_the_last_published_ones_of_each_source(engine: Engine) -> None:
    world = random_world(random.Random(99))
    world.save(engine)
    for back in range(14):
        day = TODAY - timedelta(days=back)
        with reading(engine) as connection:
            device_ids = {row.device_id for row in connection.execute(records_as_of(day))}
        assert device_ids == {record.device_id for record in world.records(day)}


def test_views_accept_a_column_of_days(engine: Engine) -> None:
    world = random_world(random.Random(7))
    world.save(engine)
    days = select(daily_counts.c.snapshot_date.label("day")).distinct().subquery("days")
    with reading(engine) as connection:
        for view, standing in (
            (assets_as_of(days.c.day), world.assets),
            (records_as_of(days.c.day), world.records),
        ):
            rows = view.subquery()
            counts = connection.execute(select(rows.c.day, func.count()).group_by(rows.c.day)).all()
            assert {row[0]: row[1] for row in counts} == {
                row[0]: len(standing(row[0])) for row in counts
            }
            assert len(counts) > 5
