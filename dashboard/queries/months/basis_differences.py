"""Billing bases of a month side by side, with the devices that make the difference between them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dashboard.base.params import Filters
from dashboard.queries.moment import Moment
from dashboard.queries.months import bases as month_bases
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.month_table import IMPORTED, MonthRow
from dashboard.queries.months.presence import Presence, presence
from dashboard.queries.names import device_names


@dataclass(frozen=True)
class BasisComparison:
    """The bases, and who was billable on which day; None when the month's days are no longer kept
    (of an old closed month only its last day is)."""

    bases: Sequence[BillingBases]
    presence: Presence | None

    def devices(self, site: BillingBases) -> int | None:
        """How many devices were billable on at least one day, at the site of `site`."""
        return self.presence.devices()[site.site_id] if self.presence else None


@dataclass(frozen=True)
class DifferingDevice:
    """A device that was not billable on every day of the month: on how many it was, and whether on
    the highest one and on the last."""

    device_id: int
    name: str
    source: str | None
    days: int
    on_peak: bool
    at_end: bool


def compare_bases(
    connection: Connection, moment: Moment, row: MonthRow, filters: Filters
) -> BasisComparison:
    """The bases of a month as stored, or as computed while it is open."""
    if row.state == IMPORTED:
        return BasisComparison([], None)
    if row.closing is not None:
        site_bases = month_bases.stored_bases(connection, row.closing.closing_id, filters)
    else:
        site_bases = month_bases.computed_bases(connection, moment, row.month, filters)
    known = month_bases.known_days(connection, moment, row.month)
    days = site_bases[0].days if site_bases else 0
    if known is None or len(known.days) < days:
        return BasisComparison(site_bases, None)
    return BasisComparison(site_bases, presence(connection, known, filters.basis))


def differing_devices(
    connection: Connection, comparison: BasisComparison, site_id: int
) -> list[DifferingDevice]:
    """The devices that make the difference between the bases of a site, the fewest days first."""
    site = next((site for site in comparison.bases if site.site_id == site_id), None)
    if comparison.presence is None or site is None:
        return []
    presence_of_month = comparison.presence
    masks = presence_of_month.partial(site_id)
    names = device_names(connection, masks)
    last = presence_of_month.days[-1]
    rows = [
        DifferingDevice(
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
