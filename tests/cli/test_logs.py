"""Log lines as JSON."""

import json
import logging

import pytest

from cli.logs import JsonLines
from db.correlation import correlated

FORGED = 'x{end}{{"time": "2026-12-01T00:00:00.000+00:00", "level": "ERROR", "message": "forged"}}'


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"], ids=ascii
)
def test_asvs_16_4_1_no_text_makes_a_second_log_line(end: str) -> None:
    name = FORGED.format(end=end)
    record = logging.LogRecord("hub", logging.INFO, "hub.py", 1, "host %s", (name,), None)
    (line,) = JsonLines().format(record).splitlines()
    assert json.loads(line)["message"] == f"host {name}"
    assert json.loads(line)["level"] == "INFO"


def test_a_line_names_what_it_was_written_for() -> None:
    record = logging.LogRecord("hub", logging.INFO, "hub.py", 1, "text", (), None)
    with correlated() as first:
        assert json.loads(JsonLines().format(record))["correlation_id"] == first
        with correlated() as same, correlated("other"):
            assert same == first
            assert json.loads(JsonLines().format(record))["correlation_id"] == "other"
    assert json.loads(JsonLines().format(record))["correlation_id"] is None
