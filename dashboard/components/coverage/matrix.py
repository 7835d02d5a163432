"""How the sources overlap, as a table: of the machines of the row's source, those that the
column's does not have, and those that it has."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import count_link, filled, linked
from dashboard.components.kit.drawn import Part, drawn
from dashboard.components.kit.pill import source_badge
from dashboard.queries.coverage.matrix import Cell
from db.sources import source_label


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
    pattern = _("%(n)s of %(all)s machines in %(source)s are not in %(other)s")
    return filled(pattern, {**numbers, **names})


def table(cells: Sequence[Cell], records: Mapping[str, int], every: Filters) -> Component:
    """A cell for each pair of sources; its first number opens its list."""
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
    return drawn(
        html.Table(
            [html.Thead(html.Tr(head)), html.Tbody(rows)], className="table overlap", id="overlap"
        )
    )


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
        ],
        className="heat",
        style={"--heat": f"{min(float(share) * 1.6, 1) * 100 if cell.missing else 0:.0f}%"},
    )  # fmt: skip


def _managed_by(every: Filters, *sources: str) -> str:
    """The machines that each of these sources manages."""
    return links.devices(every.having(basis="assets", sources=(), managed_by=sources))
