"""What stands at an address that leads nowhere."""

import dash
from dash import dcc, html
from flask_babel import gettext as _

from dashboard.base.notice import mark

dash.register_page(__name__, path="/not-found", name=mark("Not found"), filters=[])


def layout(**_query: str) -> html.Section:
    """That there is nothing, and the ways on."""
    return html.Section(
        [
            html.H1(_("There is no page at this address"), className="state-title"),
            html.P(_("The link may be old or mistyped. The Overview leads to every number.")),
            dcc.Link(_("Go to the Overview"), href="/", className="btn btn-secondary"),
        ],
        className="card card-body state",
    )
