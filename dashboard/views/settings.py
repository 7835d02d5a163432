"""What the pages of the settings show, put together from the answers of one moment. They are about
now: no day and no filter of other pages applies."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from dash import html, no_update
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import Forbidden

from dashboard.base import settings_params
from dashboard.base.notice import Notice
from dashboard.base.params import allow_only, arguments
from dashboard.base.refusals import Refusal, refusal_words
from dashboard.base.settings_params import AuditFilters
from dashboard.components.settings.audit import audit_page
from dashboard.components.settings.frame import frame, refused_card, refused_tab
from dashboard.components.settings.inbox import Listed, inbox
from dashboard.components.settings.rules import rule_cards
from dashboard.components.shell.strip import strip
from dashboard.queries import freshness, quarantine
from dashboard.queries.audit import audit_log, rule_versions
from dashboard.queries.inbox import review
from dashboard.queries.inbox.waiting import waiting
from dashboard.web.context import current, current_actor
from db.decisions import SaveRules
from db.roles import ADMINISTRATOR, MANAGER


@dataclass(frozen=True)
class View:
    """One read transaction, and the parameters of the address."""

    connection: Connection
    args: "MultiDict[str, str]"
    today: date


@contextmanager
def view(query: str | None) -> Iterator[View]:
    """The view of a query string at the present instant."""
    here = current()
    with here.reading() as connection:
        yield View(connection, arguments(query), here.today())


def status(query: str | None, path: str, opened: Sequence[Notice]) -> tuple[Any, Any, str]:
    """Strip, chips and stamp: the problems; no chips and no date, for settings are of now.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    with view(query) as v:
        settings_params.check(path, v.args, v.today)
        problems = freshness.freshness(v.connection, current().clock()).problems
        aside = quarantine.quarantined_rows(v.connection)
    return strip([*opened, *problems], aside), [], ""


def count(connection: Connection) -> int:
    """The number of pending decisions."""
    return waiting(connection).count


def tabs(connection: Connection, path: str) -> list[Any]:
    """The head of the page at `path`: its tabs."""
    return frame(path, count(connection), [], current_actor())


def refused(path: str, refusal: Refusal) -> Any:
    """What stands in place of a page of the settings that its reader may not open."""
    with current().reading() as connection:
        head = tabs(connection, path)
    return html.Div([*head, refused_tab(refusal)], className="settings")


def inbox_page(v: View) -> list[Any]:
    """The content of the inbox page."""
    limits, pending = settings_params.parse_inbox(v.args), waiting(v.connection)
    listed = Listed(
        review.site_questions(v.connection, pending.sites.similar[: limits.sites]),
        review.pairs(v.connection, limits.links),
        review.new_sites(v.connection, pending.sites.unlike[: limits.unlike]),
    )
    return frame(
        settings_params.PAGE,
        pending.count,
        inbox(pending, listed, limits, current_actor(), current().now()),
        current_actor(),
    )


def rules(v: View) -> tuple[list[Any], list[Any]]:
    """The head of the page, and the cards of all versions."""
    allow_only(v.args, ())
    versions = rule_versions.versions(v.connection)
    filters = AuditFilters(actions=(SaveRules.kind,))
    saved = audit_log.page(v.connection, filters, limit=1000)
    head = tabs(v.connection, settings_params.RULES)
    refusal = current_actor().refusal(SaveRules)
    why = [] if refusal is None else [refused_card(refusal)]
    return head, [*why, *rule_cards(versions, saved, current_actor())]


def audit(v: View) -> list[Any]:
    """A page of the audit log."""
    listed = settings_params.parse_audit(v.args, v.today)
    actor = current_actor()
    require_role(MANAGER, "Reading the audit log")
    filters = listed.filters(current().zone)
    entries = audit_log.page(
        v.connection, filters, limit=settings_params.AUDIT_PAGE, offset=listed.offset
    )
    body = audit_page(entries, audit_log.count(v.connection, filters), listed, actor)
    return frame(settings_params.AUDIT, count(v.connection), body, actor)


def require_administrator(doing: str) -> None:
    """Refuse everybody who is no administrator.

    Raises:
        Forbidden: it says what needs the role.
    """
    require_role(ADMINISTRATOR, doing)


def require_role(role: str, doing: str) -> None:
    """Refuse whoever has not that role.

    Raises:
        Forbidden: it says what needs the role.
    """
    if role not in current_actor().roles:
        raise Forbidden(refusal_words(Refusal(doing, role)))


def plain_ids(value: str | None) -> frozenset[int]:
    """The ids in the value of a field of choices; nothing where there is none."""
    chosen = json.loads(value) if value else []
    return frozenset(int(each) for each in chosen)


def only(outputs: Collection[str], **changed: Any) -> dict[str, Any]:
    """The answer of a callback that leaves all but the `changed` of its outputs as they are."""
    return dict.fromkeys(outputs, no_update) | changed
