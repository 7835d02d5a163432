"""Findings of coverage as rows: the fields of a device row, since when, who accepted it and why,
and its facts in words."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from dashboard.base.notice import Notice, mark
from dashboard.queries.devices.device_list import COLUMNS
from dashboard.queries.moment import Moment
from dashboard.queries.names import site_names
from dashboard.queries.own_sites import ANOTHER_DEVICE, ANOTHER_SITE, own_sites
from db.bulk import rows_where_in
from db.coverage import (
    ACCEPTED,
    AGENT_ONLY,
    DUPLICATE,
    IDENTITY,
    NAME_MISMATCH,
    NINJA_WITHOUT_THREATLOCKER,
    SITE_MISMATCH,
    SPARE_MISMATCH,
    THREATLOCKER_WITHOUT_NINJA,
    acceptance_in_force,
)
from db.sources import source_label
from db.tables import (
    OPEN_END,
    coverage_exceptions,
    coverage_findings,
    device_latest,
    device_snapshots,
    devices,
)

FINDING_FIELDS = (
    "kind", "state", "first_seen", "age_days", "first_ever", "fixed_on", "facts", "accepted_by",
    "accepted_reason", "accepted_expires", "finding_id",
)  # fmt: skip
"""The fields of a finding, before those of a device row; of those `first_seen` is here called
`device_first_seen`."""

FILE_COLUMNS = (
    *FINDING_FIELDS,
    *("device_first_seen" if n == "first_seen" else n for n in COLUMNS),
)


def finding_rows(
    connection: Connection, moment: Moment, rows: Sequence[Any]
) -> list[dict[str, Any]]:
    """A dict a finding: `FILE_COLUMNS`, but `accepted` for what accepted it, and `notice` for its
    facts to translate; ids as decimal text, days as ISO text."""
    day = moment.now.day
    assert day is not None
    ids = {row.device_id for row in rows}
    others = {row.other_device_id for row in rows if row.other_device_id is not None}
    known = _devices(connection, ids | others)
    contacts = _contacts(connection, ids) if moment.is_newest else {}
    other_stretches = _others(connection, others, day)
    names = site_names(connection, {r.site_id for r in other_stretches.values()})
    accepted, first = _accepted(connection, rows, day), _first_ever(connection, rows)
    own = own_sites(connection)
    return [
        _row(row, day, known, contacts, accepted, first)
        | {"notice": (notice := _facts(row, other_stretches.get(row.other_device_id), names, own))}
        | {"facts": str(notice)}
        for row in rows
    ]


def cells(row: Mapping[str, Any]) -> list[Any]:
    """A finding as a line of a file, in the order of `FILE_COLUMNS`."""
    accepted = row["accepted"] or {}
    flat = {f"accepted_{name}": accepted.get(name) for name in ("by", "reason", "expires")}
    values = {**row, **flat}
    return [values[name] for name in FILE_COLUMNS]


def _row(
    row: Any,
    day: date,
    known: Mapping[int, Any],
    contacts: Mapping[int, Any],
    accepted: Mapping[tuple[Any, ...], Any],
    first_ever: Mapping[tuple[Any, ...], date],
) -> dict[str, Any]:
    values = row._mapping
    device = known[row.device_id]
    until = min(row.until, day) if row.until != OPEN_END else day
    contact = contacts.get(row.device_id)
    acceptance = accepted.get(_key(row)) if row.state == ACCEPTED else None
    values_of_finding: dict[str, Any] = {
        "kind": row.kind,
        "state": row.state,
        "finding_id": str(row.finding_id),
        "first_seen": row.since.isoformat(),
        "age_days": (until - row.since).days,
        "first_ever": first_ever[_key(row)[:-1]].isoformat(),
        "fixed_on": row.until.isoformat() if row.until <= day else None,
        "accepted": acceptance and {
            "by": acceptance.author, "reason": acceptance.reason,
            "expires": acceptance.expires and acceptance.expires.isoformat(),
            "exception_id": str(acceptance.exception_id),
        },
        **{name: values[name] for name in COLUMNS if name in values},
        "source_key": device.source_key,
        "device_first_seen": device.first_seen.isoformat(),
        "last_contact": contact and contact.isoformat(timespec="seconds"),
    }  # fmt: skip
    return values_of_finding | {"device_id": str(row.device_id), "asset_id": str(row.asset_id)}


def _key(row: Any) -> tuple[Any, ...]:
    return (*(getattr(row, name) for name in IDENTITY), row.facts)


def _devices(connection: Connection, ids: Iterable[int]) -> dict[int, Any]:
    columns = (devices.c.device_id, devices.c.source_key, devices.c.first_seen)
    rows = rows_where_in(connection, select(*columns), devices.c.device_id, ids)
    return {row.device_id: row for row in rows}


def _contacts(connection: Connection, ids: Iterable[int]) -> dict[int, Any]:
    latest = device_latest.c
    statement = select(latest.device_id, latest.last_contact)
    rows = rows_where_in(connection, statement, latest.device_id, ids)
    return {row.device_id: row.last_contact for row in rows}


def _others(connection: Connection, ids: Iterable[int], day: date) -> dict[int, Any]:
    """The other records on `day`, or as they last were before it."""
    stretch = device_snapshots.c
    columns = (
        stretch.device_id, stretch.source, stretch.site_id, stretch.hostname, stretch.display_name,
        stretch.valid_from,
    )  # fmt: skip
    statement = select(*columns).where(stretch.valid_from <= day).order_by(stretch.valid_from)
    return {
        row.device_id: row for row in rows_where_in(connection, statement, stretch.device_id, ids)
    }


def _accepted(connection: Connection, rows: Sequence[Any], day: date) -> dict[tuple[Any, ...], Any]:
    accepted = coverage_exceptions
    assets = {row.asset_id for row in rows if row.state == ACCEPTED}
    statement = select(accepted).where(acceptance_in_force(day))
    return {
        _key(row): row for row in rows_where_in(connection, statement, accepted.c.asset_id, assets)
    }


def _first_ever(connection: Connection, rows: Sequence[Any]) -> dict[tuple[Any, ...], date]:
    finding = coverage_findings.c
    columns = [finding[name] for name in IDENTITY]
    statement = select(*columns, func.min(finding.since)).group_by(*columns)
    assets = {row.asset_id for row in rows}
    return {
        tuple(key): first
        for *key, first in rows_where_in(connection, statement, finding.asset_id, assets)
    }


def _facts(row: Any, other: Any, names: Mapping[int, str], own: Collection[int] | None) -> Notice:
    """What does not agree, as a sentence; of a record at another site than its reader's `own` it
    says no name."""
    facts = json.loads(row.facts)
    host = row.hostname or row.display_name or str(row.device_id)
    values: dict[str, object] = {"source": source_label(row.source), "site": row.site, "host": host}
    values |= {"other": row.other_device_id, "other_source": "?", "other_site": "?"}
    if other is not None:
        is_seen = own is None or other.site_id in own
        values["other"] = _called(other) if is_seen else ANOTHER_DEVICE
        values["other_source"] = source_label(other.source)
        at = names.get(other.site_id, str(other.site_id)) if is_seen else ANOTHER_SITE
        values["other_site"] = at
    if row.kind == SPARE_MISMATCH:
        spare = facts.get("spare") == row.source
        values |= {"spare": values["source" if spare else "other_source"],
                   "not_spare": values["other_source" if spare else "source"]}  # fmt: skip
    values |= {"name": row.display_name, "other_name": "?"}
    if other is not None:
        values["other_name"] = other.display_name if is_seen else values["other"]
    if row.kind == DUPLICATE and facts.get("same") == "machine":
        return Notice(_TWICE, values)
    if "serial" in facts:
        return Notice(_SERIAL, values | {"serial": facts["serial"]})
    return Notice(_WORDS[row.kind], values)


def _called(device: Any) -> str:
    return str(device.hostname or device.display_name or device.device_id)


_TWICE = mark("%(source)s has this machine twice: %(host)s and %(other)s")
_SERIAL = mark(
    "Serial number %(serial)s is %(host)s at %(site)s (%(source)s) and %(other)s at %(other_site)s "
    "(%(other_source)s)"
)
_WORDS = {
    NINJA_WITHOUT_THREATLOCKER: mark("NinjaRMM manages it, ThreatLocker does not"),
    THREATLOCKER_WITHOUT_NINJA: mark("ThreatLocker manages it, NinjaRMM does not"),
    AGENT_ONLY: mark("Its agent reports, neither NinjaRMM nor ThreatLocker manages it"),
    DUPLICATE: mark(
        "%(source)s has two machines with the same hostname at the site: %(host)s and %(other)s"
    ),
    SPARE_MISMATCH: mark("Spare in %(spare)s, not spare in %(not_spare)s"),
    SITE_MISMATCH: mark(
        "%(source)s has it at %(site)s, %(other_source)s at %(other_site)s"
    ),
    NAME_MISMATCH: mark(
        "%(source)s calls it \u201c%(name)s\u201d, %(other_source)s \u201c%(other_name)s\u201d"
    ),
}  # fmt: skip


class FindingSummary(NamedTuple):
    """Kind, device, site and first day of a finding."""

    kind: str
    name: str
    site: str
    since: date


def get_finding(connection: Connection, finding_id: int) -> FindingSummary | None:
    """The finding of that id; None when it has ended."""
    finding, stretch = coverage_findings.c, device_snapshots.c
    row = connection.execute(
        select(finding.kind, finding.since, stretch.hostname, stretch.display_name, stretch.site_id)
        .join_from(coverage_findings, device_snapshots, stretch.device_id == finding.device_id)
        .where(finding.finding_id == finding_id, finding.until == OPEN_END)
        .order_by(stretch.valid_from.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    site = site_names(connection, [row.site_id]).get(row.site_id, str(row.site_id))
    return FindingSummary(row.kind, row.hostname or row.display_name or "?", site, row.since)


def get_acceptance(connection: Connection, exception_id: int) -> Any:
    """The acceptance of that id; None when there is none."""
    accepted = coverage_exceptions
    return connection.execute(
        select(accepted).where(accepted.c.exception_id == exception_id)
    ).one_or_none()
