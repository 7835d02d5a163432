"""Probes: each may fail alone, and texts are safe for every database."""

import time
from pathlib import Path

import psutil
import pytest

from agent.loop import start_delay
from agent.probes import Probes, clean_text, first_line, rfc3339
from tests.support.probes import NeverWaiting, mount_disks


def fails() -> object:
    raise RuntimeError("the driver is broken")


def test_failing_probe_is_null_and_others_still_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    probes = Probes(NeverWaiting())
    for _ in range(3):
        found = probes.run({"serial": fails, "hostname": lambda: "pc", "model": lambda: None})
        assert found == {"serial": None, "hostname": "pc", "model": None}
    assert caplog.text.count("serial cannot be found out: RuntimeError: the driver is broken") == 1
    probes.run({"serial": lambda: "S1"})
    probes.run({"serial": fails})
    assert caplog.text.count("serial cannot") == 2, "said again when it had worked meanwhile"


def pool(name: str, total: int, used: int) -> tuple[str, str, str, int, int]:
    return name, f"/mnt/b/{name}", "zfs", total, used


ZFS_POOL = [
    pool("tank", 2640998957056, 262144), pool("tank/docker", 2669846462464, 28847767552),
    pool("tank/vm_disks", 3259648704512, 618650009600),
    pool("tank/mediaserver", 10597516967936, 7956518273024),
    pool("tank/timemachine", 2865507467264, 224508772352),
]  # fmt: skip
"""Mounts of a real machine: device, place, type, total and used bytes."""

BIND_MOUNTS = [
    ("/dev/nvme0n1p2", place, "ext4", 501809635328, 100000000000)
    for place in ("/", "/etc/hosts", "/etc/resolv.conf", "/opt", "/config/keys")
]


@pytest.mark.parametrize(
    ("mounts", "total", "used"),
    [
        (ZFS_POOL, 10938190, 8419537),
        # A quota leaves one dataset less of what is free; a snapshot has no space of its own.
        ([*ZFS_POOL, pool("tank/quota", 1 << 30, 1 << 20), pool("tank@old", 1 << 50, 1 << 40),
          *ZFS_POOL], 10938191, 8419538),
        ([*ZFS_POOL, pool("rpool/ROOT", 3 << 30, 1 << 30)], 10938190 + 3072, 8419537 + 1024),
        (BIND_MOUNTS, 478562, 95367),
        ([*BIND_MOUNTS, ("/dev/sr0", "/media", "iso9660", 1 << 30, 1 << 30),
          ("/dev/sdb1", "/card", "vfat", 0, 0), ("/dev/sdc1", "/data", "ext4", 1 << 30, 1 << 20)],
         478562 + 1024, 95367 + 1),
    ],
)  # fmt: skip
def test_each_disk_and_each_pool_counts_once(
    monkeypatch: pytest.MonkeyPatch,
    mounts: list[tuple[str, str, str, int, int]],
    total: int,
    used: int,
) -> None:
    mount_disks(monkeypatch, mounts)
    found = Probes(NeverWaiting()).collect()
    assert (found["disk_total_mb"], found["disk_used_mb"]) == (total, used)


def test_start_before_the_clock_was_set_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "boot_time", lambda: 5.0)
    assert Probes(NeverWaiting()).collect()["boot_time"] is None


def test_collect_returns_every_fact() -> None:
    found = Probes(NeverWaiting()).collect()
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
