"""Log lines as JSON."""

import json
import logging

import pytest

from cli.logs import JsonLines

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
