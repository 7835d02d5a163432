"""Entries of the audit log about credentials that are not valid: a few, however many are sent."""

import time

from flask import request
from sqlalchemy import Engine

from dashboard.base.clock import Clock
from dashboard.ingest.rate_limit import RateLimit
from db import audit
from db.engine import writing

ONE_A_MINUTE, OF_ALL_A_MINUTE = 1, 60


class Refusals:
    """Writes an entry a minute for each address, and 60 for all, so that nobody fills the table."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._of_address = RateLimit(ONE_A_MINUTE, time.monotonic)
        self._of_all = RateLimit(OF_ALL_A_MINUTE, time.monotonic)

    def note(self, action: str, subject: str, reason: str) -> None:
        """Write that the current request was refused, if there is room this minute."""
        address = request.remote_addr or ""
        if self._of_address.take(address) is not None or self._of_all.take("") is not None:
            return
        detail = {"address": address, "reason": reason}
        with writing(self._engine) as connection:
            audit.write_entry(connection, "stranger", action, subject, self._clock(), detail)
