"""Two records that may be one machine: what differs; unfolded, side by side."""

from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.pill import last_contact, source_badge
from dashboard.components.settings.inbox_item import item
from dashboard.components.settings.score import score
from dashboard.queries.inbox.review import COMPARED, Pair, PairRecord
from dashboard.words.field_words import field_name
from db.decisions import KeepApart, LinkDevices
from db.sources import source_label

_WHOLE = ("macs", "last_contact", "location", "display_name")
"""Fields that may differ between two records of one machine."""

_TELLING = ("serial", "site", "macs", "last_contact", "os")
"""What the folded card says, in this order; the names stand above."""

_ALWAYS = ("serial", "site")
"""What is said though neither record has it."""


def pair_item(pair: Pair, actor: Actor, now: datetime) -> html.Li:
    """The names of both records, what differs and what is equal, and a button for each answer that
    `actor` may give; unfolded all that is compared, and why no rule decides."""
    two = (pair.first, pair.other)
    title = [
        source_badge(pair.first.source),
        _name(pair.first),
        html.Span(" \u2194 ", className="muted"),
        source_badge(pair.other.source),
        _name(pair.other),
    ]
    heads = [html.Td(), *(_head(record) for record in two), html.Td()]
    known = [
        name for name in COMPARED if name in _ALWAYS or any(record.values[name] for record in two)
    ]
    rows = [_row(name, two, now) for name in known]
    rows.append(_line(_("Machine known to"), [_sources(record) for record in two], ""))
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="table side")
    why = html.P(
        [score(pair.score), html.Span(pair.evidence),
         html.Span(_("since %(day)s", day=formats.day(pair.since)), className="muted")],
        className="inbox-head",
    )  # fmt: skip
    unfolded = [why, html.Div(table, className="side-scroll")]
    return item(title, _compared_facts(two), _acts(pair, actor), unfolded=unfolded)


def _name(record: PairRecord) -> str:
    return record.values["hostname"] or record.values["display_name"] or str(record.device_id)


def _compared_facts(two: tuple[PairRecord, PairRecord]) -> str:
    """What is equal and what differs: "Serial A1 / B2 \u00b7 Site Harbor Dental in both"."""
    parts = []
    for name in _TELLING:
        values = [_value(record.values[name]) for record in two]
        if _compared(name, two) == EQUAL:
            said = _("%(value)s in both", value=values[0])
            parts.append(f"{_label(name)} {said}")
        elif name in _ALWAYS or set(values) != {formats.NOTHING}:
            parts.append(f"{_label(name)} {' / '.join(dict.fromkeys(values))}")
    return " \u00b7 ".join(parts)


def _head(record: PairRecord) -> html.Th:
    link = html.A(_name(record), href=f"/devices/{record.device_id}")
    return html.Th(
        html.Span([source_badge(record.source), link], className="side-head"), scope="col"
    )


def _row(name: str, two: tuple[PairRecord, PairRecord], now: datetime) -> html.Tr:
    values: list[Any] = [_value(record.values[name]) for record in two]
    if name == "last_contact":
        values = [last_contact(record.values[name], now) for record in two]
    return _line(_label(name), values, _compared(name, two), marked=name not in _WHOLE)


def _label(name: str) -> str:
    return _("MAC addresses") if name == "macs" else field_name(name)


EQUAL, DIFFERENT, UNKNOWN = "equal", "different", ""


def _compared(name: str, two: tuple[PairRecord, PairRecord]) -> str:
    """Whether both records say the same; of MAC addresses, whether they share one."""
    one, other = ({*_parts(name, record.values[name])} for record in two)
    if not one or not other:
        return UNKNOWN
    return EQUAL if one == other or (name == "macs" and one & other) else DIFFERENT


def _parts(name: str, value: Any) -> list[str]:
    text = str(value or "").casefold()
    return text.replace(",", " ").split() if name == "macs" else [text] if text else []


def _line(name: str, values: list[Any], compared: str, *, marked: bool = False) -> html.Tr:
    cells = [html.Td(value) for value in values]
    words = {EQUAL: _("same"), DIFFERENT: _("different"), UNKNOWN: ""}[compared]
    differ = "differ" if marked and compared == DIFFERENT else ""
    verdict = html.Td(words, className=f"compared {compared}".strip())
    return html.Tr([html.Th(name, scope="row"), *cells, verdict], className=differ)


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
    about = _("%(one)s and %(other)s", **names)
    buttons.append(ask_button(LinkDevices, both, _("Same"), about=about, actor=actor))
    about = _("%(one)s and %(other)s", **names)
    buttons.append(ask_button(KeepApart, both, _("Different"), about=about, actor=actor))
    return buttons
