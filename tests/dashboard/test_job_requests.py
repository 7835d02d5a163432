"""Requests of pages for jobs: who may, the arguments, the dialog, the lines of their progress."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from dash import Dash
from flask import g
from sqlalchemy import Engine, insert, update

from dashboard.app import create_app
from dashboard.base.access import Actor
from db import jobs
from db.decisions import AcceptRun, Collect, EndSource, RejectRun, ReopenMonth, WithdrawDay
from db.engine import reading, writing
from db.roles import ADMINISTRATOR, MANAGER, PUBLIC, VIEWER
from db.settings import load
from db.tables import collection_runs
from db.tables import jobs as jobs_table
from tests.conftest import MakeEngine
from tests.support.demo_dashboard import ENVIRON, NOW
from tests.support.worlds import TODAY, DeviceState, World, run_row

ROLES = {
    "viv": {PUBLIC, VIEWER},
    "mona": {PUBLIC, VIEWER, MANAGER},
    "ada": {PUBLIC, VIEWER, MANAGER, ADMINISTRATOR},
}


class Hub:
    """The dashboard on a small world with a held run, asked by one person after another."""

    def __init__(self, engine: Engine) -> None:
        world = World({1: "Alpha"})
        for back in (3, 1, 0):
            world.publish("ninja", TODAY - timedelta(days=back), [DeviceState("ninja", "1", 1)])
        world.save(engine)
        self.engine = engine
        with writing(engine) as connection:
            held = {"state": "suspicious", "published": False, "hold": "held"}
            row = run_row(
                "ninja", TODAY, **held, reason="5 vanished", added=1, removed=5, changed=0
            )
            result = connection.execute(insert(collection_runs).values(row))
            self.held: int = result.inserted_primary_key[0]  # type: ignore[index]
        self.app: Dash = create_app(engine, clock=lambda: NOW, settings=load(ENVIRON))
        self.who = "ada"
        # After the gate of AUTH=none, for which everybody is an administrator.
        self.app.server.before_request(self._sign_in)
        self.app.server.test_client().get("/")

    def _sign_in(self) -> None:
        g.actor = Actor(self.who, frozenset(ROLES[self.who]))

    def press(self, trigger: str, *, asked: Any = (), **state: Any) -> Any:
        """The answer to a press of one of the dialog's buttons; "ask-for": of one that asks."""
        (key,) = (key for key in self.app.callback_map if "decision.is_open" in key)
        found = self.app.callback_map[key]
        plain = [_part("ask-for", state.get("asked_for"), "data")]
        plain += [_part(name, 1 if name == trigger else None)
                  for name in ("decision-do", "decision-cancel")]  # fmt: skip
        outputs = [
            {"id": one.component_id, "property": one.component_property} for one in found["output"]
        ]
        changed = "data" if trigger == "ask-for" else "n_clicks"
        body = {
            "output": key,
            "outputs": outputs,
            "changedPropIds": [f"{trigger}.{changed}"],
            "inputs": plain,
            "state": [
                {"id": "proposed", "property": "data", "value": state.get("proposed")},
                {"id": "decision-reason", "property": "value", "value": state.get("reason")},
                {"id": "decision-until", "property": "value", "value": state.get("until")},
                {"id": "asked", "property": "data", "value": list(asked)},
            ],
        }
        return self.app.server.test_client().post("/_dash-update-component", json=body)

    def ask(self, kind: str, **arguments: Any) -> Any:
        return self.press("ask-for", asked_for={"job": kind, "with": json.dumps(arguments)})

    def jobs(self) -> list[jobs.Job]:
        with reading(self.engine) as connection:
            return jobs.unfinished_jobs(connection)


def _part(name: str, value: Any, what: str = "n_clicks") -> dict[str, Any]:
    return {"id": name, "property": what, "value": value}


@pytest.fixture
def hub(sqlite_engine: Engine) -> Iterator[Hub]:
    yield Hub(sqlite_engine)


@pytest.fixture(scope="module")
def unasked(make_engine: MakeEngine) -> Hub:
    """One that takes no job: everything asked of it is refused."""
    return Hub(make_engine("sqlite"))


def test_collecting_is_requested_at_once_in_the_name_of_the_actor(hub: Hub) -> None:
    hub.who = "mona"
    answer = hub.ask(Collect.kind, source="ninja")
    assert answer.status_code == 200, answer.text
    (job,) = hub.jobs()
    assert (job.kind, job.arguments, job.actor) == ("collect", {"source": "ninja"}, "mona")
    assert answer.get_json()["response"]["asked"]["data"] == [job.job_id]
    assert "decision" not in answer.get_json()["response"]


def test_a_decision_is_confirmed_in_the_dialog_before_it_is_requested(hub: Hub) -> None:
    answer = hub.ask(AcceptRun.kind, run_id=hub.held).get_json()["response"]
    assert answer["decision"]["is_open"] is True
    said = json.dumps(answer["decision-body"]["children"])
    assert "5 vanished" in said and "Would be removed" in said
    assert hub.jobs() == []
    done = hub.press("decision-do", proposed=answer["proposed"]["data"])
    assert done.get_json()["response"]["decision"]["is_open"] is False
    assert [(job.kind, job.arguments) for job in hub.jobs()] == [
        ("accept_run", {"run_id": hub.held})
    ]


@pytest.mark.parametrize("kind", [Collect.kind, EndSource.kind, AcceptRun.kind])
def test_a_role_that_does_not_suffice_is_refused_with_403_in_json(hub: Hub, kind: str) -> None:
    hub.who = "viv" if kind != EndSource.kind else "mona"
    arguments = {"run_id": hub.held} if kind == AcceptRun.kind else {"source": "ninja"}
    proposed = {"job": kind, "with": json.dumps(arguments), "reasoned": False}
    answer = hub.press("decision-do", proposed=proposed)
    assert answer.status_code == 403
    assert answer.get_json()["code"] == 403
    assert "administrator" in answer.get_json()["error"]
    assert hub.jobs() == []


def test_only_an_administrator_accepts_a_run_that_loses_very_much(hub: Hub) -> None:
    with writing(hub.engine) as connection:
        large = collection_runs.c.run_id == hub.held
        connection.execute(update(collection_runs).where(large).values(needs_administrator=True))
    proposed = {"job": AcceptRun.kind, "with": json.dumps({"run_id": hub.held}), "reasoned": False}
    hub.who = "mona"
    assert hub.press("decision-do", proposed=proposed).status_code == 403
    hub.who = "ada"
    assert hub.press("decision-do", proposed=proposed).status_code == 200
    assert len(hub.jobs()) == 1


@pytest.mark.parametrize(
    ("kind", "arguments", "error"),
    [
        ("format_disk", {}, "There is no job 'format_disk'."),
        ("collect", {"source": "nobody"}, "source of the job collect cannot be 'nobody'."),
        ("collect", {"source": "ninja", "more": 1}, "The job collect takes source."),
        ("reopen_month", {"month": "2026-10"}, "The job reopen_month takes month, reason."),
        ("accept_run", {"run_id": "7"}, "run_id of the job accept_run cannot be '7'."),
        ("accept_run", {"run_id": True}, "run_id of the job accept_run cannot be 'True'."),
        ("accept_run", {"run_id": 2**63}, f"run_id of the job accept_run cannot be '{2**63}'."),
        ("accept_run", {"run_id": 7.0}, "run_id of the job accept_run cannot be '7.0'."),
        ("withdraw_day", {"source": "ninja", "day": "22 Nov"},
         "day of the job withdraw_day cannot be '22 Nov'."),
        ("withdraw_day", {"source": "ninja", "day": "20261122"},
         "day of the job withdraw_day cannot be '20261122'."),
        ("close_month", {"month": "2026-13"}, "month of the job close_month cannot be '2026-13'."),
        ("close_month", {"month": 202610}, "month of the job close_month cannot be '202610'."),
        ("reopen_month", {"month": "2026-10", "reason": "  "},
         "reason of the job reopen_month cannot be '  '."),
        ("reopen_month", {"month": "2026-10", "reason": "x" * 201},
         f"reason of the job reopen_month cannot be '{'x' * 40}'."),
        ("reopen_month", {"month": "2026-10", "reason": "a\nb"},
         r"reason of the job reopen_month cannot be 'a\nb'."),
        ("merge_sites", {"site_id": 0, "into": 2},
         "site_id of the job merge_sites cannot be '0'."),
        ("merge_sites", {"site_id": 1, "into": None},
         "into of the job merge_sites cannot be 'None'."),
        ("link_devices", {"device_id": "1", "other_device_id": 2},
         "device_id of the job link_devices cannot be '1'."),
        ("expect_sources", {"site_id": 1, "sources": ["ninja", "ninja"]},
         """sources of the job expect_sources cannot be "['ninja', 'ninja']"."""),
        ("expect_sources", {"site_id": 1, "sources": ["nobody", 1]},
         """sources of the job expect_sources cannot be "['nobody', 1]"."""),
        ("move_alias", {"source": "ninja", "alias_key": "", "site_id": None},
         "alias_key of the job move_alias cannot be ''."),
        ("save_rules", {"rules": {"spare_words": ["spare"]}, "reason": "why"},
         """rules of the job save_rules cannot be "{'spare_words': ['spare']}"."""),
        ("accept_finding", {"finding_id": 1, "reason": "why", "expires": "tomorrow"},
         "expires of the job accept_finding cannot be 'tomorrow'."),
        ("preview", {"job": "collect", "with": {"source": "ninja"}},
         "job of the job preview cannot be 'collect'."),
        ("preview", {"job": "undo"}, "The job preview takes job, with."),
        ("preview", {"job": "undo", "with": [1]}, "with of the job preview cannot be '[1]'."),
        ("preview", {"job": "undo", "with": {"entry_id": "1"}},
         "entry_id of the job undo cannot be '1'."),
    ],
)  # fmt: skip
def test_a_forged_request_is_refused_and_says_which_argument_is_wrong(
    unasked: Hub, kind: str, arguments: dict[str, Any], error: str
) -> None:
    proposed = {"job": kind, "with": json.dumps(arguments), "reasoned": False}
    answer = unasked.press("decision-do", proposed=proposed)
    assert (answer.status_code, answer.get_json()["code"]) == (400, 400)
    assert answer.get_json()["error"] == error
    assert unasked.jobs() == []


def test_a_required_reason_must_be_entered(hub: Hub) -> None:
    proposed = {
        "job": ReopenMonth.kind,
        "with": json.dumps({"month": "2026-10"}),
        "reasoned": True,
    }
    answer = hub.press("decision-do", proposed=proposed, reason="  ").get_json()["response"]
    assert "Write a reason" in answer["decision-wrong"]["children"]
    assert answer["decision-reason"]["invalid"] is True
    assert hub.jobs() == []
    hub.press("decision-do", proposed=proposed, reason=" a wrong alias ")
    assert hub.jobs()[0].arguments == {"month": "2026-10", "reason": "a wrong alias"}


def test_a_run_that_was_decided_meanwhile_cannot_be_decided_again(hub: Hub) -> None:
    with writing(hub.engine) as connection:
        connection.execute(update(collection_runs).values(hold="rejected"))
    answer = hub.ask(RejectRun.kind, run_id=hub.held).get_json()["response"]
    assert answer["decision-title"]["children"] == "Nothing to decide"
    assert answer["proposed"]["data"] is None


def test_only_the_newest_day_is_withdrawn(hub: Hub) -> None:
    old = (TODAY - timedelta(days=3)).isoformat()
    answer = hub.ask(WithdrawDay.kind, source="ninja", day=old).get_json()["response"]
    assert answer["decision-title"]["children"] == "Nothing to withdraw"
    newest = hub.ask(WithdrawDay.kind, source="ninja", day=TODAY.isoformat()).get_json()
    said = json.dumps(newest["response"]["decision-body"]["children"])
    assert "The snapshot of 21 Nov 2026 counts again" in said


def _lines(hub: Hub, asked: list[int]) -> dict[str, Any]:
    (key,) = (key for key in hub.app.callback_map if "jobs.children" in key)
    outputs = [
        {"id": one.component_id, "property": one.component_property}
        for one in hub.app.callback_map[key]["output"]
    ]
    body = {
        "output": key,
        "outputs": outputs,
        "changedPropIds": ["asked.data"],
        "inputs": [
            {"id": "jobs-poll", "property": "n_intervals", "value": 1},
            {"id": "poll", "property": "n_intervals", "value": 1},
            {"id": "asked", "property": "data", "value": asked},
        ],
        "state": [{"id": "settled", "property": "data", "value": ""}],
    }
    answer = hub.app.server.test_client().post("/_dash-update-component", json=body)
    found: dict[str, Any] = answer.get_json()["response"]
    return found


def _drawn(hub: Hub, asked: list[int]) -> str:
    drawn: str = _lines(hub, asked)["jobs"]["children"]["props"]["data-drawn"]
    return drawn


def _set(hub: Hub, **values: object) -> None:
    with writing(hub.engine) as connection:
        connection.execute(update(jobs_table).values(**values))


def test_the_line_of_a_job_follows_it_to_its_result(hub: Hub) -> None:
    assert _drawn(hub, []) == "[]"
    hub.ask(Collect.kind, source="ninja")
    job_id = hub.jobs()[0].job_id
    found = _lines(hub, [job_id])
    assert "Waiting for the worker." in json.dumps(found)
    assert found["jobs-poll"]["disabled"] is False
    _set(hub, requested_at=NOW - timedelta(seconds=20))
    assert "start inventory-hub worker" in json.dumps(_lines(hub, [job_id]))
    _set(hub, state="running", progress="page 3, 1,200 rows")
    assert "page 3, 1,200 rows" in json.dumps(_lines(hub, [job_id]))
    _set(hub, state="failed", error="NinjaRMM answered 503. Collect again later.")
    found = _lines(hub, [job_id])
    assert "Collect again later." in json.dumps(found)
    assert found["jobs-poll"]["disabled"] is True
    assert found["settled"]["data"] == str(job_id)
    assert _drawn(hub, []) == "[]"
