"""What machines report: read with suspicion, answered only after it is stored for good.

A request comes in by `gate` (it waits in a coroutine) or `door` (on a thread), goes through `body`
(how large, which encoding), `credentials` (who), `report` (what), `limits` (how often), waits in
`queue` for the next transaction, which `store` fills, and is answered as `receive` says.
"""

from sqlalchemy import Engine

from dashboard.base.clock import Clock
from dashboard.ingest.credentials import Credentials
from dashboard.ingest.queue import Queue
from dashboard.ingest.receive import Reception
from dashboard.ingest.store import Entry, Store, Stored
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
    """Whether anybody may report a machine.

    Raises:
        SettingsError: INGEST_AUTH is neither token nor open.
    """
    return env_choice(INGEST_AUTH, ("token", "open"), environ) == "open"


def reception(engine: Engine, clock: Clock, environ: Environment | None = None) -> Reception:
    """What takes reports, on `engine`.

    Raises:
        SettingsError: INGEST_AUTH, INGEST_ADDRESS_RATE or TIMEZONE is wrong.
    """
    zone = timezone(environ)
    limited = env(INGEST_ADDRESS_RATE, environ)
    rate = None if limited is None else env_int(INGEST_ADDRESS_RATE, environ, least=1)
    queue: Queue[Entry, Stored] = Queue(Store(engine, clock, zone))
    return Reception(Credentials(engine, clock, is_open=is_open(environ)), queue, zone, rate)
