"""The audit log: who decided what, what it was before and after, and the way back."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.settings_params import AUDIT_PAGE, AuditList
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.card import card, file_links
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import pill
from dashboard.queries.audit.audit_log import Entry
from dashboard.web.asking import may
from dashboard.words.decision_words import action_word, before_and_after, field_word
from dashboard.words.month_words import actor_name
from db import jobs


def audit_page(found: Sequence[Entry], count: int, shown: AuditList) -> list[Component]:
    """The list, its files, and the ways to its other pages."""
    title = ngettext("%(n)s decision", "%(n)s decisions", count, n=formats.number(count))
    if not count:
        nothing = _("Nothing was decided yet.")
        if shown != AuditList():
            nothing = _("No decision matches. Take a filter away.")
        body: list[Any] = [html.P(nothing, className="note")]
    else:
        body = [entries(found), _pager(count, shown)]
    return [
        card(
            "audit", body, title=title,
            subtitle=_("The newest first; nothing is ever taken out of this list"),
            actions=file_links(lambda form: shown.address(f"/export/audit.{form}")),
        )
    ]  # fmt: skip


def entries(found: Sequence[Entry]) -> Component:
    """Entries, a line each."""
    return drawn(html.Ol([_entry(one) for one in found], className="entries"))


def _entry(one: Entry) -> html.Li:
    head = html.Div(
        [
            html.Strong(action_word(one.action)),
            html.Span(one.subject, className="entry-subject"),
            *_state(one),
            html.Span([*_undo(one)], className="acts"),
        ],
        className="entry-head",
    )
    when = html.Div(
        [
            html.Span(formats.instant(one.at)),
            html.Span(actor_name(one.actor)),
            html.Span(_("entry %(n)s", n=one.entry_id)),
        ],
        className="entry-when muted",
    )
    return html.Li([head, when, *_changes(one)], id=f"entry-{one.entry_id}")


def _state(one: Entry) -> list[Component]:
    if one.undone_by is not None:
        return [pill(_("undone by entry %(n)s", n=one.undone_by), "gone")]
    if one.undoes is not None:
        return [pill(_("undoes entry %(n)s", n=one.undoes), "gone")]
    return []


def _undo(one: Entry) -> list[Component]:
    if not one.can_undo or not may(jobs.UNDO):
        return []
    about = _("Undo entry %(n)s", n=one.entry_id)
    return [ask_button(jobs.UNDO, {"entry_id": one.entry_id}, _("Undo"), about=about)]


def _changes(one: Entry) -> list[Component]:
    """Each field that changed, before and after."""
    lines = before_and_after(one)
    if not lines:
        return []
    rows = [
        part
        for name, was, now in lines
        for part in (
            html.Dt(field_word(name)),
            html.Dd([html.Del(was), html.Span(" \u2192 "), html.Ins(now)] if was else now),
        )
    ]
    return [html.Dl(rows, className="entry-changes")]


def _pager(count: int, shown: AuditList) -> html.Nav:
    first, last = shown.offset + 1, min(shown.offset + AUDIT_PAGE, count)
    words = _(
        "%(first)s to %(last)s of %(count)s",
        first=formats.number(min(first, count)), last=formats.number(last),
        count=formats.number(count),
    )  # fmt: skip
    links = []
    if shown.offset:
        newer = shown.address(offset=max(shown.offset - AUDIT_PAGE, 0))
        links.append(dcc.Link(_("Newer"), href=newer, className="button"))
    if last < count:
        older = shown.address(offset=shown.offset + AUDIT_PAGE)
        links.append(dcc.Link(_("Older"), href=older, className="button"))
    return html.Nav(
        [html.Span(words), *links], className="pager", **{"aria-label": _("Pages of decisions")}
    )
