"""The writer's lease: one process at a time may write.

A lease is a row with its holder's token. A publish checks the token inside its transaction, so a
holder that lost the lease cannot publish any more. A holder on this host loses it as soon as its
process is gone, one on another host when the lease expires.
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

COLLECTING, WORKING = "collecting", "working"
"""The lease of whoever writes, and that of the worker for as long as it runs."""

TIME_TO_LIVE = timedelta(minutes=10)
"""After its last renewal, for holders on other hosts."""
TIME_TO_LIVE_OF = {WORKING: timedelta(minutes=2)}
"""Where that is too long: a container that is killed comes back under another name."""
ADVICE = {WORKING: "One worker is enough for a database: stop it before you start another."}


class LeaseTaken(Exception):
    """Another process holds the lease; the text says which and since when."""


class LeaseLost(Exception):
    """Another process took the lease over; nothing was published."""


class Lease:
    """A lease that this process holds; made by `take`, released at the end of a `with`."""

    def __init__(self, engine: Engine, name: str, token: str) -> None:
        self.engine = engine
        self.name = name
        self.token = token
        self._renewed = datetime.now(UTC)

    def renew(self) -> None:
        """Extend the lease; written at most every 20 seconds."""
        now = datetime.now(UTC)
        if now - self._renewed < timedelta(seconds=20):
            return
        with writing(self.engine) as connection:
            self.hold(connection)
        self._renewed = now

    def hold(self, connection: Connection) -> None:
        """Check inside the caller's transaction that the lease is still held, and lock it until the
        end of that transaction.

        Raises:
            LeaseLost: another process took it.
        """
        held = connection.execute(
            update(leases)
            .where(leases.c.name == self.name, leases.c.token == self.token)
            .values(expires_at=datetime.now(UTC) + _lifetime(self.name))
        )
        if held.rowcount != 1:
            raise LeaseLost(
                f"Another worker took over while this one was {self.name}; what was not complete "
                "was not published."
            )

    def release(self) -> None:
        """Give the lease back; does nothing when it was lost."""
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
        LeaseTaken: another process that is alive holds it.
    """
    now = datetime.now(UTC)
    me = psutil.Process()
    token = str(uuid4())
    with writing(engine) as connection:
        # Without a row to lock, two processes could both take a new lease.
        upsert(connection, leases, [{"name": name}])
        row = connection.execute(
            select(leases).where(leases.c.name == name).with_for_update()
        ).one()
        if row.token is not None and _alive(row, now):
            since = f"{row.acquired_at:%Y-%m-%d %H:%M:%S} UTC"
            advice = ADVICE.get(name, "Wait until it is done, or stop it.")
            if row.host != platform.node():
                advice += f" If it is gone, its turn ends at {row.expires_at:%H:%M:%S} UTC."
            raise LeaseTaken(f"{row.holder} has been {name} since {since}. {advice}")
        mine = {
            "name": name,
            "token": token,
            "holder": f"process {os.getpid()} on {platform.node()}",
            "host": platform.node(),
            "pid": os.getpid(),
            "process_started": me.create_time(),
            "acquired_at": now,
            "expires_at": now + _lifetime(name),
        }
        upsert(connection, leases, [mine])
    return Lease(engine, name, token)


def _lifetime(name: str) -> timedelta:
    return TIME_TO_LIVE_OF.get(name, TIME_TO_LIVE)


def _alive(row: Row[Any], now: datetime) -> bool:
    if row.expires_at <= now:
        return False
    if row.host != platform.node():
        return True
    try:
        process = psutil.Process(row.pid)
        # In a container without an init, dead processes stay zombies.
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # After a reboot another process may have the same pid.
        return bool(abs(process.create_time() - row.process_started) < 1)
    except psutil.NoSuchProcess:
        return False
