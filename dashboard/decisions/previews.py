"""What a decision would change, found by the worker while the dialog is open."""

import json
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.components.ask.effect import effect
from dashboard.components.ask.preview_states import looking, unseen
from dashboard.web import asking
from dashboard.web.context import current
from db import jobs
from db.engine import reading

UNEXPECTED = "Unexpected "
"""How the error of a preview begins that was not refused, but failed."""


def register_previews(app: Dash) -> None:
    """Add the callback that follows a preview to `app`."""
    app.callback(
        output={
            "effect": Output("effect", "children"),
            "done": Output("preview-poll", "disabled"),
            "waits": Output("decision-do", "disabled"),
            "button": Output("decision-do", "children", allow_duplicate=True),
        },
        inputs={
            "job_id": Input("previewed", "data"),
            "_ticks": Input("preview-poll", "n_intervals"),
        },
        state={"ended": State("preview-poll", "disabled")},
        prevent_initial_call=True,
    )(follow)


def preview(kind: str, arguments: dict[str, Any]) -> int:
    """Ask what a decision would change; the job's id."""
    return asking.ask(jobs.PREVIEW, {"job": kind, "with": arguments})


def follow(job_id: int | None, _ticks: int | None, ended: bool) -> dict[str, Any]:
    """How far the preview is, or what it found; until then nobody can save."""
    if job_id is None:
        return _answer(None, done=True)
    here = current()
    with reading(here.engine) as connection:
        job = jobs.job(connection, job_id)
    if job is None or job.kind != jobs.PREVIEW or not asking.may(jobs.PREVIEW):
        return _answer(None, done=True)
    if not job.ended:
        return _answer(looking(job, here.clock()), done=False)
    if job.state == jobs.FAILED:
        found = _answer(unseen(job), done=True)
        if (job.error or "").startswith(UNEXPECTED):
            # The fault is ours: the decision may be right, and whoever knows it can ask for it.
            return found | {"button": _("Save without seeing it")}
        return found | {"waits": True}
    return _answer(effect(json.loads(job.result or "{}")), done=True)


def _answer(said: list[Component] | None, *, done: bool) -> dict[str, Any]:
    return {"effect": said, "done": done, "waits": not done, "button": no_update}
