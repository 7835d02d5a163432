"""The shell's callbacks around jobs: propose, ask, follow."""

import json
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest

from dashboard.components.ask.dialog import ASK, told
from dashboard.components.shell.job_line import lines
from dashboard.decisions.previews import preview
from dashboard.decisions.proposals import proposal
from dashboard.web import asking
from dashboard.web.context import current
from db import jobs
from db.engine import reading

FOLLOWED = 5
"""The jobs of this browser that are shown at most, the last ones."""

_TO_COME: dict[str, dict[str, Any]] = {
    jobs.REOPEN_MONTH: {"reason": "?"},
    jobs.SAVE_RULES: {"reason": "?"},
    jobs.ACCEPT_FINDING: {"reason": "?", "expires": None},
}
"""Arguments that only the dialog knows, in place of which something that would do."""


def register_decisions(app: Dash) -> None:
    """Add the callbacks around jobs to `app`."""
    app.callback(
        output={
            "proposed": Output("proposed", "data"),
            "open": Output("decision", "is_open"),
            "title": Output("decision-title", "children"),
            "body": Output("decision-body", "children"),
            "reasoned": Output("decision-reasoned", "hidden"),
            "reason": Output("decision-reason", "value"),
            "untils": Output("decision-until", "options"),
            "until": Output("decision-until", "value"),
            "endless": Output("decision-untils", "hidden"),
            "wrong": Output("decision-wrong", "children"),
            "button": Output("decision-do", "children"),
            "asked": Output("asked", "data"),
            "previewed": Output("previewed", "data"),
        },
        inputs={
            "asked_for": Input(ASK, "data"),
            "_do": Input("decision-do", "n_clicks"),
            "_cancel": Input("decision-cancel", "n_clicks"),
            "_away": Input("jobs-away", "n_clicks"),
        },
        state={
            "proposed": State("proposed", "data"),
            "reason": State("decision-reason", "value"),
            "until": State("decision-until", "value"),
            "asked": State("asked", "data"),
        },
        prevent_initial_call=True,
    )(decide)
    app.callback(
        Output("jobs-lines", "children"),
        Output("jobs", "hidden"),
        Output("jobs-poll", "disabled"),
        Output("settled", "data"),
        Input("jobs-poll", "n_intervals"),
        Input("poll", "n_intervals"),
        Input("asked", "data"),
        State("settled", "data"),
    )(follow)


def decide(
    proposed: dict[str, Any] | None,
    reason: str | None,
    asked: list[int] | None,
    asked_for: dict[str, Any] | None = None,
    until: str | None = None,
    **_pressed: Any,
) -> dict[str, Any]:
    """A button that asks was pressed, or one of the dialog's own."""
    pressed = ctx.triggered_id
    if not any(one["value"] for one in ctx.triggered):
        raise PreventUpdate
    if pressed == "jobs-away":
        return _left() | {"asked": []}
    if pressed == "decision-cancel" or (pressed == "decision-do" and not proposed):
        return _left() | {"open": False, "previewed": None}
    if pressed == "decision-do":
        assert proposed is not None
        return _done(proposed, reason, until, asked or [])
    return _pressed_one(asked_for or {}, asked or [])


def _pressed_one(pressed: dict[str, Any], asked: list[int]) -> dict[str, Any]:
    kind, arguments = str(pressed.get("job")), _arguments(pressed)
    whole = asking.checked(kind, {**arguments, **_TO_COME.get(kind, {})})
    with reading(current().engine) as connection:
        found = proposal(connection, kind, arguments)
    if found is None:
        return _left() | {"asked": _followed(asked, asking.ask(kind, arguments))}
    said = {
        "job": kind, "with": json.dumps(arguments), "reasoned": found.reasoned,
        "ends": bool(found.until),
    }  # fmt: skip
    return _left() | {
        "proposed": None if found.blocked else said,
        "previewed": preview(kind, whole) if found.previewed and not found.blocked else None,
        "open": True,
        "title": found.title,
        "body": told(found),
        "reasoned": not found.reasoned,
        "reason": "",
        "untils": [{"label": words, "value": day} for words, day in found.until],
        "until": "",
        "endless": not found.until,
        "wrong": None,
        "button": found.button,
    }


def _arguments(said: dict[str, Any]) -> dict[str, Any]:
    """What a button or the dialog asks for a job with: text, for a browser loses digits of large
    ids."""
    try:
        found = json.loads(said["with"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest("The button asks for something that cannot be read.") from error
    return dict(found)


def _done(
    proposed: dict[str, Any], reason: str | None, until: str | None, asked: list[int]
) -> dict[str, Any]:
    arguments = _arguments(proposed)
    if proposed.get("reasoned"):
        if not (reason or "").strip():
            return _left() | {"wrong": _("Write why: it stands in the audit log.")}
        arguments["reason"] = (reason or "").strip()
    if proposed.get("ends"):
        arguments["expires"] = until or None
    job_id = asking.ask(str(proposed["job"]), arguments)
    return _left() | {
        "open": False,
        "proposed": None,
        "previewed": None,
        "asked": _followed(asked, job_id),
    }


def _followed(asked: list[int], job_id: int) -> list[int]:
    return [*(one for one in asked if one != job_id), job_id][-FOLLOWED:]


def _left() -> dict[str, Any]:
    names = (
        "proposed", "open", "title", "body", "reasoned", "reason", "untils", "until", "endless",
        "wrong", "button", "asked", "previewed",
    )  # fmt: skip
    return dict.fromkeys(names, no_update)


def follow(_fast: Any, _slow: Any, asked: list[int] | None, settled: str | None) -> Any:
    """The lines of what is unfinished and of what was asked here; whether to look again soon; and
    what has ended, so that pages show what came of it."""
    here = current()
    with reading(here.engine) as connection:
        found = {job.job_id: job for job in jobs.unfinished(connection)}
        for job_id in asked or []:
            job = jobs.job(connection, job_id)
            found |= {job_id: job} if job else {}
    # Previews are followed where they are shown.
    shown = [found[job_id] for job_id in sorted(found) if found[job_id].kind != jobs.PREVIEW]
    ended = ",".join(str(job.job_id) for job in shown if job.ended)
    working = any(not job.ended for job in shown)
    return (
        lines(shown, here.clock()),
        not shown,
        not working,
        no_update if ended == (settled or "") else ended,
    )
