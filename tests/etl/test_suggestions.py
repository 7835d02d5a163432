"""Pairs that may be the same although no rule says so are suggested, with reasons for and
against."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from db.engine import writing
from db.keys import device_id
from db.tables import kept_apart, sites, suggestions
from etl.machines.suggestions import refresh_suggestions
from tests.support.small_hub import Hub, Pc, pcs

pytestmark = pytest.mark.any_database

DAY = date(2024, 3, 14)
REST = pcs(range(100, 110))


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return Hub(sqlite_engine)


def portal(key: str, org: str = "guid", name: str = "Harbor Dental", **fields: str | None) -> Pc:
    return Pc(key, org, name, node_class=None, **fields)  # type: ignore[arg-type]


def suggested(hub: Hub, kind: str = "link", day: date = DAY) -> dict[tuple[int, int], str]:
    with writing(hub.engine) as connection:
        refresh_suggestions(connection, day)
    return {(row.subject_id, row.other_id): row.evidence for row in hub.all(suggestions, kind=kind)}


def pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)


def ninja(key: str) -> int:
    return device_id("ninja", key)


def threatlocker(key: str) -> int:
    return device_id("threatlocker", key)


def test_a_site_to_review_gets_suggestions_of_similar_names(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(DAY, [Pc("1", "1", "Harbor Dental"), Pc("2", "2", "Granite Law"), *REST])
    hub.collect(DAY, [portal("a", name="Harbour Dental Care")], "threatlocker")
    with writing(hub.engine) as connection:
        connection.execute(
            update(sites).where(sites.c.name != "Harbour Dental Care").values(needs_review=False)
        )

    by_pair = suggested(hub, "site")

    harbour, harbor = hub.site_of("guid", "threatlocker").site_id, hub.site_of("1").site_id
    assert list(by_pair) == [(harbour, harbor)]
    assert by_pair[harbour, harbor] == "“Harbour Dental Care” is spelt like “Harbor Dental”"
    with writing(hub.engine) as connection:
        connection.execute(update(sites).values(needs_review=False))
    assert suggested(hub, "site") == {}


def test_a_merged_site_is_not_suggested(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "1", "Harbor Dental"), Pc("2", "2", "Harbour Dental")])
    assert len(suggested(hub, "site")) == 2

    with writing(hub.engine) as connection:
        into = hub.site_of("1").site_id
        merged = sites.c.site_id == hub.site_of("2").site_id
        connection.execute(update(sites).where(merged).values(merged_into=into))

    assert suggested(hub, "site") == {}


def test_two_candidates_of_one_hostname_are_both_suggested_with_the_reason(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1"), Pc("2", hostname="pc-1"), *REST])
    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")

    by_pair = suggested(hub)

    why = "hostname pc-1 is equal; but more than one machine has that name"
    assert by_pair[pair(ninja("1"), threatlocker("a"))] == why
    assert by_pair[pair(ninja("2"), threatlocker("a"))] == why


def test_two_live_machines_with_one_serial_number_are_suggested(hub: Hub) -> None:
    now = datetime(2024, 3, 14, 9, tzinfo=UTC)
    fields: dict[str, Any] = {"serial": "SN-0001", "last_contact": now}
    hub.collect(
        DAY, [Pc("1", hostname="pc-1", **fields), Pc("2", hostname="pc-2", **fields), *REST]
    )

    assert hub.links() == []
    assert suggested(hub) == {
        pair(ninja("1"), ninja("2")): "serial number sn0001 is equal; but pc-1 and pc-2 both report"
    }


def test_pairs_whose_evidence_says_nothing_are_suggested_with_the_reason(hub: Hub) -> None:
    phone, server = "ANDROID", "WINDOWS_SERVER"
    hub.collect(
        DAY,
        [Pc("1", hostname="10.99.105.101"), Pc("2", hostname="localhost", node_class=phone),
         Pc("3", hostname="front", node_class=phone), Pc("4", hostname="dc01.harbor.local"),
         Pc("5", hostname="pc-1", serial="SN-001"), Pc("6", hostname="007"),
         Pc("7", hostname="harbor-switch-9", node_class="NMS_SWITCH"), *REST],
    )  # fmt: skip
    hub.collect(
        DAY,
        [Pc("1", "guid", hostname="10.99.105.101"),
         Pc("2", "guid", hostname="localhost.localdomain"),
         Pc("3", "guid", hostname="FRONT", node_class=server),
         Pc("4", "guid", hostname="dc01.pelican.local"),
         Pc("5", "guid", hostname="anna", serial="sn001"), Pc("6", "guid", hostname="007"),
         Pc("7", "guid", hostname="harbor-switch-9x", node_class=server),
         *pcs(range(200, 210), org="guid")],
        "threatlocker",
    )  # fmt: skip

    assert hub.links() == []
    assert suggested(hub) == {
        pair(ninja(key), threatlocker(key)): evidence
        for key, evidence in {
            "1": "hostname 10.99.105.101 is equal; but other machines may have that name too",
            "2": "hostname localhost is equal; but other machines may have that name too",
            "3": "hostname front is equal; but one is a mobile, the other a server device",
            "4": "hostname dc01 is equal; but the domains harbor.local and pelican.local differ",
            "5": "serial number sn001 is equal; but the names anna and pc-1 have no word in common",
            "6": "hostname 007 is equal; but other machines may have that name too",
            "7": "harbor-switch-9 may be harbor-switch-9x cut short; "
            "but one is a server, the other a network device",
        }.items()
    }


def test_names_that_differ_in_a_letter_are_suggested_and_in_a_digit_are_not(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="frontdesk-01"), Pc("2", hostname="frontdesk-02"), *REST])
    hub.collect(DAY, [portal("a", hostname="frontdeks-01")], "threatlocker")

    assert list(suggested(hub)) == [pair(ninja("1"), threatlocker("a"))]


def test_a_cut_name_that_begins_two_names_is_suggested_for_both(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="BDG-MINIPC25100031"),
                      Pc("2", hostname="BDG-MINIPC25100032"), *REST])  # fmt: skip
    hub.collect(DAY, [portal("a", hostname="BDG-MINIPC25100")], "threatlocker")

    assert hub.links() == []
    assert sorted(suggested(hub).values()) == [
        f"bdg-minipc25100 may be bdg-minipc2510003{n} cut short; "
        "but more than one machine has a name that begins so"
        for n in (1, 2)
    ]


def test_pairs_declared_distinct_are_not_suggested(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1"), Pc("2", hostname="pc-1"), *REST])
    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")
    one, other = pair(ninja("1"), threatlocker("a"))
    with writing(hub.engine) as connection:
        connection.execute(
            insert(kept_apart).values(decided_by=1, device_id=one, other_device_id=other)
        )

    assert pair(ninja("1"), threatlocker("a")) not in suggested(hub)
    assert pair(ninja("2"), threatlocker("a")) in suggested(hub)


def test_a_device_has_at_most_three_suggestions(hub: Hub) -> None:
    hub.collect(DAY, [*pcs(range(6), hostname="pc-1"), *REST])
    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")

    by_pair = suggested(hub)

    assert sum(threatlocker("a") in key for key in by_pair) == 3


def test_a_suggestion_keeps_its_first_day_and_is_removed_with_its_reason(
    hub: Hub,
) -> None:
    hub.collect(DAY, [Pc("1", hostname="pc-1"), Pc("2", hostname="pc-1"), *REST])
    hub.collect(DAY, [portal("a", hostname="pc-1")], "threatlocker")
    hub.run_after_collection()
    later = DAY + timedelta(days=1)
    hub.collect(later, [Pc("1", hostname="pc-1"), Pc("2", hostname="pc-1", note="x"), *REST])
    hub.run_after_collection()
    assert {row.since for row in hub.all(suggestions, kind="link")} == {DAY}

    hub.collect(later + timedelta(days=1), [Pc("1", hostname="pc-1"), Pc("2"), *REST])
    hub.run_after_collection()

    assert hub.all(suggestions, kind="link") == []
