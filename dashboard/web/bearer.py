"""Another program that presents an api token: who it is, and what it may."""

from flask import request
from sqlalchemy import Engine
from werkzeug.exceptions import Forbidden, Unauthorized

from dashboard.base.access import Actor, roles_up_to
from dashboard.base.clock import Clock
from dashboard.ingest.token_log import TokenLog
from db import tokens
from db.engine import reading
from db.roles import VIEWER

_UNKNOWN = "This token is not known here."


class Bearer:
    """Reads the Authorization header of the current request."""

    def __init__(self, engine: Engine, clock: Clock, peppers: tokens.Peppers) -> None:
        self._engine = engine
        self._clock = clock
        self._peppers = peppers
        self._log = TokenLog(engine, clock)

    def __call__(self) -> Actor | None:
        """Who presents an api token; None when there is no such header.

        Raises:
            Unauthorized: the token is not known.
            Forbidden: it was revoked, has expired, does not work from this address, or is a
                machine's and reads nothing.
        """
        scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        credential = tokens.parse_credential(text.strip())
        if credential is None:
            self._refused(None, "malformed")
            raise Unauthorized(_UNKNOWN)
        public_id = credential.public_id
        with reading(self._engine) as connection:
            row = tokens.rows_by_public_id(connection, [public_id]).get(public_id)
            if not tokens.verify(row, credential, self._peppers) or row is None:
                self._refused(public_id, "wrong")
                raise Unauthorized(_UNKNOWN)
            sites = tokens.sites_of(connection, row)
        if tokens.is_inactive(row, self._clock()):
            self._refused(public_id, "revoked or expired")
            raise Forbidden("This token was revoked or has expired: ask an administrator.")
        if row.kind != tokens.API:
            self._refused(public_id, "reads nothing")
            raise Forbidden("A machine's token or key reports, and reads nothing.")
        if not tokens.works_from(row, request.remote_addr or ""):
            self._refused(public_id, "address")
            raise Forbidden("This token does not work from this address: ask an administrator.")
        self._log.note_verified(row, credential, self._peppers, used=True)
        return Actor(
            f"token {row.name}", roles_up_to(row.role or VIEWER), "token", sites,
            tokens.scopes_of(row),
        )  # fmt: skip

    def _refused(self, public_id: str | None, reason: str) -> None:
        self._log.note_refused(public_id, reason, request.remote_addr or "")
