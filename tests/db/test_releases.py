"""The data of every version that somebody may have installed outlives the upgrade to this one, on
each database (`tests/support/released_data.py` says how a version is added)."""

import re
from collections import Counter
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, Table, func, select

from db import migrate
from db.engine import reading
from db.months.closings import is_unchanged
from db.settings import load
from db.tables import daily_counts, metadata, month_closings
from etl.runtime import lease
from etl.work.after_collection import process
from tests.conftest import ROOT
from tests.support.released_data import ReleasedData, released

AFTER = datetime(2026, 12, 2, 9, tzinfo=UTC)
RECALCULATED = {"daily_counts", "month_end_counts", "coverage_findings", "meta", "device_keys"}
"""Tables of what follows from others, which an upgrade may fill further."""


def sizes(engine: Engine, names: set[str]) -> dict[str, int]:
    def size(table: Table) -> int:
        with reading(engine) as connection:
            return int(connection.scalar(select(func.count()).select_from(table)) or 0)

    return {name: size(table) for name, table in metadata.tables.items() if name in names}


def counts_by_source(engine: Engine) -> Counter[tuple[date, str, str, str]]:
    """The devices of each source by day, type and billing status."""
    columns = daily_counts.c
    statement = select(
        columns.snapshot_date, columns.basis, columns.device_type, columns.billing_status, columns.n
    ).where(columns.basis.in_(("ninja", "threatlocker")))
    found: Counter[tuple[date, str, str, str]] = Counter()
    with reading(engine) as connection:
        for day, basis, device_type, status, devices in connection.execute(statement):
            found[day, basis, device_type, status] += devices
    return found


@pytest.mark.parametrize(
    "bare_engine",
    ["sqlite", *(pytest.param(name, marks=pytest.mark.full) for name in ("postgresql", "mariadb"))],
    indirect=True,
)
@pytest.mark.parametrize("data", released(), ids=lambda each: each.name)
def test_an_upgrade_keeps_the_data_of_a_released_version(
    bare_engine: Engine, data: ReleasedData
) -> None:
    data.fill(bare_engine)
    migrate.upgrade(bare_engine)
    migrate.check(bare_engine)
    stored = {name: len(rows) for name, rows in data.rows.items() if rows}
    assert stored["device_snapshots"] > 50 and stored["month_members"] > 20
    kept = sizes(bare_engine, set(stored))
    assert {n: size for n, size in kept.items() if n not in RECALCULATED} == {
        n: size for n, size in stored.items() if n not in RECALCULATED
    }
    with reading(bare_engine) as connection:
        closings = connection.scalars(select(month_closings.c.closing_id)).all()
        assert [is_unchanged(connection, number) for number in closings] == [True]
    before = counts_by_source(bare_engine)
    with lease.take(bare_engine) as held:
        process(bare_engine, held, AFTER, load({}), since=date(2026, 11, 1))
    assert before and counts_by_source(bare_engine) == before


def test_every_dated_version_of_the_changelog_has_its_data() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = set(re.findall(r"^## (\d+\.\d+\.\d+) - ", changelog, re.MULTILINE))
    assert versions <= {each.name.split("-")[0] for each in released()}
    assert released(), "with none, nothing is tested"
