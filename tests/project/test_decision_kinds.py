"""Each kind of decision has all that its record promises; a new kind costs three files."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import g
from sqlalchemy import Connection, Engine, select

from dashboard.app import create_app
from dashboard.base.access import Actor
from dashboard.components.ask.dialog import Proposal
from dashboard.decisions.proposals.registry import PROPOSERS, propose, proposes
from dashboard.queries.audit import audit_log as audit_queries
from dashboard.web.job_requests import enqueue, parse_decision
from dashboard.words.decision_words import action_word
from db import jobs
from db.decisions import KINDS, Decision, Preview, Undo, mark
from db.engine import reading, writing
from db.roles import ADMINISTRATOR, MANAGER, ROLES
from db.settings import load
from db.tables import audit_log
from etl.decisions.registry import (
    HANDLERS,
    UNDO_HANDLERS,
    DecisionContext,
    Reversal,
    handles,
    undoes,
)
from etl.work.jobs import JobRunner

NOW = datetime(2026, 3, 13, 12, tzinfo=UTC)


def kinds_where(flag: str) -> set[str]:
    return {name for name, decision in KINDS.items() if getattr(decision, flag)}


def test_each_kind_has_one_handler_and_previews_have_their_lane() -> None:
    assert HANDLERS.keys() == KINDS.keys() - {Preview.kind}


def test_the_undoable_kinds_have_undo_handlers_and_no_others() -> None:
    assert UNDO_HANDLERS.keys() == kinds_where("undoable")
    assert kinds_where("restates") <= kinds_where("undoable")


def test_the_confirmed_kinds_have_proposals_and_no_others() -> None:
    assert PROPOSERS.keys() == kinds_where("confirmed")
    assert kinds_where("previewed") <= kinds_where("confirmed")


def test_each_kind_that_is_audited_has_a_label() -> None:
    assert KINDS.keys() - kinds_where("label") == {Preview.kind}


def test_each_kind_names_a_role_of_people() -> None:
    for decision in KINDS.values():
        assert decision.role in ROLES and decision.role in (MANAGER, ADMINISTRATOR)


def test_each_kind_says_what_is_done_and_which_sites_it_touches() -> None:
    for decision in KINDS.values():
        assert decision.doing.split()[0].endswith("ing")
        assert ("sites_touched" in vars(decision)) is decision.inside_sites


def test_a_kind_that_may_demand_an_administrator_is_about_a_run() -> None:
    for name in kinds_where("checks_administrator"):
        assert "run_id" in KINDS[name].argument_names()


@pytest.fixture
def repaint() -> Iterator[type[Decision]]:
    """A kind of decision, written as its three files would be."""

    # db/decisions.py
    class Repaint(Decision):
        kind = "repaint"
        doing = mark("Repainting a wall")
        label = mark("Repaint a wall")
        role = ADMINISTRATOR
        undoable = True

        wall: int

    # etl/decisions/<subject>.py
    @handles(Repaint)
    def _repaint(context: DecisionContext, decision: Repaint) -> str:
        with writing(context.engine) as connection:
            context.lease.hold(connection)
            context.write_entry(connection, Repaint, f"wall {decision.wall}", after="green")
        return "It is green."

    @undoes(Repaint)
    def _undo(_context: DecisionContext, reversal: Reversal) -> None:
        assert reversal.detail == {"after": "green"}

    # dashboard/decisions/proposals/<subject>.py
    @proposes(Repaint)
    def _propose(_connection: Connection, decision: Repaint) -> Proposal:
        return Proposal(f"Repaint wall {decision.wall}?", [], "Repaint")

    yield Repaint
    for registry in (KINDS, HANDLERS, UNDO_HANDLERS, PROPOSERS):
        del registry[Repaint.kind]  # type: ignore[attr-defined]


def test_a_new_kind_works_everywhere_with_its_record_handler_and_proposal(
    sqlite_engine: Engine, repaint: type[Decision]
) -> None:
    app = create_app(sqlite_engine, clock=lambda: NOW, settings=load({}))
    runner = JobRunner(sqlite_engine, {}, lambda: NOW)

    def request(kind: str, arguments: dict[str, int]) -> jobs.Job:
        """The job after the worker ran it."""
        job_id = enqueue(parse_decision(kind, arguments))
        assert runner.run_waiting() == 1
        with reading(sqlite_engine) as connection:
            job = jobs.find_job(connection, job_id)
        assert job is not None
        return job

    with app.server.test_request_context():
        manager = Actor("mona", frozenset({MANAGER}))
        g.actor = Actor("ada", frozenset({MANAGER, ADMINISTRATOR}))
        assert g.actor.may_start(repaint) and not manager.may_start(repaint)

        decision = parse_decision("repaint", {"wall": 3})
        with reading(sqlite_engine) as connection:
            assert propose(connection, decision).title == "Repaint wall 3?"
        assert request("repaint", {"wall": 3}).result == "It is green."

        with reading(sqlite_engine) as connection:
            entry_id = connection.scalars(select(audit_log.c.entry_id)).one()
            entry = audit_queries.find_entry(connection, entry_id)
        assert entry is not None and entry.can_undo
        assert action_word(entry.action) == "Repaint a wall"
        assert request(Undo.kind, {"entry_id": entry_id}).result == "Undone: repaint: wall 3."
