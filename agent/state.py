"""The agent's persistent state, the machine's id and key in one file, and the lock that keeps a
second agent off it."""

import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Self

from agent.identity import ID_PATTERN

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_log = logging.getLogger(__name__)


class Locked(Exception):
    """Another agent uses this folder."""


class StateUnusable(Exception):
    """The folder cannot be used; the text says what to do."""


class State:
    """The file `state.json` in `folder`. Writing needs `Lock`, reading does not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "state.json"
        self.machine_id: str | None = None
        self.key: str | None = None
        self.unsaved = False
        self.load()

    def load(self) -> None:
        """Read the file; a damaged one is set aside and logged."""
        try:
            saved = json.loads(self.path.read_text(encoding="utf-8"))
            machine_id, key = saved["machine_id"], saved["key"]
            if not re.fullmatch(ID_PATTERN, machine_id) or not re.fullmatch(r"[!-~]+", key or "-"):
                raise ValueError("no id")
        except (FileNotFoundError, PermissionError):
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            aside = self.path.with_suffix(".damaged")
            _log.error("%s is damaged (%s): set aside as %s.", self.path, error, aside.name)
            try:
                self.path.replace(aside)
            except OSError as refused:
                raise StateUnusable(
                    f"{self.path} is damaged and cannot be set aside: {refused}"
                ) from error
            return
        self.machine_id, self.key = machine_id, key

    def save_or_log(self) -> None:
        """`save`, but log a failure, once; `unsaved` says whether it has to be tried again."""
        try:
            self.save()
            self.unsaved = False
        except OSError as error:
            if not self.unsaved:
                _log.error(
                    "%s cannot be written (%s): free some space, or this machine is forgotten when "
                    "the agent ends.", self.path, error.strerror,
                )  # fmt: skip
            self.unsaved = True

    def save(self) -> None:
        """Write the file atomically and durably.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps({"machine_id": self.machine_id, "key": self.key}, indent=1)
        temporary = self.path.with_suffix(".new")
        # Created with its mode, so that others can never read it.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        if sys.platform != "win32":
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class Lock:
    """Context manager: this process alone uses `folder`. Released when the process ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> Self:
        """
        Raises:
            Locked: another process holds the lock.
            StateUnusable: the folder cannot be written.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateUnusable(
                f"The state folder {self._folder} cannot be written ({error.strerror}): run as "
                "administrator, or set INVENTORY_HUB_STATE_DIR to a folder of your own."
            ) from error
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise Locked(
                f"Another inventory-agent is running on {self._folder}: stop that one first "
                "(inventory-agent status shows the service)."
            ) from error
        return self

    def __exit__(self, *_error: object) -> None:
        # The file is not removed, or two processes could lock two different files.
        os.close(self._descriptor)
