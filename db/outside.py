"""People whom somebody else has identified, a proxy or an OpenID provider: who is let in, and with
which role."""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, select, update

from db import users
from db.audit import About
from db.roles import ADMINISTRATOR, ROLES, VIEWER
from db.tables import sites as sites_table
from db.tables import users as users_table
from db.translatable import TranslatableError

log = logging.getLogger(__name__)

EVERY_SITE = "*"
"""In place of the sites of a group."""


class NotLetIn(TranslatableError):
    """A person is not let in; the text says why and what to do. `user_id` is that of a user who has
    lost every role, and whose sessions have to end."""

    user_id: int | None = None


def admit(
    connection: Connection, user: Row[Any] | None, name: str, groups: Collection[str],
    roles: Mapping[str, str], unknown: str, by: str, now: datetime, about: About = None,
) -> Row[Any]:  # fmt: skip
    """The user who is let in; added, or given another role, where that is due.

    Args:
        user: the row of that person; None for somebody who was never here.
        groups: those of the person, as the proxy or provider says.
        roles: the role that a group gives; empty where roles are given here.
        unknown: the setting UNKNOWN_USERS.
        by: who identified the person, for the audit log; `about`: what else its entries say.

    Raises:
        NotLetIn: the person has no account or no role here.
    """
    role = role_of(groups, roles)
    if user is not None and not user.enabled:
        raise NotLetIn("%(name)s is disabled here: ask an administrator.", name=user.name)
    if roles and role is None and (user is not None or unknown == "refuse"):
        refused = NotLetIn(
            "None of the groups of %(name)s has a role here: ask an administrator.", name=name
        )
        refused.user_id = None if user is None else user.user_id
        raise refused
    if user is not None:
        if role in (None, user.role):
            return user
        return _changed(connection, user, role, by, now, about)
    if role is None and unknown == "refuse":
        raise NotLetIn("%(name)s has no account here: ask an administrator for one.", name=name)
    try:
        user_id = users.add(connection, name, role or VIEWER, by, now, about)
    except users.UserError as error:
        raise NotLetIn(error.text, **error.values) from error
    added = users.by_id(connection, user_id)
    assert added is not None, "it was added in this transaction"
    if role is None:
        users.set_sites(connection, added, (), by, now, about)
    return users.by_id(connection, user_id) or added


def give_sites(
    connection: Connection, user: Row[Any], groups: Collection[str],
    sites: Mapping[str, Collection[str]], by: str, now: datetime, about: About = None,
) -> None:  # fmt: skip
    """Let a user see the sites of the groups, and no other. Administrators see every site.

    Args:
        sites: the names of the sites that a group sees, or `EVERY_SITE`; empty where sites are
            given here.
    """
    if not sites or user.role == ADMINISTRATOR:
        return
    names = {name for group in groups for name in sites.get(group, ())}
    wanted = None if EVERY_SITE in names else _site_ids(connection, names)
    if wanted != users.sites_of(connection, user):
        users.set_sites(connection, user, wanted, by, now, about)


def _site_ids(connection: Connection, names: Collection[str]) -> frozenset[int]:
    """The sites of these names, in whatever case; a name that no site has is left out."""
    c = sites_table.c
    rows = connection.execute(select(c.site_id, c.name).where(c.merged_into.is_(None)))
    known = {row.name.casefold(): row.site_id for row in rows}
    for name in names:
        if name.casefold() not in known:
            log.warning("no site has the name %r of a group (OIDC_SITES)", name[:100])
    found = (known.get(name.casefold()) for name in names)
    return frozenset(site_id for site_id in found if site_id is not None)


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
        raise NotLetIn("%(name)s is another person here: ask an administrator.", name=row.name)
    if row is not None and row.password_hash is not None:
        # Or whoever may choose a name at the provider would be anybody here.
        raise NotLetIn(
            "%(name)s has a password here. An administrator takes it away first: "
            "inventory-hub user set %(name)r --no-password",
            name=row.name,
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
    connection: Connection, user: Row[Any], role: str | None, by: str, now: datetime, about: About
) -> Row[Any]:
    assert role is not None, "it differs from the one before"
    if role == ADMINISTRATOR and user.limited:
        users.set_sites(connection, user, None, by, now, about)
    users.give_role(connection, user, role, by, now, about)
    return users.by_id(connection, user.user_id) or user
