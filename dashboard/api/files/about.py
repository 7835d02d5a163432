"""The facts about a file: its filters, its dates, and the runs behind it."""

from collections.abc import Iterable

from dashboard.queries.counts import uncounted
from dashboard.queries.moment import SnapshotDay
from dashboard.queries.months.month_table import MonthRow
from dashboard.queries.names import site_names
from dashboard.web.context import View
from db import __version__
from db.sources import source_label

BASES = {"assets": "unique machines", "records": "all records"}


def about(v: View, *, compared: bool) -> list[tuple[str, str]]:
    """The filters, dates and runs of a file, as label and value.

    Args:
        compared: whether the other day matters too.
    """
    filters, moment = v.filters, v.moment
    names = site_names(v.connection, filters.sites)
    others = uncounted(v.connection, moment, filters)
    basis = BASES.get(filters.basis) or f"the records of {source_label(filters.basis)}"
    lines = [
        ("Made by", f"Inventory Hub {__version__}"),
        *_dates("As of", moment.now, filters.basis),
        *(_dates("Compared with", moment.then, filters.basis) if compared else ()),
        ("Counted", basis),
        ("Sites", "; ".join(names.get(site, str(site)) for site in filters.sites) or "all"),
        ("Locations", "; ".join(name or "(no location)" for name in filters.locations) or "all"),
        ("Types", ", ".join(filters.types) or "all"),
        ("Billing statuses", ", ".join(filters.statuses)),
        ("Not counted", ", ".join(f"{n} {status}" for status, n in others.items()) or "none"),
        ("Search", filters.q or "none"),
        ("Sources", ", ".join(source_label(source) for source in filters.sources) or "all"),
    ]
    if filters.managed_by:
        lines.append(
            ("Managed by", " and ".join(source_label(source) for source in filters.managed_by))
        )
    if filters.changes:
        lines.append(("Changes", ", ".join(filters.changes)))
    if filters.kinds:
        lines.append(("Findings", ", ".join(filters.kinds)))
    if filters.states:
        lines.append(("States", ", ".join(filters.states)))
    if filters.compared:
        lines.append(("Since the compared day", ", ".join(filters.compared)))
    return [*lines, *(("Notice", str(notice)) for notice in moment.notices)]


def imported_facts(rows: Iterable[MonthRow]) -> list[tuple[str, str]]:
    """What each month counts from a file: in the numbers of months, in no list of devices."""
    return [
        (f"{row.month}, from a file",
         f"{source_label(source)}: {counts['billable']} billable, {counts['spare']} spare, "
         f"{counts['excluded']} excluded, in the numbers of months only")
        for row in rows
        for source, counts in row.imported.items()
    ]  # fmt: skip


def file_name(subject: str, v: View, *, compared: bool) -> str:
    """What the file holds, for people: "devices-Harbor-Dental-assets-2026-11-22", and of what is
    compared both days: "changes-added-assets-2026-10-31-to-2026-11-22"."""
    filters, moment = v.filters, v.moment
    names = site_names(v.connection, filters.sites) if len(filters.sites) == 1 else {}
    site = "".join(names.get(site, "") for site in filters.sites)
    place = filters.locations[0] if len(filters.locations) == 1 else ""
    days = f"{moment.now.day or moment.now.requested}"
    if compared:
        days = f"{moment.then.day or moment.then.requested}-to-{days}"
    return "-".join((subject, *filters.changes, *filters.kinds, site, place, filters.basis, days))


def _dates(what: str, snapshot_day: SnapshotDay, basis: str) -> list[tuple[str, str]]:
    day_text = snapshot_day.day.isoformat() if snapshot_day.day else "nothing is kept of it"
    lines = [(f"{what}, asked", snapshot_day.requested.isoformat()), (f"{what}, shown", day_text)]
    for source, day in snapshot_day.dates(basis).items():
        snapshot = snapshot_day.snapshots[source]
        assert snapshot is not None
        finished = (
            snapshot.finished_at.isoformat(timespec="seconds") if snapshot.finished_at else "–"
        )
        run = f"snapshot of {day}, run {snapshot.run_id}, finished {finished}"
        lines.append((f"{what}, {source_label(source)}", run))
    return lines
