"""Ingest: reports to the real server on loopback, from a load generator on the same cores. The
floor is a Flask hello on the same kind of server."""

import itertools
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256

from bench.load_generator import Load, load
from bench.measurements import Measurement
from bench.server_process import TIMEOUT, running_server
from bench.stores import Store

AT_ONCE = 128
HELLO_LIMIT = 1 / 0.4
"""Limit of a post's time, in times of a hello: 0.4 of its rate."""
POST_LIMIT_MS = {"postgresql": 1000 / 1667, "sqlite": 1000 / 1000}
"""Limits of a post's time with a new connection each: 100,000 machines a minute on PostgreSQL, and
1,000 reports a second on SQLite."""
P99_LIMIT_MS = 250.0


def measure(stores: Sequence[Store], machines: int, seconds: float) -> Iterator[Measurement]:
    """Measure posts of `machines` machines, in runs of `seconds`, in turns with the floor.

    Raises:
        ConnectionError: a server does not start, or stops answering.
    """
    for store in stores:
        url = store.ours.url.render_as_string(hide_password=False)
        served = {"AUTH": "none", "INGEST_AUTH": "open", "DATABASE_URL": url}
        with (
            running_server(["-m", "bench.hello_server"], {}) as hello,
            running_server(["-m", "cli.main", "serve", "--port"], served) as ours,
        ):
            # A machine's first report creates its row; only later ones are measured.
            first = (_request(n, True) for n in range(machines))
            _checked(load(ours, first, at_once=AT_ONCE, seconds=TIMEOUT, keep_alive=True))
            for keep_alive in (True, False):
                requests = [_request(n, keep_alive) for n in range(machines)]
                floor, measured = _in_turns((hello, ours), requests, seconds, keep_alive)
                yield from _measurements(store.kind, measured, floor, keep_alive=keep_alive)


def _in_turns(
    ports: tuple[int, int], requests: Sequence[bytes], seconds: float, keep_alive: bool
) -> tuple[Load, Load]:
    """The best of three runs of each server, in turns: other load can only slow a run down."""

    def run(port: int) -> Load:
        again = itertools.cycle(requests)
        return _checked(load(port, again, at_once=AT_ONCE, seconds=seconds, keep_alive=keep_alive))

    runs = [(run(ports[0]), run(ports[1])) for _ in range(3)]
    return max((floor for floor, _ in runs), key=_rate), max((ours for _, ours in runs), key=_rate)


def _rate(measured: Load) -> float:
    return measured.rate


def _measurements(kind: str, ours: Load, floor: Load, *, keep_alive: bool) -> Iterator[Measurement]:
    how = "kept connections" if keep_alive else "a new connection each"
    of_hello = (1000 / ours.rate, 1000 / floor.rate, HELLO_LIMIT)
    yield Measurement(kind, f"report, {how}, against hello", "ms each", *of_hello)
    if not keep_alive:
        each = Measurement(
            kind, f"report, {how}", "ms each", 1000 / ours.rate, None, POST_LIMIT_MS[kind]
        )
        yield each
        p99 = ours.percentile(0.99) * 1000
        yield Measurement(kind, f"report, {how}, p99", "ms", p99, None, P99_LIMIT_MS)


def _checked(measured: Load) -> Load:
    """`measured`, if every answer was a success.

    Raises:
        ConnectionError: one was not.
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
