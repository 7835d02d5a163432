"""A lock file between processes of one machine, released when the process that holds it ends."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

WAIT_SECONDS = 9.0
"""Longer than a successful token request; short enough that a failing run ends within 120 s."""
_STEP = 0.2


class FileLock:
    """Usage: `with FileLock(path, sleep):`.

    Raises:
        TimeoutError: another process held it for `WAIT_SECONDS`.
        OSError: the file or its folder cannot be created.
    """

    def __init__(self, path: Path, sleep: Callable[[float], None]) -> None:
        self._path = path
        self._sleep = sleep
        self._descriptor = -1

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        waited = 0.0
        while not _try_lock(self._descriptor):
            if waited >= WAIT_SECONDS:
                os.close(self._descriptor)
                raise TimeoutError(f"{self._path} has been held for {WAIT_SECONDS:.0f} s")
            self._sleep(_STEP)
            waited += _STEP

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Closing releases the lock. The file stays: if it were deleted, two processes could lock
        # two different files of that name.
        os.close(self._descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
