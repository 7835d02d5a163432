"""When a run is not believed at once, just below each limit and at it; and what becomes of a run
that is held."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from db.tables import device_snapshots, held_records, quarantined_records, sites
from etl.collect.suspicion import DeviceSummary, needs_administrator, suspicions
from tests.support.small_hub import Hub, Pc, pcs

Day = dict[int, DeviceSummary]


def fleet(size: int, site: int = 1) -> Day:
    """`size` devices of one site, numbered from a thousand times the site on."""
    return {
        1000 * site + n: DeviceSummary(site, "billable", f"SN-{site}-{n}", 1) for n in range(size)
    }


def without(day: Mapping[int, DeviceSummary], count: int) -> Day:
    return dict(list(day.items())[count:])


def changed(day: Mapping[int, DeviceSummary], count: int, **said: object) -> Day:
    items = list(day.items())
    return {
        key: seen._replace(**said) if n < count else seen for n, (key, seen) in enumerate(items)
    }


@pytest.mark.parametrize(
    ("size", "vanished", "suspicious"),
    [
        (300, 15, False),  # exactly 5 %
        (300, 16, True),
        (100, 10, False),  # 10 % but only 10
        (100, 11, True),
        (219, 11, True),  # 5.02 %
        (220, 11, False),  # exactly 5 %
        (21, 10, False),  # less than half
        (20, 10, True),
        (3, 1, False),
        (2, 1, True),
        (1, 1, True),
        (50, 0, False),
    ],
)
def test_more_than_five_percent_and_more_than_ten_devices_vanish_or_half(
    size: int, vanished: int, suspicious: bool
) -> None:
    before = fleet(size)

    found = suspicions(before, without(before, vanished), 0)

    assert bool(found) == suspicious
    if suspicious:
        assert str(found[0]).startswith(f"{vanished} of {size} devices vanished at once")


def test_vanished_devices_are_counted_by_key_not_by_totals() -> None:
    before = fleet(100)

    assert suspicions(before, {**without(before, 11), **fleet(11, site=1001)}, 0)


@pytest.mark.parametrize(
    ("size", "left", "suspicious"), [(4, 0, False), (5, 1, False), (5, 0, True)]
)
def test_a_site_of_five_goes_to_zero(size: int, left: int, suspicious: bool) -> None:
    rest, site = fleet(200), fleet(size, site=2)

    found = suspicions({**rest, **site}, {**rest, **without(site, size - left)}, 0)

    assert bool(found) == suspicious


def test_a_site_whose_devices_all_move_has_gone_to_zero() -> None:
    before = {**fleet(200), **fleet(5, site=2)}
    after = {key: seen._replace(site=1) for key, seen in before.items()}

    (found,) = suspicions(before, after, 0, {2: "Harbor Dental"})
    assert str(found) == "1 site with 5 or more devices went to zero: Harbor Dental (5 devices)"


def test_the_largest_five_sites_that_went_to_zero_are_named_and_the_others_counted() -> None:
    """So that whoever decides knows which customers are meant, however many they are."""
    names = {n: f"Site {n}" for n in range(2, 9)}
    gone = {}
    for n in names:
        devices = fleet(4 + n, site=n)
        gone.update({n * 10_000 + key: device for key, device in devices.items()})
    rest = fleet(2000)

    (found,) = suspicions({**rest, **gone}, rest, 0, names)

    assert str(found) == (
        "7 sites with 5 or more devices went to zero: Site 8 (12 devices), Site 7 (11 devices), "
        "Site 6 (10 devices), Site 5 (9 devices), Site 4 (8 devices) and 2 more"
    )
    assert [site.site_id for site in found.sites] == [8, 7, 6, 5, 4, 3, 2]


@pytest.mark.parametrize(
    ("size", "count", "suspicious"),
    [(300, 15, False), (300, 16, True), (100, 10, False), (100, 11, True), (10, 10, False)],
)
@pytest.mark.parametrize(
    "said", [{"site": 2}, {"billing_status": "spare"}, {"serial": "OTHER-1"}], ids=str
)
def test_more_than_five_percent_and_ten_change_site_status_or_serial(
    size: int, count: int, suspicious: bool, said: dict[str, object]
) -> None:
    before = {**fleet(size - 1), 9999: DeviceSummary(1, "billable", "SN-LAST", 1)}
    # The site that they leave keeps a device, or it would have gone to zero.
    after = {**changed(before, count, **said), **({9999: before[9999]} if count == size else {})}

    assert bool(suspicions(before, after, 0)) == suspicious


def test_a_status_changed_by_new_rules_is_no_change() -> None:
    before = fleet(100)

    assert not suspicions(before, changed(before, 100, billing_status="spare", rule_version=2), 0)
    assert suspicions(before, changed(before, 100, billing_status="spare"), 0)


@pytest.mark.parametrize("serial", [None, "To be filled by O.E.M.", " sn 1-0 "])
def test_a_junk_or_respelled_serial_is_no_change(serial: str | None) -> None:
    before = {n: DeviceSummary(1, "billable", "SN-1-0", 1) for n in range(100)}

    assert not suspicions(before, changed(before, 100, serial=serial), 0)
    assert not suspicions(changed(before, 100, serial=serial), before, 0)


@pytest.mark.parametrize(
    ("size", "growth", "suspicious"),
    [
        (200, 49, False),
        (200, 50, True),  # exactly 25 %
        (201, 50, False),
        (10, 49, False),  # fivefold, but fewer than 50
        (10, 50, True),
        (1000, 249, False),
        (1000, 250, True),
    ],
)
def test_a_source_grows_by_a_quarter_and_fifty_once_it_is_proven(
    size: int, growth: int, suspicious: bool
) -> None:
    before, after = fleet(size), fleet(size + growth)

    assert bool(suspicions(before, after, 7)) == suspicious
    assert not suspicions(before, after, 6), "within its first 7 complete runs it may grow"


def test_a_first_run_is_never_suspicious() -> None:
    assert not suspicions({}, fleet(500), 7)


@pytest.mark.parametrize(("vanished", "person"), [(19, False), (20, True)])
def test_a_loss_of_twenty_percent_needs_an_administrator(vanished: int, person: bool) -> None:
    before = fleet(100)

    assert needs_administrator(before, without(before, vanished)) == person


def test_two_sites_at_zero_need_an_administrator_and_one_does_not() -> None:
    rest, one, other = fleet(200), fleet(5, site=2), fleet(5, site=3)
    before = {**rest, **one, **other}

    assert not needs_administrator(before, {**rest, **other})
    assert needs_administrator(before, rest)


# What becomes of a held run

DAY = date(2024, 3, 14)
SIXTY = pcs(range(60))
ELEVEN_GONE = SIXTY[11:]  # 18 %: suspicious, but not for a person to decide


def later(days: int) -> date:
    return DAY + timedelta(days=days)


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    hub = Hub(sqlite_engine)
    hub.collect(DAY, SIXTY)
    return hub


def holds(hub: Hub) -> list[tuple[str, str | None]]:
    return [(run.state, run.hold) for run in hub.runs()]


def read_held_rows(hub: Hub) -> int:
    return len(hub.all(held_records))


def test_an_equal_run_on_the_next_business_day_confirms_a_held_run(hub: Hub) -> None:
    assert hub.collect(later(1), ELEVEN_GONE).state == "suspicious"
    assert len(hub.on(later(1))) == 60

    assert hub.collect(later(2), ELEVEN_GONE).state == "complete"

    assert len(hub.on(later(2))) == 49
    assert hub.seen("0") == (DAY, DAY), "the held day was never published"
    assert len(hub.on(later(1))) == 60
    assert holds(hub) == [("complete", None), ("suspicious", "superseded"), ("complete", None)]
    assert read_held_rows(hub) == 0


def test_a_confirming_run_may_differ_slightly_from_the_held_one(hub: Hub) -> None:
    hub.collect(later(1), ELEVEN_GONE)

    assert hub.collect(later(2), [SIXTY[0], *ELEVEN_GONE[1:], Pc("new")]).state == "complete"
    assert len(hub.on(later(2))) == 50


def test_another_run_of_the_same_business_day_confirms_nothing(hub: Hub) -> None:
    hub.collect(later(1), ELEVEN_GONE)

    assert hub.collect(later(1), ELEVEN_GONE).state == "suspicious"

    assert holds(hub)[1:] == [("suspicious", "superseded"), ("suspicious", "held")]
    assert read_held_rows(hub) == 49
    assert hub.collect(later(2), ELEVEN_GONE).state == "complete"


def test_a_failed_run_in_between_leaves_the_held_run(hub: Hub) -> None:
    hub.collect(later(1), ELEVEN_GONE)
    hub.sources["ninja"].failure = "The vendor broke off."
    hub.collect(later(2), SIXTY)
    hub.sources["ninja"].failure = None

    assert read_held_rows(hub) == 49
    assert hub.collect(later(3), ELEVEN_GONE).state == "complete"


def test_a_differently_suspicious_run_replaces_the_held_one(hub: Hub) -> None:
    hub.collect(later(1), ELEVEN_GONE)
    others_gone = SIXTY[:11] + SIXTY[22:]

    assert hub.collect(later(2), others_gone).state == "suspicious"

    assert holds(hub)[1:] == [("suspicious", "superseded"), ("suspicious", "held")]
    assert read_held_rows(hub) == 49
    assert {row.run_id for row in hub.all(held_records)} == {hub.runs()[-1].run_id}
    assert hub.collect(later(3), others_gone).state == "complete"


def test_a_complete_run_supersedes_the_held_one(hub: Hub) -> None:
    hub.collect(later(1), ELEVEN_GONE)

    assert hub.collect(later(2), SIXTY).state == "complete"

    assert holds(hub)[1:] == [("suspicious", "superseded"), ("complete", None)]
    assert read_held_rows(hub) == 0
    assert hub.spans("0") == [(DAY, None)]


def test_a_loss_of_a_fifth_of_the_fleet_is_never_confirmed_by_repetition(hub: Hub) -> None:
    for day in range(1, 5):
        assert hub.collect(later(day), SIXTY[12:]).state == "suspicious"

    assert len(hub.on(later(4))) == 60
    assert [run.hold for run in hub.runs()[1:]] == ["superseded"] * 3 + ["held"]


def test_a_repeated_run_confirms_one_emptied_site_but_not_two(sqlite_engine: Engine) -> None:
    hub = Hub(sqlite_engine)
    two, three = pcs(range(100, 105), org="2"), pcs(range(200, 205), org="3")
    hub.collect(DAY, [*SIXTY, *two, *three])

    assert hub.collect(later(1), SIXTY).state == "suspicious"
    assert hub.collect(later(2), SIXTY).state == "suspicious"

    assert hub.collect(later(3), [*SIXTY, *two]).state == "complete", "it is told a second time"
    assert len(hub.on(later(3))) == 65


def test_a_held_run_creates_no_sites(hub: Hub) -> None:
    moved = [replace(pc, org="9", org_name="Pelican") for pc in SIXTY[:11]] + SIXTY[11:]

    assert hub.collect(later(1), moved).state == "suspicious"
    assert [site.name for site in hub.all(sites)] == ["Harbor Dental"]

    assert hub.collect(later(2), moved).state == "complete"
    assert [site.name for site in hub.all(sites)] == ["Harbor Dental", "Pelican"]
    assert hub.spans("0") == [(DAY, later(2)), (later(2), None)]


def test_changed_rules_change_every_status_without_suspicion(hub: Hub) -> None:
    named = [replace(pc, display_name=f"Loaner {pc.key}") for pc in SIXTY]
    hub.collect(DAY, named)
    hub.environ["SPARE_WORDS"] = "loaner"

    assert hub.collect(later(1), named).state == "complete"

    assert hub.counted("ninja", DAY) == {"billable": 60}
    assert hub.counted("ninja", later(1)) == {"spare": 60}
    assert {row.rule_version for row in hub.on(later(1)).values()} == {2}


def test_the_same_statuses_changed_by_the_source_are_suspicious(hub: Hub) -> None:
    assert hub.collect(later(1), [replace(pc, display_name="spare") for pc in SIXTY]).state == (
        "suspicious"
    )


def test_growth_is_not_suspicious_in_the_first_seven_runs(hub: Hub) -> None:
    for day in range(1, 6):
        hub.collect(later(day), SIXTY)
        hub.collect(later(day), SIXTY)  # a day collected twice is one day
    assert hub.collect(later(6), pcs(range(110))).state == "complete"

    outcome = hub.collect(later(7), pcs(range(160)))

    assert outcome.state == "suspicious"
    assert (outcome.reason or "").startswith("the source grew from 110 to 160 devices at once")
    assert hub.collect(later(8), pcs(range(160))).state == "complete"


def test_growth_is_confirmed_by_a_run_that_has_not_grown_as_much_again(hub: Hub) -> None:
    for day in range(1, 8):
        hub.collect(later(day), pcs(range(100)))
    for day, size in enumerate((170, 400, 800, 1600), start=8):
        outcome = hub.collect(later(day), pcs(range(size)))
        assert outcome.state == "suspicious", size
        assert (outcome.reason or "").startswith(f"the source grew from 100 to {size} devices")

    assert hub.collect(later(12), pcs(range(1640))).state == "complete"


def test_devices_whose_rows_cannot_be_read_twice_are_no_growth(hub: Hub) -> None:
    for day in range(1, 8):
        hub.collect(later(day), SIXTY)
    spoilt = [replace(pc, trouble="its organization is a list") for pc in SIXTY[11:]]
    assert hub.collect(later(8), [*spoilt, Pc("new")]).state == "suspicious"

    assert hub.collect(later(9), [*spoilt, Pc("new")]).state == "complete"

    assert len(hub.on(later(9))) == 50


def test_a_row_whose_id_cannot_be_read_makes_the_run_suspicious(hub: Hub) -> None:
    outcome = hub.collect(later(1), [*SIXTY, Pc("?", trouble="id")])

    assert outcome.state == "suspicious"
    assert (outcome.reason or "").startswith("1 row has an id that cannot be read")
    assert len(hub.on(later(1))) == 60
    assert [row.reason for row in hub.all(quarantined_records)] == [
        "its id is null that names no device"
    ]
    assert read_held_rows(hub) == 61
    assert hub.collect(later(2), SIXTY).state == "complete"


def test_devices_whose_rows_cannot_be_read_have_not_vanished(hub: Hub) -> None:
    spoilt = [replace(pc, trouble="its organization is a list") for pc in SIXTY[:30]]

    outcome = hub.collect(later(1), spoilt + SIXTY[30:])

    assert (outcome.state, outcome.quarantined) == ("complete", 30)
    assert len(hub.on(later(1))) == 60
    assert len(hub.all(device_snapshots)) == 60


def test_suspicion_compares_one_source_only(hub: Hub) -> None:
    assert hub.collect(later(1), pcs(range(5)), "threatlocker").state == "complete"
    assert hub.collect(later(1), SIXTY).state == "complete"
