"""Two records that may be one machine: what differs; unfolded, side by side."""

from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.pill import source_badge
from dashboard.components.settings.inbox_item import item
from dashboard.components.settings.score import score
from dashboard.queries.inbox.review import COMPARED, Pair, PairRecord
from dashboard.words.field_words import field_name
from db.decisions import KeepApart, LinkDevices
from db.sources import source_label

_WHOLE = ("macs", "last_contact", "location", "display_name")
"""Fields that may differ between two records of one machine."""


def pair_item(pair: Pair, actor: Actor) -> html.Li:
    """The names of both records, what differs, and a button for each answer that `actor` may
    give; unfolded all that is compared, and why no rule decides."""
    two = (pair.first, pair.other)
    title = [
        source_badge(pair.first.source),
        _name(pair.first),
        html.Span(" \u2194 ", className="muted"),
        source_badge(pair.other.source),
        _name(pair.other),
    ]
    heads = [html.Td(), *(_head(record) for record in two)]
    known = [name for name in COMPARED if any(record.values[name] for record in two)]
    rows = [_row(name, two) for name in known]
    rows.append(_line(_("Machine known to"), [_sources(record) for record in two], differs=False))
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="table side")
    why = html.P(
        [score(pair.score), html.Span(pair.evidence),
         html.Span(_("since %(day)s", day=formats.day(pair.since)), className="muted")],
        className="inbox-head",
    )  # fmt: skip
    unfolded = [why, html.Div(table, className="side-scroll")]
    return item(title, _differences(two) or pair.evidence, _acts(pair, actor), unfolded=unfolded)


def _name(record: PairRecord) -> str:
    return record.values["hostname"] or record.values["display_name"] or str(record.device_id)


def _differences(two: tuple[PairRecord, PairRecord]) -> str:
    """What differs, but for the names, which stand above; "" if nothing does."""
    return " \u00b7 ".join(
        f"{field_name(name)} {' / '.join(str(record.values[name]) for record in two)}"
        for name in COMPARED
        if name != "hostname" and _differs(name, two)
    )


def _head(record: PairRecord) -> html.Th:
    link = html.A(_name(record), href=f"/devices/{record.device_id}")
    return html.Th(
        html.Span([source_badge(record.source), link], className="side-head"), scope="col"
    )


def _row(name: str, two: tuple[PairRecord, PairRecord]) -> html.Tr:
    values = [record.values[name] for record in two]
    label = _("MAC addresses") if name == "macs" else field_name(name)
    return _line(label, [_value(value) for value in values], differs=_differs(name, two))


def _differs(name: str, two: tuple[PairRecord, PairRecord]) -> bool:
    """Whether both values are known, and of one machine they would be equal."""
    known = {str(value).casefold() for record in two if (value := record.values[name])}
    return name not in _WHOLE and len(known) > 1


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


def _acts(pair: Pair, actor: Actor) -> list[Component]:
    both = {"device_id": pair.first.device_id, "other_device_id": pair.other.device_id}
    names = {"one": _name(pair.first), "other": _name(pair.other)}
    buttons: list[Component] = []
    if actor.may_start(LinkDevices):
        about = _("%(one)s and %(other)s", **names)
        buttons.append(ask_button(LinkDevices, both, _("Same"), about=about))
    if actor.may_start(KeepApart):
        about = _("%(one)s and %(other)s", **names)
        buttons.append(ask_button(KeepApart, both, _("Different"), about=about))
    return buttons
