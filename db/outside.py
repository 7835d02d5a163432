"""People whom somebody else has identified, a proxy or an OpenID provider: who is let in, and with
which role."""

from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, select, update

from db import users
from db.roles import ADMINISTRATOR, ROLES, VIEWER
from db.tables import users as users_table


class NotLetIn(Exception):
    """A person is not let in; the text says why and what to do.

    Args:
        user_id: of a user who has lost every role, and whose sessions have to end.
    """

    def __init__(self, text: str, user_id: int | None = None) -> None:
        super().__init__(text)
        self.user_id = user_id


def admit(
    connection: Connection, user: Row[Any] | None, name: str, groups: Collection[str],
    roles: Mapping[str, str], unknown: str, by: str, now: datetime,
) -> Row[Any]:  # fmt: skip
    """The user who is let in; added, or given another role, where that is due.

    Args:
        user: the row of that person; None for somebody who was never here.
        groups: those of the person, as the proxy or provider says.
        roles: the role that a group gives; empty where roles are given here.
        unknown: the setting UNKNOWN_USERS.
        by: who identified the person, for the audit log.

    Raises:
        NotLetIn: the person has no account or no role here.
    """
    role = role_of(groups, roles)
    if user is not None and not user.enabled:
        raise NotLetIn(f"{user.name} is disabled here: ask an administrator.")
    if roles and role is None and (user is not None or unknown == "refuse"):
        text = f"None of the groups of {name} has a role here: ask an administrator."
        raise NotLetIn(text, None if user is None else user.user_id)
    if user is not None:
        return user if role in (None, user.role) else _changed(connection, user, role, by, now)
    if role is None and unknown == "refuse":
        raise NotLetIn(f"{name} has no account here: ask an administrator for one.")
    try:
        user_id = users.add(connection, name, role or VIEWER, by, now)
    except users.UserError as error:
        raise NotLetIn(str(error)) from error
    added = users.by_id(connection, user_id)
    assert added is not None, "it was added in this transaction"
    if role is None:
        users.set_sites(connection, added, (), by, now)
    return users.by_id(connection, user_id) or added


def known(connection: Connection, issuer: str, subject: str, name: str) -> Row[Any] | None:
    """The user whom an OpenID provider knows as `subject`: the one of an earlier sign-in, else one
    who was added by that name and never signed in.

    Raises:
        NotLetIn: somebody else here has that name.
    """
    of_subject = users_table.c.subject_hash == _subject_hash(issuer, subject)
    row = connection.execute(select(users_table).where(of_subject)).first()
    if row is not None:
        return row
    row = users.by_name(connection, name)
    if row is not None and row.subject_hash is not None:
        raise NotLetIn(f"{row.name} is another person here: ask an administrator.")
    if row is not None and row.password_hash is not None:
        # Or whoever may choose a name at the provider would be anybody here.
        raise NotLetIn(
            f"{row.name} has a password here. An administrator takes it away first: "
            f"inventory-hub user set {row.name!r} --no-password"
        )
    return row


def remember(connection: Connection, user_id: int, issuer: str, subject: str) -> None:
    """Note as whom the provider knows a user."""
    changed = update(users_table).where(users_table.c.user_id == user_id)
    connection.execute(changed.values(subject_hash=_subject_hash(issuer, subject)))


def _subject_hash(issuer: str, subject: str) -> str:
    return sha256(f"{issuer}\n{subject}".encode()).hexdigest()


def is_settled(user: Row[Any] | None, groups: Collection[str], roles: Mapping[str, str]) -> bool:
    """Whether `admit` would let the user in and change nothing."""
    if user is None or not user.enabled:
        return False
    return not roles or role_of(groups, roles) == user.role


def role_of(groups: Collection[str], roles: Mapping[str, str]) -> str | None:
    """The highest role that one of the groups gives."""
    given = [roles[group] for group in groups if group in roles]
    return max(given, key=ROLES.index, default=None)


def _changed(
    connection: Connection, user: Row[Any], role: str | None, by: str, now: datetime
) -> Row[Any]:
    assert role is not None, "it differs from the one before"
    if role == ADMINISTRATOR and user.limited:
        users.set_sites(connection, user, None, by, now)
    users.give_role(connection, user, role, by, now)
    return users.by_id(connection, user.user_id) or user
