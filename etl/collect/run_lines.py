"""The log lines of one run: what it says of itself, and what is logged while it runs."""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine, insert

from db.engine import writing
from db.tables import run_details

log = logging.getLogger(__name__)

FIRST_LINES, LAST_LINES = 100, 200
"""Of a longer log its beginning and its end are kept."""

LONGEST = 2000
"""Characters of a line."""

Line = tuple[str, str, str]
"""The instant (ISO 8601, UTC), the level in lower case, the text."""


class RunLines(logging.Handler):
    """Collects the lines of the thread that made it. `answer`: how the vendor's raw answer begins
    that made the run fail, if one did."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.answer: str | None = None
        self._clock = clock
        self._thread = threading.get_ident()
        self._first: list[Line] = []
        self._last: deque[Line] = deque(maxlen=LAST_LINES)
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        # Another thread serves something else: an agent, a page, a simulated vendor.
        if record.thread == self._thread and record.name != __name__:
            self.add(record.getMessage(), record.levelname.lower())

    def say(self, text: str, level: int = logging.INFO) -> None:
        """Add a line, whatever LOG_LEVEL is, and log it."""
        self.add(text, logging.getLevelName(level).lower())
        log.log(level, "%s", text)

    def add(self, text: str, level: str = "info") -> None:
        """Add a line. What a vendor sent makes no second one, and turns no text around: what does
        not print is escaped."""
        printed = "".join(
            letter if letter.isprintable() else letter.encode("unicode_escape").decode()
            for letter in text[:LONGEST]
        )
        line = (self._clock().astimezone(UTC).isoformat(timespec="milliseconds"), level, printed)
        self._count += 1
        if len(self._first) < FIRST_LINES:
            self._first.append(line)
        else:
            self._last.append(line)

    def lines(self) -> list[Line]:
        """The kept lines, the oldest first."""
        left_out = self._count - len(self._first) - len(self._last)
        if not left_out:
            return [*self._first, *self._last]
        gap = (self._last[0][0], "info", f"({left_out} lines are not kept)")
        return [*self._first, gap, *self._last]


@contextmanager
def recorded_lines(
    engine: Engine, run_id: int, clock: Callable[[], datetime]
) -> Iterator[RunLines]:
    """Record what is logged in this thread, and store it at the end, however that comes."""
    lines = RunLines(clock)
    root = logging.getLogger()
    root.addHandler(lines)
    try:
        yield lines
    finally:
        root.removeHandler(lines)
        with writing(engine) as connection:
            connection.execute(
                insert(run_details).values(
                    run_id=run_id, answer=lines.answer, log=json.dumps(lines.lines())
                )
            )
