"""Sessions of people who are signed in, and the links with which they choose a password. Browser
and link carry a random token; only its hash is stored."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from db import audit
from db.audit import About
from db.tables import NAME_LENGTH, used_states, user_links, user_sessions, users
from db.users import UserError, sites_of

UNUSED_FOR = timedelta(days=3)
"""A session that nobody uses for so long ends: a weekend is survived."""
AT_MOST = timedelta(days=30)
LINK_VALID_FOR = timedelta(hours=24)
FIRST_LINK_VALID_FOR = timedelta(hours=1)
_SEEN_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Session:
    """A session and the person it belongs to."""

    session_id: int
    user_id: int
    name: str
    role: str
    sites: frozenset[int] | None = None
    """Those that the person sees; None for all."""
    language: str | None = None
    """That the person chose."""


def start(
    connection: Connection, user_id: int, address: str, browser: str, now: datetime,
    id_token: str | None = None,
) -> str:  # fmt: skip
    """Start a session. Returns its token, which cannot be read again later.

    Args:
        id_token: with which an OpenID provider proved who it is, encrypted.
    """
    expired = or_(
        user_sessions.c.expires_at <= now, user_sessions.c.last_seen_at <= now - UNUSED_FOR
    )
    connection.execute(delete(user_sessions).where(expired))
    connection.execute(delete(user_links).where(user_links.c.expires_at <= now))
    token = secrets.token_urlsafe(32)
    connection.execute(
        insert(user_sessions).values(
            token_hash=_hash(token), user_id=user_id, created_at=now, last_seen_at=now,
            expires_at=now + AT_MOST, address=address[:45], browser=browser[:NAME_LENGTH],
            id_token=id_token,
        )
    )  # fmt: skip
    return token


def find(connection: Connection, token: str, now: datetime) -> tuple[Session, bool] | None:
    """The session with that token while it lasts, and whether `note_seen` is due."""
    session, user = user_sessions.c, users.c
    row = connection.execute(
        select(
            session.session_id,
            session.last_seen_at,
            user.user_id,
            user.name,
            user.role,
            user.limited,
            user.language,
        )
        .join_from(user_sessions, users, session.user_id == user.user_id)
        .where(
            session.token_hash == _hash(token),
            session.expires_at > now,
            session.last_seen_at > now - UNUSED_FOR,
            user.enabled,
        )
    ).first()
    if row is None:
        return None
    is_due = now - row.last_seen_at >= _SEEN_NOTED_EVERY
    own = sites_of(connection, row)
    return Session(row.session_id, row.user_id, row.name, row.role, own, row.language), is_due


def note_seen(connection: Connection, session_id: int, now: datetime) -> None:
    """Note that a session is used."""
    of_id = user_sessions.c.session_id == session_id
    connection.execute(update(user_sessions).where(of_id).values(last_seen_at=now))


def of_user(connection: Connection, user_id: int) -> list[Row[Any]]:
    """The sessions of a user, the one used last first."""
    session = user_sessions.c
    rows = select(user_sessions).where(session.user_id == user_id)
    return list(connection.execute(rows.order_by(session.last_seen_at.desc(), session.session_id)))


def had_from(connection: Connection, user_id: int, address: str) -> bool:
    """Whether a user has a session from that address."""
    session = user_sessions.c
    of_both = (session.user_id == user_id) & (session.address == address[:45])
    return connection.execute(select(session.session_id).where(of_both)).first() is not None


def end(connection: Connection, user_id: int, session_id: int) -> bool:
    """End a session of that user; False if there is none."""
    session = user_sessions.c
    of_user = (session.user_id == user_id) & (session.session_id == session_id)
    return connection.execute(delete(user_sessions).where(of_user)).rowcount == 1


def new_link(connection: Connection, user_id: int | None, now: datetime) -> str:
    """A new link's token; None as the user makes the first administrator. Older links of the same
    user end."""
    same = user_links.c.user_id.is_(None) if user_id is None else user_links.c.user_id == user_id
    connection.execute(delete(user_links).where(same))
    token = secrets.token_urlsafe(32)
    valid_for = FIRST_LINK_VALID_FOR if user_id is None else LINK_VALID_FOR
    connection.execute(
        insert(user_links).values(
            token_hash=_hash(token), user_id=user_id, created_at=now, expires_at=now + valid_for
        )
    )
    return token


def invite(
    connection: Connection, user: Row[Any], actor: str, now: datetime, about: About = None
) -> str:
    """A new link's token for a user, with an entry in the audit log.

    Raises:
        UserError: the user is disabled.
    """
    if not user.enabled:
        raise UserError("%(name)s is disabled: let %(name)s sign in again first.", name=user.name)
    audit.write_entry(connection, actor, "user_link", f"user {user.name}", now, about)
    return new_link(connection, user.user_id, now)


def open_link(connection: Connection, token: str, now: datetime) -> Row[Any] | None:
    """The link with that token while it can be used."""
    link = user_links.c
    of_token = (link.token_hash == _hash(token)) & (link.expires_at > now)
    return connection.execute(select(user_links).where(of_token)).first()


def use_link(connection: Connection, token: str, now: datetime) -> bool:
    """Use a link up; False if it is gone or another request was faster."""
    link = user_links.c
    of_token = (link.token_hash == _hash(token)) & (link.expires_at > now)
    return connection.execute(delete(user_links).where(of_token)).rowcount == 1


def id_token_of(connection: Connection, session_id: int) -> str | None:
    """The encrypted ID token that a session began with."""
    session = user_sessions.c
    found: str | None = connection.scalar(
        select(session.id_token).where(session.session_id == session_id)
    )
    return found


def use_state(connection: Connection, state: str, now: datetime, valid_for: timedelta) -> bool:
    """Use up the state of a sign-in with an OpenID provider; False if it was used before."""
    connection.execute(delete(used_states).where(used_states.c.expires_at <= now))
    try:
        with connection.begin_nested():
            connection.execute(
                insert(used_states).values(state_hash=_hash(state), expires_at=now + valid_for)
            )
    except IntegrityError:
        return False
    return True


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
