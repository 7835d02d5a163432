"""What one month can be billed by, site by site: stored for a closed month, computed in the same
way for an open one, and for the filters that closings do not store."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from dashboard.base.params import BILLABLE, Filters
from dashboard.queries.moment import Moment
from dashboard.queries.months.presence import Presence, presence
from dashboard.queries.names import site_names
from db.months import month_bases as bases
from db.months.month_days import KnownDays
from db.rounding import rounded
from db.tables import ALL_SITES, daily_counts, month_bases


@dataclass(frozen=True)
class BillingBases:
    """The counted devices of one site, or of all (`ALL_SITES`), in one month: at its end (or on
    the shown day), added over its days, on its highest day."""

    site_id: int
    site: str
    month_end: int
    device_days: int
    days: int
    peak: int
    peak_day: date

    @property
    def average(self) -> Decimal:
        """Counted devices on an average day, to two decimals."""
        return rounded(self.exact_average, 2)

    @property
    def average_difference(self) -> Decimal:
        """How far the average day is from the month's end, to two decimals."""
        return rounded(self.exact_average - self.month_end, 2)

    @property
    def exact_average(self) -> Fraction:
        """The average, not rounded."""
        return Fraction(self.device_days, self.days) if self.days else Fraction(0)


def are_stored(filters: Filters) -> bool:
    """Whether closings store the bases of what `filters` count: the billable devices of a site."""
    return filters.are_stored and filters.statuses == BILLABLE and not filters.types


def stored_bases(connection: Connection, closing_id: int, filters: Filters) -> list[BillingBases]:
    """The bases of a closed month in the basis of `filters`: all sites together first, then every
    site that was billed on some day, by name."""
    c = month_bases.c
    rows = connection.execute(
        select(*(c[name] for name in _COLUMNS)).where(
            c.closing_id == closing_id, c.basis == filters.basis
        )
    )
    return _billing_bases(connection, rows.mappings(), filters)


def computed_bases(
    connection: Connection, moment: Moment, month: str, filters: Filters
) -> list[BillingBases]:
    """The same for any filters and as it is believed now, up to the shown day; empty when the days
    of the month are not kept."""
    known = known_days(connection, moment, month)
    if known is None:
        return []
    if not filters.are_stored:
        rows = _rows_of_presence(presence(connection, known, filters), known, filters.basis)
        return _billing_bases(connection, rows, filters)
    counts = _counts_at_the_end(connection, known)
    computed = bases.billing_bases(connection, known, counts, filters.statuses, filters.types)
    mine = (row for row in computed if row["basis"] == filters.basis)
    return _billing_bases(connection, mine, filters)


def known_days(connection: Connection, moment: Moment, month: str) -> KnownDays | None:
    """The days of a month that are kept, up to the shown day; None when none is."""
    kept, day = moment.kept, moment.now.day
    if kept is None or day is None:
        return None
    known = KnownDays.of(connection, kept, month, until=day)
    return known if known.days else None


_COLUMNS = ("site_id", "month_end", "device_days", "days", "peak", "peak_day")


def _counts_at_the_end(connection: Connection, known: KnownDays) -> list[Mapping[str, Any]]:
    """The counts of the last known day, in the shape of `month_closing_counts`."""
    c = daily_counts.c
    last = known.days[-1]
    stands = [
        and_(c.basis == basis, c.snapshot_date == published_on[last])
        for basis in known.published
        if last in (published_on := known.published_on(basis))
    ]
    rows = connection.execute(
        select(c.basis, c.site_id, c.device_type, c.billing_status, c.n).where(or_(*stands))
    )
    return [dict(row) for row in rows.mappings()]


def _rows_of_presence(
    presence_of_month: Presence, known: KnownDays, basis: str
) -> list[Mapping[str, Any]]:
    """The rows of `month_bases` of one basis, from who was counted on which day."""
    firsts = [
        days[0]
        for published, days in known.published.items()
        if basis in (published, bases.RECORDS)
    ]
    days = known.since(min(firsts)) if firsts else ()
    if not days:
        return []
    alike: Counter[tuple[int, int]] = Counter()
    for (_entity, site), mask in presence_of_month.masks.items():
        alike.update({(site, mask): 1, (ALL_SITES, mask): 1})
    counted: dict[int, Counter[date]] = defaultdict(Counter)
    for (site, mask), n in alike.items():
        for day in days:
            counted[site][day] += n * presence_of_month.holds(mask, day)
    rows: list[Mapping[str, Any]] = []
    for site in {ALL_SITES, *counted}:
        peak_day = max(days, key=lambda day: counted[site][day])
        values = (site, counted[site][days[-1]], counted[site].total(), len(days),
                  counted[site][peak_day], peak_day)  # fmt: skip
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows


def _billing_bases(
    connection: Connection, rows: Iterable[Mapping[Any, Any]], filters: Filters
) -> list[BillingBases]:
    selected = [row for row in rows if not filters.sites or row["site_id"] in filters.sites]
    names = site_names(connection, [row["site_id"] for row in selected])
    names[ALL_SITES] = ""
    bases_by_site = [
        BillingBases(
            site_id=row["site_id"],
            site=names.get(row["site_id"], str(row["site_id"])),
            **{name: row[name] for name in _COLUMNS[1:]},
        )
        for row in selected
        if row["peak"] or row["site_id"] == ALL_SITES
    ]
    return sorted(bases_by_site, key=lambda site: (site.site_id != ALL_SITES, site.site.casefold()))
