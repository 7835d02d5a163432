"""The people who may sign in, as an administrator sees them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from db import second_factors, users
from db.settings import Settings
from db.tables import audit_log, sites, user_sessions, user_sites

State = Literal["ok", "invited", "disabled"]
SecondFactor = Literal["added", "required", "none"]


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in.

    `sites`: id and name of those that the person sees; None for all. `last_sign_in`: by the audit
    log. `browsers`: how many are signed in. `second_factor`: "required" as long as it is not added.
    `may_use_password`: nobody else lets the person in.
    """

    user_id: int
    name: str
    role: str
    state: State
    sites: tuple[tuple[int, str], ...] | None
    last_sign_in: datetime | None
    browsers: int
    second_factor: SecondFactor
    may_use_password: bool = True


def people(connection: Connection, settings: Settings) -> list[Person]:
    """Everybody, by name. The settings say who signs in how."""
    outside = settings.auth in ("proxy", "oidc")
    with_factor = second_factors.having_one(connection)
    signed_in = _last_sign_ins(connection)
    of_user = select(user_sessions.c.user_id, func.count()).group_by(user_sessions.c.user_id)
    browsers: dict[int, int] = {user: n for user, n in connection.execute(of_user)}
    seen: dict[int, list[tuple[int, str]]] = {}
    own = select(user_sites.c.user_id, sites.c.site_id, sites.c.name).join(
        sites, sites.c.site_id == user_sites.c.site_id
    )
    for user_id, site_id, name in connection.execute(own.order_by(sites.c.name)):
        seen.setdefault(user_id, []).append((site_id, name))
    return [
        Person(
            row.user_id,
            row.name,
            row.role,
            "disabled" if not row.enabled else "ok" if row.password_hash or outside else "invited",
            tuple(seen.get(row.user_id, ())) if row.limited else None,
            signed_in.get(f"user {row.name}"),
            browsers.get(row.user_id, 0),
            "added"
            if row.user_id in with_factor
            else "required"
            if second_factors.is_required(settings, row)
            else "none",
            users.may_use_password(settings, row.role),
        )
        for row in users.listed(connection)
    ]


def _last_sign_ins(connection: Connection) -> dict[str, datetime]:
    entry = audit_log.c
    newest = (
        select(func.max(entry.entry_id).label("entry_id"))
        .where(entry.action == "sign_in")
        .group_by(entry.subject)
        .subquery()
    )
    rows = select(entry.subject, entry.at).join(newest, newest.c.entry_id == entry.entry_id)
    return {subject: at for subject, at in connection.execute(rows)}
