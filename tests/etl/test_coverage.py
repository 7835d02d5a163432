"""Coverage findings, stored as stretches: always what evaluating each day by itself finds, in
whatever order the days came, and however few machines were evaluated again."""

import json
import random
from collections.abc import Callable, Iterable
from datetime import date
from itertools import groupby
from typing import Any

import pytest
from sqlalchemy import Engine, Row, delete, select, update

from db import coverage
from db.engine import reading, writing
from db.history.runs import kept_days, runs_in_force
from db.keys import as_of, device_id
from db.tables import coverage_findings, device_snapshots, devices, meta, sites
from etl.coverage.findings import machines_of_site, refresh_findings
from etl.coverage.refresh import META_NAME
from etl.decisions.registry import DecisionRefused
from etl.decisions.runs import end_source, withdraw_day
from etl.rules import coverage as rule
from etl.rules.evidence import host_key, real_serial
from etl.runtime import lease
from etl.snapshots.publish import PublishRefused
from tests.support.coverage_world import DAY, CoverageFleet, after, pc
from tests.support.samples import samples
from tests.support.small_hub import Pc, pcs

pytestmark = pytest.mark.any_database

NINJA, LOCKER, AGENT = "ninja", "threatlocker", "agent"
Found = tuple[str, int, int, int | None]


# Each kind, by its sentence.


def test_a_billable_ninja_computer_without_threatlocker_is_a_finding(engine: Engine) -> None:
    fleet = CoverageFleet(engine)
    network = pc("switch", node_class="NMS_SWITCH")
    spare = pc("old", display_name="spare")
    pending = pc("new", managed=False)
    fleet.collect_all(
        DAY, ninja=[pc("a"), pc("b"), network, spare, pending], threatlocker=[pc("B.local")]
    )

    assert fleet.findings_on(DAY) == [("ninja_without_threatlocker", "a", None)]


def test_every_threatlocker_record_without_ninja_is_a_finding(engine: Engine) -> None:
    fleet = CoverageFleet(engine)
    unmanaged = pc("c", managed=False)
    fleet.collect_all(DAY, ninja=[pc("a"), unmanaged], threatlocker=[pc("a"), pc("b"), pc("c")])

    assert fleet.findings_on(DAY) == [
        ("threatlocker_without_ninja", "b", None), ("threatlocker_without_ninja", "c", None)
    ]  # fmt: skip


def test_records_of_internal_sites_are_excluded_so_they_are_neither_findings_nor_coverage(
    sqlite_engine: Engine,
) -> None:
    own = {"org": "9", "org_name": "Our Own Office"}
    rows = {
        NINJA: [pc("a"), pc("i", **own), pc("t", key="t1", **own), pc("t", key="t2", **own),
                pc("m", serial="SN-7711", **own)],
        LOCKER: [pc("a"), pc("b"), pc("x", **own), pc("q", serial="SN-7711")],
        AGENT: [pc("z", **own)],
    }  # fmt: skip
    missing = [("threatlocker_without_ninja", "b", None), ("threatlocker_without_ninja", "q", None)]
    at_own = {"agent_only", "duplicate", "site_mismatch", "ninja_without_threatlocker"}
    fleet = CoverageFleet(sqlite_engine)
    fleet.collect_all(DAY, **rows)
    assert at_own < {found[0] for found in fleet.findings_on(DAY)}
    # From the day on which the site is internal its records are those that nobody is billed for.
    fleet.environ["INTERNAL_SITES"] = "our own office"
    fleet.collect_all(after(1), **rows)

    assert fleet.findings_on(after(1)) == missing


def test_findings_of_an_earlier_version_are_computed_again_at_once(sqlite_engine: Engine) -> None:
    fleet = CoverageFleet(sqlite_engine)
    fleet.collect_all(DAY, ninja=[pc("a")], threatlocker=[pc("b")])
    before = fleet.stored()
    with writing(fleet.engine) as connection:
        connection.execute(update(coverage_findings).values(facts="{}"))
        for row in connection.execute(select(meta).where(meta.c.name == META_NAME)).all():
            state = json.loads(row.value)
            del state["comparison"]
            connection.execute(
                update(meta).where(meta.c.name == META_NAME).values(value=json.dumps(state))
            )
    fleet.refresh()

    assert fleet.stored() == before != []


def test_an_agent_machine_without_a_vendor_is_a_finding(sqlite_engine: Engine) -> None:
    fleet = CoverageFleet(sqlite_engine)
    both = [pc("a"), pc("b")]
    fleet.collect_all(DAY, ninja=both, threatlocker=both, agent=[pc("a"), pc("x")])

    assert fleet.findings_on(DAY) == [("agent_only", "x", None)]


def test_two_records_of_one_source_for_one_machine_are_a_finding(sqlite_engine: Engine) -> None:
    fleet = CoverageFleet(sqlite_engine)
    twice = [pc("a", key="1", serial="REAL77"), pc("b", key="2", serial="real-77")]
    fleet.collect_all(DAY, ninja=twice)

    (found,) = fleet.findings_on(DAY)
    assert found[0] == "duplicate" and {found[1], found[2]} == {"a", "b"}


def test_a_hostname_twice_at_one_site_is_a_finding_but_not_at_two_sites(engine: Engine) -> None:
    fleet = CoverageFleet(engine)
    here = [pc("DESK", key="1"), pc("desk.local", key="2")]
    there = pc("desk", key="3", org="2", org_name="Pelican")
    nowhere = [pc("desk", key=key, org=None, org_name=None) for key in ("4", "5")]
    fleet.collect_all(DAY, ninja=[*here, there, *nowhere])

    ((kind, *names),) = fleet.findings_on(DAY)
    assert kind == "duplicate" and set(names) == {"DESK", "desk.local"}


def test_of_two_records_of_a_source_the_one_enrolled_last_is_compared_with_the_others(
    sqlite_engine: Engine,
) -> None:
    """It speaks for the machine (rule 4), though its id is the higher one."""
    old = pc("old", key="2", serial="REAL77", display_name="Front desk")
    new = pc("new", key="1", serial="REAL77", display_name="Till")
    assert device_id(NINJA, old.key) < device_id(NINJA, new.key)
    fleet = CoverageFleet(sqlite_engine)
    fleet.collect_all(DAY, ninja=[old])
    fleet.collect_all(after(1), ninja=[old, new])

    found = [each for each in fleet.findings_on(after(1)) if each[0] == "name_mismatch"]
    assert found == [("name_mismatch", "new", "old")]


def test_spare_in_one_source_only_is_a_finding_except_for_guests(
    sqlite_engine: Engine,
) -> None:
    fleet = CoverageFleet(sqlite_engine)
    guest = pc("vm", node_class="VMWARE_VM_GUEST")
    fleet.collect_all(
        DAY,
        ninja=[pc("a", location="Spares"), guest],
        threatlocker=[pc("a", node_class=None), pc("vm", node_class=None)],
    )

    assert fleet.findings_on(DAY) == [("spare_mismatch", "a", "a")]


def test_a_serial_number_at_two_sites_is_a_finding_while_unlinked(engine: Engine) -> None:
    fleet = CoverageFleet(engine)
    fleet.collect_all(
        DAY,
        ninja=[pc("a", serial="SN-1234")],
        threatlocker=[pc("b", serial="sn1234", org="2", org_name="Pelican")],
    )

    found = fleet.findings_on(DAY)
    assert {kind for kind, *_ in found} == {*coverage.KINDS[:2], "site_mismatch"}


def test_names_that_many_machines_have_are_no_duplicates(sqlite_engine: Engine) -> None:
    fleet = CoverageFleet(sqlite_engine)
    names = ("MacBook-Pro", "macbook-pro.local", "10.1.1.7", "10.1.1.7", "front.harbor.local",
             "front.pelican.local", "dc01", "DC01.harbor.local")  # fmt: skip
    fleet.collect_all(DAY, ninja=[Pc(str(key), hostname=name) for key, name in enumerate(names)])

    ((first, other),) = [pair for kind, *pair in fleet.findings_on(DAY) if kind == "duplicate"]
    assert {first, other} == {"dc01", "DC01.harbor.local"}


def test_a_linked_machine_that_moves_in_one_source_is_a_finding(sqlite_engine: Engine) -> None:
    fleet = CoverageFleet(sqlite_engine)
    fleet.collect_all(DAY, ninja=[pc("a")], threatlocker=[pc("a")])
    fleet.collect_all(after(1), ninja=[pc("a", org="2", org_name="Pelican")])

    assert fleet.findings_on(DAY) == []
    assert fleet.findings_on(after(1)) == [("site_mismatch", "a", "a")]


@pytest.mark.parametrize(
    ("ninja", "locker", "differs"),
    [
        ("Front desk", "front  DESK", False),
        ("Front desk", "Front desk | Anna", False),
        ("Front desk", "Back office | Anna", True),
        ("Front desk", None, False),
        ("Front desk", "a", False),
        ("Front desk", "A.bdg.local", False),
        ("A", "Back office", False),
        ("Front | desk", "Front", True),
    ],
)
def test_different_display_names_are_a_finding(
    sqlite_engine: Engine, ninja: str, locker: str | None, differs: bool
) -> None:
    fleet = CoverageFleet(sqlite_engine)
    fleet.collect_all(
        DAY, ninja=[pc("a", display_name=ninja)], threatlocker=[pc("a", display_name=locker)]
    )

    assert fleet.findings_on(DAY) == ([("name_mismatch", "a", "a")] if differs else [])


def test_a_missing_source_is_a_finding_only_where_expected_and_while_collected(
    engine: Engine,
) -> None:
    fleet = CoverageFleet(engine)
    fleet.collect_all(DAY, ninja=[pc("a"), pc("b", org="2", org_name="Pelican")])
    assert fleet.findings_on(DAY) == []

    fleet.collect_all(after(1), threatlocker=[pc("z")])
    gaps = [("ninja_without_threatlocker", host, None) for host in "ab"]
    assert fleet.findings_on(after(1)) == [*gaps, ("threatlocker_without_ninja", "z", None)]

    site = fleet.site_of("2").site_id
    with writing(engine) as connection:
        connection.execute(
            update(sites).where(sites.c.site_id == site).values(expected_sources="ninja")
        )
        touched = machines_of_site(connection, site, after(2))
        assert len(touched) == 1
        refresh_findings(connection, after(2), touched)
    assert fleet.findings_on(after(1)) == [*gaps, ("threatlocker_without_ninja", "z", None)]
    assert fleet.findings_on(after(2)) == [gaps[0], ("threatlocker_without_ninja", "z", None)]

    with lease.take(engine) as held:
        end_source(fleet.decider(held, after(3)), LOCKER)
    fleet.refresh()
    assert fleet.findings_on(after(3)) == []
    fleet.collect_all(after(5), threatlocker=[pc("y")])
    assert fleet.findings_on(after(4)) == []
    assert ("ninja_without_threatlocker", "a", None) in fleet.findings_on(after(5))


# Stretches.


def test_a_finding_keeps_its_row_until_a_gap_and_then_gets_a_new_one(
    engine: Engine,
) -> None:
    fleet = CoverageFleet(engine)
    rest = [pc("b"), pc("c")]
    both, alone = [pc("a"), *rest], rest
    fleet.collect_all(DAY, ninja=both, threatlocker=alone)
    first = fleet.all(coverage_findings)
    for number in range(1, 4):
        fleet.collect_all(after(number), ninja=[pc("a", os=f"{number}"), *rest], threatlocker=alone)
    assert fleet.all(coverage_findings) == first
    fleet.collect_all(after(4), threatlocker=both)
    fleet.collect_all(after(6), threatlocker=alone)

    spans = [(row.since, row.until) for row in fleet.all(coverage_findings)]
    assert spans == [(DAY, after(4)), (after(6), date(9999, 12, 31))]


def test_unchanged_findings_are_not_written_again(sqlite_engine: Engine) -> None:
    fleet = CoverageFleet(sqlite_engine)
    fleet.collect_all(DAY, ninja=pcs(range(20)), threatlocker=pcs(range(10)))
    before = fleet.all(coverage_findings)
    with writing(sqlite_engine) as connection:
        refresh_findings(connection, date.min, None)
        refresh_findings(connection, after(1), None)
    assert fleet.all(coverage_findings) == before


def test_the_rule_and_the_pages_compare_the_same_sources_by_the_same_kinds() -> None:
    assert {kind for kind, _ in rule.MISSING.values()} == {*coverage.GAPS}
    assert {
        (source, other): kind
        for source, (kind, missing) in rule.MISSING.items()
        for other in missing
    } == coverage.KIND_OF_GAP


# Random histories against a plain look at each day.


def plainly(
    rows: list[Row[Any]], there: set[str], of_site: dict[int, set[str]],
    first_seen: dict[int, date],
) -> set[Found]:  # fmt: skip
    """What is found on one day, by its sentences, pair by pair."""
    found: set[Found] = set()
    order = (NINJA, LOCKER, AGENT)

    def missed(row: Row[Any], *names: str) -> bool:
        expected = of_site.get(row.site_id, {NINJA, LOCKER}) & there
        own = {other.source for other in rows if other.asset_id == row.asset_id}
        return not own & {*names} and bool(expected & {*names})

    for _asset, group in groupby(sorted(rows, key=lambda r: r.asset_id), lambda r: r.asset_id):
        # The record of a source that was first seen last speaks for it, a guest never (rule 4).
        records = sorted(group, key=lambda r: r.device_id, reverse=True)
        records.sort(key=lambda r: first_seen[r.device_id], reverse=True)
        records.sort(key=lambda r: (order.index(r.source), r.node_class == "VMWARE_VM_GUEST"))
        computers = [
            row for row in records
            if row.source == NINJA and row.billing_status == "billable"
            and row.device_type in ("server", "workstation") and missed(row, LOCKER)
        ]  # fmt: skip
        alone = [row for row in records if row.source == AGENT and missed(row, NINJA, LOCKER)]
        for kind, lonely in (("ninja_without_threatlocker", computers), ("agent_only", alone)):
            found |= {(kind, r.asset_id, r.device_id, None) for r in lonely[:1]}
        found |= {
            ("threatlocker_without_ninja", row.asset_id, row.device_id, None)
            for row in records
            if row.source == LOCKER and missed(row, NINJA)
        }
        for source in order:
            same = sorted((r for r in records if r.source == source), key=lambda r: r.device_id)
            found |= pairs("duplicate", same, lambda a, b: True)
        spares = [
            row for row in records
            if row.billing_status in ("billable", "spare")
            and not (row.billing_status == "spare" and row.node_class == "VMWARE_VM_GUEST")
        ]  # fmt: skip
        found |= pairs("spare_mismatch", spares, lambda a, b: a.billing_status != b.billing_status)
        placed = [row for row in records if row.site_id]
        found |= pairs("site_mismatch", placed, lambda a, b: a.site_id != b.site_id)
    by_id = sorted((row for row in rows if row.site_id), key=lambda r: r.device_id)
    for source, site, host in {(r.source, r.site_id, host_key(r.hostname)) for r in by_id}:
        same = [
            r for r in by_id if (r.source, r.site_id, host_key(r.hostname)) == (source, site, host)
        ]
        if host:
            found |= pairs("duplicate", same, lambda a, b: a.asset_id != b.asset_id)
    for serial in {real_serial(r.serial) for r in rows} - {None}:
        holders = [r for r in rows if real_serial(r.serial) == serial]
        if max(sum(r.source == name for r in holders) for name in order) <= 3:
            same = [r for r in by_id if real_serial(r.serial) == serial]
            apart = lambda a, b: a.asset_id != b.asset_id and a.site_id != b.site_id  # noqa: E731
            found |= pairs("site_mismatch", same, apart)
    return found


def pairs(
    kind: str, rows: list[Row[Any]], disagree: Callable[[Row[Any], Row[Any]], bool]
) -> Iterable[Found]:
    return {
        (kind, rows[0].asset_id, rows[0].device_id, other.device_id)
        for other in rows[1:]
        if disagree(rows[0], other)
    }


def agree(fleet: CoverageFleet) -> None:
    """On every kept day stands what a plain look finds; and a rebuild changes nothing."""
    with reading(fleet.engine) as connection:
        kept = kept_days(connection)
        assert kept is not None
        of_site = {
            row.site_id: {name.strip() for name in row.expected_sources.split(",")}
            for row in connection.execute(select(sites).where(sites.c.expected_sources != ""))
        }
        first_seen = {row.device_id: row.first_seen for row in fleet.all(devices)}
        for number in range((kept.today - DAY).days + 1):
            day = after(number)
            there = {s for s, run in runs_in_force(connection, day).items() if run.kind != "end"}
            rows = connection.execute(
                select(device_snapshots).where(
                    as_of(day), device_snapshots.c.billing_status != "excluded"
                )
            ).all()
            stored = connection.execute(
                select(coverage_findings).where(
                    coverage.finding_in_force(day), coverage_findings.c.kind != "name_mismatch"
                )
            )
            now = [(r.kind, r.asset_id, r.device_id, r.other_device_id) for r in stored]
            assert len(set(now)) == len(now)
            assert set(now) == plainly(list(rows), there, of_site, first_seen), day
    before = fleet.stored()
    with writing(fleet.engine) as connection:
        connection.execute(delete(coverage_findings))
        refresh_findings(connection, date.min, None)
    assert fleet.stored() == before


def random_rows(rng: random.Random, present: dict[str, Pc]) -> list[Pc]:
    for key in map(str, range(9)):
        if rng.random() < 0.25:
            org = rng.choice(("1", "1", "1", "2", None))
            present[key] = Pc(
                key, org, {"1": "Harbor", "2": "Pelican", None: None}[org],
                hostname=rng.choice(("a", "B", "b.local", "c", "d", None)),
                display_name=rng.choice((None, "Front", "front ", "spare", "Front | Anna")),
                node_class=rng.choice(("WINDOWS_SERVER", "WINDOWS_WORKSTATION", "VMWARE_VM_GUEST")),
                serial=rng.choice((None, None, "SN-11", "sn11", "SN-22", "n/a")),
                managed=rng.random() < 0.85,
                os=rng.choice(("Windows 11", "Windows 10")),
            )  # fmt: skip
        elif rng.random() < 0.06:
            present.pop(key, None)
    return list(present.values())


def random_history(fleet: CoverageFleet, rng: random.Random, days: int = 12) -> None:
    present: dict[str, dict[str, Pc]] = {NINJA: {}, LOCKER: {}, AGENT: {}}
    fleet.environ["RETENTION_DAYS"] = "365"
    starts = {NINJA: 0, LOCKER: rng.choice((0, 0, 4)), AGENT: rng.choice((0, 3))}
    for number in range(days):
        day = after(number)
        for source in present:
            if number < starts[source] or rng.random() < 0.15:
                continue
            for _again in range(rng.choice((1, 1, 1, 2))):
                fleet.collect(day, random_rows(rng, present[source]), source)
                if rng.random() < 0.7:
                    fleet.refresh()
        if rng.random() < 0.25:
            undo_something(fleet, rng, day)
    fleet.refresh()


def undo_something(fleet: CoverageFleet, rng: random.Random, day: date) -> None:
    with lease.take(fleet.engine) as held:
        by = fleet.decider(held, day)
        source = rng.choice((NINJA, LOCKER, AGENT))
        try:
            if rng.random() < 0.3:
                end_source(by, source)
            else:
                withdraw_day(by, source, day)
        except (DecisionRefused, PublishRefused):
            pass


@pytest.mark.parametrize("seed", range(samples(1, 300)))
def test_findings_after_any_history_match_a_plain_model(sqlite_engine: Engine, seed: int) -> None:
    fleet = CoverageFleet(sqlite_engine)
    random_history(fleet, random.Random(seed))
    agree(fleet)


@pytest.mark.parametrize("seed", range(samples(1, 20)))
def test_findings_after_any_history_match_a_plain_model_on_postgresql(
    postgres_engine: Engine, seed: int
) -> None:
    fleet = CoverageFleet(postgres_engine)
    random_history(fleet, random.Random(seed), days=8)
    agree(fleet)
