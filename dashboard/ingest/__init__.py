"""Reports of machines, answered only after they are committed.

There are two doors with the same answers: `dashboard.api.machines` (Flask; a thread waits for the
commit) and `gate` (ASGI; a coroutine waits). Behind both, `reception` has the order: `rate_limit`
of the address, `credentials`, `body`, `report`, rate limit of the machine; then `commit_queue`
collects entries for the next transaction, which `store` writes.
"""

from sqlalchemy import Engine

from dashboard.base.clock import Clock
from dashboard.ingest.commit_queue import CommitQueue
from dashboard.ingest.credentials import Credentials
from dashboard.ingest.reception import Reception
from dashboard.ingest.store import Entry, Store, StoredEntry
from db.settings import (
    INGEST_ADDRESS_RATE,
    INGEST_AUTH,
    Environment,
    env,
    env_choice,
    env_int,
    timezone,
)


def is_open(environ: Environment | None = None) -> bool:
    """Whether reports need no credential.

    Raises:
        SettingsError: INGEST_AUTH is neither token nor open.
    """
    return env_choice(INGEST_AUTH, ("token", "open"), environ) == "open"


def make_reception(engine: Engine, clock: Clock, environ: Environment | None = None) -> Reception:
    """The reception that stores in `engine`.

    Raises:
        SettingsError: INGEST_AUTH, INGEST_ADDRESS_RATE or TIMEZONE is wrong.
    """
    zone = timezone(environ)
    is_limited = env(INGEST_ADDRESS_RATE, environ) is not None
    rate = env_int(INGEST_ADDRESS_RATE, environ, least=1) if is_limited else None
    queue: CommitQueue[Entry, StoredEntry] = CommitQueue(Store(engine, clock, zone))
    return Reception(Credentials(engine, clock, is_open=is_open(environ)), queue, zone, rate)
