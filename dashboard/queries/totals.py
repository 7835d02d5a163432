"""The totals of the JSON API, by site: the seed's fields, and those that make its sums hold.

`total = servers + workstations + other = billable + spare = the sum of the sources`, in every
basis. Excluded devices are in none of them; `excluded_devices` counts those apart.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, case, func, select

from dashboard.base.params import COUNTED, SOURCES, STATUSES, Filters
from dashboard.queries import counts, entities
from dashboard.queries.moment import Moment, SnapshotDay
from db.tables import devices

FIELDS = (
    "total_devices", "servers", "workstations", "other_devices", "spare_devices",
    "billable_devices", "excluded_devices", *(f"{source}_devices" for source in SOURCES),
    "unique_assets",
)  # fmt: skip

Totals = dict[str, int]

_TYPE_FIELDS = {"server": "servers", "workstation": "workstations"}


def by_site(
    connection: Connection, moment: Moment, side: SnapshotDay, filters: Filters
) -> dict[int, Totals] | None:
    """The totals of each site with a device that matches; None before the basis's first
    snapshot."""
    everything = counts.device_counts(connection, moment, side, filters.having(statuses=STATUSES))
    if everything is None:
        return None
    totals_by_site: dict[int, Totals] = {}
    for count in everything:
        totals = totals_by_site.setdefault(count.site_id, dict.fromkeys(FIELDS, 0))
        if count.billing_status == "excluded":
            totals["excluded_devices"] += count.n
        elif count.billing_status in filters.statuses:
            totals["total_devices"] += count.n
            totals[f"{count.billing_status}_devices"] += count.n
            totals[_TYPE_FIELDS.get(count.device_type, "other_devices")] += count.n
    statuses = tuple(status for status in COUNTED if status in filters.statuses)
    if statuses:
        _add_sources(connection, moment, side, filters.having(statuses=statuses), totals_by_site)
    return totals_by_site


def _add_sources(
    connection: Connection,
    moment: Moment,
    side: SnapshotDay,
    filters: Filters,
    totals_by_site: dict[int, Totals],
) -> None:
    by_source = counts.by_source(connection, moment, side, filters) or {}
    for source in SOURCES:
        for site, n in by_source.get(source, {}).items():
            totals_by_site[site][f"{source}_devices"] = n
    for site, n in _unique_assets(connection, moment, side, filters).items():
        # A machine may count at a site where only a record that is not its primary one matches.
        totals = totals_by_site.setdefault(site, dict.fromkeys(FIELDS, 0))
        totals["unique_assets"] = n


def _unique_assets(
    connection: Connection, moment: Moment, side: SnapshotDay, filters: Filters
) -> dict[int, int]:
    """How many machines match, by site: in a source's basis those that the source has."""
    if filters.basis in ("assets", "records"):
        assets = filters.having(basis="assets")
        sums: dict[int, int] = {}
        for count in counts.device_counts(connection, moment, side, assets) or ():
            sums[count.site_id] = sums.get(count.site_id, 0) + count.n
        return sums
    assert side.day is not None
    view = entities.rows_on(side.day, filters.basis, moment.rules)
    guests = moment.rules.effective_on(side.day).spare_node_classes
    is_guest = case((view.c.node_class.in_(guests), 1), else_=0)
    # A machine of several records is at the site of the one that speaks for it.
    speaks_first = [is_guest, devices.c.first_seen.desc(), view.c.device_id.desc()]
    place = func.row_number().over(partition_by=view.c.asset_id, order_by=speaks_first)
    records = (
        select(view.c.site_id, place.label("place"))
        .join(devices, devices.c.device_id == view.c.device_id)
        .where(entities.matches(view, filters))
        .subquery()
    )
    rows = connection.execute(
        select(records.c.site_id, func.count())
        .where(records.c.place == 1)
        .group_by(records.c.site_id)
    )
    return {site: int(n) for site, n in rows}


def unknown_fields(side: SnapshotDay, basis: str) -> dict[str, None]:
    """The counts of sources that `basis` adds and that have no snapshot yet: not 0 but unknown."""
    added = SOURCES if basis in ("assets", "records") else (basis,)
    return {f"{source}_devices": None for source in added if source not in side.dates(basis)}


def sum_totals(
    sites: Iterable[Totals] | None, side: SnapshotDay, basis: str
) -> dict[str, int | None]:
    """The sum over sites; None where nothing is known."""
    if sites is None:
        return dict.fromkeys(FIELDS)
    sums: dict[str, int | None] = dict.fromkeys(FIELDS, 0)
    rows = list(sites)
    for field in FIELDS:
        sums[field] = sum(row[field] for row in rows)
    return sums | unknown_fields(side, basis)
