"""The records of one machine side by side, and the links between them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import last_contact, pill, source_badge
from dashboard.components.settings.score import score
from dashboard.queries.devices.asset import COMPARED, Link, Record
from dashboard.words.field_words import field_name, field_value
from db.sources import source_label

Labels = Mapping[int, tuple[str, str]]


def title(records: Sequence[Record]) -> str:
    """How many records the machine has."""
    if not records:
        return _("No record of this machine on this day")
    return ngettext(
        "This machine has %(n)s record", "This machine has %(n)s records", len(records),
        n=formats.number(len(records)),
    )  # fmt: skip


def side_by_side(
    records: Sequence[Record], device_id: int, filters: Filters, now: datetime | None
) -> html.Div:
    """A column per record; what differs between them is highlighted.

    Args:
        device_id: the device whose page this is.
        now: the instant; None on a past day, for which no last contact is kept.
    """
    if not records:
        return html.Div()
    heads = [html.Td(), *(_head(record, device_id, filters) for record in records)]
    rows = [_row(name, [record.fields[name] for record in records]) for name in COMPARED]
    rows += [
        _row("source_key", [record.source_key for record in records], compared=False),
        _row("first_seen", [record.first_seen for record in records], compared=False),
        _contacts(records, now),
    ]
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="table side")
    return drawn(html.Div(table, className="side-scroll"))


def _head(record: Record, device_id: int, filters: Filters) -> html.Th:
    label = source_label(record.source)
    name: Component | str = label
    if record.device_id != device_id:
        name = dcc.Link(label, href=links.device(filters, record.device_id))
    primary = [pill(_("primary"), "stands")] if record.is_primary else []
    badge = source_badge(record.source)
    return html.Th(html.Span([badge, name, *primary], className="side-head"), scope="col")


def _contacts(records: Sequence[Record], now: datetime | None) -> html.Tr:
    head = html.Th(field_name("last_contact"), scope="row")
    if now is None:
        words = html.Td(_("not kept for past days"), colSpan=len(records), className="muted")
        return html.Tr([head, words])
    return html.Tr([head, *(html.Td(last_contact(each.last_contact, now)) for each in records)])


def _row(name: str, values: Sequence[object], compared: bool = True) -> html.Tr:
    differ = compared and len({str(value or "").casefold() for value in values}) > 1
    cells = [html.Td(field_value(name, value)) for value in values]
    return html.Tr(
        [html.Th(field_name(name), scope="row"), *cells], className="differ" if differ else ""
    )


def evidence(link_rows: Sequence[Link], labels: Labels, filters: Filters) -> Component:
    """Why the records are one machine, a line per link."""
    if not link_rows:
        text = _("No link: no other record has its serial number or hostname at this site.")
        return html.P(text, className="note")
    lines = [_link(link, labels, filters) for link in link_rows]
    return drawn(html.Ul(lines, className="evidence"))


def _link(link: Link, labels: Labels, filters: Filters) -> html.Li:
    method = {
        "serial": _("Serial number"), "mac": _("MAC address"), "hostname": _("Hostname"),
        "prefix": _("Probable"), "manual": _("By hand"),
    }.get(link.method, link.method)  # fmt: skip
    words = _("since %(day)s", day=formats.day(link.since))
    if link.until is not None:
        words = _(
            "%(first)s to %(last)s, undone",
            first=formats.day(link.since),
            last=formats.day(link.until),
        )
    by = _("by the rule") if link.author == "rule" else _("by %(who)s", who=link.author)
    return html.Li(
        [
            pill(method, "probable" if link.method == "prefix" else "linked"),
            html.Span([_end(link.device_id, labels, filters), " = ",
                       _end(link.other_device_id, labels, filters)]),
            html.Span(link.evidence),
            *([score(link.score)] if link.score is not None else []),
            html.Span(f"{words}, {by}", className="muted"),
        ]
    )  # fmt: skip


def _end(device_id: int, labels: Labels, filters: Filters) -> Component:
    source, name = labels.get(device_id, ("", str(device_id)))
    text = f"{name} ({source_label(source)})"
    return dcc.Link(text, href=links.device(filters, device_id))
