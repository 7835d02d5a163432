"""How the sources overlap: which manage how many machines, how many machines two of them share,
and what a site is expected to have."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from dashboard.base.params import SOURCES, Filters
from dashboard.queries import entities
from dashboard.queries.coverage import findings as coverage
from dashboard.queries.coverage.findings import Counts
from dashboard.queries.devices import device_list
from dashboard.queries.moment import Moment
from db.coverage import KIND_OF_GAP
from db.history.runs import END
from db.tables import sites


@dataclass(frozen=True)
class Cell:
    """Of the machines that `source` manages: how many `other` manages too. `kind` and `missing`:
    what is found of those that it should manage and does not (None: nothing is expected). `rest`:
    those that it does not manage and need not."""

    source: str
    other: str
    machines: int
    both: int
    kind: str | None
    missing: int | None

    @property
    def rest(self) -> int:
        """Findings about records may be more than their machines; it is never less than 0."""
        return max(self.machines - self.both - (self.missing or 0), 0)


@dataclass(frozen=True)
class LeftOut:
    """The sites with machines of other sources at which `source` is not expected, by name: what it
    misses there is no finding."""

    source: str
    sites: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class SiteRow:
    """One site with its findings by kind and state, and the sources that it should have."""

    site_id: int
    name: str
    expected: tuple[str, ...]
    own: bool
    counted: Counts


def matrix(
    connection: Connection, moment: Moment, filters: Filters, counted: Counts
) -> tuple[list[Cell], list[LeftOut]]:
    """A cell for each pair of sources and for each source with itself; and where each source that
    is expected anywhere is not expected."""
    groups = _by_sources_and_site(connection, moment, filters)
    machines, both = _overlap(groups)
    collected = _collected(moment)
    cells = []
    for source in collected:
        for other in collected:
            kind = KIND_OF_GAP.get((source, other))
            missing = None
            if kind is not None and other in collected:
                missing = sum(n for (_site, name, _state), n in counted.items() if name == kind)
            cells.append(Cell(source, other, machines[source], both[source, other], kind, missing))
    return cells, _left_out(connection, moment, groups)


def record_counts(connection: Connection, moment: Moment, filters: Filters) -> dict[str, int]:
    """How many records each source has, as its list counts them."""
    return {
        source: device_list.count(
            connection, moment, filters.having(basis=source, kinds=(), states=())
        )
        for source in _collected(moment)
    }


def site_rows(connection: Connection, moment: Moment, counted: Counts) -> list[SiteRow]:
    """The sites with findings, most to do first."""
    by_site: dict[int, Counts] = defaultdict(dict)
    for key, n in counted.items():
        by_site[key[0]][key] = n
    known = {
        row.site_id: row
        for row in connection.execute(
            select(sites.c.site_id, sites.c.name, sites.c.expected_sources)
        )
    }
    rows = []
    for site_id, site_counts in by_site.items():
        site = known.get(site_id)
        own = site is not None and site.expected_sources is not None
        rows.append(
            SiteRow(
                site_id,
                site.name if site else entities.NO_SITE,
                expected_by_site(moment, site.expected_sources if site else None),
                own,
                site_counts,
            )
        )
    return sorted(rows, key=lambda row: (-coverage.count_to_do(row.counted), row.name.casefold()))


def expected_by_site(moment: Moment, own: str | None) -> tuple[str, ...]:
    """Which sources a site should have: those it names, else what all should, of those that are
    collected."""
    names = moment.rules_of_day.expected_sources if own is None else own.split(",")
    expected = {name.strip() for name in names}
    return tuple(source for source in _collected(moment) if source in expected)


def expected_sources(connection: Connection, moment: Moment, site_id: int) -> tuple[str, ...]:
    """Which sources one site should have."""
    own = select(sites.c.expected_sources).where(sites.c.site_id == site_id)
    return expected_by_site(moment, connection.scalar(own))


def _collected(moment: Moment) -> list[str]:
    snapshots = moment.now.snapshots
    return [
        source for source in SOURCES if (snapshot := snapshots.get(source)) and snapshot.kind != END
    ]


def _left_out(
    connection: Connection, moment: Moment, groups: Mapping[tuple[frozenset[str], int], int]
) -> list[LeftOut]:
    own = {
        row.site_id: row
        for row in connection.execute(
            select(sites.c.site_id, sites.c.name, sites.c.expected_sources).where(
                sites.c.expected_sources.is_not(None)
            )
        )
    }
    everywhere = expected_by_site(moment, None)
    missing: dict[str, dict[int, str]] = defaultdict(dict)
    for known, site_id in groups:
        if site_id in own:
            expected = expected_by_site(moment, own[site_id].expected_sources)
            for source in everywhere:
                if source not in expected and known - {source}:
                    missing[source][site_id] = own[site_id].name
    return [
        LeftOut(source, tuple(sorted(missing[source].items(), key=lambda it: it[1].casefold())))
        for source in everywhere
        if missing[source]
    ]


def _by_sources_and_site(
    connection: Connection, moment: Moment, filters: Filters
) -> dict[tuple[frozenset[str], int], int]:
    """How many machines these sources manage, and no other, at each site."""
    if moment.now.day is None:
        return {}
    machine_filters = filters.having(basis="assets", sources=(), managed_by=())
    columns = ("sources", "site_id", *entities.filter_columns(machine_filters))
    view = entities.rows_on(
        moment.now.day, "assets", moment.rules, columns, site_ids=machine_filters.sites
    )
    groups = (view.c.sources, view.c.site_id)
    rows = connection.execute(
        select(*groups, func.count())
        .where(entities.matches(view, machine_filters))
        .group_by(*groups)
    )
    return {(frozenset(text.split(", ")), site_id): n for text, site_id, n in rows}


def _overlap(
    groups: Mapping[tuple[frozenset[str], int], int],
) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """How many machines each source manages, and each two of them: as `managed_by` lists them."""
    machines = dict.fromkeys(SOURCES, 0)
    both = {(source, other): 0 for source in SOURCES for other in SOURCES}
    for (known, _site), n in groups.items():
        for source in known:
            machines[source] += n
            for other in known:
                both[source, other] += n
    return machines, both
