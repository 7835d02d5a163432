"""A held run is accepted or rejected, the newest day withdrawn, a source ended: what each does to
the numbers, and what it leaves in the audit log."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from db.engine import reading
from db.history.runs import ended_sources
from db.tables import (
    audit_log,
    collection_runs,
    count_restatements,
    daily_counts,
    held_records,
    month_end_counts,
)
from etl.collect import run_log
from etl.decisions.registry import DecisionContext, DecisionRefused
from etl.decisions.runs import accept_run, end_source, reject_run, withdraw_day
from etl.runtime import lease
from etl.snapshots.publish import PublishRefused
from tests.support.decision_oracle import Administrator
from tests.support.small_hub import Hub, Pc, contents, noon, pcs

pytestmark = pytest.mark.any_database

DAY = date(2024, 3, 14)
TEN = pcs(range(10))
FOUR = TEN[:4]


def later(days: int) -> date:
    return DAY + timedelta(days=days)


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return Hub(sqlite_engine)


def last_entry(hub: Hub) -> tuple[str, str, str]:
    entry = hub.all(audit_log)[-1]
    return entry.actor, entry.action, entry.subject


def held(hub: Hub, day: date, rows: list[Pc] = FOUR, source: str = "ninja") -> int:
    assert hub.collect(day, rows, source).state == "suspicious"
    return int(hub.runs(source)[-1].run_id)


# Accepting


def test_an_accepted_run_is_published_as_its_own_day(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(DAY, TEN)
    run_id = held(hub, later(1))

    done = Administrator(hub, later(3)).accept(hub.sources["ninja"], run_id)

    assert (done.added, done.removed, done.changed) == (0, 6, 0)
    assert set(hub.on(later(1))) == {"0", "1", "2", "3"} and len(hub.on(DAY)) == 10
    assert hub.counted("ninja", later(1)) == hub.counted("assets", later(1)) == {"billable": 4}
    assert hub.seen("9") == (DAY, DAY)
    run = hub.runs()[-1]
    assert (run.state, run.published, run.hold, run.decided_by) == (
        "complete", True, "accepted", "Ana",
    )  # fmt: skip
    assert run.decided_at == noon(later(3)) and run.finished_at == noon(later(1))
    assert hub.all(held_records) == []
    assert last_entry(hub) == ("Ana", "accept_run", f"run {run_id}")


def test_a_held_run_stores_what_accepting_it_would_change(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    moved = replace(TEN[0], org="2", org_name="Pelican")

    held(hub, later(1), [moved, *TEN[1:4], Pc("new")])

    run = hub.runs()[-1]
    assert (run.added, run.removed, run.changed, run.needs_administrator) == (1, 6, 1, True)


@pytest.mark.parametrize(("gone", "administrator"), [(11, False), (12, True)])
def test_a_loss_of_a_fifth_needs_an_administrator(hub: Hub, gone: int, administrator: bool) -> None:
    hub.collect(DAY, pcs(range(59)))

    held(hub, later(1), pcs(range(gone, 59)))

    assert hub.runs()[-1].needs_administrator is administrator


def test_an_accepted_run_is_evaluated_by_the_current_rules(hub: Hub) -> None:
    named = [replace(pc, display_name="Front desk") for pc in TEN]
    hub.collect(DAY, named)
    run_id = held(hub, later(1), named[:4])
    hub.environ["SPARE_WORDS"] = "desk"

    Administrator(hub, later(1)).accept(hub.sources["ninja"], run_id)

    assert hub.counted("ninja", later(1)) == {"spare": 4}
    assert hub.runs()[-1].rule_version == 2


def test_a_row_that_cannot_be_read_keeps_its_device_as_it_stood(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    run_id = held(hub, later(1), [replace(TEN[9], trouble="no organization"), *FOUR])

    Administrator(hub, later(1)).accept(hub.sources["ninja"], run_id)

    assert set(hub.on(later(1))) == {"0", "1", "2", "3", "9"}


def test_a_second_run_of_the_newest_day_replaces_it_when_accepted(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    run_id = held(hub, DAY)

    Administrator(hub, DAY).accept(hub.sources["ninja"], run_id)

    assert hub.counted("ninja", DAY) == {"billable": 4}
    assert [run.published for run in hub.runs()] == [False, True]
    assert hub.seen("9") is None


def test_accepting_records_the_counts_that_it_changed(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    run_id = held(hub, later(1))
    hub.collect(later(2), pcs(range(3)), "threatlocker")
    assert hub.counted("assets", later(2)) == {"billable": 13}

    Administrator(hub, later(2)).accept(hub.sources["ninja"], run_id)

    entry = hub.all(audit_log)[-1].entry_id
    told = {
        (row.snapshot_date, row.basis): (row.before, row.after)
        for row in hub.all(count_restatements, entry_id=entry)
    }
    assert told == {
        (later(1), "ninja"): (10, 4), (later(1), "assets"): (10, 4), (later(2), "assets"): (13, 7),
    }  # fmt: skip


@pytest.mark.parametrize("decision", ["accept", "reject"])
def test_a_run_that_does_not_wait_cannot_be_decided(hub: Hub, decision: str) -> None:
    hub.collect(DAY, TEN)
    run_id = held(hub, later(1))
    hub.collect(later(1), TEN)
    decide = getattr(Administrator(hub, later(1)), decision)
    accepts = decision == "accept"
    source = (hub.sources["ninja"],) if accepts else ()
    reason = () if accepts else ("No.",)

    with pytest.raises(DecisionRefused, match="does not wait for a decision: it was superseded"):
        decide(*source, run_id, *reason)
    with pytest.raises(DecisionRefused, match="does not wait for a decision: it is complete"):
        decide(*source, hub.runs()[0].run_id, *reason)
    with pytest.raises(DecisionRefused, match="There is no run 99"):
        decide(*source, 99, *reason)
    assert hub.all(audit_log) == []


def test_a_run_of_a_closed_month_cannot_be_accepted_but_rejected(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    hub.collect(date(2024, 4, 2), TEN, "threatlocker")
    run_id = held(hub, later(1))
    hub.close("2024-03")

    with pytest.raises(DecisionRefused, match="its month is closed. Reject it, or reopen"):
        Administrator(hub, later(1)).accept(hub.sources["ninja"], run_id)
    Administrator(hub, later(1)).reject(run_id, "A customer left.")

    assert len(hub.on(later(1))) == 10


def test_a_rejected_run_leaves_the_numbers_and_is_not_confirmed_any_more(hub: Hub) -> None:
    fifty = pcs(range(50))
    hub.collect(DAY, fifty)
    run_id = held(hub, later(1), fifty[:38])

    Administrator(hub, later(1)).reject(run_id, "A customer left.")

    assert len(hub.on(later(1))) == 50
    run = hub.runs()[-1]
    assert (run.state, run.published, run.hold, run.decided_by) == (
        "suspicious", False, "rejected", "Ana",
    )  # fmt: skip
    assert hub.all(held_records) == [] and last_entry(hub)[1] == "reject_run"
    assert json.loads(hub.all(audit_log)[-1].detail)["reason"] == "A customer left."
    assert hub.collect(later(2), fifty[:38]).state == "suspicious"


# Withdrawing


def test_a_withdrawn_day_is_as_if_it_had_never_been(engine: Engine) -> None:
    hub = Hub(engine)
    portal = [Pc(f"t{n}", hostname=f"PC-{n}.local", node_class=None) for n in range(4)]
    mine = [Pc(str(n), hostname=f"pc-{n}") for n in range(10)]
    hub.collect(DAY, mine)
    hub.collect(later(1), mine[:9])
    hub.collect(later(1), portal, "threatlocker")
    before = contents(engine)

    hub.collect(later(2), [replace(mine[0], hostname="renamed"), *mine[2:], Pc("new")])
    Administrator(hub, later(2)).withdraw("ninja", later(2))

    told = contents(engine)
    for table in ("devices", "device_snapshots", "device_payloads", "asset_links", "daily_counts",
                  "month_end_counts"):  # fmt: skip
        assert told[table] == before[table], table
    run = hub.runs()[-1]
    assert (run.state, run.published, run.hold, run.decided_by) == (
        "complete", False, "withdrawn", "Ana",
    )  # fmt: skip
    assert last_entry(hub) == ("Ana", "withdraw_day", "ninja")
    assert json.loads(hub.all(audit_log)[-1].detail)["day"] == later(2).isoformat()


def test_withdrawing_counts_the_machines_of_later_days_again(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    hub.collect(later(1), [*TEN, Pc("new")])
    hub.collect(later(2), pcs(range(3)), "threatlocker")

    Administrator(hub, later(2)).withdraw("ninja", later(1))

    assert hub.counted("ninja", later(2)) == {"billable": 10}
    assert hub.counted("assets", later(2)) == {"billable": 13}
    assert hub.counted("assets", later(1)) == {"billable": 10}
    told = {
        (row.snapshot_date, row.basis): (row.before, row.after)
        for row in hub.all(count_restatements)
    }
    assert told == {
        (later(1), "ninja"): (11, 10), (later(1), "assets"): (11, 10),
        (later(2), "assets"): (14, 13),
    }  # fmt: skip


def test_withdrawing_counts_a_day_whose_counts_were_purged_when_it_stands_again(
    engine: Engine,
) -> None:
    """31 January stood for no kept day while 1 February did; without that it stands for all of
    February, which is open and therefore kept."""
    hub = Hub(engine, {"RETENTION_DAYS": "30", "MONTH_END_RETENTION_MONTHS": "1",
                       "MONTH_CLOSE_DAYS": "99"})  # fmt: skip
    hub.collect(date(2024, 1, 31), TEN)
    hub.collect(date(2024, 2, 1), pcs(range(3)), "threatlocker")
    hub.close("2024-01")
    hub.collect(date(2024, 3, 12), TEN)
    hub.run_after_collection()
    assert not hub.all(daily_counts, basis="assets", snapshot_date=date(2024, 1, 31))

    Administrator(hub, date(2024, 3, 12)).withdraw("threatlocker", date(2024, 2, 1))

    assert hub.counted("assets", date(2024, 2, 10)) == {"billable": 10}


def test_the_only_day_of_a_month_withdrawn_leaves_no_month_end(hub: Hub) -> None:
    hub.collect(date(2024, 3, 31), TEN)
    hub.collect(date(2024, 4, 1), TEN)
    assert hub.month_end("ninja", "2024-04") == {"billable": 10}

    Administrator(hub, date(2024, 4, 1)).withdraw("ninja", date(2024, 4, 1))

    assert {row.month for row in hub.all(month_end_counts)} == {"2024-03"}


def test_withdrawing_leaves_the_counts_of_months_closed_without_a_day_of_their_own(
    hub: Hub,
) -> None:
    hub.collect(date(2024, 1, 31), TEN)
    hub.collect(date(2024, 4, 5), TEN[:9])
    for month in ("2024-01", "2024-02", "2024-03"):
        hub.close(month)

    Administrator(hub, date(2024, 4, 5)).withdraw("ninja", date(2024, 4, 5))

    assert hub.month_end("ninja", "2024-03") == {"billable": 10}
    assert not hub.month_end("ninja", "2024-04")


def test_the_only_day_of_all_withdrawn_leaves_nothing(hub: Hub) -> None:
    hub.collect(DAY, TEN)

    Administrator(hub, DAY).withdraw("ninja", DAY)

    assert hub.all(daily_counts) == hub.all(month_end_counts) == []
    assert hub.collect(DAY, TEN).state == "complete"


def test_after_a_withdrawal_the_day_can_be_collected_again(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    hub.collect(later(1), TEN[:9])
    Administrator(hub, later(1)).withdraw("ninja", later(1))

    assert hub.collect(later(1), TEN).state == "complete"
    assert hub.spans("9") == [(DAY, None)]


@pytest.mark.parametrize(
    ("source", "day", "sentence"),
    [
        ("ninja", DAY, "only 2024-03-15, its newest published day, can be"),
        ("ninja", later(2), "only 2024-03-15, its newest published day, can be"),
        ("agent", DAY, "agent has no published day to withdraw"),
    ],
)
def test_only_the_newest_day_can_be_withdrawn(
    hub: Hub, source: str, day: date, sentence: str
) -> None:
    hub.collect(DAY, TEN)
    hub.collect(later(1), TEN)

    with pytest.raises((DecisionRefused, PublishRefused), match=sentence):
        Administrator(hub, later(2)).withdraw(source, day)

    assert hub.all(audit_log) == [] and len(hub.on(later(1))) == 10


def test_a_day_of_a_closed_month_cannot_be_withdrawn(hub: Hub) -> None:
    hub.collect(date(2024, 3, 31), TEN)
    hub.collect(date(2024, 4, 2), TEN, "threatlocker")
    hub.close("2024-03")

    with pytest.raises(DecisionRefused, match="its month is closed. Reopen the month first"):
        Administrator(hub, date(2024, 4, 2)).withdraw("ninja", date(2024, 3, 31))


def test_a_day_whose_day_before_is_purged_can_neither_be_withdrawn_nor_replaced(hub: Hub) -> None:
    hub.environ = {"RETENTION_DAYS": "1", "MONTH_END_RETENTION_MONTHS": "0"}
    for back in range(4):
        hub.collect(later(back), [*TEN, Pc("x", note=str(back))])
        hub.retain()
    ana = Administrator(hub, later(3))
    ana.withdraw("ninja", later(3))
    assert len(hub.on(later(2))) == 11

    with pytest.raises(DecisionRefused, match="the snapshot before it is no longer kept"):
        ana.withdraw("ninja", later(2))
    with pytest.raises(
        PublishRefused, match="is before 2024-03-17, the first day of which everything"
    ):
        hub.collect(later(2), TEN, today=later(3))
    assert hub.collect(later(3), TEN).state == "complete"


# Ending a source


def test_an_ended_source_has_nothing_from_that_day_on(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(DAY, TEN)
    hub.collect(DAY, pcs(range(3)), "threatlocker")

    day, removed = Administrator(hub, later(2)).end("ninja")

    assert (day, removed) == (later(2), 10)
    assert hub.on(later(2)) == {} and len(hub.on(later(1))) == 10
    assert hub.seen("0") == (DAY, DAY)
    assert hub.counted("assets", later(2)) == {"billable": 3}
    assert hub.month_end("ninja", "2024-03") == {}
    run = hub.runs()[-1]
    assert (run.kind, run.state, run.published, run.removed) == ("end", "complete", True, 10)
    with reading(engine) as connection:
        assert ended_sources(connection) == {"ninja": later(2)}
        assert run_log.count_complete_days(connection, "ninja") == 1
    assert last_entry(hub) == ("Ana", "end_source", "ninja")
    # The other source goes on, and its counts with it.
    hub.collect(later(3), pcs(range(4)), "threatlocker")
    assert hub.counted("assets", later(3)) == {"billable": 4}


def test_when_the_last_source_ends_nothing_is_counted_any_more(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    Administrator(hub, later(1)).end("ninja")

    assert [row for row in hub.all(daily_counts) if row.snapshot_date > DAY] == []
    assert hub.all(month_end_counts) == []
    assert hub.collect(later(2), TEN).state == "complete"
    assert hub.counted("assets", later(2)) == {"billable": 10}


def test_a_source_collected_today_is_ended_today_and_withdrawing_that_brings_yesterday_back(
    hub: Hub,
) -> None:
    hub.collect(DAY, TEN)
    hub.collect(later(1), [*TEN, Pc("new")])
    ana = Administrator(hub, later(1))

    ana.end("ninja")
    assert hub.on(later(1)) == {}
    ana.withdraw("ninja", later(1))

    assert len(hub.on(later(1))) == 10
    with reading(hub.engine) as connection:
        assert ended_sources(connection) == {}


def test_collected_by_hand_an_ended_source_begins_again(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    Administrator(hub, later(1)).end("ninja")

    assert hub.collect(later(2), TEN[:2]).state == "complete"

    assert hub.spans("0") == [(DAY, later(1)), (later(2), None)]
    with reading(hub.engine) as connection:
        assert ended_sources(connection) == {}


def test_a_held_run_is_superseded_when_its_source_ends(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    held(hub, later(1))

    Administrator(hub, later(1)).end("ninja")

    assert [run.hold for run in hub.runs()] == [None, "superseded", None]


def test_a_source_that_never_began_or_has_ended_cannot_be_ended(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    ana = Administrator(hub, later(1))
    ana.end("ninja")

    with pytest.raises(DecisionRefused, match="ninja was ended on 2024-03-15 already"):
        ana.end("ninja")
    with pytest.raises(DecisionRefused, match="agent was never collected"):
        ana.end("agent")


def test_closing_does_not_wait_for_an_ended_source(hub: Hub) -> None:
    hub.collect(date(2024, 3, 31), TEN)
    hub.collect(DAY, pcs(range(3)), "threatlocker")
    hub.collect(date(2024, 4, 3), TEN)
    assert hub.run_after_collection() == []

    Administrator(hub, date(2024, 4, 3)).end("threatlocker")

    assert hub.run_after_collection() == ["2024-03"]


def test_nothing_is_left_of_a_decision_whose_lease_was_lost(hub: Hub) -> None:
    hub.collect(DAY, TEN)
    run_id = held(hub, later(1))
    before = [hub.all(table) for table in (collection_runs, held_records, audit_log)]
    clock = lambda: datetime.now(UTC)  # noqa: E731
    stale = lease.Lease(hub.engine, lease.COLLECTING, "not ours")
    by = DecisionContext(hub.engine, stale, "Ana", clock)

    for decide in (
        lambda: accept_run(by, hub.sources["ninja"], run_id),
        lambda: reject_run(by, run_id, "No."),
        lambda: withdraw_day(by, "ninja", DAY),
        lambda: end_source(by, "ninja"),
    ):
        with pytest.raises(lease.LeaseLost):
            decide()

    assert [hub.all(table) for table in (collection_runs, held_records, audit_log)] == before
