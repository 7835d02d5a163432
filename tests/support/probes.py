"""A machine for the agent's probes: made-up disks, and no waiting for the processor's load."""

import threading
from collections.abc import Sequence
from types import SimpleNamespace

import psutil
import pytest


class NeverWaiting(threading.Event):
    """An event for which nobody waits."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def mount_disks(
    monkeypatch: pytest.MonkeyPatch, mounts: Sequence[tuple[str, str, str, int, int]]
) -> None:
    """Let psutil tell of these mounts: device, place, type, total and used bytes. There is no card
    in the reader at /card."""
    parts = [SimpleNamespace(device=m[0], mountpoint=m[1], fstype=m[2], opts="rw") for m in mounts]
    sizes = {m[1]: SimpleNamespace(total=m[3], used=m[4], free=m[3] - m[4]) for m in mounts}

    def usage(place: str) -> SimpleNamespace:
        if place == "/card":
            raise OSError(123, "No medium found")
        return sizes[place]

    monkeypatch.setattr(psutil, "disk_partitions", lambda all: parts)
    monkeypatch.setattr(psutil, "disk_usage", usage)
