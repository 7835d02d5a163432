"""Being told to stop by a signal: at once while we only wait, else at the next page or task.

A signal comes between any two instructions, also while a transaction begins or ends. An exception
there would leave it open, and whoever tidies up would wait for the database until its time-out;
so it is raised nowhere but where this program does nothing but wait.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_told = False
_waits = False


def on_signals() -> None:
    """From now on SIGTERM and Ctrl-C stop this process in good order."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)


def stop_requested() -> bool:
    """Whether a signal asked this process to stop."""
    return _told


def check() -> None:
    """Go no further once told to stop.

    Raises:
        KeyboardInterrupt: told.
    """
    if _told:
        raise KeyboardInterrupt


@contextmanager
def waiting() -> Iterator[None]:
    """Inside, nothing is done but wait: a signal ends it with KeyboardInterrupt."""
    global _waits
    # Python runs signal handlers in the main thread: no other one can be interrupted.
    _waits = threading.current_thread() is threading.main_thread()
    try:
        if _waits:
            check()
        yield
    finally:
        _waits = False


def _stop(*_: object) -> None:
    global _told
    if not _told:
        _told = True
        if _waits:
            raise KeyboardInterrupt
