"""Take a decision back: what it made is unmade, and the days after the border say again what they
said before it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, and_, case, delete, insert, select, update

from db import audit, jobs
from db import rules as rule_versions
from db.engine import writing
from db.names import site_roots
from db.tables import OPEN_END, asset_links, audit_log, kept_apart, site_aliases, sites
from etl.decisions.coverage import undo_acceptance
from etl.decisions.machines import devices_of_sites
from etl.decisions.restate import restate
from etl.decisions.rules import told
from etl.decisions.runs import Decider
from etl.decisions.sites import expect, review
from etl.snapshots.apply_decisions import restatement_start
from etl.snapshots.publish import PublishRefused
from etl.snapshots.site_plan import mark_internal

Detail = Mapping[str, Any]


def undo(by: Decider, entry_id: int) -> str:
    """Take back the decision of an entry of the audit log; what it was, in words.

    Raises:
        Refused: it cannot be undone, is undone already, or a later decision stands on it.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        decision = _decision(connection, entry_id)
        detail = json.loads(decision.detail)
        entry = audit.note(
            connection, by.actor, jobs.UNDO, decision.subject, by.clock(),
            {"entry_id": str(entry_id), "action": decision.action,
             "before": detail.get("after"), "after": detail.get("before")},
            undoes=entry_id,
        )  # fmt: skip
        _UNDONE[decision.action](by, connection, entry_id, entry, detail)
    return f"{decision.action.replace('_', ' ')}: {decision.subject}"


def _decision(connection: Connection, entry_id: int) -> Row[Any]:
    c = audit_log.c
    found = connection.execute(select(audit_log).where(c.entry_id == entry_id)).one_or_none()
    if found is None or found.action not in _UNDONE:
        raise PublishRefused(
            f"Entry {entry_id} of the audit log is no decision that can be undone."
        )
    if _is_undone(connection, entry_id):
        raise PublishRefused("This decision is undone already.")
    return found


def _machines(
    by: Decider, connection: Connection, decided: int, entry: int, _detail: Detail
) -> None:
    first = restatement_start(connection)
    assert first is not None, "a device has been published"
    ids = _unlink(by, connection, decided, entry, first)
    connection.execute(delete(kept_apart).where(kept_apart.c.decided_by == decided))
    restate(connection, entry, by.clock(), ids)


def _merge(by: Decider, connection: Connection, decided: int, entry: int, detail: Detail) -> None:
    site_id, into = int(detail["site_id"]), int(detail["into"])
    now = connection.execute(select(sites).where(sites.c.site_id == site_id)).one()
    if now.merged_into != into:
        raise PublishRefused("The site was merged again since. Undo that decision first.")
    connection.execute(update(sites).where(sites.c.site_id == site_id).values(merged_into=None))
    review(connection, site_id, waits=detail["before"]["needs_review"])
    _sites_again(by, connection, decided, entry, (site_id, into))


def _alias(by: Decider, connection: Connection, decided: int, entry: int, detail: Detail) -> None:
    c = site_aliases.c
    mine = (c.source == detail["source"], c.alias_key == detail["alias_key"])
    now, was = int(detail["site_id"]), int(detail["site_id_was"])
    if connection.scalar(select(c.site_id).where(*mine)) != now:
        raise PublishRefused("The alias was moved again since. Undo that decision first.")
    connection.execute(update(site_aliases).where(*mine).values(site_id=was))
    _sites_again(by, connection, decided, entry, (now, was))


def _sites_again(
    by: Decider, connection: Connection, decided: int, entry: int, site_ids: tuple[int, int]
) -> None:
    first = restatement_start(connection)
    if first is None:
        return
    # A site that is merged now has its devices where it was merged into.
    ids = _unlink(by, connection, decided, entry, first)
    roots = site_roots(connection)
    there = {*site_ids, *(roots.get(site_id, site_id) for site_id in site_ids)}
    ids |= devices_of_sites(connection, first, there)
    restate(connection, entry, by.clock(), ids)


def _confirm(
    _by: Decider, connection: Connection, _decided: int, _entry: int, detail: Detail
) -> None:
    review(connection, int(detail["site_id"]), waits=True)


def _expect(
    _by: Decider, connection: Connection, _decided: int, _entry: int, detail: Detail
) -> None:
    expect(connection, int(detail["site_id"]), detail["before"]["expected_sources"])


def _rules(by: Decider, connection: Connection, _decided: int, entry: int, detail: Detail) -> None:
    """Versions are only added: what the one before it said is said again, by a new one."""
    newest = rule_versions.current_rules(connection)
    if told(newest) != detail["after"]:
        raise PublishRefused("The rules were changed again since. Undo that decision first.")
    now = replace(
        newest,
        version=newest.version + 1,
        **{name: tuple(values) for name, values in detail["before"].items()},
    )
    rule_versions.save_version(connection, now, by.actor, by.clock())
    mark_internal(connection, now)
    restate(connection, entry, by.clock(), None)


def _unlink(by: Decider, connection: Connection, decided: int, entry: int, first: date) -> set[int]:
    """End the links that a decision began and begin those again that it ended; their devices."""
    c = asset_links.c
    end = case((c.since < first, first), else_=c.since)
    # Whether they still stand or a run ended them, on a day from `first` on.
    begun = and_(c.decided_by == decided, c.until > end)
    ended = connection.execute(
        select(asset_links).where(c.undone_by == decided).order_by(c.link_id)
    ).all()
    ids = {*connection.scalars(select(c.device_id).where(begun)), *(row.device_id for row in ended)}
    connection.execute(update(asset_links).where(begun).values(until=end, undone_by=entry))
    for link in ended:
        if link.decided_by is not None and _is_undone(connection, link.decided_by):
            continue
        taken = select(c.link_id).where(c.device_id == link.device_id, c.until == OPEN_END)
        if connection.execute(taken).first():
            raise PublishRefused(
                "A later decision links these devices otherwise. Undo that one first."
            )
        if link.until >= first:
            again = {"until": OPEN_END, "undone_by": None}
            connection.execute(update(asset_links).where(c.link_id == link.link_id).values(again))
        else:
            # The days in which it was ended lie in closed months: it begins anew after them.
            values = {name: value for name, value in link._mapping.items() if name != "link_id"}
            values |= {"since": first, "until": OPEN_END, "undone_by": None, "decided_by": entry,
                       "opened_by": None, "created_at": by.clock()}  # fmt: skip
            connection.execute(insert(asset_links).values(values))
    return ids


def _is_undone(connection: Connection, entry_id: int) -> bool:
    c = audit_log.c
    return connection.execute(select(c.entry_id).where(c.undoes == entry_id)).first() is not None


_UNDONE: Mapping[str, Callable[[Decider, Connection, int, int, Detail], None]] = {
    jobs.LINK_DEVICES: _machines,
    jobs.SPLIT_DEVICE: _machines,
    jobs.KEEP_APART: _machines,
    jobs.MERGE_SITES: _merge,
    jobs.MOVE_ALIAS: _alias,
    jobs.CONFIRM_SITE: _confirm,
    jobs.EXPECT_SOURCES: _expect,
    jobs.SAVE_RULES: _rules,
    jobs.ACCEPT_FINDING: undo_acceptance,
}
