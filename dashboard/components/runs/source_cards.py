"""Each source at a glance: how fresh, how large, collect now; and what may be taken away."""

from collections.abc import Mapping
from datetime import date

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.run_params import RunList
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.danger import Danger, danger_zone
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.pill import run_pill, source_badge
from dashboard.queries import collection_days
from dashboard.queries.freshness import Freshness
from dashboard.queries.runs.attempts import Run
from db.decisions import Collect, EndSource, WithdrawDay
from db.sources import source_label


def source_cards(
    newest: Mapping[str, Run],
    published: Mapping[str, Run],
    fresh: Freshness | None,
    page: RunList,
    actor: Actor,
) -> Component:
    """One card a source.

    Args:
        newest: each source's last attempt.
        standing: each source's run whose snapshot stands on the shown day.
        fresh: how old the data is now; None on a past day, on which nothing can be asked for.
        actor: whoever looks; only what they may do is offered.
    """
    return drawn_list(
        _card(run, published.get(source), fresh, page, actor) for source, run in newest.items()
    )


def _card(
    last: Run, published: Run | None, fresh: Freshness | None, page: RunList, actor: Actor
) -> html.Section:
    label = source_label(last.source)
    head = html.Header([source_badge(last.source), html.H2(label), _pill(last, published, fresh)])
    return html.Section(
        [
            head,
            *_facts(last, published, page, actor),
            html.Div(_collect(last, actor) if fresh else None, className="acts"),
        ],
        className="card card-body source-card",
        **{"aria-label": label},
    )


def _pill(last: Run, published: Run | None, fresh: Freshness | None) -> html.Span:
    if published is not None and published.kind == "end":
        return run_pill(collection_days.ENDED)
    if fresh is None or last.state == "running" or last.hold == "held" or last.state == "failed":
        return run_pill(last.display_state)
    if last.source in fresh.stale:
        return html.Span(_("stale"), className="pill run-pill run-stale")
    return html.Span(_("fresh"), className="pill run-pill run-complete")


def _facts(last: Run, published: Run | None, page: RunList, actor: Actor) -> list[html.P]:
    if published is None:
        first = html.P(_("Nothing published yet"), className="source-when")
    elif published.kind == "end":
        day = formats.day(published.business_date)
        first = html.P(_("Ended on %(day)s", day=day), className="source-when")
    else:
        words = ngettext(
            "Complete %(when)s, %(n)s row", "Complete %(when)s, %(n)s rows", published.records or 0,
            when=formats.instant(published.finished_at), n=formats.number(published.records),
        )  # fmt: skip
        if actor.sites is not None:
            words = _("Complete %(when)s", when=formats.instant(published.finished_at))
        run = dcc.Link(words, href=page.address(run=published.run_id))
        first = html.P(run, className="source-when")
    if published is not None and last.run_id == published.run_id:
        return [first]
    link = dcc.Link(
        _("Last attempt: %(when)s", when=formats.instant(last.started_at)),
        href=page.address(run=last.run_id),
    )
    return [first, html.P(link, className="source-last")]


def _collect(last: Run, actor: Actor) -> html.Button:
    about = source_label(last.source)
    return ask_button(Collect, {"source": last.source}, _("Collect now"), about=about, actor=actor)


def dangers(published: Mapping[str, Run], actor: Actor) -> Component | None:
    """What takes a source's data away: withdrawing its newest day, ending it.

    Args:
        published: each source's run whose snapshot stands today.
        actor: whoever looks; only what they may do is offered.
    """
    standing = [run for run in published.values() if run.kind != "end"]
    rows = [withdrawal(run, actor) for run in standing]
    rows += [_end(run.source, actor) for run in standing]
    return danger_zone(rows)


def withdrawal(run: Run, actor: Actor) -> Danger:
    """Withdrawing the newest published day of a source, whose run this is."""
    day: date = run.business_date
    label = source_label(run.source)
    words = _("Withdraw %(day)s of %(source)s", day=formats.day(day), source=label)
    arguments = {"source": run.source, "day": day.isoformat()}
    return Danger(
        words,
        _("Its snapshot is removed, and the one before counts again."),
        ask_button(
            WithdrawDay,
            arguments,
            _("Withdraw the day"),
            kind="btn-outline-danger",
            about=label,
            actor=actor,
        ),
    )


def _end(source: str, actor: Actor) -> Danger:
    words = _("End %(source)s", source=source_label(source))
    return Danger(
        words,
        _("All its devices are removed from today on, and it is no longer expected."),
        ask_button(
            EndSource,
            {"source": source},
            _("End source"),
            kind="btn-outline-danger",
            about=source_label(source),
            actor=actor,
        ),
    )
