"""People who sign in: their names, roles and passwords. Each change has an entry in the audit log,
and takes effect with the person's next request."""

import unicodedata
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from db import audit, passwords
from db.audit import About
from db.roles import ADMINISTRATOR, USER_ROLES
from db.settings import Settings
from db.tables import NAME_LENGTH, user_links, user_sessions, user_sites, users
from db.translatable import TranslatableError

LONGEST_NAME = 100
# These are actors in the audit log.
_RESERVED = ("local", "stranger", "command line", "proxy", "openid provider", audit.AUTOMATIC)


class UserError(TranslatableError):
    """A change to a user is not possible; the text says why and what to do."""


def name_key(name: str) -> str:
    """The name as it is compared: whoever types it in capitals is the same person."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()[:NAME_LENGTH]


def by_name(connection: Connection, name: str) -> Row[Any] | None:
    """The user of that name."""
    return connection.execute(select(users).where(users.c.name_key == name_key(name))).first()


def by_id(connection: Connection, user_id: int) -> Row[Any] | None:
    """The user with that id."""
    return connection.execute(select(users).where(users.c.user_id == user_id)).first()


def exist(connection: Connection) -> bool:
    """Whether there is any user."""
    return connection.execute(select(users.c.user_id).limit(1)).first() is not None


def listed(connection: Connection) -> list[Row[Any]]:
    """Every user by name, with `last_seen_at` of the newest session."""
    seen = (
        select(user_sessions.c.user_id, func.max(user_sessions.c.last_seen_at).label("seen"))
        .group_by(user_sessions.c.user_id)
        .subquery()
    )
    rows = select(users, seen.c.seen.label("last_seen_at")).outerjoin(
        seen, seen.c.user_id == users.c.user_id
    )
    return list(connection.execute(rows.order_by(users.c.name_key)))


def add(
    connection: Connection, name: str, role: str, actor: str, now: datetime, about: About = None
) -> int:
    """Add a user, who cannot sign in before choosing a password. Returns the id.

    Raises:
        UserError: the name is taken or cannot be one.
    """
    name = " ".join(name.split())
    key = name_key(name)
    if not key or len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError("A name needs 1 to %(n)s printable characters.", n=LONGEST_NAME)
    if key in _RESERVED or key.startswith("token ") or key.endswith("(command line)"):
        raise UserError("%(name)r is used by the audit log itself: choose another name.", name=name)
    if by_name(connection, name) is not None:
        raise UserError("There is a user %(name)r already: choose another name.", name=name)
    result = connection.execute(
        insert(users).values(
            name=name, name_key=key, role=role, enabled=True, created_at=now, created_by=actor
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a user's id comes from the database"
    _write(connection, actor, "user_add", name, now, {"role": role}, about)
    user_id: int = inserted[0]
    return user_id


def set_role(
    connection: Connection, user: Row[Any], role: str, actor: str, now: datetime,
    about: About = None,
) -> None:  # fmt: skip
    """Change what a user may do.

    Raises:
        UserError: nobody would be left who may add users.
    """
    if role == user.role:
        return
    if user.role == ADMINISTRATOR:
        _check_another_administrator(connection, user)
    if role == ADMINISTRATOR and user.limited:
        raise UserError(
            "%(name)s sees only some sites, and an administrator sees all: give --all-sites too.",
            name=user.name,
        )
    give_role(connection, user, role, actor, now, about)


def give_role(
    connection: Connection, user: Row[Any], role: str, actor: str, now: datetime,
    about: About = None,
) -> None:  # fmt: skip
    """Change the role as somebody else decides, who also knows whether an administrator is left."""
    _update(connection, user.user_id, role=role)
    _write(connection, actor, "user_set", user.name, now, {"role": [user.role, role]}, about)


def set_sites(
    connection: Connection, user: Row[Any], sites: Collection[int] | None, actor: str,
    now: datetime, about: About = None,
) -> None:  # fmt: skip
    """Limit what a user sees to some sites, by their ids; None: every site.

    Raises:
        UserError: an administrator sees every site.
    """
    if sites is not None and user.role == ADMINISTRATOR:
        raise UserError(
            "An administrator sees every site: give --role viewer or manager, or no --site."
        )
    before = sites_of(connection, user)
    _update(connection, user.user_id, limited=sites is not None)
    connection.execute(delete(user_sites).where(user_sites.c.user_id == user.user_id))
    if sites:
        rows = [{"user_id": user.user_id, "site_id": site} for site in sorted(sites)]
        connection.execute(insert(user_sites), rows)
    changed = [None if each is None else sorted(each) for each in (before, sites)]
    _write(connection, actor, "user_set", user.name, now, {"sites": changed}, about)


def sites_of(connection: Connection, user: Any) -> frozenset[int] | None:
    """The sites that a user (a row with `user_id` and `limited`) sees; None for all."""
    if not user.limited:
        return None
    of_user = user_sites.c.user_id == user.user_id
    return frozenset(connection.scalars(select(user_sites.c.site_id).where(of_user)))


def set_enabled(
    connection: Connection, user: Row[Any], enabled: bool, actor: str, now: datetime,
    about: About = None,
) -> None:  # fmt: skip
    """Let a user sign in again, or end every session and link and refuse new ones.

    Raises:
        UserError: nobody would be left who may add users.
    """
    if enabled == user.enabled:
        return
    if not enabled:
        if user.role == ADMINISTRATOR:
            _check_another_administrator(connection, user)
        end_sessions_and_links(connection, user.user_id)
    _update(connection, user.user_id, enabled=enabled)
    action = "user_enable" if enabled else "user_disable"
    _write(connection, actor, action, user.name, now, {}, about)


def set_password(
    connection: Connection, user: Row[Any], password: str, actor: str, now: datetime,
    about: About = None,
) -> None:  # fmt: skip
    """Set a user's password; ends every session and link.

    Raises:
        passwords.WeakPassword: it is too short or too common.
    """
    passwords.check_strength(password, [user.name])
    hashed = passwords.hash_password(password)
    _update(connection, user.user_id, password_hash=hashed, password_changed_at=now)
    end_sessions_and_links(connection, user.user_id)
    _write(connection, actor, "user_password", user.name, now, {}, about)


def set_language(connection: Connection, user_id: int, language: str) -> None:
    """Store the language in which a user reads the dashboard."""
    _update(connection, user_id, language=language)


def remove_password(connection: Connection, user: Row[Any], actor: str, now: datetime) -> None:
    """Take a user's password away, so that only an OpenID provider or a link lets the user in."""
    _update(connection, user.user_id, password_hash=None, password_changed_at=now)
    end_sessions_and_links(connection, user.user_id)
    _write(connection, actor, "user_password", user.name, now, {"removed": True})


def store_rehashed(connection: Connection, user_id: int, password: str) -> None:
    """Store the same password with today's parameters."""
    _update(connection, user_id, password_hash=passwords.hash_password(password))


def end_sessions_and_links(connection: Connection, user_id: int) -> None:
    """Sign a user out everywhere, and make open links useless."""
    connection.execute(delete(user_sessions).where(user_sessions.c.user_id == user_id))
    connection.execute(delete(user_links).where(user_links.c.user_id == user_id))


def may_use_password(settings: Settings, role: str) -> bool:
    """Whether people with that role may sign in with a password, and so get a link to choose one:
    a proxy or an OpenID provider signs the others in."""
    if settings.auth == "oidc":
        local = settings.oidc_local_sign_in
        return local == "everybody" or (local == "administrators" and role == ADMINISTRATOR)
    return settings.auth != "proxy"


def sign_out_everywhere(
    connection: Connection, user: Row[Any], actor: str, now: datetime, about: About = None
) -> None:
    """End every session and link of a user, who may sign in again."""
    end_sessions_and_links(connection, user.user_id)
    _write(connection, actor, "user_sign_out", user.name, now, {}, about)


def set_role_and_sites(
    connection: Connection, user: Row[Any], role: str, sites: Collection[int] | None,
    actor: str, now: datetime, about: About = None,
) -> None:  # fmt: skip
    """Change what a user may do and see, in the order in which both are possible.

    Raises:
        UserError: nobody would be left who may add users, or an administrator would be limited.
    """
    if role not in USER_ROLES:
        raise UserError("A role is one of %(roles)s.", roles=", ".join(USER_ROLES))
    if role == ADMINISTRATOR and sites:
        raise UserError(
            "An administrator sees every site: take the sites away, or choose another role."
        )
    seen = sites_of(connection, user)
    changes_sites = (None if sites is None else frozenset(sites)) != seen
    if changes_sites and sites is None:
        set_sites(connection, user, None, actor, now, about)
        user = _again(connection, user)
    set_role(connection, user, role, actor, now, about)
    if changes_sites and sites is not None:
        set_sites(connection, _again(connection, user), sites, actor, now, about)


def _again(connection: Connection, user: Row[Any]) -> Row[Any]:
    row = by_id(connection, user.user_id)
    assert row is not None, "it is in this transaction"
    return row


def _check_another_administrator(connection: Connection, user: Row[Any]) -> None:
    others = select(users.c.user_id).where(
        users.c.role == ADMINISTRATOR, users.c.enabled, users.c.user_id != user.user_id
    )
    if connection.execute(others.limit(1)).first() is None:
        raise UserError(
            "%(name)s is the only administrator: make somebody else one first "
            "(inventory-hub user add NAME --role administrator).",
            name=user.name,
        )


def _update(connection: Connection, user_id: int, **values: Any) -> None:
    connection.execute(update(users).where(users.c.user_id == user_id).values(**values))


def _write(
    connection: Connection, actor: str, action: str, name: str, now: datetime,
    detail: Mapping[str, Any], about: About = None,
) -> None:  # fmt: skip
    whole = {**detail, **(about or {})}
    audit.write_entry(connection, actor, action, f"user {name}", now, whole)
