"""Links from day to day: they begin with evidence and end only if two real serial numbers
contradict (rule 12)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, delete, func, insert, update

from db.engine import writing
from db.keys import device_id
from db.tables import (
    OPEN_END,
    asset_links,
    device_keys,
    device_snapshots,
    kept_apart,
    meta,
)
from etl.machines.links import rematch
from etl.machines.match_keys import VERSION
from tests.support.small_hub import Hub, Pc, noon, pcs

pytestmark = pytest.mark.any_database

DAY = date(2024, 3, 14)
REST = pcs(range(100, 110))


def later(days: int) -> date:
    return DAY + timedelta(days=days)


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return Hub(sqlite_engine)


def asset(hub: Hub, key: str, source: str = "ninja") -> int:
    """The asset of a device's newest stretch."""
    asset_id: int = hub.stretches(key, source)[-1].asset_id
    return asset_id


def own(key: str, source: str = "ninja") -> int:
    return device_id(source, key)


def portal(key: str, **fields: str | None) -> Pc:
    return Pc(key, "guid", node_class=None, **fields)  # type: ignore[arg-type]


def test_a_new_device_is_its_own_asset(hub: Hub) -> None:
    hub.collect(DAY, REST)

    assert all(asset(hub, pc.key) == own(pc.key) for pc in REST)
    assert hub.links() == []


def test_a_link_stores_method_evidence_and_day(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(DAY, [Pc("1", hostname="PC-1.harbor.local"), *REST])

    hub.collect(later(1), [portal("a", hostname="pc-1 | Anna")], "threatlocker")

    (link,) = hub.links()
    assert (link.device_id, link.asset_id, link.other_device_id) == (
        own("a", "threatlocker"), own("1"), own("1"),
    )  # fmt: skip
    assert (link.method, link.evidence, link.author) == (
        "hostname", "hostname pc-1 at the same site", "rule",
    )  # fmt: skip
    assert (link.since, link.until) == (later(1), OPEN_END)
    assert asset(hub, "a", "threatlocker") == asset(hub, "1") == own("1")
    assert hub.counted("assets", later(1)) == {"billable": 11}


def test_a_link_stays_when_names_and_sites_change_later(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1"), *REST])
    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")

    hub.collect(later(1), [Pc("1", "2", "Pelican", hostname="renamed"), *REST])
    hub.collect(later(1), [portal("a", hostname="other")], "threatlocker")

    assert asset(hub, "a", "threatlocker") == asset(hub, "1") == own("1")
    assert len(hub.links()) == 1
    assert hub.counted("assets", later(1)) == {"billable": 11}


def test_contradicting_serial_numbers_end_a_link(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1", serial="SN-0001"), *REST])
    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")
    assert hub.counted("assets", DAY) == {"billable": 11}

    hub.collect(later(1), [portal("a", hostname="pc-1", serial="Default string")], "threatlocker")
    assert len(hub.links()) == 1 and hub.links()[0].until == OPEN_END

    hub.collect(later(2), [portal("a", hostname="pc-1", serial="SN-0002")], "threatlocker")

    (link,) = hub.links()
    assert (link.since, link.until) == (DAY, later(2))
    assert asset(hub, "a", "threatlocker") == own("a", "threatlocker")
    assert hub.on(later(1), "threatlocker")["a"].asset_id == own("1")
    assert hub.counted("assets", later(1)) == {"billable": 11}
    assert hub.counted("assets", later(2)) == {"billable": 12}


def test_repeating_the_day_that_ended_a_link_restores_it(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1", serial="SN-0001"), *REST])
    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")
    hub.collect(later(1), [portal("a", hostname="pc-1", serial="SN-0002")], "threatlocker")

    hub.collect(later(1), [portal("a", hostname="pc-1")], "threatlocker")

    (link,) = hub.links()
    assert (link.since, link.until, link.closed_by) == (DAY, OPEN_END, None)
    assert hub.spans("a", "threatlocker") == [(DAY, None)]
    assert asset(hub, "a", "threatlocker") == own("1")


def test_repeating_the_day_that_began_a_link_without_its_reason_removes_it(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1"), *REST])
    hub.collect(later(1), [portal("a", hostname="pc-1")], "threatlocker")

    hub.collect(later(1), [portal("a", hostname="pc-7")], "threatlocker")

    assert hub.links() == []
    assert asset(hub, "a", "threatlocker") == own("a", "threatlocker")


def test_a_machine_enrolled_again_is_the_same_asset_while_both_records_are_present(
    hub: Hub,
) -> None:
    hub.collect(DAY, [Pc("1", serial="SN-0001"), *REST])

    # Whichever the vendor names first: the later one answers to the earlier one.
    hub.collect(later(1), [Pc("2", serial="sn0001"), *REST, Pc("1", serial="SN-0001")])

    assert asset(hub, "2") == asset(hub, "1") == own("1")
    assert hub.links()[0].evidence == "serial sn0001 enrolled again"
    assert hub.counted("ninja", later(1)) == {"billable": 12}
    assert hub.counted("assets", later(1)) == {"billable": 11}


@pytest.mark.parametrize("is_gone_already", [True, False])
@pytest.mark.parametrize("spelling", ["SN-0001", "sn 0001", "SN0001."])
def test_a_machine_enrolled_again_after_its_record_is_gone_is_the_same_asset(
    hub: Hub, spelling: str, is_gone_already: bool
) -> None:
    hub.collect(DAY, [Pc("1", serial="SN-0001"), *REST])
    hub.collect(later(1), REST if is_gone_already else [Pc("1", serial="SN-0001"), *REST])

    hub.collect(later(2), [Pc("2", serial=spelling), *REST])

    assert asset(hub, "2") == own("1")
    assert hub.counted("assets", later(2)) == {"billable": 11}


def test_former_records_are_found_whose_serial_numbers_an_earlier_version_did_not_index(
    hub: Hub,
) -> None:
    hub.collect(DAY, [Pc("1", serial="ПК-1204"), *REST])
    hub.collect(later(1), REST)
    with writing(hub.engine) as connection:
        connection.execute(delete(device_keys))
        noted = update(meta).where(meta.c.name == "matched ninja")
        earlier = func.replace(meta.c.value, f'"keys": {VERSION}', '"keys": 1')
        connection.execute(noted.values(value=earlier))

    hub.collect(later(2), [Pc("2", serial="пк 1204"), *REST])

    assert asset(hub, "2") == own("1")


def test_a_device_that_returns_keeps_its_asset(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1"), *REST])
    fleet = [portal("a", hostname="pc-1"), portal("b"), portal("c")]
    hub.collect(DAY, fleet, "threatlocker")
    hub.collect(later(1), fleet[1:], "threatlocker")

    hub.collect(later(2), [replace(fleet[0], hostname="renamed"), *fleet[1:]], "threatlocker")

    assert asset(hub, "a", "threatlocker") == own("1")
    assert len(hub.links()) == 1


def test_a_machine_of_three_sources_is_counted_once(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1", serial="SN-0001"), *REST])
    hub.collect(DAY, [portal("a", hostname="PC-1")], "threatlocker")
    hub.collect(DAY, [portal("m", serial="SN-0001")], "agent")

    assert asset(hub, "m", "agent") == asset(hub, "a", "threatlocker") == own("1")
    assert hub.counted("assets", DAY) == {"billable": 11}


def test_ambiguous_hostnames_are_linked_once_only_one_is_left(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1"), Pc("2", hostname="pc-1"), *REST])
    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")
    assert hub.links() == []

    hub.collect(later(1), [Pc("1", hostname="pc-1"), Pc("2", hostname="pc-2"), *REST])
    hub.collect(later(1), [portal("a", hostname="pc-1")], "threatlocker")

    # Either record may have been the later one; they are one asset.
    assert asset(hub, "a", "threatlocker") == asset(hub, "1") != asset(hub, "2")
    assert hub.counted("assets", later(1)) == {"billable": 12}


def test_equal_serial_numbers_at_two_sites_are_two_machines(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "1", "Harbor Dental", serial="SN-0001"),
                      Pc("2", "2", "Pelican", serial="SN-0001")])  # fmt: skip

    assert hub.links() == []
    assert hub.counted("assets", DAY) == {"billable": 2}


def test_an_excluded_record_is_primary_only_without_another_record(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1", managed=False), Pc("2", managed=False), *REST])

    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")

    assert hub.counted("ninja", DAY) == {"excluded": 2, "billable": 10}
    assert hub.counted("assets", DAY) == {"excluded": 1, "billable": 11}


def test_records_of_a_site_are_matched_again_after_a_decision(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(DAY, [Pc("1", hostname="pc-1"), Pc("2", "2", "Pelican", hostname="pc-2"), *REST])
    fleet = [portal("a", hostname="pc-1"), portal("b")]
    hub.collect(DAY, [*fleet, portal("c", hostname="pc-9")], "threatlocker")
    with writing(engine) as connection:  # What undoing and keeping apart leave behind.
        for table in (asset_links, kept_apart):
            connection.execute(delete(table))
        connection.execute(update(device_snapshots).values(asset_id=device_snapshots.c.device_id))

        def again() -> list[int]:
            return rematch(connection, [own("c", "threatlocker")], later(1), 77, noon(DAY))

        pair = sorted((own("a", "threatlocker"), own("1")))
        connection.execute(
            insert(kept_apart).values(decided_by=5, device_id=pair[0], other_device_id=pair[1])
        )
        assert again() == []
        connection.execute(delete(kept_apart))
        assert again() == [own("a", "threatlocker")]

    (link,) = hub.links()
    assert (link.device_id, link.asset_id) == (own("a", "threatlocker"), own("1"))
    assert (link.since, link.until, link.method) == (later(1), OPEN_END, "hostname")
    assert (link.opened_by, link.decided_by, link.author) == (None, 77, "rule")


def test_a_contradiction_that_a_decision_reveals_ends_a_link(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1", serial="SN-0001"), *REST])
    hub.collect(later(2), [portal("a", hostname="pc-1")], "threatlocker")
    with writing(hub.engine) as connection:
        connection.execute(
            update(device_snapshots)
            .where(device_snapshots.c.device_id == own("a", "threatlocker"))
            .values(serial="SN-0002")
        )
        ended = rematch(connection, [own("1")], later(1), 77, noon(DAY))

    (link,) = hub.links()
    assert ended == [own("a", "threatlocker")]
    assert (link.since, link.until, link.undone_by) == (later(2), later(2), 77)


def test_publishing_a_late_day_creates_no_circle_of_links(hub: Hub) -> None:
    """ThreatLocker's record answers to Ninja's since 16 March; Ninja's 14 March comes after it."""
    serial = {"org": None, "org_name": None, "serial": "SN-0001"}
    hub.collect(DAY, [Pc("t", **serial)], "threatlocker")
    hub.collect(DAY - timedelta(days=3), [Pc("n", **serial)])
    hub.collect(DAY + timedelta(days=2), [Pc("t", **serial)], "threatlocker")
    (link,) = hub.links()
    assert (link.device_id, link.since) == (device_id("threatlocker", "t"), DAY + timedelta(days=2))

    hub.collect(DAY, [Pc("n", **serial)])

    assert hub.links() == [link]
    for days in (2, 3):
        hub.collect(DAY + timedelta(days=days), [Pc("n", **serial)])
        hub.collect(DAY + timedelta(days=days), [Pc("t", **serial)], "threatlocker")
        assert hub.counted("assets", DAY + timedelta(days=days)) == {"billable": 1}


def test_a_returning_device_joins_the_machine_that_its_own_became(hub: Hub) -> None:
    """Record a6 answered to a2 and comes again as a7, on the day on which a2 is found in Ninja."""
    quiet = pcs(range(20, 40))
    hub.collect(DAY, [*quiet, Pc("a2", serial="SN-0003"),
                      Pc("a6", org=None, org_name=None, serial="SN-0003")], "agent")  # fmt: skip
    hub.collect(DAY, [*quiet, Pc("n1", "4", "Pelican", hostname="pc-1")])
    old, new = device_id("agent", "a2"), device_id("agent", "a7")
    assert [link.asset_id for link in hub.links()] == [old]

    elsewhere = {"org": "4", "org_name": "Pelican", "hostname": "pc-1"}
    again = [*quiet, Pc("a2", **elsewhere), Pc("a7", "3", "Harbor Inc", serial="SN-0003")]
    hub.collect(DAY + timedelta(days=1), again, "agent")

    machine = device_id("ninja", "n1")
    begun = {link.device_id: link.asset_id for link in hub.links() if link.since > DAY}
    assert begun == {old: machine, new: machine}
    records = hub.on(DAY + timedelta(days=1), "agent")
    assert records["a2"].asset_id == records["a7"].asset_id == machine


def test_records_sharing_a_serial_number_with_a_former_one_are_matched_again_the_next_day(
    hub: Hub,
) -> None:
    """On its first day a record that is gone still bears its serial number, at another site."""
    quiet = pcs(range(20, 40))
    here, there = {"org": "1", "org_name": "Harbor"}, {"org": "4", "org_name": "Pelican"}
    hub.collect(DAY, [*quiet, Pc("t2", **here, serial="SN-0002")], "threatlocker")
    hub.collect(DAY, [Pc("n6", org=None, org_name=None, serial="SN-0002")])
    after = [*quiet, Pc("t8", **there, serial="SN-0002")]
    hub.collect(DAY + timedelta(days=1), after, "threatlocker")
    new = device_id("threatlocker", "t8")
    assert new not in {link.device_id for link in hub.links()}

    hub.collect(DAY + timedelta(days=2), after, "threatlocker")

    machine = device_id("threatlocker", "t2")
    assert {link.device_id: link.asset_id for link in hub.links()} == {
        device_id("ninja", "n6"): machine, new: machine,
    }  # fmt: skip
