"""Billing bases of a month side by side, with the devices that make the difference between them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dashboard.base.params import Filters
from dashboard.queries.device_names import device_names
from dashboard.queries.moment import Moment
from dashboard.queries.months import bases as month_bases
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.presence import Presence, presence
from dashboard.queries.months.table import IMPORTED, MonthRow


@dataclass(frozen=True)
class BasisComparison:
    """The bases, and who was billable on which day; None when the month's days are no longer kept
    (of an old closed month only its last day is)."""

    bases: Sequence[BillingBases]
    presence: Presence | None

    def devices(self, one: BillingBases) -> int | None:
        """How many devices were billable on at least one day, at the site of `one`."""
        return self.presence.devices()[one.site_id] if self.presence else None


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
        found = month_bases.stored_bases(connection, row.closing.closing_id, filters)
    else:
        found = month_bases.computed_bases(connection, moment, row.month, filters)
    known = month_bases.known_days(connection, moment, row.month)
    days = found[0].days if found else 0
    if known is None or len(known.days) < days:
        return BasisComparison(found, None)
    return BasisComparison(found, presence(connection, known, filters.basis))


def differing_devices(
    connection: Connection, found: BasisComparison, site_id: int
) -> list[DifferingDevice]:
    """The devices that make the difference between the bases of a site, the fewest days first."""
    one = next((one for one in found.bases if one.site_id == site_id), None)
    if found.presence is None or one is None:
        return []
    here = found.presence
    masks = here.partial(site_id)
    called = device_names(connection, masks)
    last = here.days[-1]
    rows = [
        DifferingDevice(
            entity,
            called[entity].name if entity in called else str(entity),
            called[entity].source if entity in called else None,
            mask.bit_count(),
            here.holds(mask, one.peak_day),
            here.holds(mask, last),
        )
        for entity, mask in masks.items()
    ]
    return sorted(rows, key=lambda row: (row.days, row.name.casefold(), row.device_id))
