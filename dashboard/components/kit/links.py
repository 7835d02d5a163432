"""Addresses of lists and files: the filters of a number, written into the link that opens it."""

from collections.abc import Callable, Sequence
from datetime import date

from dashboard.base.params import BARS, FINDING_CHANGES, STATUSES, Filters, Sort
from dashboard.queries.changes.bars import Bars
from dashboard.queries.changes.change_list import BY_BAR
from dashboard.queries.coverage.findings import BY_KIND
from dashboard.queries.devices.device_list import BY_SITE
from dashboard.queries.moment import Moment
from dashboard.queries.months import month_ends as months_chart
from dashboard.queries.months.month_ends import MonthEnd


def devices(filters: Filters) -> str:
    """The list of exactly the devices that `filters` count."""
    return _with("/devices", filters)


def devices_on(filters: Filters, day: date | None, **narrower: object) -> str:
    """The same list on another day, with some filters replaced; None keeps the shown day."""
    if day is not None:
        # What is compared with is later than the past that is opened: it would be refused.
        narrower |= {"as_of": day, "compare_to": None}
    return devices(filters.having(**narrower))


def then(filters: Filters, moment: Moment) -> str | None:
    """The list of the devices that `filters` count on the earlier day; None where none is kept."""
    return None if moment.then.day is None else devices_on(filters, moment.then.day)


def month_bar(month: MonthEnd, kind: str | None, filters: Filters, moment: Moment) -> str | None:
    """The devices of a bar of the months chart, of one type or of all; None where none are kept."""
    listed = months_chart.list_filters(month, filters, moment)
    if listed is None or month.by_type is None:
        return None
    return devices(listed if kind is None else listed.having(types=(kind,)))


def devices_file(filters: Filters, sort: Sort = BY_SITE, form: str = "csv") -> str:
    """The file of exactly the devices that `filters` count, in this order."""
    return _with(f"/export/devices.{form}", filters, sort=None if sort == BY_SITE else sort)


def changes(filters: Filters, *bars: str) -> str:
    """Why the count of `filters` moved; only the devices of some bars, when they are named."""
    if bars:
        filters = filters.having(changes=bars)
    return _with("/changes", filters)


def bars(figures: Bars, filters: Filters, then: date | None) -> dict[str, str | None]:
    """The address behind each bar; its ends open the devices of their day."""
    behind = {name: changes(filters, name) for name in BARS if getattr(figures, name)}
    return {"opening": devices_on(filters, then), **behind, "closing": devices(filters)}


def changes_file(filters: Filters, sort: Sort, form: str) -> str:
    """The file of exactly the changes that `filters` list, in this order."""
    return _with(f"/export/changes.{form}", filters, sort=None if sort == BY_BAR else sort)


def coverage(filters: Filters, kinds: Sequence[str] = (), states: Sequence[str] = ()) -> str:
    """The list of findings of these kinds in these states; of all that stand, if none are named."""
    chosen = {"kinds": tuple(kinds), "states": tuple(states), "compared": ()}
    return _with("/coverage", filters.having(**chosen))


def coverage_changes(filters: Filters, kinds: Sequence[str] = ()) -> str:
    """The findings of these kinds by which the number to look at changed since the other day."""
    chosen = {"kinds": tuple(kinds), "states": (), "compared": FINDING_CHANGES}
    return _with("/coverage", filters.having(**chosen))


def each_day(href: Callable[[date, str], str]) -> Callable[[date, str], str]:
    """`href`, for many days: of each kind it writes one address and puts the other days into it. To
    write the filters out for each day took longer than to count what they let in."""
    written: dict[str, tuple[date, str]] = {}

    def on(day: date, kind: str) -> str:
        if kind not in written:
            written[kind] = (day, href(day, kind))
        first, address = written[kind]
        return address.replace(f"as_of={first.isoformat()}", f"as_of={day.isoformat()}", 1)

    return on


def coverage_file(filters: Filters, sort: Sort, form: str) -> str:
    """The file of exactly the findings that `filters` list, in this order."""
    return _with(f"/export/coverage.{form}", filters, sort=None if sort == BY_KIND else sort)


def file(subject: str, form: str, filters: Filters) -> str:
    """The file of a table or of a chart's data, as `filters` show it."""
    return _with(f"/export/{subject}.{form}", filters)


def sites(filters: Filters, site_ids: Sequence[int]) -> str:
    """The table of these sites."""
    return _with("/sites", filters.having(sites=tuple(site_ids)))


def site(filters: Filters, site_id: int) -> str:
    """One site, seen through the other filters."""
    return _with(f"/sites/{site_id}", filters.having(sites=()))


def device(filters: Filters, device_id: int | str) -> str:
    """One device on the day that `filters` show."""
    return _with(f"/devices/{device_id}", filters)


def run(run_id: int) -> str:
    """One collection run."""
    return f"/collections?run={run_id}"


def month(filters: Filters, month: str) -> str:
    """One month."""
    return _with(f"/months/{month}", filters)


def months(filters: Filters) -> str:
    """Every month."""
    return _with("/months", filters)


def invoice_pack(site: int, month: str) -> str:
    """What an invoice for a site and month rests on, as a zip."""
    return f"/export/invoice-pack.zip?site={site}&month={month}"


def devices_of_source(source: str, day: date) -> str:
    """Every record of one source on a day."""
    return _with("/devices", Filters(as_of=day, basis=source, statuses=STATUSES))


def records_of_site(site_id: int) -> str:
    """Every record that a site has now."""
    return devices(Filters(basis="records", sites=(site_id,), statuses=STATUSES))


def changes_of_source(source: str, first: date, last: date, bar: str) -> str:
    """The records of one source that were added or removed between two days."""
    every = Filters(as_of=last, compare_to=first, basis=source, statuses=STATUSES)
    return changes(every, bar)


def _with(path: str, filters: Filters, **extra: object) -> str:
    query = filters.at(path).to_query(path, extra=extra)
    return f"{path}?{query}" if query else path
