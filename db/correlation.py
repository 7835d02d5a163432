"""The correlation id: it joins what one request leads to, in this process and, through the rows of
jobs, in the worker: log lines, the job, its collection run, entries of the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

_current: ContextVar[str | None] = ContextVar("correlation_id", default=None)


def correlation_id() -> str | None:
    """The id of what this thread works for; None where it works for nothing in particular."""
    return _current.get()


@contextmanager
def correlated(wanted: str | None = None) -> Iterator[str]:
    """Work for `wanted` inside; without it for what is worked for already, else for something new
    with an id of its own, a UUID."""
    now = wanted or _current.get() or str(uuid4())
    before = _current.set(now)
    try:
        yield now
    finally:
        _current.reset(before)
