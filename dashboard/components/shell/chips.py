"""Filter chips; each is a link to the same page without its filter."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext

from dashboard.base.params import FILTERS, Filter, Filters
from dashboard.components.kit.drawn import drawn_list
from dashboard.words.filter_words import VALUE_WORDS


def chips(filters: Filters, site_names: Mapping[int, str], path: str) -> list[Component]:
    """One chip for each value of a filter that is set; one for all values that replace a default.

    Each is a link to the page at `path` without it."""
    parameters = {each.name: each for each in FILTERS}
    return chip_list(
        chip(label(value, filters, site_names), _address(path, rest))
        for name, label in VALUE_WORDS.items()
        for value, rest in _removals(filters, parameters[name], path)
    )


def chip_list(every: Iterable[Component]) -> list[Component]:
    """The content of the place of chips; without a chip it is empty, and the place disappears."""
    shown = list(every)
    return [drawn_list(shown)] if shown else []


def _removals(filters: Filters, parameter: Filter, path: str) -> Iterator[tuple[Any, Filters]]:
    """What the chips of a parameter show, and the filters without it."""
    value = getattr(filters, parameter.field)
    default = parameter.default_at(path)
    if value == default:
        return
    if not parameter.repeat or default:
        yield value, filters.having(**{parameter.field: default})
        return
    for item in value:
        rest = (
            () if parameter.name == "source" else tuple(other for other in value if other != item)
        )
        yield item, filters.having(**{parameter.field: rest})


def _address(path: str, filters: Filters) -> str:
    query = filters.to_query(path)
    return f"{path}?{query}" if query else path


def chip(text: str, href: str) -> Component:
    """One filter; `href` is the page without it."""
    return dcc.Link(
        [html.Span(text), html.Span(className="icon icon-close", **{"aria-hidden": "true"})],
        href=href,
        className="chip",
        title=gettext("Remove this filter"),
    )
