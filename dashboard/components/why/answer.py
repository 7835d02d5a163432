"""The sentence that a drawer begins with: the figure, and the parts that it is the sum of, each a
link to exactly its devices or changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.queries.explain.contributions import MOST_LISTED, CountPart, Parts, SiteChange
from dashboard.words import why_words as words

Inline = Component | str


@dataclass(frozen=True)
class Clause:
    """A part of a sentence: its text, the list behind it (None: no address lists it), and the
    parts of itself, in brackets."""

    text: str
    href: str | None = None
    inside: Sequence["Clause"] = field(default=())


def answer(figure: str, lead: str, clauses: Sequence[Clause]) -> html.P:
    """The figure in bold, what is said about it, and its parts."""
    parts: list[Inline] = [html.Strong(figure, className="drawer-figure"), lead]
    if clauses:
        parts += [": ", *_joined(clauses)]
    return html.P([*parts, "."], className="drawer-answer")


def sentence(beginning: str, clauses: Sequence[Clause]) -> html.P | None:
    """One more sentence; None without parts."""
    return html.P([beginning, ": ", *_joined(clauses), "."]) if clauses else None


def change_clauses(
    changed: Parts[SiteChange], filters: Filters, bar: str | None = None
) -> list[Clause]:
    """The sites that a change of `filters`, or one of its bars, is the sum of; of a single site
    its bars."""
    if len(filters.sites) == 1:
        return [
            _bar_clause(part, name, n, filters)
            for part in changed
            for name, n in part.bars.items()
            if bar is None
        ]
    clauses = [_site_clause(part, filters, bar) for part in changed.top]
    rest = changed.rest
    if rest:
        href = None
        if len(rest) <= MOST_LISTED and all(_is_listed(part, bar) for part in rest):
            href = links.changes(filters.having(sites=tuple(part.site_id for part in rest)), bar)
        total = sum(part.net if bar is None else part.in_bar for part in rest)
        text = formats.signed(total) if bar is None else formats.number(total)
        clauses.append(Clause(words.more_sites(len(rest), text), href))
    return clauses


def days_of_bar(changed: Parts[SiteChange], filters: Filters, bar: str) -> str:
    """When the devices of a bar of a single site changed: " (8 to 28 Nov)"."""
    days = [part.days[bar] for part in changed if bar in part.days]
    return f" ({formats.span(*days[0])})" if days and len(filters.sites) == 1 else ""


def where_they_are(parts: Parts[CountPart], filters: Filters) -> html.P | None:
    """Where the devices of a count are, or what they are."""
    clauses = [Clause(words.count_clause(part), links.devices(part.filters)) for part in parts.top]
    rest = parts.rest
    by_site = bool(parts.top) and parts.top[0].dimension == "site"
    if rest:
        n = formats.number(sum(part.n for part in rest))
        text = (words.more_sites if by_site else words.more_types)(len(rest), n)
        clauses.append(Clause(text, _list_of(rest, filters)))
    return sentence(_("Where they are") if by_site else _("What they are"), clauses)


def _list_of(parts: Sequence[CountPart], filters: Filters) -> str | None:
    sites = tuple(site for part in parts for site in part.filters.sites)
    types = tuple(name for part in parts for name in part.filters.types)
    if parts[0].dimension == "type":
        return links.devices(filters.having(types=types))
    return links.devices(filters.having(sites=sites)) if len(parts) <= MOST_LISTED else None


def _bar_clause(part: SiteChange, bar: str, n: int, there: Filters) -> Clause:
    text = words.bar_clause(bar, n, there, part.became)
    return Clause(text, links.changes(there, bar), _days(part, bar))


def _site_clause(part: SiteChange, filters: Filters, bar: str | None) -> Clause:
    there = filters.having(sites=(part.site_id,))
    if bar is not None:
        text = words.at_site(formats.number(part.in_bar), part.site)
        href = links.changes(there, bar) if _is_listed(part, bar) else None
        return Clause(text, href, _days(part, bar))
    inside: Sequence[Clause] = [
        Clause(words.bar_clause(name, n, there, part.became), links.changes(there, name))
        for name, n in part.bars.items()
    ]
    if len(part.bars) == 1:
        inside = _days(part, *part.bars)
    return Clause(words.site_clause(part, there), links.changes(there), inside)


def _is_listed(part: SiteChange, bar: str | None) -> bool:
    """Whether the list of the site alone holds exactly what it adds to the figure."""
    return bar is None or part.bars.get(bar) == part.in_bar


def _days(part: SiteChange, bar: str) -> list[Clause]:
    return [Clause(formats.span(*part.days[bar]))] if bar in part.days else []


def _joined(clauses: Sequence[Clause]) -> Iterable[Inline]:
    for place, clause in enumerate(clauses):
        if place:
            yield ", "
        yield dcc.Link(clause.text, href=clause.href) if clause.href else clause.text
        if clause.inside:
            yield from (" (", *_joined(clause.inside), ")")
