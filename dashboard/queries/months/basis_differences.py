"""Billing bases of a month side by side, with the devices that make the difference between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from dashboard.base.params import Filters
from dashboard.queries.moment import Moment
from dashboard.queries.months import bases as month_bases
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.month_table import IMPORTED, MonthRow
from dashboard.queries.months.presence import Presence, presence
from dashboard.queries.names import device_names
from db.months.month_days import KnownDays


@dataclass(frozen=True)
class BasisComparison:
    """The bases, and who was counted on which day; None when the month's days are no longer kept
    (of an old closed month only its last day is).

    `stored`: the bases are those of the closing. `unkept`: there are none, because a closing stores
    the bases of a site's billable devices alone, and the days to count others are no longer kept.
    """

    bases: Sequence[BillingBases]
    presence: Presence | None
    stored: bool = False
    unkept: bool = False

    def devices(self, site: BillingBases) -> int | None:
        """How many devices were counted on at least one day, at the site of `site`."""
        return self.presence.devices()[site.site_id] if self.presence else None


@dataclass(frozen=True)
class CountedDevice:
    """A device that was counted in the month: on how many days, and whether on the highest one and
    on the last."""

    device_id: int
    name: str
    source: str | None
    days: int
    on_peak: bool
    at_end: bool


def compare_bases(
    connection: Connection, moment: Moment, row: MonthRow, filters: Filters
) -> BasisComparison:
    """The bases of `bases_of`, and who was counted on which day."""
    comparison = bases_of(connection, moment, row, filters)
    known = _whole_days(connection, moment, row, filters)
    if row.state == IMPORTED or known is None:
        return comparison
    return replace(comparison, presence=presence(connection, known, filters))


def bases_of(
    connection: Connection, moment: Moment, row: MonthRow, filters: Filters
) -> BasisComparison:
    """The bases of what `filters` count in a month: as stored, or computed while it is open, and
    where a closing does not store them."""
    if row.state == IMPORTED:
        return BasisComparison([], None)
    if row.closing is not None and month_bases.are_stored(filters):
        stored = month_bases.stored_bases(connection, row.closing.closing_id, filters)
        return BasisComparison(stored, None, stored=True)
    if row.closing is not None and _whole_days(connection, moment, row, filters) is None:
        return BasisComparison([], None, unkept=True)
    computed = month_bases.computed_bases(connection, moment, row.month, filters)
    return BasisComparison(computed, None)


def _whole_days(
    connection: Connection, moment: Moment, row: MonthRow, filters: Filters
) -> KnownDays | None:
    """The days of a month that are kept; None where a closing knew more of them."""
    known = month_bases.known_days(connection, moment, row.month)
    if known is None or row.closing is None:
        return known
    everything = Filters(basis=filters.basis)
    then = month_bases.stored_bases(connection, row.closing.closing_id, everything)
    return known if len(known.days) >= max((each.days for each in then), default=0) else None


def differing_devices(
    connection: Connection, comparison: BasisComparison, site_id: int
) -> list[CountedDevice]:
    """The devices that make the difference between the bases of a site, the fewest days first."""
    if comparison.presence is None:
        return []
    return _devices(connection, comparison, site_id, comparison.presence.partial(site_id))


def every_day_devices(
    connection: Connection, comparison: BasisComparison, site_id: int, limit: int
) -> list[CountedDevice]:
    """The other devices of a site: those counted on every day, at most `limit`."""
    if comparison.presence is None or limit <= 0:
        return []
    partial = comparison.presence.partial(site_id)
    every = comparison.presence.at(site_id)
    whole = sorted(entity for entity in every if entity not in partial)[:limit]
    return _devices(connection, comparison, site_id, {entity: every[entity] for entity in whole})


def _devices(
    connection: Connection, comparison: BasisComparison, site_id: int, masks: Mapping[int, int]
) -> list[CountedDevice]:
    site = next((site for site in comparison.bases if site.site_id == site_id), None)
    presence_of_month = comparison.presence
    if site is None or presence_of_month is None:
        return []
    names = device_names(connection, masks)
    last = presence_of_month.days[-1]
    rows = [
        CountedDevice(
            entity,
            names[entity].name if entity in names else str(entity),
            names[entity].source if entity in names else None,
            mask.bit_count(),
            presence_of_month.holds(mask, site.peak_day),
            presence_of_month.holds(mask, last),
        )
        for entity, mask in masks.items()
    ]
    return sorted(rows, key=lambda row: (row.days, row.name.casefold(), row.device_id))
