"""Who carries out a decision, and who undoes it: handlers, registered by the kind of decision."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from db import audit
from db.decisions import Decision
from db.settings import Settings
from etl.collect.collect import Clock
from etl.records.record import FetchStats
from etl.runtime.lease import Lease
from etl.sources import Source


class DecisionRefused(Exception):
    """A decision cannot be carried out as things stand; the text says why and what to do."""


@dataclass(frozen=True)
class DecisionContext:
    """Where, when and by whom a decision is carried out. The lease is held by the caller."""

    engine: Engine
    lease: Lease
    actor: str
    clock: Clock
    settings: Settings | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    """Those that the worker collects."""
    report_progress: Callable[[str], None] = lambda text: None
    on_page: Callable[[FetchStats], None] = lambda stats: None
    """Called after each page of a collection; may stop it by raising."""

    def write_entry(
        self, connection: Connection, decision: type[Decision], subject: str, **detail: Any
    ) -> int:
        """Write an entry of the audit log; its id."""
        now = self.clock()
        return audit.write_entry(connection, self.actor, decision.kind, subject, now, detail)


@dataclass(frozen=True)
class Reversal:
    """An undo in progress: `entry` of the audit log takes `undone_entry` back, whose detail this
    is."""

    connection: Connection
    undone_entry: int
    entry: int
    detail: Mapping[str, Any]


D = TypeVar("D", bound=Decision)
Handler = Callable[[DecisionContext, D], str]
"""Carries a decision out; what came of it, as a sentence. Raises `DecisionRefused`."""
UndoHandler = Callable[[DecisionContext, Reversal], None]
"""Reverts what a decision changed. Raises `DecisionRefused` when a later decision builds on it."""

HANDLERS: dict[str, Handler[Any]] = {}
UNDO_HANDLERS: dict[str, UndoHandler] = {}


def handles(decision: type[D]) -> Callable[[Handler[D]], Handler[D]]:
    """Register the handler of a kind of decision."""

    def register(handler: Handler[D]) -> Handler[D]:
        assert decision.kind not in HANDLERS, f"{decision.kind} has a handler"
        HANDLERS[decision.kind] = handler
        return handler

    return register


def undoes(*decisions: type[Decision]) -> Callable[[UndoHandler], UndoHandler]:
    """Register the function that undoes decisions of these kinds."""

    def register(handler: UndoHandler) -> UndoHandler:
        for decision in decisions:
            assert decision.kind not in UNDO_HANDLERS, f"{decision.kind} has an undo handler"
            UNDO_HANDLERS[decision.kind] = handler
        return handler

    return register


def load_handlers() -> None:
    """Import every module of `etl.decisions`, which registers its handlers."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
