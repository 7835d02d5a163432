"""The audit log: a line per entry, with what it changed and a button to undo it."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.settings_params import AUDIT_PAGE, AuditList
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.card import card, file_links
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import pill
from dashboard.queries.audit.audit_log import Entry
from dashboard.words.decision_words import action_word, before_and_after, raw_record, subject_words
from dashboard.words.month_words import actor_name
from db.decisions import Undo


def audit_page(
    page: Sequence[Entry], count: int, listed: AuditList, actor: Actor
) -> list[Component]:
    """A page of the list, with links to its files and its other pages.

    Args:
        count: entries on all pages.
        listed: the filters and the page of the address.
        actor: whoever looks; only what they may undo has a button.
    """
    title = ngettext("%(n)s decision", "%(n)s decisions", count, n=formats.number(count))
    if not count:
        nothing = _("Nothing was decided yet.")
        if listed != AuditList():
            nothing = _("No decision matches. Remove a filter.")
        body: list[Any] = [html.P(nothing, className="note")]
    else:
        body = [entries(page, actor), _pager(count, listed)]
    return [
        card(
            "audit",
            body,
            title=title,
            subtitle=_("The newest first; nothing is ever taken out of this list"),
            actions=file_links(lambda form: listed.address(f"/export/audit.{form}")),
        )
    ]


def entries(rows: Sequence[Entry], actor: Actor) -> Component:
    """A list with a line per entry."""
    return drawn(html.Ol([_entry(entry, actor) for entry in rows], className="entries"))


def _entry(entry: Entry, actor: Actor) -> html.Li:
    head = html.Div(
        [
            html.Strong(action_word(entry.action)),
            html.Span(subject_words(entry), className="entry-subject"),
            *_state(entry),
            html.Span(_undo(entry, actor), className="acts"),
        ],
        className="entry-head",
    )
    when = html.Div(
        [
            html.Span(formats.instant(entry.at)),
            html.Span(actor_name(entry.actor)),
            html.Span(_("entry %(n)s", n=entry.entry_id)),
        ],
        className="entry-when muted",
    )
    return html.Li([head, when, *_changes(entry)], id=f"entry-{entry.entry_id}")


def _state(entry: Entry) -> list[Component]:
    if entry.undone_by is not None:
        return [pill(_("undone by entry %(n)s", n=entry.undone_by), "gone")]
    if entry.undoes is not None:
        return [pill(_("undoes entry %(n)s", n=entry.undoes), "gone")]
    return []


def _undo(entry: Entry, actor: Actor) -> list[Component]:
    if not entry.can_undo:
        return []
    about = _("entry %(n)s", n=entry.entry_id)
    return [ask_button(Undo, {"entry_id": entry.entry_id}, _("Undo"), about=about, actor=actor)]


def _changes(entry: Entry) -> list[Component]:
    lines = before_and_after(entry)
    raw = html.Details(
        [html.Summary(_("Details")), html.Pre(raw_record(entry))], className="raw-answer"
    )
    if not lines:
        return [raw]
    rows = [
        part
        for name, before, after in lines
        for part in (
            html.Dt(name),
            html.Dd(
                [html.Del(before), html.Span(" \u2192 "), html.Ins(after)] if before else after
            ),
        )
    ]
    return [html.Dl(rows, className="entry-changes"), raw]


def _pager(count: int, listed: AuditList) -> html.Nav:
    first, last = listed.offset + 1, min(listed.offset + AUDIT_PAGE, count)
    words = _(
        "%(first)s to %(last)s of %(count)s",
        first=formats.number(min(first, count)),
        last=formats.number(last),
        count=formats.number(count),
    )
    links = []
    if listed.offset:
        newer = listed.address(offset=max(listed.offset - AUDIT_PAGE, 0))
        links.append(dcc.Link(_("Newer"), href=newer, className="btn btn-secondary"))
    if last < count:
        older = listed.address(offset=listed.offset + AUDIT_PAGE)
        links.append(dcc.Link(_("Older"), href=older, className="btn btn-secondary"))
    return html.Nav(
        [html.Span(words), *links], className="pager", **{"aria-label": _("Pages of decisions")}
    )
