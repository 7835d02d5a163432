"""The dialog of a decision about the thresholds."""

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.components.ask.dialog import Proposal
from dashboard.decisions.proposals.registry import blocked, proposes
from dashboard.queries.audit import threshold_versions
from dashboard.words.threshold_words import differences, loss_words
from db.decisions import SaveThresholds
from db.thresholds import Thresholds


@proposes(SaveThresholds)
def _save_thresholds(connection: Connection, decision: SaveThresholds) -> Proposal:
    now, draft = threshold_versions.current(connection), Thresholds(**decision.thresholds)
    changed = differences(now.values, draft)
    if not changed:
        line = _("The draft is the same as version %(n)s.", n=now.number)
        return blocked(_("Nothing to save"), line)
    lost = threshold_versions.loss(connection, draft)
    deleted = loss_words(lost.days, lost.months)
    lines = [_("They hold from the next run on. No day that is counted already changes.")]
    return Proposal(
        _("Save these thresholds as version %(n)s?", n=now.number + 1),
        [*lines, *([deleted] if deleted else [])],
        _("Save and delete") if deleted else _("Save the thresholds"),
        facts=changed,
        previewed=False,
        danger=deleted is not None,
        typed=_("delete") if deleted else "",
    )
