"""How many files one person or program may fetch: each may hold the whole fleet."""

import time
from collections.abc import Callable

from flask import Flask, request
from flask_babel import gettext as _
from werkzeug.exceptions import TooManyRequests

from dashboard.ingest.rate_limit import RateLimit
from dashboard.web.context import current_actor

FILES_A_MINUTE = 100


def limit_files(server: Flask, ticks: Callable[[], float] = time.monotonic) -> None:
    """Answer 429 to whoever asks `server` for more, except without sign-in, where only this
    machine is served."""
    limit = RateLimit(FILES_A_MINUTE, ticks)

    @server.before_request
    def _count() -> None:
        actor = current_actor()
        if not request.path.startswith("/export/") or actor.by == "nothing":
            return
        if (seconds := limit.take((actor.by, actor.name))) is not None:
            raise TooManyRequests(
                _("%(limit)s files a minute are enough: wait %(seconds)s seconds.",
                  limit=FILES_A_MINUTE, seconds=seconds),
                retry_after=seconds,
            )  # fmt: skip
