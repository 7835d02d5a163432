"""The timeline of a device: a row per stretch, newest first, with what changed in it."""

from collections.abc import Sequence
from datetime import date

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import pill
from dashboard.queries.devices.history import Stretch
from dashboard.queries.devices.payloads import Difference
from dashboard.words.field_words import field_name, field_value

MAX_VISIBLE = 8
"""The most differences of a stretch before the rest is collapsed."""


def timeline(stretches: Sequence[Stretch], day: date | None) -> Component:
    """The stretches; the one in force on `day` is marked."""
    entries = [_entry(stretch, day) for stretch in stretches]
    return drawn(html.Ol(entries, className="timeline"))


def title(stretches: Sequence[Stretch]) -> str:
    """The number of changes: "3 changes since 2 Nov 2026"."""
    first = stretches[-1].valid_from
    count = len(stretches) - 1
    if not count:
        return _("Unchanged since %(day)s", day=formats.day(first))
    return ngettext(
        "%(n)s change since %(day)s", "%(n)s changes since %(day)s", count,
        n=formats.number(count), day=formats.day(first),
    )  # fmt: skip


def span(stretch: Stretch) -> str:
    """ "2 Nov to 8 Nov 2026", up to its last day; "since 2 Nov 2026" while it lasts."""
    if stretch.last is None:
        return _("since %(day)s", day=formats.day(stretch.valid_from))
    if stretch.last == stretch.valid_from:
        return formats.day(stretch.valid_from)
    return _(
        "%(first)s to %(last)s",
        first=formats.day(stretch.valid_from),
        last=formats.day(stretch.last),
    )


def _entry(stretch: Stretch, day: date | None) -> html.Li:
    stands = day is not None and stretch.holds_on(day)
    marks = [pill(_("as of %(day)s", day=formats.short_day(day)), "stands")] if stands else []
    if stretch.state["repaired"]:
        marks.append(pill(_("repaired: %(what)s", what=stretch.state["repaired"]), "warning"))
    days = ngettext("%(n)s day", "%(n)s days", stretch.days, n=formats.number(stretch.days))
    head = html.Div(
        [html.Strong(span(stretch)), html.Span(days, className="muted"), *marks, _run(stretch)],
        className="stretch-head",
    )
    return html.Li([head, *_before(stretch), _changes(stretch)], className="here" if stands else "")


def _run(stretch: Stretch) -> Component:
    if stretch.run is None:
        return html.Span()
    words = _("seen by run #%(id)s, %(when)s", id=stretch.run.run_id,
              when=formats.instant(stretch.run.finished_at))  # fmt: skip
    return dcc.Link(words, href=links.run(stretch.run.run_id), className="stretch-run")


def _before(stretch: Stretch) -> list[Component]:
    text = {
        "first": _("Seen for the first time."),
        "absent": _("Back after some days without it in its source."),
        "not kept": _("The state before is no longer kept."),
    }.get(stretch.follows)
    return [html.P(text, className="muted")] if text else []


def _changes(stretch: Stretch) -> Component | None:
    if not stretch.changes:
        if stretch.follows != "on":
            return None
        return html.P(
            _("No source data changed; a decision or a collection run split the stretch.")
        )
    first, rest = stretch.changes[:MAX_VISIBLE], stretch.changes[MAX_VISIBLE:]
    parts: list[Component] = [_table(first)]
    if rest:
        words = ngettext("%(n)s more field", "%(n)s more fields", len(rest), n=len(rest))
        parts.append(html.Details([html.Summary(words), _table(rest)]))
    return html.Div(parts)


def _table(changes: Sequence[Difference]) -> html.Table:
    return html.Table(html.Tbody([_change(change) for change in changes]), className="changes")


def _change(change: Difference) -> html.Tr:
    name = field_name(change.field)
    kind = "payload-field" if change.field.startswith("payload.") else ""
    return html.Tr(
        [
            html.Th(name, scope="row", className=kind),
            html.Td(html.Del(field_value(change.field, change.before))),
            html.Td(html.Span("\u2192", **{"aria-hidden": "true"}), className="arrow"),
            html.Td(html.Ins(field_value(change.field, change.after))),
        ]
    )
