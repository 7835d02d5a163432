"""Servers in processes of their own, as a benchmark measures them."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TIMEOUT = 60.0
"""Seconds that a server may take to start, and to answer a first load."""

_ROOT = Path(__file__).parent.parent


@contextmanager
def running_server(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[int]:
    """Run a server in a process of its own; yields its port.

    Args:
        command: arguments of Python, to which the port is added.
        environ: added to this process's environment.

    Raises:
        OSError: it does not listen within `TIMEOUT`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, *command, str(port)], cwd=folder, stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, **environ},
        )  # fmt: skip
        try:
            _wait_for_port(port)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
