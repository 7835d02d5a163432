"""Faults that a simulated vendor has on demand: "the next two requests for devices get 503".

    faults.add("server_error", "devices-detailed", times=2, status=502)

A fault waits for requests whose path contains `path_contains`, lets the first `after` of them
through, and is used up after `times` of them. The oldest matching fault applies.
"""

import threading
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal[
    # instead of an answer
    "unauthorized", "forbidden", "not_found", "too_many_requests", "server_error", "html",
    "error_object", "redirect", "huge", "gzip_bomb", "answer",
    # an answer, but
    "slow", "truncated", "dropped", "repeated_page", "missing_page", "fewer_rows", "doubled_row",
    "no_pagination", "no_totals", "nulls", "int_timestamps", "nul", "surrogate", "long_text",
    "missing_field", "missing_id", "wrong_value",
]  # fmt: skip
"""unauthorized: 401, and Ninja forgets every access token. forbidden: 403. too_many_requests: 429.
server_error: `status` with a proxy's HTML; both with `retry_after` as header, if given. html: the
same with 200. error_object: the vendor's error body with 200. redirect: 302 to `location`. huge:
`megabytes` streamed. gzip_bomb: `megabytes` in a small gzip. answer: `status`, and `value` as the
body, with `headers`. slow: answers after `seconds`.
truncated: half of the JSON. dropped: the connection ends half-way. repeated_page: the first
answer again and again (an endless cursor). missing_page: a page without its rows. fewer_rows:
`rows` too few, totals unchanged. doubled_row: a row comes twice. no_pagination: no Pagination
header; no_totals: no `totalRows` either. nulls: null for keys that other rows have. The rest
spoil row number `row`, in `field` or its usual victim; wrong_value puts `value` there."""


@dataclass
class Fault:
    """One fault; `path_contains` None matches every path but the token's."""

    kind: Kind
    path_contains: str | None = None
    times: int | None = 1
    after: int = 0
    status: int = 503
    retry_after: str | None = None
    seconds: float = 30.0
    location: str = "http://127.0.0.1:9/elsewhere"
    megabytes: int = 100
    rows: int = 1
    row: int = 0
    field: str | None = None
    value: Any = None
    headers: dict[str, str] | None = None
    times_used: int = 0
    first_answer: tuple[bytes, str | None] | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no fault is called {self.kind!r}: take one of {get_args(Kind)}")

    def matches(self, path: str) -> bool:
        if self.path_contains is None:
            return not path.endswith("/oauth/token")
        return self.path_contains.casefold() in path.casefold()


@dataclass
class Faults:
    """The faults of one vendor. `standing` ones are never used up: they belong to the day."""

    pending: list[Fault] = field(default_factory=list)
    standing: list[Fault] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, kind: Kind, path_contains: str | None = None, *, times: int | None = 1, **detail: Any
    ) -> Fault:
        """Add a fault for the next `times` matching requests; None for all."""
        fault = Fault(kind, path_contains, times, **detail)
        with self._lock:
            self.pending.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults; slow answers that are waiting continue at once."""
        with self._lock:
            self.pending.clear()
        self.stopped.set()
        self.stopped = threading.Event()

    def take(self, path: str) -> Fault | None:
        """The fault for a request for `path`, which is counted."""
        with self._lock:
            for fault in self.pending:
                if not fault.matches(path) or fault.times_used == fault.times:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times_used += 1
                return fault
            return next((fault for fault in self.standing if fault.matches(path)), None)
