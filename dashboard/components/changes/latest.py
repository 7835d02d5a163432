"""The newest changes of a site: which device, into which bar, since when, why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import linked
from dashboard.components.kit.drawn import drawn, drawn_list
from dashboard.queries.changes.change_list import Item
from dashboard.queries.moment import Moment
from dashboard.words import sentences
from dashboard.words.reasons import change_reasons

MOST = 8
_REASONS = 2


@dataclass(frozen=True)
class Latest:
    """The newest changes that stand in a bar, at most `MOST`, and how many there are in all; None
    where one of the two days has no count."""

    count: int | None
    items: Sequence[Item]


def parts(latest: Latest, moment: Moment, counted: Filters) -> tuple[Any, Any, Component]:
    """Title, subtitle and list; in words when there is nothing to list."""
    then = formats.day(moment.then.day or moment.then.requested)
    if not latest.count:
        text = _("No device in or out since %(day)s.", day=then)
        if latest.count is None:
            text = _("There is no count of %(day)s to compare with.", day=then)
        return _("Latest changes"), None, html.P(text, className="note")
    title = drawn_list(
        [
            linked(
                sentences.devices_changed(latest.count),
                formats.number(latest.count),
                links.changes(counted),
            )
        ]
    )
    rows = html.Ol([_row(item, counted) for item in latest.items], className="latest")
    which = _("The newest %(n)s", n=MOST) if latest.count > MOST else _("Newest first")
    return title, which, drawn(rows)


def _row(item: Item, counted: Filters) -> Component:
    state, bar = item.state, item.bar or "none"
    name = state.hostname or state.display_name or state.source_key
    reasons = change_reasons(item)
    chips = [html.Span(text, className="reason", title=text) for text in reasons[:_REASONS]]
    if len(reasons) > _REASONS:
        more = f"+{len(reasons) - _REASONS}"
        chips.append(html.Span(more, className="reason more", title="\n".join(reasons)))
    return html.Li(
        [
            html.Div(
                [
                    dcc.Link(name, href=links.device(counted.having(sites=()), state.device_id)),
                    html.Span(
                        sentences.bar_word(bar, counted),
                        className=f"bar-word bar-{bar.replace('_', '-')}",
                    ),
                    html.Span(formats.day(item.day), className="latest-day"),
                ],
                className="latest-head",
            ),
            html.Div(chips, className="reasons"),
        ]
    )
