"""Which function writes the dialog of a kind of decision, and the sentences that many share."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, TypeVar

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.components.ask.dialog import Proposal
from db.decisions import Decision
from db.history.runs import border

D = TypeVar("D", bound=Decision)
Proposer = Callable[[Connection, D], Proposal]

PROPOSERS: dict[str, Proposer[Any]] = {}


def proposes(decision: type[D]) -> Callable[[Proposer[D]], Proposer[D]]:
    """Register the function that writes the dialog of a kind of decision."""

    def register(proposer: Proposer[D]) -> Proposer[D]:
        assert decision.kind not in PROPOSERS, f"{decision.kind} has a proposal"
        PROPOSERS[decision.kind] = proposer
        return proposer

    return register


def propose(connection: Connection, decision: Decision) -> Proposal:
    """What the dialog says about a decision whose kind is confirmed."""
    return PROPOSERS[decision.kind](connection, decision)


def load_proposals() -> None:
    """Import every module of this package, which registers its proposals."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def blocked(title: str, line: str) -> Proposal:
    """A dialog that says why nothing can be decided."""
    return Proposal(title, [line], _("Close"), blocked=True)


def from_which_day(connection: Connection) -> str:
    """From which day on a decision holds."""
    closed = border(connection)
    if closed is None:
        return str(_("No month is closed, so every day that is kept is recalculated."))
    day = formats.day(closed)
    return str(
        _(
            "Every day after %(day)s is recalculated. Nothing on or before it changes: that "
            "month is closed.",
            day=day,
        )
    )


def can_be_undone() -> str:
    """That a decision is undoable, and where."""
    return str(_("It can be undone from the audit page."))
