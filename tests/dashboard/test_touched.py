"""A machine that was enrolled again: which record of a source replaced which."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from dashboard.queries.devices import device_decisions as touched
from dashboard.queries.devices import history
from dashboard.queries.devices.device_decisions import OtherRecord, Replacements
from db.engine import reading
from db.keys import device_id
from tests.support.small_hub import Hub, Pc

pytestmark = pytest.mark.any_database

FIRST = date(2026, 11, 2)
OTHERS = [Pc(f"{n}", "1", "Harbor", f"desk-{n}") for n in range(10, 14)]
OLD, NEW = (Pc(key, "1", "Harbor", "front-1", serial="REAL-0001") for key in ("1", "2"))
NEWEST = Pc("3", "1", "Harbor", "front-1", serial="REAL-0001")


def replacements(hub: Hub, key: str) -> Replacements:
    with reading(hub.engine) as connection:
        device = history.find(connection, str(device_id("ninja", key)))
        assert device is not None
        assets = {row.asset_id for row in hub.stretches(key)}
        return touched.replacements(connection, device, assets)


def other(key: str, day: date) -> OtherRecord:
    return OtherRecord(device_id("ninja", key), "front-1", day)


def after(days: int) -> date:
    return FIRST + timedelta(days=days)


def test_each_record_names_its_predecessor_and_its_successor(engine: Engine) -> None:
    hub = Hub(engine)
    for days, rows in enumerate(([OLD], [OLD], [NEW], [NEW], [NEWEST])):
        hub.collect(after(days), [*OTHERS, *rows])
    assert replacements(hub, "1") == Replacements(None, other("2", after(2)))
    assert replacements(hub, "2") == Replacements(other("1", after(2)), other("3", after(4)))
    assert replacements(hub, "3") == Replacements(other("2", after(4)), None)
    assert replacements(hub, "10") == Replacements(None, None)


@pytest.mark.parametrize(("together", "replaces"), [(6, True), (12, False)])
def test_two_records_that_stay_together_are_a_duplicate_and_no_replacement(
    sqlite_engine: Engine, together: int, replaces: bool
) -> None:
    """A vendor may list the old record some days longer."""
    hub = Hub(sqlite_engine)
    hub.collect(FIRST, [*OTHERS, OLD])
    for days in range(1, together + 1):
        hub.collect(after(days), [*OTHERS, OLD, NEW])
    assert replacements(hub, "2").before is None and replacements(hub, "1").after is None
    hub.collect(after(together + 1), [*OTHERS, NEW])
    assert (replacements(hub, "2").before is not None) is replaces
    assert (replacements(hub, "1").after is not None) is replaces
