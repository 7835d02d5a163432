"""The sites that moved most: bars from one zero line, names uncut, each a link to its changes."""

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.good_direction import good_direction, news
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import linked
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.why_button import why_button
from dashboard.queries.changes.bars import Mover


def movers_list(movers: Sequence[Mover], counted: Filters, *, compared: bool) -> Component:
    """One row a mover: its bar opens the site's changes, its name the site, its button says why.

    Args:
        compared: whether both days have a count.
    """
    if not movers:
        text = _("No site's count changed.")
        if not compared:
            text = _("There is nothing to compare with.")
        return html.Div(text, className="note")
    most = max(abs(mover.figure.change or 0) for mover in movers)
    rows = [_row(mover, counted.having(sites=(mover.site_id,)), most) for mover in movers]
    return drawn(html.Div(rows, className="movers", role="list"))


def _row(mover: Mover, there: Filters, most: int) -> html.Div:
    change = mover.figure.change or 0
    share = round(abs(change) / most * 100, 1) if most else 0
    bar = html.Span(className="mover-bar", style={"width": f"{share}%"})
    value = html.Span(formats.signed(change), className="mover-value")
    text = _(
        "%(then)s to %(now)s",
        then=formats.number(mover.figure.previous),
        now=formats.number(mover.figure.current),
    )
    track = html.Span(
        [
            html.Span([value, bar] if change < 0 else None, className="mover-left"),
            html.Span([bar, value] if change > 0 else None, className="mover-right"),
        ],
        className="mover-track",
        title=f"{mover.site}: {text}"[:300],
    )
    parts = [
        dcc.Link(mover.site, href=links.site(there, mover.site_id), className="mover-name"),
        linked(track, formats.signed(change), links.changes(there), "mover-change"),
        why_button(there.to_query(), "bars"),
    ]
    kind = f"mover-place mover mover-{news(change, good_direction(there))}"
    return html.Div(parts, className=kind, role="listitem")
