"""Months close oldest first, by themselves or by a click, and what is closed stays as it was."""

import json
import zlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, update

from db.engine import reading, writing
from db.history.changes import EntityChange
from db.history.runs import kept_days
from db.months.closings import hindrances, is_unchanged, next_to_close
from db.tables import (
    ALL_SITES,
    audit_log,
    daily_counts,
    month_bases,
    month_changes,
    month_closing_counts,
    month_closings,
    month_end_counts,
    month_members,
    months,
    sites,
)
from etl.decisions.registry import DecisionRefused
from etl.snapshots.publish import PublishRefused
from tests.support.decision_oracle import Administrator
from tests.support.small_hub import Hub, Pc, pcs

pytestmark = pytest.mark.any_database

LAST = date(2024, 1, 31)
TEN = pcs(range(10))


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def february(n: int) -> date:
    return date(2024, 2, n)


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return Hub(sqlite_engine)


def stops(hub: Hub, month: str) -> list[str]:
    with reading(hub.engine) as connection:
        return [str(one) for one in hindrances(connection, month, hub.settings)]


def codes(hub: Hub, month: str) -> list[str]:
    with reading(hub.engine) as connection:
        return [one.code for one in hindrances(connection, month, hub.settings)]


def closed(hub: Hub) -> list[str]:
    return [row.month for row in hub.all(months) if row.closed]


def proof(hub: Hub, closing_id: int) -> bool | None:
    with reading(hub.engine) as connection:
        return is_unchanged(connection, closing_id)


# When a month closes by itself


def test_a_month_closes_by_itself_three_days_after_its_end(hub: Hub) -> None:
    hub.collect(LAST, TEN)
    for day in (february(1), february(2)):
        hub.collect(day, TEN)
        assert hub.run_after_collection() == []
    assert stops(hub, "2024-01") == [
        "It closes automatically with a snapshot of 2024-02-03 or later."
    ]  # fmt: skip

    hub.collect(february(3), TEN)

    assert hub.run_after_collection() == ["2024-01"] and hub.run_after_collection() == []
    assert codes(hub, "2024-01") == ["closed"]
    (closing,) = hub.all(month_closings)
    assert (closing.month, closing.author, closing.members) == ("2024-01", "automatic", 10)
    assert json.loads(closing.dates)["ninja"]["date"] == "2024-01-31"
    assert json.loads(closing.dates_before) == {}
    (entry,) = hub.all(audit_log)
    assert (entry.actor, entry.action, entry.subject) == ("automatic", "close_month", "2024-01")


def test_after_a_time_off_all_months_that_are_due_close_oldest_first(hub: Hub) -> None:
    for day in (LAST, february(29), date(2024, 3, 31)):
        hub.collect(day, TEN)
    hub.collect(date(2024, 4, 20), TEN)

    assert hub.run_after_collection() == ["2024-01", "2024-02", "2024-03"]


def test_the_days_to_wait_are_a_setting(hub: Hub) -> None:
    hub.environ["MONTH_CLOSE_DAYS"] = "1"
    hub.collect(LAST, TEN)
    hub.collect(february(1), TEN)

    assert hub.run_after_collection() == ["2024-01"]


def test_the_running_month_never_closes_whatever_the_clock_says(hub: Hub) -> None:
    hub.collect(LAST, TEN, today=date(2026, 5, 5))

    assert codes(hub, "2024-01") == ["running"]
    with pytest.raises(
        DecisionRefused, match="2024-01 is not over: the newest snapshot is of 2024-01-31"
    ):
        hub.close("2024-01")


def test_it_waits_for_a_source_without_a_run_in_the_last_three_days(hub: Hub) -> None:
    hub.collect(date(2024, 1, 28), TEN, "threatlocker")
    hub.collect(date(2024, 1, 29), TEN)
    hub.collect(february(9), TEN)

    assert hub.run_after_collection() == []
    assert stops(hub, "2024-01") == [
        "threatlocker has no complete run from 2024-01-29 to 2024-01-31."
    ]
    hub.close("2024-01")
    assert closed(hub) == ["2024-01"]
    dates = json.loads(hub.all(month_closings)[0].dates)
    assert {source: said["date"] for source, said in dates.items()} == {
        "ninja": "2024-01-29", "threatlocker": "2024-01-28",
    }  # fmt: skip


def test_a_source_that_came_later_is_not_waited_for(hub: Hub) -> None:
    hub.collect(LAST, TEN)
    hub.collect(february(2), TEN, "threatlocker")
    hub.collect(february(3), TEN)

    assert hub.run_after_collection() == ["2024-01"]


def test_it_waits_while_a_run_of_the_month_is_held(hub: Hub) -> None:
    hub.collect(date(2024, 1, 30), TEN)
    hub.collect(LAST, TEN[:4])
    hub.collect(february(3), TEN, "threatlocker")

    assert hub.run_after_collection() == []
    assert stops(hub, "2024-01") == ["The run of ninja of 2024-01-31 is held: accept or reject it."]


def test_a_held_run_of_the_next_month_is_no_reason_to_wait(hub: Hub) -> None:
    hub.collect(LAST, TEN)
    hub.collect(LAST, TEN, "threatlocker")
    hub.collect(february(3), TEN[:4])
    hub.collect(february(3), TEN, "threatlocker")

    assert hub.run_after_collection() == ["2024-01"]


def test_months_close_oldest_first(hub: Hub) -> None:
    for day in (LAST, february(29), date(2024, 3, 5)):
        hub.collect(day, TEN)

    with pytest.raises(DecisionRefused) as caught:
        hub.close("2024-02")

    assert str(caught.value) == (
        "2024-02 cannot be closed: 2024-01 is still open: close it first. "
        "The next one to close is 2024-01."
    )
    with pytest.raises(DecisionRefused, match="no snapshot of 2023-12 or before it"):
        hub.close("2023-12")
    hub.close("2024-01")
    with pytest.raises(DecisionRefused, match="2024-01 is closed"):
        hub.close("2024-01")


def test_without_data_nothing_can_be_closed(hub: Hub) -> None:
    assert codes(hub, "2024-01") == ["no_data"]
    with reading(hub.engine) as connection:
        assert next_to_close(connection) is None


def test_where_old_ends_are_purged_the_first_kept_one_is_the_first_to_close(hub: Hub) -> None:
    hub.environ = {
        "RETENTION_DAYS": "1", "MONTH_END_RETENTION_MONTHS": "1", "MONTH_CLOSE_DAYS": "0",
    }  # fmt: skip
    for day in (LAST, february(29), date(2024, 3, 31), date(2024, 4, 2)):
        hub.collect(day, TEN)
        hub.retain()

    assert codes(hub, "2024-01") == codes(hub, "2024-02") == ["no_data"]
    assert hub.run_after_collection() == ["2024-03"]


# What a closing holds


def test_members_keep_their_names_and_the_primary_record_of_the_machine(engine: Engine) -> None:
    hub = Hub(engine)
    mine = [Pc("a", hostname="pc-a", serial="SN-0001"), Pc("b", display_name="SPARE-2", org="2",
            org_name="Pelican"), Pc("c", managed=False)]  # fmt: skip
    theirs = [Pc("t", hostname="PC-A.local", serial="SN-0001", node_class=None, os="Windows 11")]
    hub.collect(date(2024, 1, 30), mine)
    hub.collect(LAST, theirs, "threatlocker")
    hub.collect(LAST, mine)
    hub.collect(february(3), mine)

    closing = hub.close("2024-01")

    rows = {row.source_key: row for row in hub.all(month_members, closing_id=closing)}
    assert rows.keys() == {"a", "b", "c", "t"}
    assert [rows[key].speaks for key in "abct"] == [True, True, True, False]
    assert rows["a"].asset_id == rows["t"].asset_id
    assert (rows["a"].asset_type, rows["a"].sources) == ("workstation", "ninja, threatlocker")
    assert (rows["t"].asset_type, rows["t"].sources, rows["t"].asset_days) == (None, None, None)
    assert [rows[key].days for key in "abct"] == [2, 0, 0, 1]
    assert [rows[key].asset_days for key in "abc"] == [2, 0, 0]
    assert (rows["a"].site, rows["b"].site) == ("Harbor Dental", "Pelican")
    counts = {
        (row.basis, row.device_type, row.billing_status): row.n
        for row in hub.all(month_closing_counts, closing_id=closing)
    }
    assert counts == {
        ("ninja", "workstation", "billable"): 1, ("ninja", "workstation", "spare"): 1,
        ("ninja", "workstation", "excluded"): 1, ("threatlocker", "workstation", "billable"): 1,
        ("assets", "workstation", "billable"): 1, ("assets", "workstation", "spare"): 1,
        ("assets", "workstation", "excluded"): 1,
    }  # fmt: skip
    assert proof(hub, closing) is True


def test_a_name_that_changes_later_does_not_change_what_was_closed(hub: Hub) -> None:
    hub.collect(LAST, TEN)
    hub.collect(february(3), TEN)
    closing = hub.close("2024-01")
    with writing(hub.engine) as connection:
        connection.execute(update(sites).values(name="Harbour Dental Group"))

    hub.collect(february(4), [replace(TEN[0], hostname="renamed"), *TEN[1:]])

    assert {row.site for row in hub.all(month_members)} == {"Harbor Dental"}
    assert proof(hub, closing) is True


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (month_members, {"hostname": "other"}),
        (month_closing_counts, {"n": 11}),
        (month_bases, {"peak": 11}),
        (month_closings, {"dates": "{}"}),
    ],
    ids=str,
)
def test_any_later_change_of_a_closing_breaks_its_hash(
    hub: Hub, table: Any, values: dict[str, Any]
) -> None:
    hub.collect(LAST, TEN)
    hub.collect(february(3), TEN)
    closing = hub.close("2024-01")
    assert proof(hub, closing) is True

    with writing(hub.engine) as connection:
        connection.execute(update(table).values(values))

    assert proof(hub, closing) is False


def test_a_change_deleted_from_a_closing_breaks_its_hash(hub: Hub) -> None:
    hub.collect(date(2023, 12, 31), TEN)
    hub.collect(LAST, TEN[1:])
    hub.collect(february(3), TEN[1:])
    hub.close("2023-12")
    closing = hub.close("2024-01")
    assert hub.all(month_changes)
    assert proof(hub, closing) is True

    with writing(hub.engine) as connection:
        connection.execute(delete(month_changes))

    assert proof(hub, closing) is False


def test_billing_bases_count_every_calendar_day_with_its_standing_state(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(date(2024, 1, 20), pcs(range(6)))
    hub.collect(date(2024, 1, 24), pcs(range(8)))  # 24 to 27: four days
    hub.collect(date(2024, 1, 26), pcs(range(4), node_class=None), "threatlocker")
    hub.collect(date(2024, 1, 28), pcs(range(7)))
    hub.collect(february(3), pcs(range(7)))

    closing = hub.close("2024-01")

    rows = {
        row.basis: (row.month_end, row.device_days, row.days, row.peak, row.peak_day.day)
        for row in hub.all(month_bases, closing_id=closing)
        if row.site_id == ALL_SITES
    }
    assert rows == {
        "ninja": (7, 4 * 6 + 4 * 8 + 4 * 7, 12, 8, 24),
        "threatlocker": (4, 6 * 4, 6, 4, 26),
        "records": (11, 4 * 6 + 2 * 8 + 2 * 12 + 4 * 11, 12, 12, 26),
        "assets": (11, 4 * 6 + 2 * 8 + 2 * 12 + 4 * 11, 12, 12, 26),
    }
    by_site = [row for row in hub.all(month_bases) if row.site_id != ALL_SITES]
    assert {row.basis for row in by_site} == rows.keys()
    assert {row.basis: row.device_days for row in by_site} == {
        basis: row[1] for basis, row in rows.items()
    }
    days = {row.source_key: row.days for row in hub.all(month_members) if row.source == "ninja"}
    assert days == {**dict.fromkeys("012345", 12), "6": 8}


def test_a_machine_is_billable_on_the_days_on_which_its_primary_record_is(hub: Hub) -> None:
    def pair(day: date, name: str) -> None:
        hub.collect(day, [Pc("a", hostname="pc-a", display_name=name), *pcs(range(9))])
        hub.collect(day, [Pc("t", hostname="pc-a", node_class=None)], "threatlocker")

    pair(date(2024, 1, 10), "Desk")
    pair(date(2024, 1, 20), "SPARE")
    pair(LAST, "Desk")
    hub.collect(february(3), TEN)

    hub.close("2024-01")

    rows = {row.source_key: row for row in hub.all(month_members)}
    assert (rows["a"].days, rows["a"].asset_days, rows["t"].days) == (11, 11, 22)
    assert (rows["0"].days, rows["0"].asset_days) == (22, 22)


def test_what_changed_since_the_month_before_is_kept_with_its_reasons(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(date(2024, 1, 30), TEN)
    moved = replace(TEN[0], org="2", org_name="Pelican")
    hub.collect(february(5), [moved, *TEN[2:], Pc("new")])
    hub.collect(february(29), [moved, *TEN[2:], Pc("new")])
    hub.collect(date(2024, 3, 3), TEN)
    assert hub.run_after_collection() == ["2024-01", "2024-02"]

    first, second = hub.all(month_closings)
    assert json.loads(first.dates_before) == {}
    assert json.loads(second.dates_before)["ninja"]["date"] == "2024-01-30"
    rows = hub.all(month_changes)
    assert {row.closing_id for row in rows} == {second.closing_id}
    for basis in ("ninja", "assets"):
        told = [
            EntityChange.from_json(json.loads(zlib.decompress(row.body)))
            for row in rows
            if row.basis == basis
        ]
        reasons = {
            (one.now or one.then).source_key: [str(reason) for reason in one.reasons]  # type: ignore[union-attr]
            for one in told
        }
        assert reasons.keys() == {"0", "1", "new"}, basis
        assert all(reasons.values())
    pelican = hub.site_of("2").site_id
    places = {(row.site_then is None, row.site_now == pelican) for row in rows}
    assert places == {(False, True), (False, False), (True, False)}


# The border


def test_after_closing_nothing_on_or_before_the_border_is_published(hub: Hub) -> None:
    hub.collect(date(2024, 1, 30), TEN)
    hub.collect(february(3), TEN, "threatlocker")
    hub.close("2024-01")

    with pytest.raises(PublishRefused, match="lies in a closed month, which ends on 2024-01-31"):
        hub.collect(LAST, TEN, today=february(3))
    assert hub.collect(february(1), TEN, today=february(3)).state == "complete"


def test_later_collections_change_no_count_of_a_closed_month(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(date(2024, 1, 30), TEN)
    hub.collect(LAST, TEN, "threatlocker")
    hub.collect(february(3), TEN)
    hub.close("2024-01")

    def january() -> Any:
        daily = [row for row in hub.all(daily_counts) if row.snapshot_date <= LAST]
        return daily, hub.all(month_end_counts, month="2024-01")

    before = january()
    hub.environ["SPARE_WORDS"] = "desk"
    hub.collect(february(4), [*TEN, Pc("new")], "threatlocker")
    hub.collect(february(4), [*TEN, Pc("new")])
    hub.run_after_collection()

    assert january() == before


# Reopening


def test_the_newest_closed_month_reopens_with_a_reason_and_takes_its_days_again(
    engine: Engine,
) -> None:
    hub = Hub(engine)
    hub.collect(LAST, TEN)
    hub.collect(february(1), TEN, "threatlocker")
    first = hub.close("2024-01")

    hub.reopen("2024-01", " An invoice was late. ")

    assert closed(hub) == []
    entry = hub.all(audit_log)[-1]
    assert (entry.actor, entry.action, entry.subject) == ("Ana", "reopen_month", "2024-01")
    assert json.loads(entry.detail) == {"reason": "An invoice was late."}
    hub.collect(LAST, TEN[:9], today=february(1))
    second = hub.close("2024-01")
    assert [row.members for row in hub.all(month_closings)] == [10, 9]
    assert proof(hub, first) is True and proof(hub, second) is True


def test_a_reopened_month_waits_for_a_click(hub: Hub) -> None:
    for day in (LAST, february(29), date(2024, 3, 9)):
        hub.collect(day, TEN)
    assert hub.run_after_collection() == ["2024-01", "2024-02"]
    hub.reopen("2024-02")

    assert hub.run_after_collection() == []
    assert stops(hub, "2024-02") == ["2024-02 was reopened: close it by hand when it is right."]
    hub.close("2024-02")
    assert closed(hub) == ["2024-01", "2024-02"]


@pytest.mark.parametrize(
    ("month", "reason", "sentence"),
    [
        ("2024-01", "late", "only 2024-02, the newest closed month, can be"),
        ("2024-03", "late", "only 2024-02, the newest closed month, can be"),
        ("2024-02", "  ", "Say why 2024-02 is reopened"),
    ],
)
def test_only_the_newest_closed_month_reopens_and_only_with_a_reason(
    hub: Hub, month: str, reason: str, sentence: str
) -> None:
    for day in (LAST, february(29), date(2024, 3, 9)):
        hub.collect(day, TEN)
    hub.run_after_collection()

    with pytest.raises((DecisionRefused, PublishRefused), match=sentence):
        hub.reopen(month, reason)

    assert closed(hub) == ["2024-01", "2024-02"] and len(hub.all(audit_log)) == 2


def test_without_a_closed_month_there_is_nothing_to_reopen(hub: Hub) -> None:
    with pytest.raises(DecisionRefused, match="no month is closed"):
        hub.reopen("2024-01")


# Retention


def test_members_go_with_their_month_and_counts_and_bases_stay(hub: Hub) -> None:
    hub.environ = {"RETENTION_DAYS": "5", "MONTH_END_RETENTION_MONTHS": "2"}
    ends = [LAST, february(29), date(2024, 3, 31), date(2024, 4, 30)]
    for end in ends:
        hub.collect(end, TEN)
        hub.collect(end + timedelta(days=3), TEN)
        assert hub.run_after_collection() == [f"{end:%Y-%m}"]

    left = {row.closing_id for row in hub.all(month_members)}
    closings = hub.all(month_closings)
    assert [row.closing_id in left for row in closings] == [False, False, True, True]
    assert [proof(hub, row.closing_id) for row in closings] == [None, None, True, True]
    for table in (month_closing_counts, month_bases):
        assert {row.closing_id for row in hub.all(table)} == {row.closing_id for row in closings}


def test_a_closing_without_members_is_not_called_broken_once_its_changes_are_purged(
    hub: Hub,
) -> None:
    hub.environ = {"RETENTION_DAYS": "5", "MONTH_END_RETENTION_MONTHS": "2"}
    hub.collect(LAST, TEN)
    hub.collect(february(3), TEN)
    hub.run_after_collection()
    Administrator(hub, february(20)).end("ninja")
    for day in (date(2024, 3, 31), date(2024, 4, 30), date(2024, 5, 31), date(2024, 6, 30)):
        hub.collect(day, TEN, "threatlocker")
        hub.collect(day + timedelta(days=3), TEN, "threatlocker")
        hub.run_after_collection()

    empty = hub.all(month_closings, month="2024-02")[0]
    assert empty.members == 0 and hub.all(month_changes, closing_id=empty.closing_id) == []
    assert proof(hub, empty.closing_id) is None


def test_days_that_were_purged_while_a_month_was_closed_are_not_taken_for_kept_when_it_reopens(
    hub: Hub,
) -> None:
    hub.environ = {"RETENTION_DAYS": "3", "MONTH_END_RETENTION_MONTHS": "9"}
    for day in days(date(2024, 1, 20), february(3)):
        hub.collect(day, [*TEN, Pc("x", note=str(day))])
    assert hub.run_after_collection() == ["2024-01"]
    hub.reopen("2024-01")

    with reading(hub.engine) as connection:
        kept = kept_days(connection, hub.settings)
    assert kept is not None
    assert not kept.is_kept(date(2024, 1, 25))
    assert kept.kept_on_or_before(LAST) == LAST and kept.kept_on_or_before(february(1)) == february(
        1
    )
    second = hub.close("2024-01")
    rows = {row.basis: row.days for row in hub.all(month_bases, closing_id=second)}
    assert rows["ninja"] == 1, "only its last day is known by now"
