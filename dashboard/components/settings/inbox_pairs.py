"""Two records that may be one machine, side by side."""

from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.pill import source_badge
from dashboard.components.settings.score import score
from dashboard.queries.inbox.review import COMPARED, Pair, PairRecord
from dashboard.words.field_words import field_name
from db.decisions import KeepApart, LinkDevices
from db.sources import source_label

_WHOLE = ("macs", "last_contact", "location", "display_name")
"""Fields that may differ between two records of one machine."""


def pair_item(pair: Pair, actor: Actor) -> html.Li:
    """Both records, why no rule decides, and a button for each answer that `actor` may give."""
    two = (pair.first, pair.other)
    heads = [html.Th("", scope="col"), *(_head(record) for record in two)]
    rows = [_row(name, two) for name in COMPARED]
    rows.append(_line(_("Machine known to"), [_sources(record) for record in two], differs=False))
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="table side")
    why = html.P(
        [score(pair.score), html.Span(pair.evidence),
         html.Span(_("since %(day)s", day=formats.day(pair.since)), className="muted")],
        className="inbox-head",
    )  # fmt: skip
    return html.Li([why, html.Div(table, className="side-scroll"), _acts(pair, actor)])


def _head(record: PairRecord) -> html.Th:
    name = record.values["hostname"] or record.values["display_name"] or str(record.device_id)
    link = html.A(name, href=f"/devices/{record.device_id}")
    return html.Th(
        html.Span([source_badge(record.source), link], className="side-head"), scope="col"
    )


def _row(name: str, two: tuple[PairRecord, PairRecord]) -> html.Tr:
    values = [record.values[name] for record in two]
    known = [str(value).casefold() for value in values if value]
    differs = name not in _WHOLE and len(set(known)) > 1
    label = _("Hardware addresses") if name == "macs" else field_name(name)
    return _line(label, [_value(value) for value in values], differs=differs)


def _line(name: str, values: list[Any], *, differs: bool) -> html.Tr:
    cells = [html.Td(value) for value in values]
    return html.Tr([html.Th(name, scope="row"), *cells], className="differ" if differs else "")


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return formats.instant(value)
    return str(value) if value else formats.NOTHING


def _sources(record: PairRecord) -> Component:
    badges = [source_badge(source) for source in record.machine_sources]
    names = ", ".join(source_label(source) for source in record.machine_sources)
    return html.Span([*badges, html.Span(names)], className="badges")


def _acts(pair: Pair, actor: Actor) -> Component:
    both = {"device_id": pair.first.device_id, "other_device_id": pair.other.device_id}
    buttons = []
    if actor.may_start(LinkDevices):
        buttons.append(ask_button(LinkDevices, both, _("Same machine"), kind="btn-primary"))
    if actor.may_start(KeepApart):
        buttons.append(ask_button(KeepApart, both, _("Two machines")))
    return html.Div(buttons, className="acts")
