"""The dialog of undoing a decision."""

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.components.ask.dialog import Proposal
from dashboard.decisions.proposals.registry import (
    blocked,
    from_which_day,
    proposes,
)
from dashboard.queries.audit import audit_log
from dashboard.words.decision_words import action_word
from db.decisions import KINDS, Undo


@proposes(Undo)
def _undo(connection: Connection, decision: Undo) -> Proposal:
    entry = audit_log.find_entry(connection, decision.entry_id)
    if entry is None or not entry.can_undo:
        line = _("Already undone, or of a kind that cannot be undone.")
        return blocked(_("Nothing to undo"), line)
    words = {"what": action_word(entry.action), "who": entry.actor}
    lines = [
        _("%(who)s decided it on %(when)s.", who=entry.actor, when=formats.instant(entry.at)),
        from_which_day(connection),
    ]
    if not KINDS[entry.action].restates:
        lines[-1] = _("No count changes.")
    return Proposal(
        _("Undo: %(what)s?", **words),
        lines,
        _("Undo it"),
        facts=[(_("Of"), entry.subject)],
        previewed=KINDS[entry.action].previewed,
    )
