"""The content of the Collections page, from query results of one moment."""

from datetime import date, timedelta
from typing import Any

from dash import dcc, html
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.i18n import translate_notice
from dashboard.base.run_params import RunList
from dashboard.components.kit.card import card
from dashboard.components.kit.states import first_run
from dashboard.components.runs.calendar import calendar, headline
from dashboard.components.runs.held import Held
from dashboard.components.runs.page import no_run, run_page
from dashboard.components.runs.source_cards import dangers, source_cards
from dashboard.components.runs.table import PAGE, run_table
from dashboard.queries import collection_days
from dashboard.queries.freshness import freshness
from dashboard.queries.runs import attempts
from dashboard.web.context import View
from db.history.kept import month_before, month_end
from db.history.runs import newest_day

CALENDAR_DAYS = 65


def collected(v: View, listed: RunList) -> list[Any]:
    """The page: one run, or sources, calendar and list."""
    if listed.run_id is not None:
        return _run_page(v, listed, listed.run_id)
    newest = attempts.latest_runs(v.connection, listed.as_of)
    if not newest and not attempts.latest_runs(v.connection):
        return [first_run([])]
    fresh = freshness(v.connection, v.now)
    published = {
        source: run
        for source in newest
        if (run := attempts.published_run_on(v.connection, source, listed.as_of or v.today))
        is not None
    }
    if v.moment.newest is None:
        return [
            first_run([translate_notice(notice) for notice in fresh.problems]),
            _list(v, listed),
        ]
    # A past day shows no freshness and offers no actions.
    now = fresh if listed.as_of is None or listed.as_of >= v.today else None
    return [
        html.H1(_("Collections"), className="visually-hidden"),
        html.Div(source_cards(newest, published, now, listed, v.actor), className="source-cards"),
        _calendar(v, listed),
        _list(v, listed),
        dangers(published, v.actor) if now else None,
    ]


def _run_page(v: View, listed: RunList, run_id: int) -> list[Any]:
    run = attempts.get_run(v.connection, run_id)
    if run is None:
        last = attempts.latest_runs(v.connection)
        return no_run(run_id, list(last.values()), listed)
    held = Held(
        run,
        attempts.previous_published_run(v.connection, run),
        attempts.suspicions_of(v.connection, run_id),
        attempts.count_decisions_since(v.connection, run) if run.hold == "held" else 0,
        attempts.rejection_reason(v.connection, run_id) if run.hold == "rejected" else None,
    )
    newest = newest_day(v.connection, run.source) == run.business_date
    aside = attempts.unreadable_rows(v.connection, run_id)
    details = attempts.details_of(v.connection, run_id)
    kept = v.moment.kept
    return run_page(held, aside, details, listed, v.actor, newest=newest, kept=kept)


def _calendar(v: View, listed: RunList) -> html.Section:
    first, last = _span(v, listed)
    runs = collection_days.source_days(v.connection, first, last, v.today)
    # A source that began later has no row in a month before it.
    runs = {
        source: row
        for source, row in runs.items()
        if any(d.state != collection_days.BEFORE for d in row)
    }
    subtitle = _(
        "%(first)s to %(last)s, one mark per source per day",
        first=formats.day(first),
        last=formats.day(last),
    )
    body: Any = calendar(runs, lambda run_id: listed.address(run=run_id))
    if not runs:
        body = html.P(_("Nothing was collected in these days."), className="note")
    return card(
        "calendar", body, title=headline(runs) if runs else _("No collections"),
        subtitle=subtitle, actions=_months(v, listed),
    )  # fmt: skip


def _span(v: View, listed: RunList) -> tuple[date, date]:
    """The days of the calendar: a month, or the last 65."""
    until = listed.as_of or v.today
    if listed.month is None:
        return until - timedelta(days=CALENDAR_DAYS - 1), until
    first = date.fromisoformat(f"{listed.month}-01")
    return first, max(first, min(month_end(listed.month), until))


def _months(v: View, listed: RunList) -> list[Any]:
    """Links to other months and back to the last 65 days."""
    this = f"{listed.as_of or v.today:%Y-%m}"
    month = listed.month or this
    before, after = month_before(month, 1 if listed.month else 0), month_before(month, -1)
    links = [
        dcc.Link(
            "\u2039 " + formats.month(before),
            href=listed.address(month=before),
            className="btn btn-link",
        )
    ]
    if listed.month is not None:
        if after <= this:
            links.append(
                dcc.Link(
                    formats.month(after) + " \u203a",
                    href=listed.address(month=after),
                    className="btn btn-link",
                )
            )
        words = _("Last %(days)s days", days=CALENDAR_DAYS)
        links.append(dcc.Link(words, href=listed.address(month=None), className="btn btn-link"))
    return links


def _list(v: View, listed: RunList) -> html.Section:
    runs = attempts.page(v.connection, listed.filters, limit=PAGE, offset=listed.offset)
    count = attempts.count(v.connection, listed.filters)
    return card(
        "runs",
        run_table(runs, count, listed, v.moment.kept, v.actor),
        title=_("Runs"),
        subtitle=_about(listed),
    )


def _about(listed: RunList) -> str:
    """Which runs are listed."""
    if listed.filters.last:
        day = formats.day(listed.filters.last)
        return str(_("The newest day first, up to %(day)s", day=day))
    return str(_("The newest day first; every attempt, complete or not"))
