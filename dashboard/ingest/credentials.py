"""Who reports: an enrolment token, a machine's own key, or, when INGEST_AUTH is open, anybody.

What was right is remembered for ten minutes, so that a report costs no query here. The transaction
that stores it looks again: a key that is revoked meanwhile stores nothing.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from dashboard.base.clock import Clock
from dashboard.ingest.limits import Limit
from dashboard.ingest.refusal import Refusal
from db import tokens
from db.engine import reading

REMEMBERED_SECONDS = 600.0
MOST_REMEMBERED = 200_000
REFUSED_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Credential:
    """What was presented and is right."""

    public_id: str
    kind: str
    machine_id: str | None
    site: str | None


class Credentials:
    """Recognises who sends a request."""

    def __init__(
        self, engine: Engine, clock: Clock, *, is_open: bool,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._clock = clock
        self._open = is_open
        self._ticks = ticks
        self._remembered: dict[str, tuple[float, Credential]] = {}
        self._refused: Limit = Limit(REFUSED_A_MINUTE, ticks)

    def check(self, environ: Mapping[str, Any]) -> Credential | None:
        """Who sends this WSGI request; None for anybody.

        Raises:
            Refusal: nobody whom we let in.
        """
        shown = environ.get("HTTP_AUTHORIZATION", "").strip()
        is_known, known = self.known(shown)
        if is_known:
            return known
        try:
            credential = self._look_up(shown)
        except Refusal:
            # Only now: behind one address there may be many machines, most of them in order.
            seconds = self._refused.take(environ.get("REMOTE_ADDR", ""))
            if seconds is None:
                raise
            raise Refusal(
                429, "too_many_requests", "Too many wrong credentials from this address: wait.",
                retry_after=seconds,
            ) from None  # fmt: skip
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered = {}
        self._remembered[shown] = (self._ticks() + REMEMBERED_SECONDS, credential)
        return credential

    def known(self, shown: str) -> tuple[bool, Credential | None]:
        """Whether whoever shows this is let in without a query, and who it is."""
        if not shown:
            return self._open, None
        ends, credential = self._remembered.get(shown, (0.0, None))
        return ends > self._ticks(), credential

    def _look_up(self, shown: str) -> Credential:
        scheme, _, text = shown.partition(" ")
        if not shown:
            raise missing()
        found = tokens.parse_credential(text.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise unknown()
        with reading(self._engine) as connection:
            row = tokens.rows_by_public_id(connection, [found.public_id]).get(found.public_id)
        if not tokens.verify(row, found) or row is None:
            raise unknown()
        if tokens.is_inactive(row, self._clock()):
            raise revoked()
        if row.kind == tokens.API:
            raise Refusal(
                403, "wrong_kind", "This token reads the API; to report, a machine needs an "
                "enrolment token: inventory-hub token add --kind enrol.",
            )  # fmt: skip
        return Credential(row.public_id, row.kind, row.machine_id, row.site)


def missing() -> Refusal:
    """Nobody said who it is."""
    return Refusal(
        401, "missing_credential",
        "Send an enrolment token or the machine's key: Authorization: Bearer ...",
    )  # fmt: skip


def unknown() -> Refusal:
    """A credential that we never made, or whose machine was deleted."""
    return Refusal(
        401, "unknown_credential",
        "This token or key is not known here: enrol again with an enrolment token.",
    )  # fmt: skip


def revoked() -> Refusal:
    """A credential that somebody ended, or whose time is up."""
    return Refusal(
        403, "revoked", "This token or key was revoked or has expired: ask an administrator."
    )
