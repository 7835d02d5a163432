"""Who decided what, and how was it before?"""

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Input, Output, html
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.settings_params import AUDIT
from dashboard.components.kit.fields import VALUE, choices_field, day_field
from dashboard.components.kit.search_field import search_field
from dashboard.queries.audit import audit_log
from dashboard.views import settings as settings_views
from dashboard.views.list_page import filled_page, in_browser
from dashboard.web.context import current
from dashboard.words.decision_words import action_word
from db.roles import MANAGER

dash.register_page(
    __name__,
    path=AUDIT,
    name="Audit log",
    order=9.3,
    tab=mark("Audit log"),
    role=MANAGER,
    doing=mark("Reading the audit log"),
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
    today, kind = current().today(), "field own"
    who = [(name, name) for name in people]
    what = [(action_word(name), name) for name in kinds]
    about = search_field(text, _("Site, device, month"))
    fields = [
        choices_field(actor, _("Who"), who, _("Everybody"), kind=kind),
        choices_field(action, _("What"), what, _("Everything"), kind=kind),
        html.Div([dbc.Label(_("About"), html_for=text), about], className=kind),
        day_field(first, _("From"), _("Any day"), today=today, kind=kind),
        day_field(last, _("To"), _("Any day"), today=today, kind=kind),
    ]
    return html.Div(fields, className="own-fields")


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
    return name, "value" if name == Ids.TEXT else VALUE


in_browser(
    "settings.sync_audit_filters",
    *(Output(*_property_of(name)) for name in Ids.FIELDS),
    Input("filters", "data"),
    *(Input(*_property_of(name)) for name in Ids.FIELDS),
    initially=True,
)
