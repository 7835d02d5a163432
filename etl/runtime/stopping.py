"""Stopping on SIGTERM and Ctrl-C: at once while the process only waits, else at the next page or
job.

A signal handler runs between any two instructions, also while a transaction begins or ends, where
an exception would leave the transaction open. So the handler raises only inside `waiting()`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_requested = False
_is_waiting = False


def on_signals() -> None:
    """Install the handlers of SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)


def stop_requested() -> bool:
    """Whether a signal asked this process to stop."""
    return _requested


def check() -> None:
    """A point at which the process may stop.

    Raises:
        KeyboardInterrupt: a signal asked it to.
    """
    if _requested:
        raise KeyboardInterrupt


@contextmanager
def waiting() -> Iterator[None]:
    """Around code that only waits: a signal interrupts it with KeyboardInterrupt."""
    global _is_waiting
    # Python runs signal handlers in the main thread only.
    _is_waiting = threading.current_thread() is threading.main_thread()
    try:
        if _is_waiting:
            check()
        yield
    finally:
        _is_waiting = False


def _stop(*_: object) -> None:
    global _requested
    if not _requested:
        _requested = True
        if _is_waiting:
            raise KeyboardInterrupt
