"""The dialog of a decision about the rules."""

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.components.ask.dialog import Proposal
from dashboard.decisions.proposals.registry import (
    blocked,
    can_be_undone,
    from_which_day,
    proposes,
)
from dashboard.queries.audit import rule_versions
from dashboard.words.rule_words import differences
from db.decisions import SaveRules
from db.rules import Rules


@proposes(SaveRules)
def _save_rules(connection: Connection, decision: SaveRules) -> Proposal:
    now = rule_versions.current(connection)
    draft = Rules(now.version, **{name: tuple(v) for name, v in decision.rules.items()})
    changed = differences(now, draft)
    if not changed:
        line = _("The draft is the same as version %(n)s.", n=now.version)
        return blocked(_("Nothing to save"), line)
    return Proposal(
        _("Save these rules as version %(n)s?", n=now.version + 1),
        [from_which_day(connection) + " " + can_be_undone()],
        _("Save the rules"),
        facts=changed,
    )
