"""Credentials of programs: created, verified, revoked. Their secrets are never stored.

A credential is `ihub_<kind>_<public id>_<secret>`. The public id selects its row; the secret is 256
random bits. Stored is HMAC-SHA256 of the secret under a pepper, which no copy of the database
holds: whoever reads the database can neither use its credentials nor add one.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from db import audit
from db.audit import About
from db.roles import ADMINISTRATOR, MANAGER, VIEWER
from db.settings import Settings
from db.tables import NAME_LENGTH, api_tokens, inventory, sites, token_sites
from db.translatable import TranslatableError

ENROL, MACHINE, API = "enrol", "machine", "api"
KINDS = (ENROL, MACHINE, API)
READ, INGEST, DECIDE = "read", "ingest", "decide"
SCOPES = (READ, INGEST, DECIDE)
"""To read; to let machines in that report; to change what the API can change."""
TOKEN_ROLES = (VIEWER, MANAGER, ADMINISTRATOR)

OK, REVOKED, EXPIRED, UNUSABLE = "ok", "revoked", "expired", "unusable"
"""The states of a credential. Unusable: its pepper is not among the settings any more."""

_PREFIX = "ihub"
_LONGEST_ADDRESSES = 255
_NO_HASH = hashlib.sha256(b"").hexdigest()
_CONTEXT = b"inventory-hub api tokens"


class TokenError(TranslatableError):
    """A token cannot be made like this; the text says why and what to do."""


@dataclass(frozen=True)
class Credential:
    """A credential as sent, not yet verified: its kind too is only a claim."""

    kind: str
    public_id: str
    secret: str


@dataclass(frozen=True)
class Peppers:
    """The keys of hashes: new ones are made with `current`, `older` ones are still verified.
    Without any, hashes are plain SHA-256, as they all were before there were peppers; such a hash
    is replaced when its credential is next used."""

    current: bytes | None = field(default=None, repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> "Peppers":
        """Those of TOKEN_PEPPER and TOKEN_PEPPER_OLD, then those that derive from SECRET_KEY and
        SECRET_KEY_OLD."""
        own = [settings.token_pepper, settings.token_pepper_old]
        derived = [settings.secret_key, settings.secret_key_old]
        found = [text.encode() for text in own if text]
        found += [_hmac(text.encode(), _CONTEXT).digest() for text in derived if text]
        return cls(found[0], tuple(found[1:])) if found else cls()

    @cached_property
    def current_id(self) -> str | None:
        """What tells `current` from others; None for plain hashes."""
        return None if self.current is None else _pepper_id(self.current)

    @cached_property
    def by_id(self) -> Mapping[str | None, bytes | None]:
        """Every pepper by what is stored of it; None for plain hashes."""
        every = {_pepper_id(each): each for each in (*self.older, self.current) if each}
        return {None: None} | every

    @cached_property
    def of_nobody(self) -> Any:
        """What is compared in place of a credential that is not stored."""
        return SimpleNamespace(pepper_id=self.current_id, secret_hash=_NO_HASH)


@dataclass(frozen=True)
class TokenSpec:
    """What a new token is for and may.

    `site`: the site of the machines that it lets in. `sites`: it reads only these, None for all.
    `addresses`: addresses or networks that it works from; empty for all.
    """

    kind: str
    name: str
    site: str | None = None
    scopes: tuple[str, ...] = ()
    role: str | None = None
    sites: frozenset[int] | None = None
    addresses: tuple[str, ...] = ()
    expires_at: datetime | None = None


def parse_credential(text: str) -> Credential | None:
    """`text` as a credential; None if it is malformed."""
    parts = text.split("_", 3)
    if len(parts) != 4 or parts[0] != _PREFIX or parts[1] not in KINDS or not text.isascii():
        return None
    if len(parts[2]) > 16 or len(parts[3]) > 64:
        return None
    return Credential(*parts[1:])


def verify(row: Row[Any] | None, credential: Credential, peppers: Peppers) -> bool:
    """Whether `credential` has the secret and the kind of `row`; takes the same time without a
    row."""
    stored = peppers.of_nobody if row is None else row
    pepper = peppers.by_id.get(stored.pepper_id, peppers.current)
    return (
        hmac.compare_digest(_hash(credential.secret, pepper), stored.secret_hash)
        and row is not None
        and row.kind == credential.kind
    )


def rehashed(row: Row[Any], credential: Credential, peppers: Peppers) -> dict[str, Any] | None:
    """The columns of a verified credential's hash under today's pepper; None if it has them."""
    if row.pepper_id == peppers.current_id:
        return None
    return _hash_columns(credential.secret, peppers)


def rows_by_public_id(connection: Connection, public_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The stored credentials with these public ids, by public id."""
    rows = connection.execute(select(api_tokens).where(api_tokens.c.public_id.in_(public_ids)))
    return {row.public_id: row for row in rows}


def new_credential(kind: str, peppers: Peppers) -> tuple[str, dict[str, Any]]:
    """A new credential: its text, which is not stored, and the values of its row."""
    public_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = {"kind": kind, "public_id": public_id, **_hash_columns(secret, peppers)}
    return f"{_PREFIX}_{kind}_{public_id}_{secret}", row


def create(
    connection: Connection,
    kind: str,
    name: str,
    actor: str,
    now: datetime,
    peppers: Peppers = Peppers(),
    *,
    site: str | None = None,
    role: str | None = None,
    expires_at: datetime | None = None,
    scopes: Collection[str] = (),
    sites: frozenset[int] | None = None,
    addresses: Sequence[str] = (),
) -> str:
    """Create and store a credential. Returns its text, which cannot be read again later."""
    text, row = new_credential(kind, peppers)
    result = connection.execute(
        insert(api_tokens).values(
            **row,
            name=name,
            site=site,
            role=role,
            scopes=" ".join(scopes or default_scopes(kind, role)),
            limited=sites is not None,
            addresses=",".join(addresses) or None,
            created_at=now,
            created_by=actor,
            expires_at=expires_at,
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a token's id comes from the database"
    if sites:
        rows = [{"token_id": inserted[0], "site_id": site_id} for site_id in sorted(sites)]
        connection.execute(insert(token_sites), rows)
    return text


def add(
    connection: Connection,
    wanted: TokenSpec,
    actor: str,
    now: datetime,
    peppers: Peppers,
    about: About = None,
) -> str:
    """Check and create a token, with an entry in the audit log. Returns its text, which cannot be
    read again later.

    Raises:
        TokenError: it cannot be made like this.
    """
    spec = _checked(connection, wanted, now)
    values = asdict(spec)
    text = create(
        connection, values.pop("kind"), values.pop("name"), actor, now, peppers, **values
    )  # fmt: skip
    credential = parse_credential(text)
    assert credential is not None, "it was made a moment ago"
    made = {name: _plain(value) for name, value in asdict(spec).items()}
    audit.write_entry(
        connection, actor, "token_add", f"token {credential.public_id}", now,
        {"before": {}, "after": made, **(about or {})},
    )  # fmt: skip
    return text


def revoke(
    connection: Connection,
    public_id: str,
    actor: str,
    now: datetime,
    about: About = None,
) -> bool:
    """Revoke a credential, with an entry in the audit log; False if there is no such one, or it is
    revoked already."""
    row = rows_by_public_id(connection, [public_id]).get(public_id)
    token = api_tokens.c
    result = connection.execute(
        update(api_tokens)
        .where(token.public_id == public_id, token.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if row is None or result.rowcount != 1:
        return False
    detail = {
        "kind": row.kind, "name": row.name, "before": {"state": OK}, "after": {"state": REVOKED},
        **(about or {}),
    }  # fmt: skip
    audit.write_entry(connection, actor, "token_revoke", f"token {public_id}", now, detail)
    return True


def write_refusal(
    connection: Connection, public_id: str | None, reason: str, address: str, now: datetime
) -> None:
    """Write an entry in the audit log that a credential was refused.

    Args:
        public_id: as it was sent. Only the id of a stored credential is written: what else stands
            in its place may be a part of somebody's secret.
    """
    known = rows_by_public_id(connection, [public_id]) if public_id else {}
    subject = f"token {public_id}" if public_id in known else "token ?"
    detail = {"reason": reason, "address": address}
    audit.write_entry(connection, "stranger", "token_refused", subject, now, detail)


def listed(connection: Connection, *, machines: bool = False) -> list[Row[Any]]:
    """The tokens, oldest first, each with `seen_at`: its last use. A machine's key was used last
    when its machine reported last.

    Args:
        machines: the machines' own keys too.
    """
    token = api_tokens.c
    kinds = KINDS if machines else (ENROL, API)
    rows = (
        select(api_tokens, inventory.c.received_at)
        .outerjoin(inventory, inventory.c.machine_id == token.machine_id)
        .where(token.kind.in_(kinds))
    )
    return list(connection.execute(rows.order_by(token.token_id)))


def last_used(row: Row[Any]) -> datetime | None:
    """The last use of a row of `listed`."""
    seen: datetime | None = row.received_at if row.kind == MACHINE else None
    return seen or row.last_used_at


def site_names_of(connection: Connection, row: Row[Any]) -> list[str] | None:
    """The names of the sites that a token reads; None for all."""
    if not row.limited:
        return None
    names = select(sites.c.name).join(token_sites, token_sites.c.site_id == sites.c.site_id)
    of_token = token_sites.c.token_id == row.token_id
    return list(connection.scalars(names.where(of_token).order_by(sites.c.name)))


def sites_of(connection: Connection, row: Row[Any]) -> frozenset[int] | None:
    """The ids of the sites that a token reads; None for all."""
    if not row.limited:
        return None
    of_token = token_sites.c.token_id == row.token_id
    return frozenset(connection.scalars(select(token_sites.c.site_id).where(of_token)))


def default_scopes(kind: str, role: str | None) -> tuple[str, ...]:
    """What a token may when nobody says it: machines' credentials report, a program's reads, and
    decides where its role does."""
    if kind != API:
        return (INGEST,)
    return (READ,) if role in (None, VIEWER) else (READ, DECIDE)


def scopes_of(row: Row[Any]) -> frozenset[str]:
    """What a stored credential may."""
    return frozenset(row.scopes.split()) if row.scopes else frozenset((INGEST,))


def works_from(row: Row[Any], address: str) -> bool:
    """Whether a credential may be used from `address`."""
    if not row.addresses:
        return True
    try:
        here = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(here, "ipv4_mapped", None) or here
    return any(mapped in ip_network(each) for each in row.addresses.split(","))


def is_inactive(row: Row[Any], now: datetime) -> bool:
    """Whether a credential is revoked or expired."""
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)


def state_of(row: Row[Any], now: datetime, peppers: Peppers) -> str:
    """OK, REVOKED, EXPIRED or UNUSABLE."""
    if row.revoked_at is not None:
        return REVOKED
    if is_inactive(row, now):
        return EXPIRED
    return OK if row.pepper_id in peppers.by_id else UNUSABLE


def delete_of_machine(connection: Connection, machine_id: str) -> None:
    """Delete a machine's own key."""
    connection.execute(delete(api_tokens).where(api_tokens.c.machine_id == machine_id))


def _checked(connection: Connection, spec: TokenSpec, now: datetime) -> TokenSpec:
    if spec.kind not in (ENROL, API):
        raise TokenError("A token is for enrolling machines (enrol) or for a program (api).")
    role = spec.role if spec.kind == ENROL else spec.role or VIEWER
    scopes = spec.scopes or default_scopes(spec.kind, role)
    if spec.sites is not None and not spec.scopes:
        scopes = (READ,)
    scopes = tuple(each for each in SCOPES if each in scopes)
    if spec.kind == ENROL and (scopes != (INGEST,) or role is not None or spec.sites is not None):
        raise TokenError(
            "An enrolment token only lets machines in: it has no role, its scope is ingest."
        )
    if role is not None and role not in TOKEN_ROLES:
        raise TokenError("A role is one of %(roles)s.", roles=", ".join(TOKEN_ROLES))
    if spec.site is not None and INGEST not in scopes:
        raise TokenError("Only a token that lets machines in names the site of these machines.")
    if spec.sites is not None and (DECIDE in scopes or role == ADMINISTRATOR):
        raise TokenError(
            "A token that sees only some sites decides nothing: "
            "give the role viewer or manager and the scope read, or every site."
        )
    name = " ".join((spec.name or "").split())
    site = " ".join(spec.site.split()) if spec.site else None
    for text in (name, site or ""):
        if len(text) > NAME_LENGTH or not text.isprintable():
            raise TokenError("A name has at most %(n)s printable characters.", n=NAME_LENGTH)
    if spec.expires_at is not None and spec.expires_at <= now:
        raise TokenError("A token that expires in the past lets nobody in: give a later day.")
    return TokenSpec(
        spec.kind, name or " ".join([spec.kind, *([site] if site else [])]), site, scopes, role,
        spec.sites, _checked_addresses(spec.addresses), spec.expires_at,
    )  # fmt: skip


def _checked_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    networks: list[IPv4Network | IPv6Network] = []
    for each in addresses:
        try:
            networks.append(ip_network(each.strip()))
        except ValueError as error:
            raise TokenError(
                "%(text)r is no address or network: write 192.0.2.7 or 10.0.0.0/8.", text=each
            ) from error
    written = tuple(dict.fromkeys(str(each) for each in networks))
    if len(",".join(written)) > _LONGEST_ADDRESSES:
        raise TokenError("These are too many addresses for one token: name their networks.")
    return written


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _hash_columns(secret: str, peppers: Peppers) -> dict[str, Any]:
    return {
        "secret_hash": _hash(secret, peppers.current), "pepper_id": peppers.current_id
    }  # fmt: skip


def _hash(secret: str, pepper: bytes | None) -> str:
    if pepper is None:
        return hashlib.sha256(secret.encode()).hexdigest()
    return _hmac(pepper, secret.encode()).hexdigest()


def _pepper_id(pepper: bytes) -> str:
    return _hmac(pepper, b"id").hexdigest()[:8]


def _hmac(key: bytes, message: bytes) -> "hmac.HMAC":
    return hmac.new(key, message, hashlib.sha256)
