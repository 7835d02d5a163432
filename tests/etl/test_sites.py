"""Which site an organization belongs to: a known one for ever, a new one by its name, and never
two of one source by themselves (rule 13)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, update

from db.engine import writing
from db.tables import NO_SITE_ID, site_aliases, sites
from tests.support.decision_oracle import Administrator
from tests.support.small_hub import Hub, Pc, pcs

pytestmark = pytest.mark.any_database

DAY = date(2024, 3, 14)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    return Hub(sqlite_engine)


def names(hub: Hub) -> list[str]:
    return [site.name for site in hub.all(sites)]


def test_the_second_source_joins_a_site_whose_name_is_equal_but_for_its_spelling(
    engine: Engine,
) -> None:
    hub = Hub(engine)
    hub.collect(DAY, [Pc("1", "10", "Clínica São José"), Pc("2", "11", "Pelican & Sons")])

    hub.collect(
        DAY,
        [Pc("a", "GUID-1", "CLINICA SAO JOSE, Ltda."), Pc("b", "GUID-2", "Pelican and Sons LLC")],
        "threatlocker",
    )

    assert names(hub) == ["Clínica São José", "Pelican & Sons"]
    assert hub.site_of("10") == hub.site_of("GUID-1", "threatlocker")
    assert hub.site_of("11") == hub.site_of("GUID-2", "threatlocker")


def test_names_normalised_by_an_earlier_version_are_normalised_again(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "10", "パンダ薬局")])
    with writing(hub.engine) as connection:
        connection.execute(update(sites).values(match_name="ハンタ薬局"))

    hub.collect(DAY, [Pc("a", "x", "ハンダ薬局"), Pc("b", "y", "パンダ薬局")], "threatlocker")

    assert names(hub) == ["パンダ薬局", "ハンダ薬局"]
    assert [site.match_name for site in hub.all(sites)] == names(hub)
    assert hub.site_of("y", "threatlocker") == hub.site_of("10")


def test_a_name_that_nobody_has_makes_a_site_that_waits_for_review(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "10", "Harbor Dental")])
    hub.collect(DAY, [Pc("a", "x", "Harbor Dental North")], "threatlocker")

    assert names(hub) == ["Harbor Dental", "Harbor Dental North"]
    assert all(site.needs_review and not site.internal for site in hub.all(sites))


def test_two_organizations_of_one_source_are_never_joined_however_they_are_called(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "10", "Harbor Dental"), Pc("2", "11", "Harbor Dental, Inc.")])
    hub.collect(NEXT, [Pc("1", "10", "Harbor Dental"), Pc("2", "11", "Harbor Dental, Inc."),
                       Pc("3", "12", "HARBOR DENTAL")])  # fmt: skip

    assert len({hub.site_of(alias).site_id for alias in ("10", "11", "12")}) == 3


def test_a_new_organization_is_not_joined_to_the_site_of_a_living_one_of_its_source(
    hub: Hub,
) -> None:
    hub.collect(DAY, [Pc("1", "10", "Harbor Dental")])

    hub.collect(NEXT, [Pc("1", "10", "Harbor Dental"), Pc("2", "11", "Harbor Dental")])

    assert hub.site_of("11") != hub.site_of("10")


@pytest.mark.parametrize("accepted", [False, True])
def test_an_organization_lives_while_its_devices_stand_though_no_row_of_it_could_be_read(
    hub: Hub, accepted: bool
) -> None:
    first = [Pc("1", "10", "Harbor Dental"), *pcs(range(2, 9), org="77", org_name="Pelican")]
    hub.collect(DAY, first)
    unreadable = [replace(first[0], trouble="its name is a list"), Pc("9", "11", "Harbor Dental")]
    if accepted:
        assert hub.collect(NEXT, unreadable).state == "suspicious"
        run_id = hub.runs()[-1].run_id
        Administrator(hub, NEXT).accept(hub.sources["ninja"], run_id)
    else:
        assert hub.collect(NEXT, [*unreadable, *first[1:]]).state == "complete"

    assert hub.on(NEXT)["1"].site_id == hub.site_of("10").site_id
    assert hub.site_of("11") != hub.site_of("10")


def test_a_name_that_two_sites_share_makes_a_third_for_a_person_to_merge(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "10", "Harbor Dental"), Pc("2", "11", "Harbor Dental")])

    hub.collect(DAY, [Pc("a", "x", "Harbor Dental")], "threatlocker")

    assert len(names(hub)) == 3


def test_of_several_sites_of_a_name_the_one_spelt_exactly_so_is_joined(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "10", "Pelican"), Pc("2", "11", "Pelican Ltd")])

    hub.collect(DAY, [Pc("a", "x", "Pelican"), Pc("b", "y", "Pelican Ltd")], "threatlocker")
    assert hub.site_of("x", "threatlocker") == hub.site_of("10")
    assert hub.site_of("y", "threatlocker") == hub.site_of("11")

    # What a person merged is meant by its name, too, as long as no other has that very name.
    Administrator(hub, DAY).merge_sites(hub.site_of("10").site_id, hub.site_of("11").site_id)
    hub.collect(NEXT, [Pc("z", "7", "Pelican")], "agent")
    assert hub.on(NEXT, "agent")["z"].site_id == hub.site_of("11").site_id


def test_an_organization_may_join_the_site_of_one_that_its_source_has_no_more(hub: Hub) -> None:
    hub.collect(DAY, [*pcs(range(9)), Pc("old", "10", "Pelican Freight")])
    hub.collect(NEXT, [*pcs(range(9)), Pc("old", "99", "Pelican Freight")])

    assert hub.site_of("99") == hub.site_of("10")
    assert hub.stretches("old")[0].site_id == hub.stretches("old")[-1].site_id


def test_a_renamed_organization_changes_its_alias_and_never_the_site(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "10", "Harbor Dental"), Pc("2", "11", "Pelican Freight")])

    hub.collect(NEXT, [Pc("1", "10", "Pelican Freight"), Pc("2", "11", "Harbor Dental")])

    assert names(hub) == ["Harbor Dental", "Pelican Freight"]
    assert (hub.site_of("10").name, hub.site_of("11").name) == ("Harbor Dental", "Pelican Freight")
    assert [(alias.name, alias.last_seen) for alias in hub.all(site_aliases)] == [
        ("Pelican Freight", NEXT), ("Harbor Dental", NEXT),
    ]  # fmt: skip


def test_an_organization_without_a_name_is_called_by_its_number_until_it_has_one(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "10", None)])
    assert names(hub) == ["ninja organization 10"]

    hub.collect(NEXT, [Pc("1", "10", "Harbor Dental")])
    assert hub.all(site_aliases)[0].name == "Harbor Dental"

    hub.collect(NEXT, [Pc("1", "10", None)])
    assert hub.all(site_aliases)[0].name == "Harbor Dental", "not told is not renamed"


def test_two_nameless_organizations_of_two_sources_are_not_one_customer(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", "10", None)])
    hub.collect(DAY, [Pc("a", "10", None)], "threatlocker")

    assert len(names(hub)) == 2


def test_a_machine_whose_source_names_no_organization_is_in_no_site(hub: Hub) -> None:
    hub.collect(DAY, [Pc("1", None, None)], "agent")

    assert hub.on(DAY, "agent")["1"].site_id == NO_SITE_ID
    assert names(hub) == []


def test_an_alias_that_is_not_told_any_more_keeps_its_site_for_when_it_returns(hub: Hub) -> None:
    fleet = pcs(range(9))
    hub.collect(DAY, [*fleet, Pc("x", "10", "Pelican Freight")])
    hub.collect(NEXT, fleet)
    hub.collect(NEXT + timedelta(days=1), [*fleet, Pc("x", "10", "Something else")])

    assert hub.site_of("10").name == "Pelican Freight"
    assert len(names(hub)) == 2


def test_our_own_sites_are_excluded_by_name_and_come_back_when_the_setting_goes(hub: Hub) -> None:
    fleet = [Pc("1", "10", "Harbor Dental"), Pc("2", "11", "Hub & Spoke IT, LLC")]
    hub.environ["INTERNAL_SITES"] = "hub and spoke it; Somebody"
    hub.collect(DAY, fleet)
    assert hub.counted("ninja", DAY) == {"billable": 1, "excluded": 1}
    assert hub.on(DAY)["2"].reason == "site Hub & Spoke IT, LLC is internal"
    assert [site.internal for site in hub.all(sites)] == [False, True]

    hub.environ["INTERNAL_SITES"] = ""
    hub.collect(NEXT, fleet)

    assert hub.counted("ninja", NEXT) == {"billable": 2}
    assert hub.counted("ninja", DAY) == {"billable": 1, "excluded": 1}
    assert [site.internal for site in hub.all(sites)] == [False, False]


def test_a_name_of_two_hundred_and_fifty_six_characters_is_stored_as_far_as_it_fits(
    hub: Hub,
) -> None:
    long = "Harbor " * 100
    hub.collect(DAY, [Pc("1", "10", long)])

    assert names(hub) == [long[:255]]
    hub.collect(NEXT, [Pc("1", "10", long)])
    assert names(hub) == [long[:255]]


def test_a_device_that_moves_twice_keeps_each_site_in_its_days(hub: Hub) -> None:
    fleet = [Pc("1", "10", "Harbor Dental"), *pcs(range(10, 19), org="11", org_name="Pelican")]
    hub.collect(DAY, fleet)
    hub.collect(NEXT, [replace(fleet[0], org="11", org_name="Pelican"), *fleet[1:]])
    hub.collect(NEXT + timedelta(days=1), fleet)

    assert [row.site_id for row in hub.stretches("1")] == [
        hub.site_of(alias).site_id for alias in ("10", "11", "10")
    ]
