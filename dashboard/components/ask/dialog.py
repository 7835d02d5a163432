"""Asking before something is done: what will happen, and the one button that does it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

POLL_MILLISECONDS = 500
"""How often the dialog asks how far a preview is."""


ASK = "ask-for"
"""The store into which a button that is no component of Dash's writes what it asks for."""


@dataclass(frozen=True)
class Proposal:
    """What a dialog says before a job is asked for. `blocked`: it cannot be done now, and the
    lines say why. `reasoned`: the reader must write why. `until`: the last days to choose from,
    in words and as ISO text ("": none). `previewed`: what it would change is looked for meanwhile,
    and shown before the button does anything."""

    title: str
    lines: Sequence[str]
    button: str
    facts: Sequence[tuple[str, str]] = ()
    reasoned: bool = False
    blocked: bool = False
    until: Sequence[tuple[str, str]] = ()
    previewed: bool = False


def ask_button(
    job: str, arguments: Mapping[str, Any], words: Any, *, kind: str = "", about: str | None = None
) -> html.Button:
    """A button that asks for a job: at once when nothing needs to be said before, else through
    the dialog.

    Args:
        job: a kind of `db.jobs`.
        about: what it is called for those who do not see what it stands beside.
    """
    said = {} if about is None else {"aria-label": about}
    return html.Button(
        words,
        className=f"button {kind}".strip(),
        type="button",
        **job_data(job, arguments),
        **said,
    )


def job_data(job: str, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of a button by which the browser knows what it asks for (ask.js)."""
    return {"data-job": job, "data-with": json.dumps(dict(arguments), sort_keys=True)}


def dialog() -> list[Component]:
    """The dialog, closed, and what it asks about."""
    reason = html.Div(
        [
            html.Label(_("Reason, for the audit log"), htmlFor="decision-reason"),
            dcc.Input(id="decision-reason", type="text", maxLength=200, autoComplete="off"),
        ],
        id="decision-reasoned",
        className="decision-reason",
    )
    until = html.Div(
        [
            html.Span(_("How long it holds"), id="decision-until-name"),
            dcc.RadioItems(id="decision-until", options=[], value=""),
        ],
        id="decision-untils",
        className="decision-until",
        role="group",
        hidden=True,
        **{"aria-labelledby": "decision-until-name"},
    )
    buttons = html.Div(
        [
            html.Button(_("Cancel"), id="decision-cancel", className="button", type="button"),
            html.Button(id="decision-do", className="button filled", type="button"),
        ],
        className="decision-end",
    )
    body = [
        html.H2(id="decision-title"),
        html.Div(id="decision-body", className="decision-body"),
        html.Div(id="effect", className="effect", role="status"),
        reason,
        until,
        html.P(id="decision-wrong", className="step-trouble", role="alert"),
        buttons,
    ]
    modal = dbc.Modal(body, id="decision", is_open=False, fade=False, className="decision")
    return [
        dcc.Store(id="proposed"),
        dcc.Store(id=ASK),
        # The preview that the dialog shows.
        dcc.Store(id="previewed"),
        dcc.Interval(id="preview-poll", interval=POLL_MILLISECONDS, disabled=True),
        modal,
    ]


def told(proposal: Proposal) -> list[Component]:
    """What stands in the dialog between title and buttons."""
    rows = [part for name, value in proposal.facts for part in (html.Dt(name), html.Dd(value))]
    return [
        *[html.P(line) for line in proposal.lines],
        html.Dl(rows, className="fact-list", hidden=not rows),
    ]
