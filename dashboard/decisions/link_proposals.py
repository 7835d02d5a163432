"""What will happen when sites are merged, records linked, rules saved, decisions undone."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.components.ask.dialog import Proposal
from dashboard.queries.audit import audit_log, rule_versions
from dashboard.queries.device_names import alias_name, device_names
from dashboard.queries.sites import one_site
from dashboard.queries.sites.table import site_names
from dashboard.web import asking
from dashboard.words.decision_words import action_word
from dashboard.words.rule_words import differences, sources_word
from db import jobs
from db.history.runs import border
from db.rules import Rules
from db.sources import source_label


def proposal(connection: Connection, kind: str, arguments: Mapping[str, Any]) -> Proposal | None:
    """What the dialog says about a decision with checked arguments; None for what begins at
    once."""
    found = _PROPOSALS.get(kind)
    return found(connection, arguments) if found else None


def _since(connection: Connection) -> str:
    """From which day on a decision counts."""
    closed = border(connection)
    if closed is None:
        return str(_("No month is closed, so every day that is kept is made again."))
    return str(
        _("Every day after %(day)s is made again. Nothing on or before it changes: that month is "
          "closed.", day=formats.day(closed))
    )  # fmt: skip


def _undoable() -> str:
    return str(_("It can be undone from the audit page."))


def _nothing(title: str, line: str) -> Proposal:
    return Proposal(title, [line], _("Close"), blocked=True)


def _merge(connection: Connection, arguments: Mapping[str, Any]) -> Proposal:
    site, into = (one_site.profile(connection, arguments[name]) for name in ("site_id", "into"))
    if site is None or into is None or not site.site_id or not into.site_id:
        return _nothing(_("Nothing to merge"), _("One of the two sites is not there any more."))
    if site.merged_into or into.merged_into or site.site_id == into.site_id:
        return _nothing(_("Nothing to merge"), _("One of the two answers to the other already."))
    words = {"site": site.name, "into": into.name}
    return Proposal(
        _("Merge %(site)s into %(into)s?", **words),
        [
            _("What sources call %(site)s becomes %(into)s.", **words),
            _since(connection),
            _("%(site)s keeps its own days up to then. ", **words) + _undoable(),
        ],
        _("Merge"),
        previewed=True,
    )


def _move_alias(connection: Connection, arguments: Mapping[str, Any]) -> Proposal:
    source, key, to = (arguments[name] for name in ("source", "alias_key", "site_id"))
    alias = alias_name(connection, source, key)
    into = one_site.profile(connection, to) if to else None
    if alias is None or (to and into is None):
        return _nothing(_("Nothing to move"), _("The name or the site is not there any more."))
    words = {"alias": alias, "source": source_label(source), "into": into.name if into else ""}
    title = (
        _("Move %(alias)s of %(source)s to %(into)s?", **words)
        if into
        else _("Make a site of its own of %(alias)s of %(source)s?", **words)
    )
    lines = [_since(connection), _undoable()]
    return Proposal(title, lines, _("Move") if into else _("Make the site"), previewed=True)


def _two(connection: Connection, arguments: Mapping[str, Any]) -> dict[str, str] | None:
    """How the two devices of a decision are called."""
    ids = (arguments["device_id"], arguments["other_device_id"])
    found = device_names(connection, ids)
    if len(found) < 2:
        return None
    one, other = (found[device_id] for device_id in ids)
    return {
        "one": f"{one.name} ({source_label(one.source)})",
        "other": f"{other.name} ({source_label(other.source)})",
        "same_site": "yes" if one.site_id == other.site_id else "",
        "same": "yes" if one.asset_id == other.asset_id else "",
    }


def _gone() -> Proposal:
    return _nothing(_("Nothing to decide"), _("One of the two records is no longer kept."))


def _link(connection: Connection, arguments: Mapping[str, Any]) -> Proposal:
    words = _two(connection, arguments)
    if words is None:
        return _gone()
    if words["same"]:
        return _nothing(_("Nothing to link"), _("The two are one machine already."))
    lines = [
        _("Their machines are counted as one from then on, with everything linked to either."),
        _since(connection) + " " + _undoable(),
    ]
    if not words["same_site"]:
        lines.insert(0, _("They stand at two sites: that shows on Coverage as long as it is so."))
    title = _("Are %(one)s and %(other)s the same machine?", **words)
    return Proposal(title, lines, _("Same machine"), previewed=True)


def _apart(connection: Connection, arguments: Mapping[str, Any]) -> Proposal:
    words = _two(connection, arguments)
    if words is None:
        return _gone()
    lines = [
        _("No rule links them any more, and nobody is asked about them again."),
        _since(connection) + " " + _undoable(),
    ]
    title = _("Are %(one)s and %(other)s two machines?", **words)
    return Proposal(title, lines, _("Two machines"), previewed=True)


def _split(connection: Connection, arguments: Mapping[str, Any]) -> Proposal:
    found = device_names(connection, [arguments["device_id"]])
    if not found:
        return _gone()
    (one,) = found.values()
    words = {"name": one.name, "source": source_label(one.source)}
    return Proposal(
        _("Is %(name)s of %(source)s another machine?", **words),
        [
            _("It is counted as a machine of its own, and no rule links it with these records "
              "again."),
            _since(connection) + " " + _undoable(),
        ],
        _("Not the same machine"),
        previewed=True,
    )  # fmt: skip


def _expect(connection: Connection, arguments: Mapping[str, Any]) -> Proposal:
    called = site_names(connection, [arguments["site_id"]])
    site = called.get(arguments["site_id"], str(arguments["site_id"]))
    wanted = arguments["sources"]
    if wanted is None:
        wanted = rule_versions.current(connection).expected_sources
        title = _("Expect at %(site)s what the rules say?", site=site)
    else:
        title = _("Change what %(site)s is expected to have?", site=site)
    return Proposal(
        title,
        [
            _("Expected: %(sources)s.", sources=sources_word(wanted)),
            _("Coverage looks for what is missing of these. No count changes. ") + _undoable(),
        ],
        _("Save"),
        previewed=True,
    )


def _save_rules(connection: Connection, arguments: Mapping[str, Any]) -> Proposal:
    now = rule_versions.current(connection)
    draft = Rules(now.version, **{name: tuple(v) for name, v in arguments["rules"].items()})
    changed = differences(now, draft)
    if not changed:
        line = _("The draft says what version %(n)s says.", n=now.version)
        return _nothing(_("Nothing to save"), line)
    return Proposal(
        _("Save these rules as version %(n)s?", n=now.version + 1),
        [_since(connection) + " " + _undoable()],
        _("Save the rules"),
        facts=changed,
        reasoned=True,
        previewed=True,
    )


def _undo(connection: Connection, arguments: Mapping[str, Any]) -> Proposal:
    entry = audit_log.one(connection, arguments["entry_id"])
    if entry is None or not entry.can_undo:
        line = _("It was undone already, or it is of a kind that cannot be.")
        return _nothing(_("Nothing to undo"), line)
    words = {"what": action_word(entry.action), "who": entry.actor}
    lines = [
        _("%(who)s decided it on %(when)s.", who=entry.actor, when=formats.instant(entry.at)),
        _since(connection),
    ]
    if entry.action not in jobs.RESTATING:
        lines[-1] = _("No count changes.")
    return Proposal(
        _("Undo: %(what)s?", **words),
        lines,
        _("Undo it"),
        facts=[(_("Of"), entry.subject)],
        previewed=entry.action in asking.PREVIEWED,
    )


_PROPOSALS = {
    jobs.MERGE_SITES: _merge,
    jobs.MOVE_ALIAS: _move_alias,
    jobs.LINK_DEVICES: _link,
    jobs.KEEP_APART: _apart,
    jobs.SPLIT_DEVICE: _split,
    jobs.EXPECT_SOURCES: _expect,
    jobs.SAVE_RULES: _save_rules,
    jobs.UNDO: _undo,
}
