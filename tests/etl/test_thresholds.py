"""Thresholds are saved as versions; the newest holds for retention, closing, agents and runs."""

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from dashboard.base.access import Actor, roles_up_to
from dashboard.queries.audit import threshold_versions as queries
from db import thresholds
from db.decisions import InvalidDecision, SaveThresholds, parse
from db.engine import reading
from db.history.runs import kept_days
from db.machines import present_days
from db.months.closings import hindrances
from db.roles import ADMINISTRATOR, MANAGER
from db.tables import audit_log, device_snapshots
from db.thresholds import RANGES, Thresholds, are_thresholds
from etl.decisions.registry import HANDLERS, DecisionContext, DecisionRefused
from etl.runtime import lease
from tests.support.small_hub import Hub, pcs

pytestmark = pytest.mark.any_database

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
TODAY = date(2026, 3, 14)


def save(hub: Hub, reason: str = "Less.", **changed: int) -> str:
    with reading(hub.engine) as connection:
        now = thresholds.in_force(connection, hub.settings.thresholds)
    values = asdict(replace(now, **changed))
    decision = parse("save_thresholds", {"thresholds": values, "reason": reason})
    with lease.take(hub.engine) as held:
        by = DecisionContext(hub.engine, held, "Ana", lambda: NOW, hub.settings)
        return HANDLERS["save_thresholds"](by, decision)


def test_the_newest_version_holds_instead_of_the_environment(engine: Engine) -> None:
    hub = Hub(engine, {"RETENTION_DAYS": "40", "MONTH_CLOSE_DAYS": "9"})
    for day in (date(2026, 1, 20), date(2026, 1, 31), date(2026, 2, 27), TODAY):
        hub.collect(day, pcs(range(20), note=str(day)))
    with reading(engine) as connection:
        kept = kept_days(connection, hub.settings)
        assert kept is not None
        assert (kept.days, kept.months) == (40, 24)
        assert queries.current(connection, hub.settings).number == 1
        assert queries.current(connection, hub.settings).author == "environment"
        lost = queries.loss(connection, Thresholds(retention_days=10), hub.settings)
    assert (lost.days, lost.first, lost.months) == (30, date(2026, 2, 3), 0)

    said = save(hub, retention_days=10, month_close_days=2, agent_present_days=5)

    assert "version 2" in said
    with reading(engine) as connection:
        kept = kept_days(connection, hub.settings)
        assert kept is not None
        assert kept.days == 10
        assert present_days(engine, 30) == 5
        newest, first = queries.versions(connection, hub.settings)
    assert (first.number, first.author, first.values.retention_days) == (1, "environment", 40)
    assert (newest.number, newest.author, newest.reason) == (2, "Ana", "Less.")
    (entry,) = [row for row in hub.all(audit_log) if row.action == "save_thresholds"]
    detail = json.loads(entry.detail)
    assert (entry.actor, entry.subject) == ("Ana", "version 2")
    assert (detail["before"]["retention_days"], detail["after"]["retention_days"]) == (40, 10)
    assert detail["reason"] == "Less."
    before = len(hub.all(device_snapshots))
    assert hub.retain() > 0, "the next run purges by the version in force"
    assert len(hub.all(device_snapshots)) < before
    with pytest.raises(DecisionRefused, match="Nothing differs"):
        save(hub)
    save(hub, retention_days=11)
    with reading(engine) as connection:
        assert [each.number for each in queries.versions(connection)] == [3, 2, 1]


def test_a_month_closes_by_the_version_in_force(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    for day in (date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 4)):
        hub.collect(day, pcs(range(20)))
    save(hub, month_close_days=9)
    with reading(sqlite_engine) as connection:
        found = [each.code for each in hindrances(connection, "2026-02", hub.settings)]
    assert "too_early" in found
    assert hub.run_after_collection(NOW) == []
    save(hub, month_close_days=4)
    assert hub.run_after_collection(NOW) == ["2026-02"]


def test_a_run_is_suspicious_by_the_version_in_force(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    hub.collect(date(2026, 3, 10), pcs(range(100)))
    assert hub.collect(date(2026, 3, 11), pcs(range(97))).state == "complete"
    save(hub, vanished_percent=1, vanished_devices=1)
    assert hub.collect(date(2026, 3, 12), pcs(range(94))).state == "suspicious"
    save(hub, vanished_percent=5, vanished_devices=10)
    assert hub.collect(date(2026, 3, 13), pcs(range(93))).state == "complete"


def test_a_version_is_checked_whole_and_saved_by_administrators_alone() -> None:
    right = asdict(Thresholds())
    assert are_thresholds(right)
    assert list(right) == list(RANGES)
    wrong = [
        {**right, name: value}
        for name, (least, most) in RANGES.items()
        for value in (least - 1, most + 1)
    ]
    wrong += [right | {"administrator_percent": 4}, right | {"more": 1}, {"retention_days": 9}]
    for values in wrong:
        with pytest.raises(InvalidDecision):
            parse("save_thresholds", {"thresholds": values, "reason": "why"})
    with pytest.raises(InvalidDecision):
        parse("save_thresholds", {"thresholds": right | {"retention_days": "9"}, "reason": "why"})
    for role, may in ((MANAGER, False), (ADMINISTRATOR, True)):
        assert Actor("x", roles_up_to(role)).may_start(SaveThresholds) is may
