"""Reports of machines, answered only after they are committed.

There are two doors with the same answers: `dashboard.api.machines` (Flask; a thread waits for the
commit) and `gate` (ASGI; a coroutine waits). Behind both, `reception` has the order: `rate_limit`
of the address, `credentials`, `body`, `report`, rate limit of the machine; then `commit_queue`
collects entries for the next transaction, which `store` writes.
"""

from sqlalchemy import Engine

from dashboard.base.clock import Clock
from dashboard.base.metrics import Metrics
from dashboard.ingest.commit_queue import CommitQueue
from dashboard.ingest.credentials import Credentials
from dashboard.ingest.reception import Reception
from dashboard.ingest.store import Entry, Store, StoredEntry
from db.settings import Settings, active_settings
from db.tokens import Peppers


def make_reception(
    engine: Engine,
    clock: Clock,
    settings: Settings | None = None,
    metrics: Metrics | None = None,
) -> Reception:
    """The reception that stores in `engine`."""
    settings = active_settings(settings)
    zone, peppers = settings.timezone, Peppers.from_settings(settings)
    queue: CommitQueue[Entry, StoredEntry] = CommitQueue(Store(engine, clock, zone, peppers))
    credentials = Credentials(engine, clock, peppers, is_open=settings.ingest_auth == "open")
    counted = metrics or Metrics()
    return Reception(credentials, queue, zone, counted, settings.ingest_address_rate)
