"""The agent's log: a line of JSON for each event."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_report_id: ContextVar[str | None] = ContextVar("report_id", default=None)

# JSON may hold them as they are, but programs that read lines end one there.
_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x7f\x85\u2028\u2029"}


@contextmanager
def about_report(report_id: str) -> Iterator[None]:
    """Lines that are logged inside are about this report, or a batch that it is the first of."""
    before = _report_id.set(report_id)
    try:
        yield
    finally:
        _report_id.reset(before)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON with the server's names; `correlation_id` is the id of
    the report that is being delivered, null otherwise."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "correlation_id": _report_id.get(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False).translate(_LINE_ENDS)
