"""Another program that presents an api token: who it is, and what it may."""

from datetime import timedelta

from flask import request
from sqlalchemy import Engine, update
from werkzeug.exceptions import Forbidden, Unauthorized

from dashboard.base.access import Actor, roles_up_to
from dashboard.base.clock import Clock
from db import tokens
from db.engine import reading, writing
from db.roles import VIEWER
from db.tables import api_tokens

_USE_NOTED_EVERY = timedelta(hours=1)


class Bearer:
    """Reads the Authorization header of the current request."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def __call__(self) -> Actor | None:
        """Who presents an api token; None when there is no such header.

        Raises:
            Unauthorized: the token is not known.
            Forbidden: it was revoked, has expired, or is a machine's and reads nothing.
        """
        scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        credential = tokens.parse_credential(text.strip())
        if credential is None:
            raise Unauthorized("This token is not known here.")
        with reading(self._engine) as connection:
            row = tokens.rows_by_public_id(connection, [credential.public_id]).get(
                credential.public_id
            )
        if not tokens.verify(row, credential) or row is None:
            raise Unauthorized("This token is not known here.")
        now = self._clock()
        if tokens.is_inactive(row, now):
            raise Forbidden("This token was revoked or has expired: ask an administrator.")
        if row.kind != tokens.API:
            raise Forbidden("A machine's token or key reports, and reads nothing.")
        if row.last_used_at is None or now - row.last_used_at >= _USE_NOTED_EVERY:
            with writing(self._engine) as connection:
                used = update(api_tokens).where(api_tokens.c.token_id == row.token_id)
                connection.execute(used.values(last_used_at=now))
        return Actor(f"token {row.name}", roles_up_to(row.role or VIEWER), "token")
