"""The dialog in which a decision is confirmed, and the buttons that open it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.access import Actor
from dashboard.base.refusals import Refusal, refusal_words
from dashboard.components.kit.drawn import Part
from db.decisions import Decision

POLL_MILLISECONDS = 500
"""How often the dialog polls the state of a preview."""

ASK = "ask-for"
"""The store into which ask.js writes what a button requests."""


@dataclass(frozen=True)
class Proposal:
    """What the dialog says before a decision is requested.

    Attributes:
        button: the label of the button that requests it.
        facts: pairs of name and value, listed below the lines.
        blocked: it cannot be decided now, and the lines say why.
        until: the last days to choose from, as label and ISO text ("" for no last day).
        danger: it takes away what the daily work rests on: the button is red.
        typed: what must be typed before the button can be pressed; "" for nothing. Of what cannot
            be undone.
        previewed: whether the effect is shown, of a kind that can be previewed.
        details: what stands below the facts.
    """

    title: str
    lines: Sequence[str]
    button: str
    facts: Sequence[tuple[str, Part]] = ()
    blocked: bool = False
    until: Sequence[tuple[str, str]] = ()
    previewed: bool = True
    danger: bool = False
    typed: str = ""
    details: Sequence[Component] = ()


def ask_button(
    decision: type[Decision],
    arguments: Mapping[str, Any],
    label: Any,
    *,
    actor: Actor,
    needs_administrator: bool = False,
    kind: str = "btn-secondary",
    about: str | None = None,
) -> html.Button:
    """A button that requests a decision: at once, or through the dialog if its kind is confirmed.
    Who may not request it sees it disabled, with the reason.

    Args:
        actor: whoever looks.
        needs_administrator: whether this one needs a higher role than its kind.
        arguments: as JSON values; those that the dialog asks for are left out.
        kind: CSS classes beside "btn".
        about: what it is about, which screen readers read after `label`: a page has many like it.
    """
    refusal = actor.refusal(decision, needs_administrator=needs_administrator)
    if refusal is not None:
        return refused_button(refusal, label, kind=kind, about=about)
    accessible = {} if about is None else {"aria-label": f"{label}: {about}"}
    return html.Button(
        label,
        className=f"btn {kind}",
        type="button",
        **decision_data(decision, arguments),
        **accessible,
    )


def refused_button(
    refusal: Refusal, label: Any, *, kind: str = "btn-secondary", about: str | None = None
) -> html.Button:
    """A button that does nothing but say why. It can be focused, so that everybody can read it."""
    why = refusal_words(refusal)
    name = label if about is None else f"{label}: {about}"
    return html.Button(
        label,
        className=f"btn {kind} refused",
        type="button",
        **{"aria-disabled": "true", "aria-label": f"{name}. {why}", "data-refusal": why},
    )


def decision_data(decision: type[Decision], arguments: Mapping[str, Any]) -> dict[str, str]:
    """The attributes by which ask.js knows what a button requests."""
    return {"data-job": decision.kind, "data-with": json.dumps(dict(arguments), sort_keys=True)}


def dialog() -> list[Component]:
    """The closed dialog and its stores."""
    reason = html.Div(
        [
            dbc.Label(_("Reason, for the audit log"), html_for="decision-reason"),
            dbc.Input(id="decision-reason", type="text", maxlength=200, autocomplete="off"),
        ],
        id="decision-reasoned",
    )
    until = html.Div(
        [
            html.Span(_("How long"), id="decision-until-name", className="form-label"),
            dbc.RadioItems(id="decision-until", options=[], value=""),
        ],
        id="decision-untils",
        role="group",
        hidden=True,
        **{"aria-labelledby": "decision-until-name"},
    )
    typed = html.Div(
        [
            html.Label(id="decision-typed-name", htmlFor="decision-typed", className="form-label"),
            dbc.Input(id="decision-typed", type="text", maxlength=200, autocomplete="off"),
        ],
        id="decision-typing",
        hidden=True,
    )
    body = [
        html.Div(id="decision-body"),
        html.Div(id="effect", className="effect", role="status"),
        reason,
        until,
        typed,
    ]
    # Beside the button: the body may be scrolled.
    buttons = [
        html.P(id="decision-wrong", className="step-trouble", role="alert"),
        dbc.Button(_("Cancel"), id="decision-cancel", color="secondary"),
        dbc.Button(id="decision-do", color="primary"),
    ]
    modal = dbc.Modal(
        [
            html.H2(id="decision-title", className="modal-header modal-title"),
            dbc.ModalBody(body),
            dbc.ModalFooter(buttons),
        ],
        id="decision", is_open=False, fade=False, scrollable=True, fullscreen="md-down",
        labelledby="decision-title", class_name="decision",
    )  # fmt: skip
    return [
        dcc.Store(id="proposed"),
        dcc.Store(id=ASK),
        # The id of the preview's job.
        dcc.Store(id="previewed"),
        # Whether the button waits for the preview, or the preview says that it cannot be done.
        dcc.Store(id="preview-waits"),
        dcc.Interval(id="preview-poll", interval=POLL_MILLISECONDS, disabled=True),
        modal,
    ]


def dialog_body(proposal: Proposal) -> list[Component]:
    """What stands in the dialog between title and buttons."""
    rows = [part for name, value in proposal.facts for part in (html.Dt(name), html.Dd(value))]
    return [
        *[html.P(line) for line in proposal.lines],
        html.Dl(rows, className="fact-list", hidden=not rows),
        *proposal.details,
    ]
