"""One run with everything of it: what came, what it rests on, what was decided."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.run_params import RunList
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.card import panel
from dashboard.components.kit.count_link import count_link, filled
from dashboard.components.kit.danger import danger_zone
from dashboard.components.kit.drawn import Part, drawn_list
from dashboard.components.kit.links import devices_of_source
from dashboard.components.kit.notice import notice
from dashboard.components.kit.pill import run_pill, source_badge
from dashboard.components.kit.states import nowhere
from dashboard.components.kit.table import column_head, fact_list
from dashboard.components.runs.counts import changes_between, moved_count, row_count
from dashboard.components.runs.held import Held, held_card, past_notice, would_card
from dashboard.components.runs.log import log_card
from dashboard.components.runs.source_cards import withdrawal
from dashboard.queries.runs.attempts import MAX_UNREADABLE, Details, Run, UnreadableRow
from dashboard.words.run_words import duration, percent, state_word
from db.decisions import Collect
from db.history.kept import KeptDays
from db.sources import source_label


def run_page(
    held: Held,
    aside: Sequence[UnreadableRow],
    details: Details,
    page: RunList,
    actor: Actor,
    *,
    newest: bool,
    kept: KeptDays | None,
) -> list[Any]:
    """The page of one run.

    Args:
        held: the run, what it was compared with, and what was decided about it.
        details: its log, and the raw answer that made it fail.
        actor: whoever looks; only the decisions they may take are offered.
        newest: whether its day is the newest published one of its source.
        kept: the days whose devices can be listed.
    """
    run, before = held.run, held.before
    if actor.sites is not None:
        return [_back(page), _head(run, actor), _of_everybody(run)]
    withdrawable = newest and run.published and run.kind != "end"
    return [
        _back(page),
        _head(run, actor),
        _unusual(held, details.answer, page, actor),
        would_card(held, page.would) if page.would else None,
        html.Div([_numbers(run, before, kept), _basis(run, before, page)], className="run-cards"),
        _aside(run, aside),
        log_card(run, details.lines),
        danger_zone([withdrawal(run, actor)] if withdrawable else []),
    ]


def _of_everybody(run: Run) -> Component:
    """What says nothing of the devices of all sites."""
    facts = [
        (_("Started"), formats.instant(run.started_at)),
        (_("Finished"), formats.instant(run.finished_at)),
        (_("Took"), duration(run)),
    ]
    text = _("Its counts and its log are of every site, and you see only some.")
    return panel(html.H2(_("Collected")), fact_list(facts), html.P(text, className="note"))


def no_run(run_id: int, newest: Sequence[Run], page: RunList) -> list[Any]:
    """There is no run of that id.

    Args:
        newest: the last run of each source.
    """
    ways = [
        (
            _("%(source)s, %(day)s", source=source_label(run.source),
              day=formats.day(run.business_date)),
            page.address(run=run.run_id),
        )
        for run in newest
    ]  # fmt: skip
    text = _("The link may be old or mistyped. The list has every run; the last of each source:")
    if not newest:
        text = _("Nothing was collected yet.")
    title = _("There is no run %(id)s", id=run_id)
    return [_back(page), nowhere(title, text, *ways, (_("All collections"), page.address()))]


def _back(page: RunList) -> html.P:
    return html.P(dcc.Link(_("All collections"), href=page.address()), className="back")


def _head(run: Run, actor: Actor) -> html.Header:
    words = {"source": source_label(run.source), "day": formats.day(run.business_date)}
    buttons: list[Any] = []
    if run.state == "failed":
        label, about = _("Collect again"), words["source"]
        again = {"source": run.source}
        buttons.append(
            ask_button(Collect, again, label, kind="btn-primary", about=about, actor=actor)
        )
    if run.published and run.kind != "end":
        href = devices_of_source(run.source, run.business_date)
        buttons.append(dcc.Link(_("See its devices"), href=href, className="btn btn-secondary"))
    title = html.H1(_("%(source)s, %(day)s", **words))
    return html.Header(
        drawn_list(
            [
                source_badge(run.source),
                title,
                run_pill(run.display_state),
                html.Div(buttons, className="acts"),
            ]
        ),
        className="run-head",
    )


def _unusual(held: Held, answer: str | None, page: RunList, actor: Actor) -> Any:
    """Why it is not an ordinary run; of a held one what would change, and the two buttons."""
    run = held.run
    if run.hold == "held":
        return held_card(held, page, actor)
    if (past := past_notice(held)) is not None:
        return past
    if not run.reason:
        return None
    content: list[Any] = [html.P(run.reason, className="run-reason")]
    if answer:
        # As text, whatever markup it holds.
        content.append(_folded(_("What the vendor answered"), answer))
    return notice("danger" if run.state == "failed" else "warning", html.Div(content))


def _folded(title: str, text: str) -> html.Details:
    return html.Details([html.Summary(title), html.Pre(text)], className="raw-answer")


def _numbers(run: Run, before: Run | None, kept: KeptDays | None) -> Component:
    rows: list[Part] = [row_count(run, kept)]
    if run.promised is not None:
        words = {"rows": rows[0], "promised": formats.number(run.promised)}
        rows = filled(_("%(rows)s of %(promised)s promised"), words)
    moved: list[tuple[str, Any]] = [
        (_("Added"), moved_count(run.added, "added", run, before, kept)),
        (_("Removed"), moved_count(run.removed, "removed", run, before, kept)),
        (_("Changed"), _changed(run, before, kept)),
        (_("Changed most"), run.changed_keys or formats.NOTHING),
    ]
    facts: list[tuple[str, Any]] = [
        (_("Started"), formats.instant(run.started_at)),
        (_("Took"), duration(run)),
        (_("Pages"), formats.number(run.pages)),
        (_("Rows"), rows),
        (_("Organizations"), formats.number(run.organizations)),
        (_("Locations"), formats.number(run.locations)),
        (_("Set aside"), formats.number(run.quarantined)),
        *(moved if run.changed is not None else []),
    ]
    return panel(html.H2(_("Collected")), fact_list(facts))


def _changed(run: Run, before: Run | None, kept: KeptDays | None) -> list[Part]:
    """How many devices the source reports otherwise than before. Some of them differ only in
    details that no list has, so the number opens nothing."""
    why = _("Every device of which the source reports anything else than before, also details "
            "that are in no list.")  # fmt: skip
    share = f" ({percent(run.changed_percent)}) "
    parts: list[Part] = [count_link(run.changed, None, unlisted=why), share]
    listed = changes_between(run, before, kept)
    if run.changed and listed is not None:
        link = dcc.Link(_("the changes of this day"), href=listed)
        parts += filled(_("of it listed: %(changes)s"), {"changes": link})
    return parts


def _basis(run: Run, before: Run | None, page: RunList) -> Component:
    compared: Any = _("It was the first of its source")
    if before is not None:
        text = _("the snapshot of %(day)s", day=formats.day(before.business_date))
        compared = dcc.Link(text, href=page.address(run=before.run_id))
    rules = formats.NOTHING if run.rule_version is None else str(run.rule_version)
    facts: list[tuple[str, Any]] = [
        (_("Compared with"), compared),
        (_("Rules version"), rules),
        (_("Business day in"), run.timezone),
        (_("Snapshot"), _("used for its day") if run.published else _("none from this run")),
        (_("Correlation id"), html.Code(run.correlation_id)),
    ]
    if run.hold and run.hold != "held":
        facts.append((_("Decision"), state_word(run.hold)))
    if run.decided_by:
        facts += [
            (_("Decided by"), run.decided_by),
            (_("Decided"), formats.instant(run.decided_at)),
        ]
    return panel(html.H2(_("Based on")), fact_list(facts))


def _aside(run: Run, aside: Sequence[UnreadableRow]) -> Any:
    if not aside:
        return None
    heads = (_("Place"), _("Id"), _("Why it could not be read"), _("The row"))
    rows = [
        html.Tr(
            [
                html.Td(formats.number(row.position + 1), className="figure"),
                html.Td(html.Code(row.source_key or formats.NOTHING)),
                html.Td(row.reason),
                html.Td(html.Details([html.Summary(_("Show")), html.Pre(row.body)])),
            ]
        )
        for row in aside
    ]
    title = _("Rows that could not be read; known devices keep their last state")
    if (run.quarantined or 0) > MAX_UNREADABLE:
        title += ". " + _("The first %(n)s", n=formats.number(MAX_UNREADABLE))
    head = html.Thead(html.Tr([column_head(name) for name in heads]))
    table = html.Table([head, html.Tbody(rows)], className="table aside")
    return panel(
        html.H2(_("Set aside")),
        html.P(title, className="card-subtitle"),
        html.Div(table, className="table-scroll"),
    )
