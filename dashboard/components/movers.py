"""The sites that moved most: bars from one zero line, names uncut, each a link to its devices."""

from collections.abc import Callable, Sequence

from dash import dcc, html
from flask_babel import gettext as _

from dashboard import formats
from dashboard.components.pill import direction
from dashboard.queries.changes import Mover


def movers_list(found: Sequence[Mover], href: Callable[[int], str]) -> html.Div:
    """One row a mover.

    Args:
        href: the list of a site's devices.
    """
    if not found:
        return html.Div(_("Every site has as many devices as then."), className="note")
    most = max(abs(mover.figure.change or 0) for mover in found)
    rows = [_row(mover, href(mover.site_id), most) for mover in found]
    return html.Div(rows, className="movers", role="list")


def _row(mover: Mover, href: str, most: int) -> html.Div:
    change = mover.figure.change or 0
    share = round(abs(change) / most * 100, 1) if most else 0
    bar = html.Span(className="mover-bar", style={"width": f"{share}%"})
    value = html.Span(formats.signed(change), className="mover-value")
    said = _(
        "%(then)s to %(now)s",
        then=formats.number(mover.figure.previous),
        now=formats.number(mover.figure.current),
    )
    return html.Div(
        dcc.Link(
            [
                html.Span(mover.site, className="mover-name"),
                html.Span(
                    [
                        html.Span([value, bar] if change < 0 else None, className="mover-left"),
                        html.Span([bar, value] if change > 0 else None, className="mover-right"),
                    ],
                    className="mover-track",
                ),
            ],
            href=href,
            title=f"{mover.site}: {said}"[:300],
            className=f"mover mover-{direction(change)}",
        ),
        role="listitem",
    )
