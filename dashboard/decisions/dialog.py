"""The callbacks around jobs, on every page: open the dialog of a decision, enqueue its job, follow
the jobs."""

import json
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest, Forbidden

from dashboard.base.refusals import refusal_words
from dashboard.components.ask.dialog import ASK, dialog_body
from dashboard.components.ask.job_line import MOST_TOASTS, toasts
from dashboard.decisions.preview import enqueue_preview
from dashboard.decisions.proposals.registry import blocked, load_proposals, propose
from dashboard.web.context import current, current_actor
from dashboard.web.job_requests import enqueue, parse_decision, refusal_of
from db import jobs
from db.decisions import KINDS, Preview

load_proposals()

"""How many jobs that this browser requested are shown, the last ones."""

_ENTERED: dict[str, Any] = {"reason": "?", "expires": None}
"""Arguments that are entered in the dialog, with valid values in their place until then."""

_OUTPUTS = {
    "proposed": ("proposed", "data"),
    "open": ("decision", "is_open"),
    "title": ("decision-title", "children"),
    "body": ("decision-body", "children"),
    "reasoned": ("decision-reasoned", "hidden"),
    "reason": ("decision-reason", "value"),
    "untils": ("decision-until", "options"),
    "until": ("decision-until", "value"),
    "endless": ("decision-untils", "hidden"),
    "wrong": ("decision-wrong", "children"),
    "unexplained": ("decision-reason", "invalid"),
    "typing": ("decision-typing", "hidden"),
    "typed_name": ("decision-typed-name", "children"),
    "typed": ("decision-typed", "value"),
    "button": ("decision-do", "children"),
    "colour": ("decision-do", "color"),
    "followed": ("asked", "data"),
    "previewed": ("previewed", "data"),
}


def register_decisions(app: Dash) -> None:
    """Add the callbacks around jobs to `app`."""
    app.callback(
        output={name: Output(*place) for name, place in _OUTPUTS.items()},
        inputs={
            "request": Input(ASK, "data"),
            "_do": Input("decision-do", "n_clicks"),
            "_cancel": Input("decision-cancel", "n_clicks"),
        },
        state={
            "proposed": State("proposed", "data"),
            "reason": State("decision-reason", "value"),
            "until": State("decision-until", "value"),
            "followed": State("asked", "data"),
        },
        prevent_initial_call=True,
    )(on_button)
    app.clientside_callback(
        ClientsideFunction("ask", "is_disabled"),
        Output("decision-do", "disabled"),
        Input("preview-waits", "data"),
        Input("proposed", "data"),
        Input("decision-typed", "value"),
    )
    app.clientside_callback(
        ClientsideFunction("ask", "dismiss"),
        Output("asked", "data", allow_duplicate=True),
        Input("jobs-dismissed", "data"),
        State("asked", "data"),
        prevent_initial_call=True,
    )
    app.callback(
        Output("jobs", "children"),
        Output("jobs-poll", "disabled"),
        Output("settled", "data"),
        Input("jobs-poll", "n_intervals"),
        Input("poll", "n_intervals"),
        Input("asked", "data"),
        State("settled", "data"),
    )(follow_jobs)


def on_button(
    proposed: dict[str, Any] | None,
    reason: str | None,
    followed: list[int] | None,
    request: dict[str, Any] | None = None,
    until: str | None = None,
    **_clicks: Any,
) -> dict[str, Any]:
    """A button on a page requests a decision, or one of the dialog's own was pressed.

    Args:
        proposed: the decision in the dialog: its kind as "job", its arguments as JSON in "with".
        followed: the ids of the jobs that this browser requested.
        request: what the button on the page requests, like `proposed`.
    """
    pressed = ctx.triggered_id
    if not any(trigger["value"] for trigger in ctx.triggered):
        raise PreventUpdate
    if pressed == "decision-cancel" or (pressed == "decision-do" and not proposed):
        return _update(open=False, previewed=None)
    if pressed == "decision-do":
        assert proposed is not None
        return _confirm(proposed, reason, until, followed or [])
    return _request(request or {}, followed or [])


def _request(request: dict[str, Any], followed: list[int]) -> dict[str, Any]:
    """Open the dialog; of a decision that needs no confirmation enqueue the job."""
    kind, arguments = str(request.get("job")), _arguments(request)
    names = KINDS[kind].argument_names() if kind in KINDS else ()
    entered = {name: value for name, value in _ENTERED.items() if name in names}
    decision = parse_decision(kind, {**arguments, **entered})
    if not decision.confirmed:
        return _update(followed=_followed(followed, enqueue(decision)))
    actor = current_actor()
    with current().reading(own_sites=True) as connection:
        refusal = refusal_of(connection, decision)
        if refusal is not None and not actor.may_start(type(decision)):
            raise Forbidden(refusal_words(refusal))
        proposal = (
            propose(connection, decision)
            if refusal is None
            else blocked(_("Not for your sites alone"), refusal_words(refusal))
        )
    needs_reason = "reason" in entered and not proposal.blocked
    proposed = {
        "job": kind,
        "with": json.dumps(arguments),
        "reasoned": needs_reason,
        "ends": bool(proposal.until),
        "typed": proposal.typed,
    }
    previewed = decision.previewed and proposal.previewed and not proposal.blocked
    # A preview counts every site.
    previewed = previewed and actor.sites is None
    return _update(
        proposed=None if proposal.blocked else proposed,
        previewed=enqueue_preview(decision) if previewed else None,
        open=True,
        title=proposal.title,
        body=dialog_body(proposal),
        reasoned=not needs_reason,
        reason="",
        untils=[{"label": label, "value": day} for label, day in proposal.until],
        until="",
        endless=not proposal.until,
        wrong=None,
        unexplained=False,
        typing=not proposal.typed or proposal.blocked,
        typed_name=_("To confirm, type %(text)s", text=proposal.typed),
        typed="",
        button=proposal.button,
        colour="danger" if proposal.danger else "primary",
    )


def _arguments(request: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a request. They travel as text, since a browser rounds large ids."""
    try:
        arguments = json.loads(request["with"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest("The button asks for something that cannot be read.") from error
    return dict(arguments)


def _confirm(
    proposed: dict[str, Any], reason: str | None, until: str | None, followed: list[int]
) -> dict[str, Any]:
    arguments = _arguments(proposed)
    if proposed.get("reasoned"):
        if not (reason or "").strip():
            return _update(wrong=_("Write a reason: the audit log keeps it."), unexplained=True)
        arguments["reason"] = (reason or "").strip()
    if proposed.get("ends"):
        arguments["expires"] = until or None
    job_id = enqueue(parse_decision(str(proposed["job"]), arguments))
    return _update(open=False, proposed=None, previewed=None, followed=_followed(followed, job_id))


def _followed(followed: list[int], job_id: int) -> list[int]:
    return [*(each for each in followed if each != job_id), job_id][-MOST_TOASTS:]


def _update(**values: Any) -> dict[str, Any]:
    """All outputs; those without a value stay as they are."""
    return dict.fromkeys(_OUTPUTS, no_update) | values


def follow_jobs(
    _fast: int | None, _slow: int | None, requested: list[int] | None, settled: str | None
) -> tuple[Any, ...]:
    """Toasts of unfinished jobs and of those that this browser requested, the newest first; whether
    polling can pause; and the ids of those that ended, so that pages refresh."""
    context = current()
    actor = current_actor()
    with context.reading(own_sites=True) as connection:
        by_id = {job.job_id: job for job in jobs.unfinished_jobs(connection)}
        for job_id in requested or []:
            job = jobs.find_job(connection, job_id)
            by_id |= {job_id: job} if job else {}
    # The dialog follows its preview itself; who sees only some sites is told of their own jobs.
    followed = [
        by_id[job_id]
        for job_id in sorted(by_id)
        if by_id[job_id].kind != Preview.kind
        and (actor.sites is None or by_id[job_id].actor == actor.name)
    ]
    ended = ",".join(str(job.job_id) for job in followed if job.ended)
    return (
        toasts(followed[: -MOST_TOASTS - 1 : -1], context.clock()),
        all(job.ended for job in followed),
        no_update if ended == (settled or "") else ended,
    )
