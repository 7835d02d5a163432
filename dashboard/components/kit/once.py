"""A secret that is shown once: with a button that copies it, and the sentence that says so."""

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.components.kit.drawn import drawn


def shown_once(label: str, secret: str, about: str) -> Component:
    """A secret to copy now.

    Args:
        label: what it is.
        about: what to do with it.
    """
    return drawn(
        html.Div(
            [
                html.Strong(label),
                html.Div(
                    [
                        html.Code(secret, className="once-secret"),
                        html.Button(
                            _("Copy"), type="button", className="btn btn-secondary",
                            **{"data-copy": secret},
                        ),
                    ],
                    className="once-line",
                ),
                html.P(about, className="muted"),
            ],
            className="once",
            role="status",
        )
    )  # fmt: skip
