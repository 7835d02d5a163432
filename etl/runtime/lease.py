"""One writer at a time: a lease that names its holder and ends with it.

The lease is a row. Whoever holds it writes its own token there; a publish checks that token
inside its transaction, so a holder that lost its lease cannot publish any more. A holder on this
host whose process is gone loses the lease at once, one elsewhere when the lease expires.
"""

import os
import platform
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import Connection, Engine, Row, select, update

from db.bulk import upsert
from db.engine import writing
from db.tables import leases

LIFE = timedelta(minutes=10)
"""How long a lease outlives its last sign of life, for holders on other hosts."""

COLLECTING = "collecting"


class Taken(Exception):
    """Somebody else holds the lease; the text says who and since when."""


class Lost(Exception):
    """The lease went to somebody else while we worked; nothing was published."""


class Lease:
    """A held lease. Use `take`."""

    def __init__(self, engine: Engine, name: str, token: str) -> None:
        self.engine = engine
        self.name = name
        self.token = token
        self._renewed = datetime.now(UTC)

    def renew(self) -> None:
        """A sign of life; written at most every 20 seconds."""
        now = datetime.now(UTC)
        if now - self._renewed < timedelta(seconds=20):
            return
        with writing(self.engine) as connection:
            self.hold(connection)
        self._renewed = now

    def hold(self, connection: Connection) -> None:
        """Make sure, inside the caller's transaction, that the lease is still ours, and keep
        anybody else from taking it until that transaction ends.

        Raises:
            Lost: it is not.
        """
        held = connection.execute(
            update(leases)
            .where(leases.c.name == self.name, leases.c.token == self.token)
            .values(expires_at=datetime.now(UTC) + LIFE)
        )
        if held.rowcount != 1:
            raise Lost(
                "Another worker took over while this one was collecting; nothing was published."
            )

    def release(self) -> None:
        """Let go. Harmless when the lease was lost."""
        with writing(self.engine) as connection:
            connection.execute(
                update(leases)
                .where(leases.c.name == self.name, leases.c.token == self.token)
                .values(token=None, expires_at=None)
            )

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def take(engine: Engine, name: str = COLLECTING) -> Lease:
    """Take the lease `name`.

    Raises:
        Taken: a living process holds it.
    """
    now = datetime.now(UTC)
    me = psutil.Process()
    token = str(uuid4())
    with writing(engine) as connection:
        # A row must be there to be locked, or two first takers would not see each other.
        upsert(connection, leases, [{"name": name}])
        row = connection.execute(
            select(leases).where(leases.c.name == name).with_for_update()
        ).one()
        if row.token is not None and _alive(row, now):
            raise Taken(
                f"{row.holder} has been {name} since {row.acquired_at:%Y-%m-%d %H:%M:%S} UTC. "
                "Wait until it is done, or stop it."
            )
        mine = {
            "name": name,
            "token": token,
            "holder": f"process {os.getpid()} on {platform.node()}",
            "host": platform.node(),
            "pid": os.getpid(),
            "process_started": me.create_time(),
            "acquired_at": now,
            "expires_at": now + LIFE,
        }
        upsert(connection, leases, [mine])
    return Lease(engine, name, token)


def _alive(row: Row[Any], now: datetime) -> bool:
    if row.expires_at <= now:
        return False
    if row.host != platform.node():
        return True
    try:
        process = psutil.Process(row.pid)
        # Dead, though nobody has buried it yet: in a container without an init nobody ever will.
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # The pid alone is not enough: after a reboot it may be somebody else's.
        return bool(abs(process.create_time() - row.process_started) < 1)
    except psutil.NoSuchProcess:
        return False
