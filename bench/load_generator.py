"""An HTTP load generator for loopback: one thread, raw sockets, prepared requests.

It shares the cores with the server that it measures, so it does little: a request is one `send` of
prepared bytes, and of an answer only status and length are parsed.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Load:
    """A run: answers by status, the seconds of each answer, the seconds of the run."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.lasted

    def percentile(self, part: float) -> float:
        """The seconds within which `part` of the answers came."""
        return sorted(self.seconds)[int(part * (len(self.seconds) - 1))]


class _Exchange:
    __slots__ = ("answer", "begun", "socket")

    def __init__(self, connection: socket.socket, begun: float) -> None:
        self.socket = connection
        self.begun = begun
        self.answer = b""

    def status(self) -> int | None:
        """The answer's status, None while it is incomplete."""
        head, separator, body = self.answer.partition(b"\r\n\r\n")
        if not separator:
            return None
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 : lower.find(b"\r\n", at) if b"\r\n" in lower[at:] else None])
        return int(head[9:12]) if len(body) >= length else None


def load(
    port: int, requests: Iterator[bytes], *, at_once: int, seconds: float, keep_alive: bool
) -> Load:
    """Send `requests`, `at_once` of them concurrently, for `seconds` or until none is left.

    Args:
        keep_alive: reuse connections; else each request opens a new one.

    Raises:
        ConnectionError: the server closed a connection or does not accept any.
    """
    measured = Load()
    selector = selectors.EpollSelector()
    begun = time.perf_counter()
    until = begun + seconds
    in_flight = 0

    def send(connection: socket.socket | None) -> None:
        nonlocal in_flight
        if connection is not None:
            selector.unregister(connection)
        request = next(requests, None)
        if request is None:
            return
        now = time.perf_counter()
        if connection is None:
            connection = _connect(port)
        connection.send(request)
        selector.register(connection, selectors.EVENT_READ, _Exchange(connection, now))
        in_flight += 1

    for _ in range(at_once):
        send(None)
    while in_flight:
        for key, _events in selector.select(5):
            exchange: _Exchange = key.data
            part = exchange.socket.recv(65536)
            if not part:
                raise ConnectionError("the server closed a connection before its answer")
            exchange.answer += part
            status = exchange.status()
            if status is None:
                continue
            now = time.perf_counter()
            measured.statuses[status] += 1
            measured.seconds.append(now - exchange.begun)
            in_flight -= 1
            if keep_alive:
                if now < until:
                    send(exchange.socket)
                continue
            selector.unregister(exchange.socket)
            exchange.socket.close()
            if now < until:
                send(None)
    measured.lasted = time.perf_counter() - begun
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
    return measured


def _connect(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(50):
        if connection.connect_ex(("127.0.0.1", port)) == 0:
            return connection
        time.sleep(0.01)  # The server's accept queue is full.
    raise ConnectionError(f"nothing answers at port {port}")
