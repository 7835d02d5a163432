"""Who decided what, and how was it before?"""

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Input, Output, dcc, html
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.settings_params import AUDIT
from dashboard.components.kit.search_field import search_field
from dashboard.components.shell.filter_bar import option
from dashboard.queries.audit import audit_log
from dashboard.views import settings as settings_views
from dashboard.views.list_page import filled_page, in_browser
from dashboard.web.context import current
from dashboard.words.decision_words import action_word

dash.register_page(
    __name__, path=AUDIT, name="Audit log", title="Audit log", order=9.3, tab=mark("Audit log")
)


class Ids:
    """The ids of this page; the fields in the order in which settings.js takes them."""

    BODY, TEXT = "audit-body", "audit-text"
    FIELDS = ("audit-actor", "audit-action", TEXT, "audit-from", "audit-to")


def _fields() -> html.Div:
    """The filters of the log."""
    with current().reading() as connection:
        people, kinds = audit_log.choices(connection)
    actor, action, text, first, last = Ids.FIELDS
    who = _several(actor, [(name, name) for name in people], _("Everybody"))
    what = _several(action, [(action_word(name), name) for name in kinds], _("Everything"))
    fields = [
        (_("Who"), who),
        (_("What"), what),
        (_("About"), search_field(text, _("Site, device, month"))),
        (_("From"), _date(first)),
        (_("To"), _date(last)),
    ]
    return html.Div(
        [
            html.Div([dbc.Label(name, html_for=field.id), field], className="field own")
            for name, field in fields
        ],
        className="own-fields",
    )


def _several(name: str, choices: list[tuple[str, str]], nothing: str) -> dcc.Dropdown:
    return dcc.Dropdown(
        id=name, options=[option(*name) for name in choices], value=[], multi=True,
        placeholder=nothing, closeOnSelect=False,
    )  # fmt: skip


def _date(name: str) -> dcc.DatePickerSingle:
    return dcc.DatePickerSingle(
        id=name, placeholder=_("Any day"), display_format="D MMM YYYY", clearable=True,
        first_day_of_week=1,
    )  # fmt: skip


def _content(query: str | None) -> tuple[list[Any], list[Any]]:
    """A page of the log: the head of Settings, and the entries."""
    with settings_views.view(query) as v:
        parts = settings_views.audit(v)
    return parts[:2], parts[2:]


layout = filled_page(
    Ids.BODY,
    _content,
    inputs=("filters", "settled"),
    class_name="settings",
    fields=_fields,
)


def _property_of(name: str) -> tuple[str, str]:
    return name, "date" if name in Ids.FIELDS[3:] else "value"


in_browser(
    "settings.sync_audit_filters",
    *(Output(*_property_of(name)) for name in Ids.FIELDS),
    Input("filters", "data"),
    *(Input(*_property_of(name)) for name in Ids.FIELDS),
    initially=True,
)
