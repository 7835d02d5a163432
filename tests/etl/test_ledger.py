"""Decisions about machines, sites and rules restate the days after the border and none before, and
undone they leave the numbers as they were."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select

from db.decisions import SaveRules
from db.engine import reading
from db.history.changes import changes_between
from db.history.runs import kept_days
from db.rules import current_rules, rules_by_day
from db.tables import (
    audit_log,
    count_restatements,
    device_snapshots,
    sites,
)
from etl.decisions.machines import link_devices, split_device
from etl.decisions.registry import DecisionRefused
from etl.decisions.rules import as_json, save_rules
from etl.decisions.runs import withdraw_day
from etl.decisions.sites import merge_sites
from etl.decisions.undo import undo
from tests.support.decision_oracle import check, stored_counts
from tests.support.random_hub import NOVEMBER, OCTOBER, decision_context, device, site
from tests.support.small_hub import Hub, Pc


def counted(hub: Hub, day: date) -> dict[str, int]:
    """Machines by site, from the stored counts that stand on a day."""
    with reading(hub.engine) as connection:
        names = dict(connection.execute(select(sites.c.site_id, sites.c.name)).all())
        found: dict[str, int] = {}
        stood = {when: counts for (basis, when), counts in stored_counts(connection).items()
                 if basis == "assets" and when <= day}  # fmt: skip
        for (site_id, *_), n in stood[max(stood)].items():
            found[names[site_id]] = found.get(names[site_id], 0) + n
        check(connection)
    return found


BEFORE = {"Harbor Dental": 3, "Harbour Dental Clinic": 1, "Pelican Freight": 1}


def test_a_manual_link_makes_one_machine_from_the_day_after_the_border(hub: Hub) -> None:
    assert counted(hub, NOVEMBER) == BEFORE
    with decision_context(hub) as by:
        entry = link_devices(by, device("ninja", "2"), device("threatlocker", "b"))
    assert counted(hub, NOVEMBER) == {**BEFORE, "Harbor Dental": 2}
    assert counted(hub, date(2026, 10, 31)) == BEFORE
    (link,) = [row for row in hub.links() if row.method == "manual"]
    assert (link.since, link.decided_by, link.author) == (date(2026, 11, 1), entry, "Ana")
    with decision_context(hub) as by:
        undo(by, entry)
    assert counted(hub, NOVEMBER) == BEFORE
    assert [row.undone_by for row in hub.links() if row.method == "manual"] != [None]


def test_a_later_collection_keeps_manual_links(hub: Hub) -> None:
    with decision_context(hub) as by:
        link_devices(by, device("ninja", "2"), device("threatlocker", "b"))
    for source in ("ninja", "threatlocker"):
        hub.collect(NOVEMBER + timedelta(days=1), hub.sources[source].rows, source)
    assert counted(hub, NOVEMBER + timedelta(days=1)) == {**BEFORE, "Harbor Dental": 2}


def test_the_effect_of_a_decision_is_an_adjustment_on_the_day_after_the_border(
    hub: Hub,
) -> None:
    with decision_context(hub) as by:
        link_devices(by, device("ninja", "2"), device("threatlocker", "b"))
        merge_sites(by, site(hub, "Harbour Dental Clinic"), site(hub, "Harbor Dental"))
    with reading(hub.engine) as connection:
        kept = kept_days(connection)
        assert kept is not None
        rows = changes_between(
            connection, "assets", date(2026, 10, 31), NOVEMBER, rules_by_day(connection), kept
        )
        told = {row.key: [str(reason) for reason in row.reasons] for row in rows}
    moved = told[device("ninja", "3")]
    assert moved == [
        "adjustment: organization changed: Harbour Dental Clinic to Harbor Dental on 1 Nov 2026"
    ]
    assert told.keys() == {
        device("ninja", "3"), device("ninja", "2"), device("threatlocker", "b")
    } or len(told) == 2  # fmt: skip
    linked = [reasons for key, reasons in told.items() if key != device("ninja", "3")]
    assert all(reason.startswith("adjustment: linked") for one in linked for reason in one)


def test_a_device_that_changed_itself_on_that_day_shows_both(hub: Hub) -> None:
    """Its stretch of 1 November was opened by a collection, not by the decision."""
    ninja = [Pc(**{**row.__dict__, "note": "x", "hostname": "lab-3b"}) if row.key == "3" else row
             for row in hub.sources["ninja"].rows]  # fmt: skip
    with decision_context(hub) as by:
        withdraw_day(by, "ninja", NOVEMBER)
    hub.collect(date(2026, 11, 1), ninja)
    with decision_context(hub) as by:
        merge_sites(by, site(hub, "Harbour Dental Clinic"), site(hub, "Harbor Dental"))
    with reading(hub.engine) as connection:
        kept = kept_days(connection)
        assert kept is not None
        (row,) = [
            one
            for one in changes_between(
                connection, "ninja", date(2026, 10, 31), NOVEMBER, rules_by_day(connection), kept
            )
            if one.key == device("ninja", "3")
        ]
    assert [str(reason) for reason in row.reasons] == [
        "adjustment: organization changed: Harbour Dental Clinic to Harbor Dental on 1 Nov 2026",
        "hostname changed: lab-3 to lab-3b on 1 Nov 2026",
    ]


def test_a_device_taken_out_of_its_machine_is_never_linked_to_it_again(hub: Hub) -> None:
    with decision_context(hub) as by:
        entry = split_device(by, device("threatlocker", "a"))
    assert counted(hub, NOVEMBER)["Harbor Dental"] == 4
    for source in ("ninja", "threatlocker"):
        hub.collect(NOVEMBER + timedelta(days=1), hub.sources[source].rows, source)
    later = NOVEMBER + timedelta(days=1)
    assert counted(hub, later)["Harbor Dental"] == 4
    with decision_context(hub, later) as by:
        undo(by, entry)
    assert counted(hub, later) == BEFORE


def test_splitting_off_the_first_record_keeps_the_others_linked(engine: Engine) -> None:
    hub = Hub(engine)
    for source in ("ninja", "threatlocker", "agent"):
        hub.collect(NOVEMBER, [Pc("1", hostname="front-1")], source)
    assert counted(hub, NOVEMBER) == {"Harbor Dental": 1}
    with decision_context(hub) as by:
        entry = split_device(by, device("ninja", "1"))
    assert counted(hub, NOVEMBER) == {"Harbor Dental": 2}
    with reading(engine) as connection:
        rows = connection.execute(select(device_snapshots.c.source, device_snapshots.c.asset_id))
        asset = {source: asset_id for source, asset_id in rows}
    assert asset["agent"] == asset["threatlocker"] != asset["ninja"]
    with decision_context(hub) as by:
        undo(by, entry)
    assert counted(hub, NOVEMBER) == {"Harbor Dental": 1}


def test_a_manual_link_covers_the_days_of_a_link_that_a_run_ended_later(engine: Engine) -> None:
    """PC 4 answered to ThreatLocker's record for a day, and then had another serial number."""
    hub = Hub(engine)
    first, second = NOVEMBER, NOVEMBER + timedelta(days=1)
    hub.collect(first - timedelta(days=1), [Pc("1", "2", "Pelican")])
    hub.collect(first, [Pc("a", serial="SN-0003")], "threatlocker")
    hub.collect(first, [Pc("4", serial="SN-0003")], "agent")
    hub.collect(second, [Pc("4", serial="SN-0001")], "agent")
    (ended,) = hub.links()
    assert (ended.since, ended.until, ended.device_id) == (first, second, device("agent", "4"))
    before = [counted(hub, day) for day in (first, second)]
    assert [sum(counts.values()) for counts in before] == [2, 3]
    with decision_context(hub, second) as by:
        entry = link_devices(by, device("agent", "4"), device("ninja", "1"))
    for day in (first, second):
        assert sum(counted(hub, day).values()) == 2
        assert hub.on(day, "agent")["4"].asset_id == hub.on(day)["1"].asset_id
    with decision_context(hub, second) as by:
        undo(by, entry)
    assert [counted(hub, day) for day in (first, second)] == before


def test_a_manual_link_reverses_one_that_a_run_ended(engine: Engine) -> None:
    """ThreatLocker's record answered to the agent's for a day, which then was linked to it: on that
    day each names the other."""
    hub = Hub(engine)
    days = [NOVEMBER + timedelta(days=n) for n in range(4)]
    hub.collect(days[0], [Pc("a")], "threatlocker")
    hub.collect(days[1], [Pc("4", serial="SN-0003")], "agent")
    for day, serial in zip(days[1:], ("SN-0003", "SN-0009", None), strict=True):
        hub.collect(day, [Pc("a", serial=serial)], "threatlocker")
    linked = [counted(hub, day) for day in days]
    assert [sum(counts.values()) for counts in linked] == [1, 1, 2, 2]
    with decision_context(hub, days[3]) as by:
        link_devices(by, device("agent", "4"), device("threatlocker", "a"))
    there = device("threatlocker", "a")
    for day in days:
        assert sum(counted(hub, day).values()) == 1
        rows = {**hub.on(day, "agent"), **hub.on(day, "threatlocker")}
        assert {row.asset_id for row in rows.values()} == {there}, day
    hub.collect(days[3], [Pc("4"), Pc("5")], "agent")
    assert hub.on(days[3], "agent")["4"].asset_id == there
    with reading(engine) as connection:
        check(connection)


def test_undoing_a_link_removes_it_even_after_a_run_ended_it(engine: Engine) -> None:
    hub = Hub(engine)
    first, second = NOVEMBER, NOVEMBER + timedelta(days=1)
    hub.collect(first, [Pc("1"), Pc("2")])
    assert counted(hub, first) == {"Harbor Dental": 2}
    with decision_context(hub) as by:
        entry = link_devices(by, device("ninja", "1"), device("ninja", "2"))
    hub.collect(second, [Pc("1", serial="SN-1000"), Pc("2", serial="SN-2000")])
    assert [counted(hub, day)["Harbor Dental"] for day in (first, second)] == [1, 2]
    with decision_context(hub, second) as by:
        undo(by, entry)
    assert counted(hub, first) == {"Harbor Dental": 2}
    # Taken back, the run leaves the link as undone as it is.
    with decision_context(hub, second) as by:
        withdraw_day(by, "ninja", second)
    assert counted(hub, first) == {"Harbor Dental": 2}
    hub.collect(second, [Pc("1"), Pc("2")])
    assert counted(hub, second) == {"Harbor Dental": 2}


def test_two_real_serial_numbers_refuse_a_link(hub: Hub) -> None:
    rows = [Pc(**{**row.__dict__, "serial": "SN-0009"}) for row in hub.sources["threatlocker"].rows]
    hub.collect(NOVEMBER + timedelta(days=1), rows[1:2], "threatlocker", today=None)
    ninja = [Pc(**{**row.__dict__, "serial": "SN-0008"}) for row in hub.sources["ninja"].rows[1:2]]
    hub.collect(NOVEMBER + timedelta(days=1), [*hub.sources["ninja"].rows[:1], *ninja,
                                               *hub.sources["ninja"].rows[2:]])  # fmt: skip
    with (
        decision_context(hub) as by,
        pytest.raises(DecisionRefused, match="two real serial numbers"),
    ):
        link_devices(by, device("ninja", "2"), device("ninja", "1"))
    assert len(hub.all(audit_log)) == 1  # the month's closing


def test_merged_sites_count_as_one_and_undoing_separates_them(hub: Hub) -> None:
    """front-1 of the clinic in ThreatLocker is the machine that Ninja has at Harbor Dental."""
    clinic = [Pc("d", "t9", "Harbour Dental Clinic Two", "back-2")]
    rows = [*hub.sources["threatlocker"].rows, *clinic]
    hub.collect(NOVEMBER + timedelta(days=1), rows, "threatlocker")
    later = NOVEMBER + timedelta(days=1)
    before = counted(hub, later)
    assert before == {**BEFORE, "Harbour Dental Clinic Two": 1}
    with decision_context(hub, later) as by:
        entry = merge_sites(by, site(hub, "Harbour Dental Clinic Two"), site(hub, "Harbor Dental"))
    assert counted(hub, later) == BEFORE, "its back-2 is Ninja's back-2"
    (merged,) = [row for row in hub.all(sites) if row.merged_into]
    assert not merged.needs_review
    hub.collect(later + timedelta(days=1), rows, "threatlocker")
    assert counted(hub, later + timedelta(days=1)) == BEFORE
    with decision_context(hub, later) as by:
        undo(by, entry)
    assert counted(hub, later) == before


def test_saved_rules_evaluate_every_day_after_the_border_again(hub: Hub) -> None:
    with reading(hub.engine) as connection:
        was = current_rules(connection)
    wanted = {
        "spare_words": ["dock"], "spare_node_classes": [], "internal_sites": ["Harbor Dental"],
        "source_order": ["threatlocker", "ninja", "agent"], "expected_sources": ["ninja"],
    }  # fmt: skip
    hub.sources["ninja"].rows[3] = Pc("4", "3", "Pelican Freight", "dock-4", display_name="Dock 4")
    hub.collect(NOVEMBER + timedelta(days=1), hub.sources["ninja"].rows)
    october = counted(hub, date(2026, 10, 31))
    with decision_context(hub) as by:
        assert save_rules(by, wanted, "The new contract.") == was.version + 1
    status = {
        row.source_key: row.billing_status for row in hub.on(NOVEMBER + timedelta(1)).values()
    }
    assert status == {"1": "excluded", "2": "excluded", "3": "billable", "4": "spare"}
    assert {row.rule_version for row in hub.on(OCTOBER).values()} == {was.version}
    assert {row.rule_version for row in hub.on(NOVEMBER).values()} == {was.version + 1}
    assert counted(hub, date(2026, 10, 31)) == october
    entry = hub.all(audit_log)[-1]
    assert entry.action == SaveRules.kind and '"dock"' in entry.detail
    assert hub.all(count_restatements, entry_id=entry.entry_id)
    # The next collection is judged by them too, whatever the environment says.
    hub.environ["SPARE_WORDS"] = "front"
    hub.collect(NOVEMBER + timedelta(days=2), hub.sources["ninja"].rows)
    assert hub.runs()[-1].rule_version == was.version + 1
    counted(hub, NOVEMBER + timedelta(days=2))
    with decision_context(hub) as by, pytest.raises(DecisionRefused, match="is the same already"):
        save_rules(by, wanted, "Again.")


def test_rules_saved_later_do_not_change_the_primary_record_of_a_closed_day(hub: Hub) -> None:
    """On 31 October ThreatLocker's record of a machine was billable and Ninja's spare."""
    last, after = date(2026, 10, 31), NOVEMBER + timedelta(days=1)
    hub.reopen("2026-10")
    rows = {source: hub.sources[source].rows for source in ("ninja", "threatlocker")}
    with decision_context(hub) as by:
        for source in rows:
            withdraw_day(by, source, NOVEMBER)
    spare = [Pc("1", "1", "Harbor Dental", "front-1", display_name="Spare 1"), *rows["ninja"][1:]]
    hub.collect(last, spare, "ninja")
    hub.collect(last, rows["threatlocker"], "threatlocker")
    hub.collect(after, spare, "ninja")
    hub.close("2026-10")
    with reading(hub.engine) as connection:
        before, rules = stored_counts(connection), current_rules(connection)
    machine = hub.on(after)["1"].asset_id
    assert hub.on(after, "threatlocker")["a"].asset_id == machine
    wanted = as_json(rules) | {"source_order": ["threatlocker", "ninja", "agent"]}
    with decision_context(hub, after) as by:
        save_rules(by, wanted, "They are paid for.")
    entry = hub.all(audit_log)[-1].entry_id
    with reading(hub.engine) as connection:
        check(connection)
        now, kept = stored_counts(connection), kept_days(connection)
        assert kept is not None
        moved = changes_between(connection, "assets", last, after, rules_by_day(connection), kept)
        reasons = {row.key: [str(one) for one in row.reasons] for row in moved}
    assert {day: counts for day, counts in now.items() if day[1] <= last} == {
        day: counts for day, counts in before.items() if day[1] <= last
    }
    spares = [
        sum(n for (_, _, status), n in counts["assets", day].items() if status == "spare")
        for counts, day in ((now, last), (now, after), (before, after))
    ]
    assert spares == [2, 1, 2]
    speaks = "adjustment: now speaks: ThreatLocker instead of NinjaRMM, since 1 Nov 2026"
    assert reasons.pop(machine) == [
        speaks,
        "adjustment: renamed Spare 1 to (none) on 1 Nov 2026",
        "adjustment: renamed to (none), so billable, on 1 Nov 2026",
    ]
    assert list(reasons.values()) == [[speaks]]
    with decision_context(hub, after) as by:
        undo(by, entry)
    with reading(hub.engine) as connection:
        check(connection)
        undone = stored_counts(connection)
    assert {day: undone[day] for day in before} == before


def test_rules_from_the_environment_count_from_the_first_day_published_by_them(
    hub: Hub,
) -> None:
    """A guest speaks for its machine before another record of Ninja once its class is none."""
    rows = [
        *hub.sources["ninja"].rows,
        Pc("7", "1", "Harbor Dental", "guest", serial="REAL1", display_name="Spare 7"),
        Pc("8", "1", "Harbor Dental", "guest", serial="REAL1", node_class="VMWARE_VM_GUEST"),
    ]
    hub.collect(NOVEMBER, rows)
    before = counted(hub, NOVEMBER)
    hub.environ["SPARE_NODE_CLASSES"] = "HYPERV_VMM_GUEST"
    half = rows[:2]
    hub.collect(NOVEMBER + timedelta(days=1), half)
    assert hub.runs()[-1].state == "suspicious"
    assert counted(hub, NOVEMBER) == before
    hub.collect(NOVEMBER + timedelta(days=1), rows)
    counted(hub, NOVEMBER + timedelta(days=1))
    with decision_context(hub) as by:
        withdraw_day(by, "ninja", NOVEMBER + timedelta(days=1))
    assert counted(hub, NOVEMBER) == before
    hub.collect(NOVEMBER + timedelta(days=2), rows)
    counted(hub, NOVEMBER + timedelta(days=2))


def test_a_source_that_published_last_before_the_border_is_restated_too(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(OCTOBER, [Pc("1", "1", "Harbor"), Pc("2", "2", "Harbour")], "ninja")
    hub.collect(NOVEMBER, [Pc("a", "9", "Pelican")], "threatlocker")
    hub.close("2026-10")
    with decision_context(hub) as by:
        entry = merge_sites(by, site(hub, "Harbour"), site(hub, "Harbor"))
    assert counted(hub, NOVEMBER) == {"Harbor": 2, "Pelican": 1}
    assert counted(hub, date(2026, 10, 31)) == {"Harbor": 1, "Harbour": 1}
    # Its next day is the very first one that the decision restated.
    hub.collect(NOVEMBER, [Pc("1", "1", "Harbor"), Pc("2", "2", "Harbour"), Pc("3", "2", "H")])
    assert counted(hub, NOVEMBER) == {"Harbor": 3, "Pelican": 1}
    with decision_context(hub) as by:
        withdraw_day(by, "ninja", NOVEMBER)
        assert counted(hub, NOVEMBER) == {"Harbor": 2, "Pelican": 1}
        undo(by, entry)
    assert counted(hub, NOVEMBER) == {"Harbor": 1, "Harbour": 1, "Pelican": 1}


def test_reopening_a_month_lets_decisions_reach_into_it(hub: Hub) -> None:
    with decision_context(hub) as by:
        merge_sites(by, site(hub, "Harbour Dental Clinic"), site(hub, "Harbor Dental"))
    hub.reopen("2026-10")
    assert counted(hub, OCTOBER) == {"Harbor Dental": 4, "Pelican Freight": 1}
