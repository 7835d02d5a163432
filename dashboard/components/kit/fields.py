"""Fields of filters as one Dash component each: a choice of several, and a day.

The browser draws them from native elements (assets/js/fields.js): Dash's own dropdown and date
picker nest controls inside each other, which screen readers cannot follow, and mount a component
per choice.
"""

import json
from collections.abc import Iterable
from datetime import date

from dash import html
from flask_babel import gettext as _

VALUE, OPTIONS = "data-value", "data-options"
"""The properties that callbacks read and write: the JSON list of what is chosen or the ISO day, ""
for none; and the JSON list of the choices."""

LONGEST = 80
"""Characters of a name that a choice shows."""


def choices_field(
    name: str,
    label: str,
    options: Iterable[tuple[str, object]],
    nothing: str,
    *,
    everything: str | None = None,
    searchable: bool = False,
    kind: str = "field",
) -> html.Div:
    """A button that opens a list of checkboxes.

    Args:
        options: label and value of each choice.
        nothing: what the button says while nothing is chosen.
        everything: what it says while all are chosen; None: their names.
        searchable: whether the list has a search box; it then shows the first 200 matches.
    """
    words = {
        "nothing": nothing,
        "everything": everything,
        "find": _("Search: %(field)s", field=label) if searchable else None,
        "type": _("Type a part of the name"),
        "more": _("and {n} more"),
        "none": _("Nothing matches."),
        "clear": _("Clear selection"),
    }
    return _field(name, "choices", label, words, kind, "[]", **{OPTIONS: options_json(options)})


def options_json(options: Iterable[tuple[str, object]]) -> str:
    """The property `OPTIONS` from label and value of each choice."""
    short = [
        [label if len(label) <= LONGEST else label[: LONGEST - 1] + "\u2026", str(value)]
        for label, value in options
    ]
    return json.dumps(short, ensure_ascii=False)


def day_field(
    name: str, label: str, nothing: str, *, today: date | None = None, kind: str = "field"
) -> html.Div:
    """A date to type or to choose in a calendar, which marks each day with the state of its
    collections.

    Args:
        nothing: what it says while no day is chosen.
        today: the last day to choose; None where the marks of the days say it.
    """
    words = {
        "nothing": nothing,
        "open": _("%(field)s: open the calendar", field=label),
        "month": _("Month"),
        "previous": _("Previous month"),
        "next": _("Next month"),
    }
    last = {"data-last": today.isoformat()} if today else {}
    return _field(name, "day", label, words, kind, "", **last)


def _field(
    name: str, field: str, label: str, words: dict[str, str | None], kind: str, value: str,
    **more: str,
) -> html.Div:  # fmt: skip
    data = {
        "data-field": field,
        "data-label": label,
        "data-words": json.dumps(words, ensure_ascii=False),
        VALUE: value,
    }
    return html.Div(id=name, className=kind, **data, **more)
