"""Credentials of programs: created, verified, revoked. Their secrets are never stored.

A credential is `ihub_<kind>_<public id>_<secret>`. The public id selects its row. The secret is 256
random bits, so a fast hash is as safe as a slow one; hashes are compared in constant time.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from db.tables import api_tokens

ENROL, MACHINE, API = "enrol", "machine", "api"
KINDS = (ENROL, MACHINE, API)
_PREFIX = "ihub"
_NO_HASH = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Credential:
    """A credential as sent, not yet verified: its kind too is only a claim."""

    kind: str
    public_id: str
    secret: str


def parse_credential(text: str) -> Credential | None:
    """`text` as a credential; None if it is malformed."""
    parts = text.split("_", 3)
    if len(parts) != 4 or parts[0] != _PREFIX or parts[1] not in KINDS or not text.isascii():
        return None
    if len(parts[2]) > 16 or len(parts[3]) > 64:
        return None
    return Credential(*parts[1:])


def verify(row: Row[Any] | None, credential: Credential) -> bool:
    """Whether `credential` has the secret of `row`; takes the same time without a row."""
    stored = _NO_HASH if row is None else row.secret_hash
    return hmac.compare_digest(_hash(credential.secret), stored) and row is not None


def rows_by_public_id(connection: Connection, public_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The stored credentials with these public ids, by public id."""
    rows = connection.execute(select(api_tokens).where(api_tokens.c.public_id.in_(public_ids)))
    return {row.public_id: row for row in rows}


def new_credential(kind: str) -> tuple[str, dict[str, str]]:
    """A new credential: its text, which is not stored, and the values of its row."""
    public_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = {"kind": kind, "public_id": public_id, "secret_hash": _hash(secret)}
    return f"{_PREFIX}_{kind}_{public_id}_{secret}", row


def create(
    connection: Connection,
    kind: str,
    name: str,
    actor: str,
    now: datetime,
    *,
    site: str | None = None,
    role: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Create and store a credential. Returns its text, which cannot be read again later."""
    text, row = new_credential(kind)
    connection.execute(
        insert(api_tokens).values(
            **row,
            name=name,
            site=site,
            role=role,
            created_at=now,
            created_by=actor,
            expires_at=expires_at,
        )
    )
    return text


def revoke(connection: Connection, public_id: str, now: datetime) -> bool:
    """Revoke a credential; False if there is no such one, or it is revoked already."""
    token = api_tokens.c
    result = connection.execute(
        update(api_tokens)
        .where(token.public_id == public_id, token.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return result.rowcount == 1


def is_inactive(row: Row[Any], now: datetime) -> bool:
    """Whether a credential is revoked or expired."""
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
