"""Second factors: a code from an app beside the password (TOTP, RFC 6238), and the recovery codes
for whoever has lost the phone. The secret is encrypted, only hashes of
recovery codes are stored."""

import base64
import hmac
import secrets
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import pyotp
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from db import audit
from db.audit import About
from db.roles import ADMINISTRATOR
from db.settings import Settings
from db.tables import recovery_codes, second_factors, user_sessions, users
from db.users import end_sessions_and_links
from db.vault import Vault

ISSUER = "Inventory Hub"
RECOVERY_CODES = 10
_STEP_SECONDS = 30
_WINDOW = 1
"""So many steps a phone's clock may be wrong."""
_DIGITS = 6


def new_secret() -> str:
    """160 random bits in base32, as authenticator apps take them."""
    return pyotp.random_base32()


def address(secret: str, name: str) -> str:
    """What a QR code says to an authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def is_added(connection: Connection, user_id: int) -> bool:
    """Whether a user has a second factor."""
    of_user = second_factors.c.user_id == user_id
    return connection.execute(select(second_factors.c.user_id).where(of_user)).first() is not None


def having_one(connection: Connection) -> set[int]:
    """The ids of every user who has a second factor."""
    return set(connection.scalars(select(second_factors.c.user_id)))


def is_required(settings: Settings, user: Any) -> bool:
    """Whether a user (a row of `users`) may not sign in without one."""
    of_all = settings.require_second_factor
    of_role = of_all == "administrators" and user.role == ADMINISTRATOR
    return user.second_factor_required or of_all == "everybody" or of_role


def codes_left(connection: Connection, user_id: int) -> int:
    """How many recovery codes a user has not used yet."""
    of_user = recovery_codes.c.user_id == user_id
    return connection.scalar(select(func.count()).where(of_user)) or 0


def add(
    connection: Connection, user: Row[Any], secret: str, code: str, vault: Vault, now: datetime,
    about: About = None,
) -> list[str] | None:  # fmt: skip
    """Give a user a second factor, in place of the one before, once `code` shows that the app has
    the secret. Ends every session. Returns new recovery codes, which cannot be read again; None if
    the code is wrong.
    """
    step = _step_of(secret, code, now, after=-1)
    if step is None:
        return None
    _delete(connection, user.user_id)
    connection.execute(
        insert(second_factors).values(
            user_id=user.user_id, secret=vault.encrypt(secret), last_step=step, added_at=now
        )
    )
    end_sessions_and_links(connection, user.user_id)
    audit.write_entry(connection, user.name, "second_factor_add", f"user {user.name}", now, about)
    return _replace_codes(connection, user.user_id)


def renew_codes(
    connection: Connection, user: Row[Any], now: datetime, about: About = None
) -> list[str]:
    """New recovery codes in place of those before; they cannot be read again."""
    audit.write_entry(connection, user.name, "recovery_codes", f"user {user.name}", now, about)
    return _replace_codes(connection, user.user_id)


def remove(
    connection: Connection, user: Row[Any], actor: str, now: datetime, about: About = None
) -> bool:
    """Take a user's second factor away and end every session; False if there is none."""
    if not is_added(connection, user.user_id):
        return False
    _delete(connection, user.user_id)
    end_sessions_and_links(connection, user.user_id)
    audit.write_entry(connection, actor, "second_factor_remove", f"user {user.name}", now, about)
    return True


def set_required(
    connection: Connection, user: Row[Any], required: bool, actor: str, now: datetime
) -> None:
    """Say whether a user needs a second factor; whoever has none is signed out, in order to add
    one."""
    if required == user.second_factor_required:
        return
    of_user = users.c.user_id == user.user_id
    connection.execute(update(users).where(of_user).values(second_factor_required=required))
    if required and not is_added(connection, user.user_id):
        end_sessions_and_links(connection, user.user_id)
    changed = {"second_factor_required": [not required, required]}
    audit.write_entry(connection, actor, "user_set", f"user {user.name}", now, changed)


def use(connection: Connection, user_id: int, code: str, vault: Vault, now: datetime) -> str | None:
    """Use a code up. Returns what it was, "app" or "recovery code"; None if it is wrong, or was
    used before."""
    plain = _plain(code)
    if len(plain) != _DIGITS:
        of_code = recovery_codes.c.code_hash == _hash(plain)
        used = delete(recovery_codes).where(recovery_codes.c.user_id == user_id, of_code)
        return "recovery code" if connection.execute(used).rowcount == 1 else None
    factor = second_factors.c
    row = connection.execute(select(second_factors).where(factor.user_id == user_id)).first()
    secret = vault.decrypt(row.secret) if row is not None else None
    step = _step_of(secret, plain, now, after=row.last_step) if row and secret else None
    if step is None:
        return None
    # Of two requests with one code the second changes nothing.
    newest = update(second_factors).where(factor.user_id == user_id, factor.last_step < step)
    return "app" if connection.execute(newest.values(last_step=step)).rowcount == 1 else None


def renew_encryption(connection: Connection, vault: Vault) -> Iterator[str]:
    """Encrypt every secret with the SECRET_KEY of now, so that SECRET_KEY_OLD can go. Yields the
    names of users whose secret cannot be read."""
    rows = connection.execute(
        select(users.c.user_id, users.c.name, second_factors.c.secret).join_from(
            second_factors, users, users.c.user_id == second_factors.c.user_id
        )
    )
    for row in rows.all():
        renewed = vault.renew(row.secret)
        if renewed is None:
            yield row.name
            continue
        of_user = second_factors.c.user_id == row.user_id
        connection.execute(update(second_factors).where(of_user).values(secret=renewed))


def sign_out_without(connection: Connection, settings: Settings) -> None:
    """End the sessions of people with a password who need a second factor and have none."""
    of_all = settings.require_second_factor
    required: list[ColumnElement[bool]] = [users.c.second_factor_required.is_(True)]
    if of_all == "everybody":
        required.append(true())
    elif of_all == "administrators":
        required.append(users.c.role == ADMINISTRATOR)
    without = users.c.user_id.not_in(select(second_factors.c.user_id))
    ids = select(users.c.user_id).where(users.c.password_hash.is_not(None), without, or_(*required))
    connection.execute(delete(user_sessions).where(user_sessions.c.user_id.in_(ids)))


def _step_of(secret: str, code: str, now: datetime, after: int) -> int | None:
    """The time step, later than `after`, whose code it is."""
    app, current = pyotp.TOTP(secret, digits=_DIGITS, interval=_STEP_SECONDS), int(now.timestamp())
    found = None
    for step in range(current // _STEP_SECONDS - _WINDOW, current // _STEP_SECONDS + _WINDOW + 1):
        is_it = hmac.compare_digest(app.generate_otp(step).encode(), _plain(code).encode())
        if is_it and step > after:
            found = step
    return found


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").casefold()


def _replace_codes(connection: Connection, user_id: int) -> list[str]:
    connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    # 80 bits: nobody tries them all, so that a plain hash is enough.
    raw = [
        base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)
    ]
    rows = [{"user_id": user_id, "code_hash": _hash(code)} for code in raw]
    connection.execute(insert(recovery_codes), rows)
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in raw]


def _delete(connection: Connection, user_id: int) -> None:
    for table in (second_factors, recovery_codes):
        connection.execute(delete(table).where(table.c.user_id == user_id))


def _hash(code: str) -> str:
    return sha256(code.encode()).hexdigest()
