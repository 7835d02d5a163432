"""People whom somebody else has identified, a proxy or an OpenID provider: who is let in, and with
which role."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from db import users
from db.roles import ADMINISTRATOR, ROLES, VIEWER


class NotLetIn(Exception):
    """A person is not let in; the text says why and what to do."""


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
        if user is not None:
            users.end_sessions_and_links(connection, user.user_id)
        raise NotLetIn(f"None of the groups of {name} has a role here: ask an administrator.")
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
