"""Probes: each may fail alone, and texts are safe for every database."""

import threading
import time
from pathlib import Path

import pytest

from agent.loop import start_delay
from agent.probes import Probes, clean_text, first_line, rfc3339


class Never(threading.Event):
    """An event for which nobody waits."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def fails() -> object:
    raise RuntimeError("the driver is broken")


def test_failing_probe_is_null_and_others_still_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    probes = Probes(Never())
    for _ in range(3):
        found = probes.run({"serial": fails, "hostname": lambda: "pc", "model": lambda: None})
        assert found == {"serial": None, "hostname": "pc", "model": None}
    assert caplog.text.count("serial cannot be found out: RuntimeError: the driver is broken") == 1
    probes.run({"serial": lambda: "S1"})
    probes.run({"serial": fails})
    assert caplog.text.count("serial cannot") == 2, "said again when it had worked meanwhile"


def test_collect_returns_every_fact() -> None:
    found = Probes(Never()).collect()
    for name in ("hostname", "os", "os_version", "memory_total_mb", "disk_total_mb", "boot_time"):
        assert found[name], name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" pc-7 ", "pc-7"),
        ("a\0b\x1bc\nd", "a b c d"),
        ("\udc80host", "?host"),
        ("Büro 😀", "Büro 😀"),
        ("\0 \t", None),
        ("", None),
    ],
)
def test_clean_text_removes_what_databases_reject(text: str, expected: str | None) -> None:
    assert clean_text(text) == expected


def test_times_carry_their_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone, expected in (
        ("UTC", "2026-11-22T04:20:25Z"),
        ("America/Cuiaba", "2026-11-22T00:20:25-04:00"),
        ("Asia/Kolkata", "2026-11-22T09:50:25+05:30"),
    ):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert rfc3339(1795321225.9) == expected
    monkeypatch.undo()
    time.tzset()


def test_serial_number_comes_from_firmware_files(tmp_path: Path) -> None:
    dmi, tree = tmp_path / "product_serial", tmp_path / "serial-number"
    assert first_line(dmi, tree) is None
    tree.write_bytes(b"100000003d1f2a\0")
    assert first_line(dmi, tree) == "100000003d1f2a"
    dmi.write_text("VMware-56 4d\n")
    assert first_line(dmi, tree) == "VMware-56 4d"


def test_only_a_recently_booted_machine_delays_its_first_report() -> None:
    assert start_delay(60, 3600, lambda low, high: high) == 0
    assert start_delay(60, 30, lambda low, high: high) == 60
    assert start_delay(60, 30, lambda low, high: low) == 0
