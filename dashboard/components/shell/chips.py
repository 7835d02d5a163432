"""What is filtered, as chips; each is a link to the same page without it."""

from collections.abc import Mapping

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.formats import day
from dashboard.base.params import Filters, usual_statuses
from dashboard.words.coverage_words import finding_state, kind_name
from dashboard.words.filter_words import basis_word, location_word, status_word, type_word
from dashboard.words.sentences import bar_word
from db.sources import source_label


def chips(filters: Filters, site_names: Mapping[int, str], path: str) -> list[Component]:
    """One chip for each filter that is set; on Changes, the bars too."""
    usual = usual_statuses(path)
    found: list[tuple[str, Filters]] = []
    for site in filters.sites:
        others = tuple(other for other in filters.sites if other != site)
        found.append(
            (site_names.get(site, _("site %(id)s", id=site)), filters.having(sites=others))
        )
    for name in filters.locations:
        rest = tuple(other for other in filters.locations if other != name)
        found.append((location_word(name), filters.having(locations=rest)))
    if filters.as_of:
        text = _("as of %(day)s", day=day(filters.as_of))
        found.append((text, filters.having(as_of=None)))
    if filters.compare_to:
        text = _("against %(day)s", day=day(filters.compare_to))
        found.append((text, filters.having(compare_to=None)))
    if filters.basis != "assets":
        found.append((basis_word(filters.basis), filters.having(basis="assets")))
    for name in filters.types:
        rest = tuple(other for other in filters.types if other != name)
        found.append((type_word(name), filters.having(types=rest)))
    if filters.statuses != usual:
        words = ", ".join(status_word(name) for name in filters.statuses)
        found.append((words, filters.having(statuses=usual)))
    if filters.q:
        found.append((f"“{filters.q}”", filters.having(q=None)))
    for source in filters.sources:
        found.append((source_label(source), filters.having(sources=())))
    for name in filters.managed_by:
        rest = tuple(other for other in filters.managed_by if other != name)
        text = _("managed by %(source)s", source=source_label(name))
        found.append((text, filters.having(managed_by=rest)))
    for name in filters.changes:
        rest = tuple(other for other in filters.changes if other != name)
        found.append((bar_word(name, filters), filters.having(changes=rest)))
    for name in filters.kinds:
        rest = tuple(other for other in filters.kinds if other != name)
        found.append((kind_name(name), filters.having(kinds=rest)))
    for name in filters.states:
        rest = tuple(other for other in filters.states if other != name)
        found.append((finding_state(name), filters.having(states=rest)))
    queries = [(text, without.to_query(default_statuses=usual)) for text, without in found]
    return [chip(text, f"{path}?{query}" if query else path) for text, query in queries]


def chip(text: str, href: str) -> Component:
    """One filter; `href` is the page without it."""
    return dcc.Link(
        [html.Span(text), html.Span(className="icon icon-close", **{"aria-hidden": "true"})],
        href=href,
        className="chip",
        title=_("Remove this filter"),
    )
