"""The dialog's preview: what a decision would change, tried by the worker while the dialog is
open."""

import json
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.components.ask.effect import effect
from dashboard.components.ask.job_line import why_failed
from dashboard.components.ask.preview_states import preview_failed, preview_pending
from dashboard.web.context import current, current_actor
from dashboard.web.job_requests import enqueue
from db import jobs
from db.decisions import Decision, Preview
from db.jobs import FailureKind


def register_previews(app: Dash) -> None:
    """Add the callback that follows a preview to `app`."""
    app.callback(
        output={
            "effect": Output("effect", "children"),
            "done": Output("preview-poll", "disabled"),
            "waits": Output("preview-waits", "data"),
            "wrong": Output("decision-wrong", "children", allow_duplicate=True),
            "button": Output("decision-do", "children", allow_duplicate=True),
        },
        inputs={
            "job_id": Input("previewed", "data"),
            "_ticks": Input("preview-poll", "n_intervals"),
        },
        state={"_ended": State("preview-poll", "disabled")},
        prevent_initial_call=True,
    )(follow_preview)


def enqueue_preview(decision: Decision) -> int:
    """Enqueue the preview of a decision; the job's id."""
    return enqueue(Preview.model_validate({"job": decision.kind, "with": decision.arguments()}))


def follow_preview(
    job_id: int | None, _ticks: int | None, _ended: bool | None = None
) -> dict[str, Any]:
    """The state of a preview, or the effect that it found; until then the decision cannot be
    confirmed."""
    if job_id is None:
        return _update(None, done=True)
    context = current()
    with context.reading() as connection:
        job = jobs.find_job(connection, job_id)
    if job is None or job.kind != Preview.kind or not current_actor().may_start(Preview):
        return _update(None, done=True)
    if not job.ended:
        return _update(preview_pending(job, context.clock()), done=False)
    if job.state == jobs.DONE:
        return _update(effect(json.loads(job.result or "{}")), done=True)
    if job.failure_kind == FailureKind.UNEXPECTED:
        # The fault is the program's: the decision may be right, so it can be confirmed unseen.
        return _update(preview_failed(job), done=True) | {"button": _("Save without a preview")}
    return _update(None, done=True) | {"waits": True, "wrong": why_failed(job)}


def _update(body: list[Component] | None, *, done: bool) -> dict[str, Any]:
    return {
        "effect": body,
        "done": done,
        "waits": not done,
        "wrong": no_update,
        "button": no_update,
    }
