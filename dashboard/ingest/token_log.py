"""What is noted of tokens beside the request that presents them: their last use, their hash under
today's pepper, and refused ones in the audit log. A request does not wait for the writer of the
database in order to have this noted."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, update
from sqlalchemy.exc import SQLAlchemyError

from dashboard.base.clock import Clock
from db import tokens
from db.engine import writing
from db.tables import api_tokens

log = logging.getLogger(__name__)

USE_NOTED_EVERY = timedelta(minutes=1)
REFUSAL_NOTED_EVERY = timedelta(hours=1)
"""A machine whose key was deleted tries it every minute; one entry of the audit log says so."""
REFUSALS_AN_HOUR = 1000
"""Entries of all addresses together: whoever makes tokens up fills no disk."""


class TokenLog:
    """Notes what became of presented credentials, in order, on a thread of its own."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "token-log")
        self._refusals: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()

    def note_verified(
        self, row: Row[Any], credential: tokens.Credential, peppers: tokens.Peppers, *, used: bool
    ) -> None:
        """Note what a verified credential leads to: its hash under today's pepper where it has
        another, and, if `used`, that it was used, at most once a minute."""
        now = self._clock()
        columns = tokens.rehashed(row, credential, peppers) or {}
        if used and (row.last_used_at is None or now - row.last_used_at >= USE_NOTED_EVERY):
            columns["last_used_at"] = now
        if not columns:
            return
        token = api_tokens.c
        # Meanwhile the machine may have enrolled again, with another secret in the same row.
        same = (token.token_id == row.token_id) & (token.secret_hash == row.secret_hash)
        statement = update(api_tokens).where(same).values(columns)
        self._later(lambda connection: connection.execute(statement))

    def note_refused(self, public_id: str | None, reason: str, address: str) -> None:
        """Write an entry that a credential was refused: once an hour for one id and address."""
        now = self._clock()
        key = (address, public_id or "")
        with self._lock:
            since = now - REFUSAL_NOTED_EVERY
            self._refusals = {k: at for k, at in self._refusals.items() if at > since}
            if key in self._refusals or len(self._refusals) >= REFUSALS_AN_HOUR:
                return
            self._refusals[key] = now
        self._later(
            lambda connection: tokens.write_refusal(connection, public_id, reason, address, now)
        )

    def _later(self, change: Callable[[Connection], object]) -> None:
        self._thread.submit(self._write, change)

    def _write(self, change: Callable[[Connection], object]) -> None:
        try:
            with writing(self._engine) as connection:
                change(connection)
        except SQLAlchemyError as error:
            log.warning("what became of a token was not noted: %s", error)
