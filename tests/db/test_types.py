"""Column types behave the same on every database."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import StatementError

from db.engine import reading, writing
from db.tables import rule_versions, sites
from tests.support.samples import samples


def rules_of(version: int, at: datetime) -> dict[str, object]:
    return {"version": version, "rules": "{}", "author": "test", "created_at": at}


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 22, 5, 38, 0, 123456, tzinfo=UTC),
        datetime(2026, 11, 22, 5, 38, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 22, 5, 38, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-12))),
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=0),
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    ],
)
def test_a_datetime_is_read_back_in_utc_with_microseconds(engine: Engine, at: datetime) -> None:
    with writing(engine) as connection:
        connection.execute(insert(rule_versions), [rules_of(1, at)])
    with reading(engine) as connection:
        stored = connection.execute(select(rule_versions.c.created_at)).scalar_one()
        same = connection.scalar(
            select(rule_versions.c.version).where(rule_versions.c.created_at == at)
        )
    assert stored == at.astimezone(UTC)
    assert stored.tzinfo is UTC
    assert same == 1


def test_a_datetime_without_timezone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="has no zone"), writing(engine) as connection:
        connection.execute(insert(rule_versions), [rules_of(1, datetime(2026, 1, 1))])


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1971, 1, 2), datetime(9999, 12, 30), timezones=zones)


@settings(
    max_examples=samples(30, 500), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(given=st.lists(instants, min_size=1, max_size=20))
def test_datetimes_sort_chronologically_whatever_their_timezone(
    engine: Engine, given: list[datetime]
) -> None:
    with writing(engine) as connection:
        connection.execute(rule_versions.delete())
        connection.execute(
            insert(rule_versions), [rules_of(version, at) for version, at in enumerate(given)]
        )
        query = select(rule_versions.c.created_at).order_by(rule_versions.c.created_at)
        assert connection.scalars(query).all() == sorted(given)


def test_serial_ids_are_generated(engine: Engine) -> None:
    site = {
        "name": "Harbor Dental",
        "match_name": "harbor dental",
        "needs_review": False,
        "internal": False,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    with writing(engine) as connection:
        keys = [connection.execute(insert(sites), site).inserted_primary_key for _time in range(2)]
        stored = connection.scalars(select(sites.c.site_id).order_by(sites.c.site_id)).all()
    assert [key[0] for key in keys if key is not None] == stored
    assert len(stored) == 2
