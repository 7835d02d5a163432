"""Notices under the filters when something is wrong, and the stamp of the data's moment."""

from collections.abc import Sequence
from datetime import date

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base.formats import day as day_words
from dashboard.base.formats import instant
from dashboard.base.i18n import translate_notice
from dashboard.base.notice import Notice, mark
from dashboard.base.params import BadParameter, Filters
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.notice import Level, notice_line
from dashboard.queries.freshness import Freshness
from dashboard.queries.moment import Moment
from dashboard.queries.quarantine import QuarantinedRow
from db.sources import source_label, source_names

_LEVELS: dict[str, Level] = {"error": "danger", "warning": "warning", "info": "info"}
"""Bootstrap's name for the level of a notice."""


def strip(notices: Sequence[Notice], aside: Sequence[QuarantinedRow]) -> Component:
    """A line for each notice, the most severe first."""
    order = {"error": 0, "warning": 1, "info": 2}
    lines = [
        notice_line(
            _LEVELS[notice.level],
            _icon(),
            translate_notice(notice),
            _run(notice),
            kind=notice.level,
        )
        for notice in sorted(notices, key=lambda notice: order[notice.level])
    ]
    return drawn_list([*lines, *_quarantined(aside)])


def ingest_open() -> Notice:
    """A warning that reports are accepted without credentials."""
    text = mark(
        "Anyone who can reach this server can report a machine: INGEST_AUTH is open. To close "
        "it, make tokens with inventory-hub token add --kind enrol, set INGEST_AUTH=token, and "
        "start the server again."
    )
    return Notice(text, level="warning")


def too_early(filters: Filters, moment: Moment, first: date | None, path: str) -> Component:
    """In place of the page: what is counted has no data on the shown day, `first` is its first."""
    source = source_label(filters.basis) if filters.basis in source_names() else None
    day = day_words(moment.now.requested)
    if first is None:
        return _instead(_("%(source)s was never collected.", source=source), _clear(path))
    words = {"day": day, "first": day_words(first)}
    text = _("There is no data for %(day)s: the first day is %(first)s.", **words)
    if source:
        text = _("There is no data of %(source)s for %(day)s: its first day is %(first)s.",
                 source=source, **words)  # fmt: skip
    query = filters.having(as_of=first, compare_to=None).at(path).to_query(path)
    return _instead(text, dcc.Link(_("Show %(day)s", day=words["first"]), href=f"{path}?{query}"))


def refused(bad: BadParameter, path: str) -> Component:
    """An address with a bad parameter, and a link to the page without filters. The page itself is
    hidden."""
    message = translate_notice(bad.notice) if bad.notice is not None else bad.message
    return _instead(message, _clear(path))


def _clear(path: str) -> Component:
    return dcc.Link(_("Clear all filters"), href=path)


def _instead(message: str, clear: Component) -> Component:
    """One sentence as the main part of the document, in place of the page."""
    heading = html.H1(_("This address cannot be shown"), className="visually-hidden")
    line = notice_line("danger", _icon(), message, clear, kind="error")
    return drawn_list([html.Main([heading, line])])


def stamp(moment: Moment, fresh: Freshness) -> str:
    """The moment the data is from: "as of 22 Nov 2026, 03:00, complete"."""
    finished = [
        snapshot.finished_at
        for snapshot in moment.now.snapshots.values()
        if snapshot is not None and snapshot.finished_at is not None
    ]
    if not finished:
        return _("no data yet")
    when = instant(max(finished))
    if fresh.problems or not moment.is_newest:
        return _("as of %(when)s", when=when)
    return _("as of %(when)s, complete", when=when)


def _quarantined(aside: Sequence[QuarantinedRow]) -> list[Component]:
    if not aside:
        return []
    rows = [html.Li(f"{row.label} {row.source_key or ''}: {row.reason}") for row in aside]
    summary = ngettext(
        "%(num)d row could not be read and was set aside; the rest is counted",
        "%(num)d rows could not be read and were set aside; the rest is counted",
        len(aside),
    )
    return [
        html.Details(
            [html.Summary(summary), html.Ul(rows)], className="alert alert-warning warning"
        )
    ]


def _run(notice: Notice) -> Component | None:
    """A link to the run of a notice."""
    if notice.run_id is None:
        return None
    return dcc.Link(_("See the run"), href=f"/collections?run={notice.run_id}")


def _icon() -> Component:
    return html.Span(className="icon icon-warning", **{"aria-hidden": "true"})
