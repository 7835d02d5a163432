"""Reports of a fleet: real servers on loopback, a load generator on the same cores, and as the
floor Flask that says hello on the same server."""

import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from bench.figures import Figure
from bench.load import Load, load
from bench.stores import Store

ROOT = Path(__file__).parent.parent
AT_ONCE = 128
MOST_OF_HELLO = 1 / 0.4
"""Time of a post as a multiple of a hello's: 0.4 of its rate."""
MILLISECONDS = {"postgresql": 1000 / 1667, "sqlite": 1000 / 1000}
"""Time of a post when each comes on a new connection: the rate of 100,000 machines a minute, and
a thousand a second."""
P99_MILLISECONDS = 250.0
_PATIENCE = 60.0


def figures(stores: Sequence[Store], machines: int, seconds: float) -> Iterator[Figure]:
    """Posts of `machines` machines, `seconds` long each, in turns with the floor.

    Raises:
        ConnectionError: a server does not come up, or goes away.
    """
    for store in stores:
        url = store.ours.url.render_as_string(hide_password=False)
        served = {"AUTH": "none", "INGEST_AUTH": "open", "DATABASE_URL": url}
        with (
            _server(["-m", "bench.hello"], {}) as hello,
            _server(["-m", "cli.main", "serve", "--port"], served) as ours,
        ):
            # Every machine's first report makes its row; what is measured are the later ones.
            first = (_request(n, True) for n in range(machines))
            _all(load(ours, first, at_once=AT_ONCE, seconds=_PATIENCE, keep_alive=True))
            for keep_alive in (True, False):
                requests = [_request(n, keep_alive) for n in range(machines)]
                floor, measured = _in_turns((hello, ours), requests, seconds, keep_alive)
                yield from _told(store.kind, measured, floor, keep_alive=keep_alive)


def _in_turns(
    ports: tuple[int, int], requests: Sequence[bytes], seconds: float, keep_alive: bool
) -> tuple[Load, Load]:
    """The better of three runs of both servers, one after the other: what else the machine does
    meanwhile only takes away."""

    def run(port: int) -> Load:
        again = itertools.cycle(requests)
        return _all(load(port, again, at_once=AT_ONCE, seconds=seconds, keep_alive=keep_alive))

    runs = [(run(ports[0]), run(ports[1])) for _ in range(3)]
    return max((one for one, _ in runs), key=_rate), max((one for _, one in runs), key=_rate)


def _rate(measured: Load) -> float:
    return measured.rate


def _told(kind: str, ours: Load, floor: Load, *, keep_alive: bool) -> Iterator[Figure]:
    how = "kept connections" if keep_alive else "a new connection each"
    of_hello = (1000 / ours.rate, 1000 / floor.rate, MOST_OF_HELLO)
    yield Figure(kind, f"report, {how}, against hello", "ms each", *of_hello)
    if not keep_alive:
        each = Figure(kind, f"report, {how}", "ms each", 1000 / ours.rate, None, MILLISECONDS[kind])
        yield each
        p99 = ours.percentile(0.99) * 1000
        yield Figure(kind, f"report, {how}, p99", "ms", p99, None, P99_MILLISECONDS)


def _all(measured: Load) -> Load:
    """`measured`, if everything was answered well.

    Raises:
        ConnectionError: it was not.
    """
    if set(measured.statuses) - {200, 201}:
        raise ConnectionError(
            f"The server answered {dict(measured.statuses)}; with 429 among them, let more "
            "--machines report: each may do so 60 times a minute."
        )
    return measured


def _request(n: int, keep_alive: bool) -> bytes:
    body = json.dumps(
        {
            "machine_id": sha256(str(n).encode()).hexdigest(), "hostname": f"pc-{n}",
            "ip": "192.0.2.7", "os": "linux", "os_version": "Debian GNU/Linux 12 (bookworm)",
            "cpu_percent": n % 100, "memory_total_mb": 8192, "memory_used_mb": n % 8192,
            "timestamp": "2026-11-22T04:20:25Z",
        }
    ).encode()  # fmt: skip
    close = "" if keep_alive else "Connection: close\r\n"
    head = (
        "POST /api/machines HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{close}\r\n"
    )
    return head.encode() + body


@contextmanager
def _server(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[int]:
    """A server in a process of its own; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, *command, str(port)], cwd=folder, stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        )  # fmt: skip
        try:
            _await(port)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _await(port: int) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
