"""Authentication of reports: an enrolment token, a machine's own key, or, when INGEST_AUTH is open,
nothing.

Valid credentials are cached for ten minutes, so that a report costs no query here. The transaction
that stores it checks again: a key that is revoked meanwhile stores nothing.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from dashboard.base.clock import Clock
from dashboard.ingest.rate_limit import RateLimit
from dashboard.ingest.refusal import Refusal
from dashboard.ingest.token_log import TokenLog
from db import tokens
from db.engine import reading

CACHE_SECONDS = 600.0
MAX_CACHED = 200_000
FAILURES_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Credential:
    """A valid token or key."""

    public_id: str
    kind: str
    machine_id: str | None
    site: str | None


class Credentials:
    """Authenticates requests."""

    def __init__(
        self, engine: Engine, clock: Clock, peppers: tokens.Peppers, *, is_open: bool,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._clock = clock
        self._peppers = peppers
        self._log = TokenLog(engine, clock)
        self._open = is_open
        self._ticks = ticks
        self._cache: dict[str, tuple[float, Credential]] = {}
        self._failures = RateLimit(FAILURES_A_MINUTE, ticks)

    def check(self, environ: Mapping[str, Any]) -> Credential | None:
        """The credential of a WSGI request; None for an anonymous one in open mode.

        Raises:
            Refusal: 401, 403, or 429 after too many failures from one address.
        """
        authorization = environ.get("HTTP_AUTHORIZATION", "").strip()
        is_known, known = self.cached(authorization)
        if is_known:
            return known
        address = environ.get("REMOTE_ADDR", "")
        try:
            credential, is_lasting = self._look_up(authorization, address)
        except Refusal as refusal:
            # Only failures count: many machines with valid keys may share an address.
            seconds = self._failures.take(address)
            if seconds is None:
                self._note_refused(authorization, refusal.reason, address)
                raise
            raise Refusal(
                429, "too_many_requests", "Too many wrong credentials from this address: wait.",
                retry_after=seconds,
            ) from None  # fmt: skip
        if is_lasting:
            if len(self._cache) >= MAX_CACHED:
                self._cache = {}
            self._cache[authorization] = (self._ticks() + CACHE_SECONDS, credential)
        return credential

    def cached(self, authorization: str) -> tuple[bool, Credential | None]:
        """Whether this Authorization header is known to be good without a query, and what it is."""
        if not authorization:
            return self._open, None
        expires_at, credential = self._cache.get(authorization, (0.0, None))
        return expires_at > self._ticks(), credential

    def _look_up(self, authorization: str, address: str) -> tuple[Credential, bool]:
        """The valid credential, and whether it holds for every address and so for the next one."""
        if not authorization:
            raise missing_credential()
        presented = _presented(authorization)
        if presented is None:
            raise unknown_credential()
        with reading(self._engine) as connection:
            row = tokens.rows_by_public_id(connection, [presented.public_id]).get(
                presented.public_id
            )
        if not tokens.verify(row, presented, self._peppers) or row is None:
            raise unknown_credential()
        if tokens.is_inactive(row, self._clock()):
            raise revoked_credential()
        if tokens.INGEST not in tokens.scopes_of(row):
            raise Refusal(
                403, "wrong_kind", "This token reads the API; to report, a machine needs an "
                "enrolment token: inventory-hub token add --kind enrol.",
            )  # fmt: skip
        if not tokens.works_from(row, address):
            raise Refusal(
                403, "wrong_address",
                "This token does not work from this address: ask an administrator.",
            )  # fmt: skip
        self._log.note_verified(row, presented, self._peppers, used=False)
        return Credential(row.public_id, row.kind, row.machine_id, row.site), not row.addresses

    def _note_refused(self, authorization: str, reason: str, address: str) -> None:
        if authorization:
            presented = _presented(authorization)
            self._log.note_refused(presented.public_id if presented else None, reason, address)


def _presented(authorization: str) -> tokens.Credential | None:
    """The credential in an Authorization header; None if it is malformed."""
    scheme, _, text = authorization.partition(" ")
    return tokens.parse_credential(text.strip()) if scheme.lower() == "bearer" else None


def missing_credential() -> Refusal:
    """401: no credential sent."""
    return Refusal(
        401, "missing_credential",
        "Send an enrolment token or the machine's key: Authorization: Bearer ...",
    )  # fmt: skip


def unknown_credential() -> Refusal:
    """401: never issued, or its machine was deleted."""
    return Refusal(
        401, "unknown_credential",
        "This token or key is not known here: enrol again with an enrolment token.",
    )  # fmt: skip


def revoked_credential() -> Refusal:
    """403: revoked or expired."""
    return Refusal(
        403, "revoked", "This token or key was revoked or has expired: ask an administrator."
    )
