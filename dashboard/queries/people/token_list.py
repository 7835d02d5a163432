"""The tokens of machines and programs, as an administrator sees them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from db import tokens
from db.tables import api_tokens


@dataclass(frozen=True)
class Token:
    """A token. `sites`: names of those that it sees; None for all. `site`: that of the machines
    which it lets in. `state` is one of `db.tokens`."""

    public_id: str
    kind: str
    name: str
    state: str
    scopes: tuple[str, ...]
    role: str | None
    site: str | None
    sites: tuple[str, ...] | None
    addresses: tuple[str, ...]
    expires_at: datetime | None
    last_used: datetime | None
    created_at: datetime
    created_by: str


def token_list(connection: Connection, now: datetime, peppers: tokens.Peppers) -> list[Token]:
    """Every token but the machines' own keys: those that are valid first, the newest first."""
    found = []
    for row in reversed(tokens.listed(connection)):
        scopes, sites = tokens.scopes_of(row), tokens.site_names_of(connection, row)
        found.append(
            Token(
                row.public_id, row.kind, row.name, tokens.state_of(row, now, peppers),
                tuple(each for each in tokens.SCOPES if each in scopes), row.role, row.site,
                None if sites is None else tuple(sites),
                tuple(filter(None, (row.addresses or "").split(","))), row.expires_at,
                tokens.last_used(row), row.created_at, row.created_by,
            )
        )  # fmt: skip
    return sorted(found, key=lambda token: token.state != tokens.OK)


def valid_machine_keys(connection: Connection) -> int:
    """How many machines have a key of their own that is not revoked."""
    token = api_tokens.c
    mine = (token.kind == tokens.MACHINE) & token.revoked_at.is_(None)
    return connection.scalar(select(func.count()).where(mine)) or 0
