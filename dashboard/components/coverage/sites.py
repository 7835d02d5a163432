"""The table of sites with coverage findings, those with most to do first."""

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import count_link
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import source_badge
from dashboard.queries.coverage.findings import count_in_states, count_to_do
from dashboard.queries.coverage.matrix import Cell, SiteRow
from dashboard.words.coverage_words import kind_short
from db.coverage import CURRENT, KINDS, TO_DO

MOST_SITES = 50
"""The most rows; the site filter leads to the others."""


def line(rows: Sequence[SiteRow]) -> str:
    """The line above the table: the number of sites, and whether it is cut."""
    n = len(rows)
    words = ngettext(
        "%(n)s site with findings", "%(n)s sites with findings", n, n=formats.number(n)
    )
    more = n - MOST_SITES
    if more > 0:
        words += _("; showing the %(n)s with the most findings", n=formats.number(MOST_SITES))
    return str(words + _(". A number opens its list; a pale badge is a source not expected there."))


def table(site_rows: Sequence[SiteRow], cells: Sequence[Cell], every: Filters) -> Component:
    """One row per site: its expected sources and its findings by kind."""
    kinds = [
        kind for kind in KINDS if any(count_in_states(r.counted, kind, CURRENT) for r in site_rows)
    ]
    most = max(
        (count_in_states(row.counted, kind, CURRENT) for row in site_rows for kind in kinds),
        default=0,
    )
    heads = [_("Site"), _("Expected"), _("To do"), *(kind_short(kind) for kind in kinds)]
    head = html.Tr([
        html.Th(text, scope="col", className="figure" if place > 1 else "")
        for place, text in enumerate(heads)
    ])  # fmt: skip
    sources = [cell.source for cell in cells if cell.source == cell.other]
    rows = [_site(row, kinds, most, sources, every) for row in site_rows[:MOST_SITES]]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="table gaps")
    return drawn(html.Div(table, className="table-scroll"))


def _site(
    row: SiteRow, kinds: Sequence[str], most: int, sources: Sequence[str], every: Filters
) -> html.Tr:
    here = every.having(sites=(row.site_id,))
    page = links.site(every.moved("/coverage", "/sites"), row.site_id)
    badges = [
        html.Span(source_badge(source), className="" if source in row.expected else "pale",
                  title=None if source in row.expected else _("not expected here"))
        for source in sources
    ]  # fmt: skip
    if row.own:
        badges.append(html.Span(_("own"), className="muted"))
    return html.Tr(
        [
            html.Th(dcc.Link(row.name, href=page), scope="row"),
            html.Td(html.Span(badges, className="badges")),
            _number(_("To do"), count_to_do(row.counted), links.coverage(here, (), TO_DO), 0),
            *(
                _number(
                    kind_short(kind),
                    count_in_states(row.counted, kind, CURRENT),
                    links.coverage(here, (kind,)),
                    most,
                )
                for kind in kinds
            ),
        ]
    )


def _number(column: str, n: int, href: str, most: int) -> html.Td:
    """A cell. On a phone `column` stands beside its number, for there is no room for columns."""
    if not n:
        return html.Td(formats.NOTHING, className="figure muted")
    heat = f"{n / most * 100:.0f}%" if most else "0%"
    return html.Td(
        count_link(n, href), className="figure heat", style={"--heat": heat},
        **{"data-column": column},
    )  # fmt: skip
