"""How the sources overlap, as a table: of the machines of the row's source, those that the
column's does not have, and those that it has."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.params import STATUSES, Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import count_link, filled, linked
from dashboard.components.kit.drawn import Part, drawn_list
from dashboard.components.kit.pill import source_badge
from dashboard.queries.coverage.matrix import Cell, LeftOut
from dashboard.queries.explain.contributions import MOST_LISTED
from db.sources import source_label

MOST_NAMED = 5
"""How many of the sites that are left out are named."""


def title(cells: Sequence[Cell], every: Filters) -> list[Part]:
    """The title: the pair of sources with most findings."""
    worst = max(cells, key=lambda cell: cell.missing or 0, default=None)
    if worst is None or not worst.missing or worst.kind is None:
        return [_("No expected source misses a machine")]
    numbers = {
        "n": count_link(worst.missing, links.coverage(every, (worst.kind,))),
        "all": count_link(worst.machines, _managed_by(every, worst.source)),
    }
    names = {"source": source_label(worst.source), "other": source_label(worst.other)}
    pattern = _("%(n)s of %(all)s machines in %(source)s should be in %(other)s and are not")
    return filled(pattern, {**numbers, **names})


def table(
    cells: Sequence[Cell], records: Mapping[str, int], left_out: Sequence[LeftOut], every: Filters
) -> Component:
    """A cell for each pair of sources; its first number opens its list. Below it the sites at
    which a source is not expected."""
    sources = list(dict.fromkeys(cell.source for cell in cells))
    by_pair = {(cell.source, cell.other): cell for cell in cells}
    head = [html.Th(html.Span(_("Machines in"), className="visually-hidden"), scope="col")]
    head += [html.Th(_source(other, _("not in")), scope="col") for other in sources]
    rows = [
        html.Tr(
            [
                html.Th(_source(source, _("in")), scope="row"),
                *(_cell(by_pair[source, other], records, every) for other in sources),
            ]
        )
        for source in sources
    ]
    overlap = html.Table(
        [html.Thead(html.Tr(head)), html.Tbody(rows)], className="table overlap", id="overlap"
    )
    return drawn_list([overlap, *(_left_out(each, every) for each in left_out)])


def _left_out(left: LeftOut, every: Filters) -> html.P:
    """ "2 sites are left out because ThreatLocker is not expected there: Acme, Globex"."""
    n, source = len(left.sites), source_label(left.source)
    words = ngettext(
        "%(n)s site is left out because %(source)s is not expected there",
        "%(n)s sites are left out because %(source)s is not expected there",
        n, n=formats.number(n), source=source,
    )  # fmt: skip
    there = every.moved("/coverage", "/sites").having(statuses=STATUSES)
    many = n > MOST_LISTED
    href = "/settings/sites" if many else links.sites(there, [site for site, _name in left.sites])
    parts: list[Part] = [dcc.Link(words, href=href), ": "]
    for place, (site, name) in enumerate(left.sites[:MOST_NAMED]):
        parts += [", "] if place else []
        parts.append(dcc.Link(name, href=links.site(there, site)))
    if n > MOST_NAMED:
        parts.append(_(" and %(n)s more", n=formats.number(n - MOST_NAMED)))
    return html.P([*parts, "."], className="note left-out")


def _source(source: str, word: str) -> list[Any]:
    return [
        html.Span(word, className="overlap-word"),
        source_badge(source),
        html.Span(source_label(source)),
    ]


def _cell(cell: Cell, records: Mapping[str, int], every: Filters) -> html.Td:
    if cell.source == cell.other:
        listed = every.having(basis=cell.source)
        n = records.get(cell.source, 0)
        body: list[Any] = [
            count_link(n, links.devices(listed), "overlap-n"),
            html.Span(ngettext("record", "records", n), className="overlap-said"),
        ]
        return html.Td(body, className="own")
    shared = _("%(n)s in both", n=formats.number(cell.both))
    both: Component = html.Span(shared, className="overlap-said")
    if cell.both:
        href = _managed_by(every, cell.source, cell.other)
        both = linked(shared, formats.number(cell.both), href, "overlap-said")
    if cell.kind is None or cell.missing is None:
        note = html.Span(_("not expected"), className="overlap-said")
        return html.Td([both, note], className="unasked")
    share = Fraction(cell.missing, cell.machines) if cell.machines else Fraction(0)
    return html.Td(
        [
            html.Div(
                count_link(cell.missing, links.coverage(every, (cell.kind,)), "overlap-n"),
                id=f"cell-{cell.source}-{cell.other}",
            ),
            linked(
                _("%(share)s of %(n)s", share=formats.percent(share * 100),
                  n=formats.number(cell.machines)),
                formats.number(cell.machines), _managed_by(every, cell.source), "overlap-said",
            ),
            both,
            _rest(cell),
        ],
        className="heat",
        style={"--heat": f"{min(float(share) * 1.6, 1) * 100 if cell.missing else 0:.0f}%"},
    )  # fmt: skip


def _rest(cell: Cell) -> Component | None:
    """The machines of the row that need not be in the column: with the other numbers, they are all
    of the row's machines."""
    if not cell.rest:
        return None
    words = _("%(n)s need not be", n=formats.number(cell.rest))
    why = _(
        "Spares, devices that are no servers or workstations, and machines at sites where "
        "%(source)s is not expected: no finding lists them.",
        source=source_label(cell.other),
    )
    return linked(words, formats.number(cell.rest), None, "overlap-said", unlisted=why)


def _managed_by(every: Filters, *sources: str) -> str:
    """The machines that each of these sources manages."""
    return links.devices(every.having(basis="assets", sources=(), managed_by=sources))
