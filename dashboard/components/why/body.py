"""The content of the drawer: the answer; folded below sums, snapshots, what was left out."""

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.pill import source_badge
from dashboard.components.kit.table import column_head
from dashboard.components.why.answer import answer, change_clauses, days_of_bar, where_they_are
from dashboard.components.why.points import points_table
from dashboard.queries.explain.figure import BARS, RECORDS, Explanation, LeftOut, Snapshot
from dashboard.words import why_words as words
from db.rules import Rules
from db.sources import source_label

_MOST_GAPS = 6


def why_body(why: Explanation) -> list[Component]:
    """The answer in a sentence; what it is made of is folded below."""
    return folded(
        [
            _answer(why),
            where_they_are(why.parts, why.filters),
            html.P(words.predicate(why), className="muted"),
            _list(why),
            section(_("How it adds up"), _sums(why)),
            section(_("Based on"), _snapshots(why)),
            section(_("Point by point"), points_table(why.points)),
            section(_("Left out"), _left_out(why)),
            section(_("Days without a snapshot"), _gaps(why)),
            meanings(why.filters.basis, why.rules),
        ]
    )


def _answer(why: Explanation) -> html.P:
    figure, lead = words.figure(why), words.lead(why)
    bar = why.figure if why.figure in BARS else None
    if bar is not None:
        lead += days_of_bar(why.changed, why.filters, bar)
    return answer(figure, lead, change_clauses(why.changed, why.filters, bar))


def folded(parts: Sequence[Component | None]) -> list[Component]:
    """The content of a drawer as one component."""
    return [drawn_list(parts)]


def section(title: str, body: Component | None) -> Component | None:
    """A section that opens when its title is clicked; None without content."""
    return None if body is None else html.Details([html.Summary(title), body])


def _list(why: Explanation) -> Component | None:
    """The link to the counted devices, if there are any."""
    if why.figure in ("bars", "change"):
        return dcc.Link(
            _("Open the changes"), href=links.changes(why.filters), className="btn btn-secondary"
        )
    if not why.value:
        return None
    href = links.devices(why.filters)
    if why.figure in BARS:
        href = links.changes(why.filters, why.figure)
    text = _("Open the list of %(n)s", n=formats.number(why.value))
    return dcc.Link(text, href=href, className="btn btn-primary")


def _sums(why: Explanation) -> Component | None:
    lines: list[Component] = [html.Li(line) for line in words.sums(why)]
    if None in (why.count.current, why.count.previous):
        text = _("Before the first snapshot the number is unknown, not zero.")
        lines.append(html.Li(text, className="muted"))
    return html.Ul(lines, className="sums") if lines else None


def _snapshots(why: Explanation) -> Component | None:
    days = (
        *zip((why.days[1],) * len(why.now), why.now, strict=True),
        *zip((why.days[0],) * len(why.then), why.then, strict=True),
    )
    if not days:
        return None
    heads = (_("For"), _("Source"), _("Its day"), _("Finished"), _("Run"))
    head = html.Tr([column_head(text) for text in heads])
    rows = [
        html.Tr([html.Td(formats.short_day(day)), *_snapshot(snapshot)]) for day, snapshot in days
    ]
    return html.Table([html.Thead(head), html.Tbody(rows)], className="table rests")


def _snapshot(snapshot: Snapshot) -> list[Component]:
    run = dcc.Link(f"#{snapshot.run_id}", href=links.run(snapshot.run_id))
    aside = None
    if snapshot.quarantined:
        text = ngettext(
            "%(n)s row unreadable", "%(n)s rows unreadable", snapshot.quarantined,
            n=formats.number(snapshot.quarantined),
        )  # fmt: skip
        aside = html.Span(text, className="pill pill-warning")
    return [
        html.Td([source_badge(snapshot.source), " ", source_label(snapshot.source), " ", aside]),
        html.Td(formats.day(snapshot.date)),
        html.Td(formats.instant(snapshot.finished_at)),
        html.Td(run),
    ]


def _left_out(why: Explanation) -> Component | None:
    rows = [part for part in why.left_out if part.n and not _same(part, why)]
    if not rows:
        return None
    return html.Ul(
        [html.Li(_left_out_line(part, why.filters)) for part in rows], className="left-out"
    )


def _same(part: LeftOut, why: Explanation) -> bool:
    """Whether the number of records equals the count, so that the line says nothing."""
    return part.name == RECORDS and part.n == why.count.current


def _left_out_line(part: LeftOut, filters: Filters) -> list[Component | str]:
    n = formats.number(part.n)
    number = dcc.Link(n, href=links.devices(part.filters)) if part.filters else html.Strong(n)
    return [number, " ", words.left_out(part, filters)]


def _gaps(why: Explanation) -> Component | None:
    if not why.gaps:
        return None
    rows = []
    for missing in why.gaps[-_MOST_GAPS:]:
        more = (
            dcc.Link(f"#{missing.run_id}", href=links.run(missing.run_id))
            if missing.run_id
            else None
        )
        rows.append(html.Li([words.gap(missing), " ", more]))
    if len(why.gaps) > _MOST_GAPS:
        n = len(why.gaps) - _MOST_GAPS
        rows.append(html.Li(_("and %(n)s earlier ones", n=formats.number(n))))
    note = _("On such a day the last snapshot still counts: a gap is not a drop.")
    return html.Div([html.Ul(rows), html.P(note, className="muted")])


def meanings(basis: str, rules: Rules) -> Component | None:
    """Definitions of the terms, and the version of the rules."""
    definitions = words.meanings(basis, rules)
    parts = [part for word, rule in definitions for part in (html.Dt(word), html.Dd(rule))]
    title = _("What the words mean (rules version %(n)s)", n=rules.version)
    return section(title, html.Dl(parts, className="meanings"))
