"""Labels of the states of months, and why a month is still open."""

from typing import Protocol

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import COUNTED
from dashboard.queries.months.month_table import Closing, MonthRow
from dashboard.words.decision_words import action_word, plain_subject
from db.audit import AUTOMATIC
from db.months.adjustments import AdjustingDecision
from db.months.closings import Hindrance
from db.sources import source_label


class Decided(Protocol):
    """An entry of the audit log, as queries have it."""

    @property
    def action(self) -> str:
        """The kind of decision."""

    @property
    def subject(self) -> str:
        """What it was about."""


def month_state_word(state: str) -> str:
    """The label of a month's state."""
    return {
        "running": _("running"),
        "open": _("open"),
        "closed": _("closed"),
        "imported": _("imported"),
    }[state]


def actor_name(actor: str) -> str:
    """The actor of a closing, for a sentence."""
    return _("automatically") if actor == AUTOMATIC else _("by %(actor)s", actor=actor)


def adjustment_words(decision: AdjustingDecision) -> str:
    """Which decision changed a month that had been closed, by whom and when."""
    return _(
        "%(what)s, %(when)s %(who)s",
        what=decided_words(decision),
        when=formats.instant(decision.at),
        who=actor_name(decision.actor),
    )


def decided_words(decision: Decided) -> str:
    """What was decided, and about what; that is empty for whoever may not know it."""
    about = f": {plain_subject(decision.subject)}" if decision.subject else ""
    return f"{action_word(decision.action)}{about}"


def closed_words(closing: Closing) -> str:
    """When and by whom a month was closed."""
    return f"{formats.instant(closing.closed_at)} {actor_name(closing.author)}"


def imported_words(row: MonthRow) -> str:
    """Which part of a month's numbers comes from a file."""
    counted = (counts[status] for counts in row.imported.values() for status in COUNTED)
    return _(
        "%(n)s of %(sources)s from a file, without a list of devices",
        n=formats.number(sum(counted)),
        sources=", ".join(map(source_label, row.imported)),
    )


def hindrance_words(hindrance: Hindrance) -> str:
    """Why a month cannot be closed yet."""
    words = {name: formats.plain(value) for name, value in hindrance.values.items()}
    for name in ("month", "older"):
        if name in words:
            words[name] = formats.month(str(words[name]))
    if "source" in words:
        words["source"] = source_label(str(words["source"]))
    return str(_texts()[hindrance.code] % words)


def _texts() -> dict[str, str]:
    return {
        "closed": _("%(month)s is closed."),
        "no_data": _("No snapshot of its last day is kept."),
        "running": _("It can be closed from %(first)s; it closes automatically from %(day)s."),
        "older_open": _("%(older)s is still open: close it first."),
        "reopened": _("It was reopened: close it when it is right."),
        "too_early": _("It can be closed now; it closes automatically from %(day)s."),
        "no_run": _("%(source)s has no complete run from %(first)s to %(last)s."),
        "held": _("The run of %(source)s of %(day)s is held: accept or reject it."),
    }
