"""Credentials of programs: made, recognised, revoked. Their secrets are never stored.

A credential reads `ihub_<kind>_<public id>_<secret>`. The public id finds its row; the secret is
256 random bits, so a plain hash of it is as good as a slow one, and is compared in constant time.
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
    """What somebody shows us; `kind` is only their claim."""

    kind: str
    public_id: str
    secret: str


def parse_credential(text: str) -> Credential | None:
    """`text` as a credential; None when it is not written like one."""
    parts = text.split("_", 3)
    if len(parts) != 4 or parts[0] != _PREFIX or parts[1] not in KINDS or not text.isascii():
        return None
    if len(parts[2]) > 16 or len(parts[3]) > 64:
        return None
    return Credential(*parts[1:])


def verify(row: Row[Any] | None, credential: Credential) -> bool:
    """Whether `shown` is the credential of `row`; takes as long when there is no row."""
    stored = _NO_HASH if row is None else row.secret_hash
    return hmac.compare_digest(_hash(credential.secret), stored) and row is not None


def rows_by_public_id(connection: Connection, public_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The rows of those public ids."""
    rows = connection.execute(select(api_tokens).where(api_tokens.c.public_id.in_(public_ids)))
    return {row.public_id: row for row in rows}


def new_credential(kind: str) -> tuple[str, dict[str, str]]:
    """A new credential's text, shown once, and the values of its row that stand for it."""
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
    """Make a credential and store its row; its text, which nobody can be shown again."""
    text, row = new_credential(kind)
    connection.execute(
        insert(api_tokens).values(
            **row, name=name, site=site, role=role, created_at=now, created_by=actor,
            expires_at=expires_at,
        )
    )  # fmt: skip
    return text


def revoke(connection: Connection, public_id: str, now: datetime) -> bool:
    """End a credential at once; False when there is none of that public id, or it is ended."""
    token = api_tokens.c
    ended = connection.execute(
        update(api_tokens)
        .where(token.public_id == public_id, token.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return ended.rowcount == 1


def is_inactive(row: Row[Any], now: datetime) -> bool:
    """Whether it was revoked, or its time is up."""
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
