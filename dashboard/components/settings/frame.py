"""The tabs of the settings pages, with the number of decisions that wait."""

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.i18n import translate
from dashboard.base.refusals import Refusal, refusal_words
from dashboard.base.settings_params import PAGE


def frame(here: str, count: int, body: list[Any], actor: Actor) -> list[Component]:
    """The page at the path `here` under its tabs.

    Args:
        count: the number of decisions that wait.
        actor: whoever looks; a tab that they may not open has a lock, and its page says why.
    """
    tabs = [page for page in dash.page_registry.values() if "tab" in page]
    nav = dbc.Nav([_tab(page, here, count, actor) for page in tabs], class_name="nav-underline")
    return [
        html.H1(_("Settings"), className="visually-hidden"),
        html.Nav(nav, className="settings-tabs", **{"aria-label": _("Pages of the settings")}),
        *body,
    ]


def _tab(page: dict[str, Any], here: str, count: int, actor: Actor) -> Component:
    name: list[Any] = [translate(page["tab"])]
    if page["path"] == PAGE and count:
        name.append(waits(count))
    if page.get("role", actor.role) not in actor.roles:
        name.append(html.Span(className="icon icon-lock", **{"aria-hidden": "true"}))
        name.append(html.Span(_("not for your account"), className="visually-hidden"))
    return dbc.NavLink(name, href=page["path"], active=page["path"] == here)


def waits(count: int) -> Component:
    """The number beside the name of a tab; empty for 0."""
    return html.Span(formats.number(count) if count else None, className="count")


def refused_tab(refusal: Refusal) -> Component:
    """In place of a page that its reader may not open: why. The tabs lead on from it."""
    title = html.H2(_("This page is not for your account"), className="state-title")
    return html.Section([title, html.P(refusal_words(refusal))], className="card card-body state")


def refused_card(refusal: Refusal) -> Component:
    """In place of a form that its reader may not use: why."""
    return html.Section(html.P(refusal_words(refusal)), className="card card-body")
