"""The thresholds: the form of the next version, and every version."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.components.kit.card import card
from dashboard.components.kit.drawn import drawn
from dashboard.queries.audit.threshold_versions import Version
from dashboard.words.threshold_words import NAMES, differences, groups, threshold_name
from db.thresholds import ENVIRONMENT, RANGES, Thresholds

FIELDS = {name: f"thresholds-{name.replace('_', '-')}" for name in NAMES}
"""The id of each threshold's control."""

SAVE, WRONG, HISTORY = "thresholds-save", "thresholds-wrong", "thresholds-history"


def draft(values: Thresholds) -> Component:
    """The form of the next version, filled in with `values`."""
    parts: list[Component] = []
    for title, names in groups():
        parts.append(html.H3(title, className="threshold-group"))
        parts += [_field(name, getattr(values, name)) for name in names]
    end = html.Div(
        [
            html.P(id=WRONG, className="step-trouble", role="alert"),
            dbc.Button(_("Save"), id=SAVE, color="primary"),
        ],
        className="rules-end",
    )
    return card(
        "thresholds-draft",
        [*parts, end],
        title=_("Thresholds"),
        subtitle=_("Nothing is saved before you have seen what it deletes"),
    )


def _field(name: str, value: int) -> html.Label:
    least, most = RANGES[name]
    # The label is a sentence, and the control stands where its gap is.
    before, _gap, after = threshold_name(name).partition("...")
    control = dbc.Input(
        id=FIELDS[name], type="number", min=least, max=most, step=1, value=value, required=True
    )
    return html.Label([before, control, after], htmlFor=FIELDS[name], className="threshold")


def history(listed: Sequence[Version]) -> Component:
    """Every version, the newest first, with what it changed."""
    items = [
        _version(version, older, is_newest=version is listed[0])
        for version, older in zip(listed, [*listed[1:], None], strict=True)
    ]
    return card(
        "thresholds-all",
        drawn(html.Ol(items, className="versions")),
        title=_("Every version"),
        subtitle=_("What the environment says is version 1; a saved one replaces it"),
    )


def _version(version: Version, older: Version | None, *, is_newest: bool) -> html.Li:
    head: list[Any] = [
        html.Strong(_("Version %(n)s", n=version.number)),
        html.Span(_who(version), className="muted"),
    ]
    if is_newest:
        head.append(html.Span(_("in use"), className="pill pill-stands"))
    if older is None:
        values = asdict(version.values)
        changed = [(threshold_name(name), formats.number(values[name])) for name in NAMES]
    else:
        changed = differences(older.values, version.values)
    rows = [html.Li(name.replace("...", what)) for name, what in changed]
    notes = [html.Q(version.reason)] if version.reason else []
    return html.Li(
        [
            html.Div(head, className="entry-head"),
            *notes,
            html.Ul(rows, className="threshold-changes"),
        ]
    )


def _who(version: Version) -> str:
    if version.author == ENVIRONMENT:
        return str(_("From the environment"))
    when = formats.instant(version.created_at)
    return str(_("By %(who)s, %(when)s", who=version.author, when=when))
