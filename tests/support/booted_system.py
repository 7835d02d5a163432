"""A throw-away Debian in a folder, and booting it: systemd as process 1 in namespaces of its own.

It has a network of its own with the loopback interface alone, so it disturbs nobody. Needs root.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SUITE, PYTHON_OF_DEBIAN = "bookworm", "3.11"
PACKAGES = "python3,python3-venv,systemd,tzdata"
BOOT = r"""
set -eu
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ip link set lo up
cd "$root"
mkdir -p old
pivot_root . old
umount -l old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""


def debian(folder: Path) -> Path:
    """A small Debian with Python and systemd in `folder`, from Debian's mirror."""
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", SUITE, folder],
        check=True, stdin=subprocess.DEVNULL, timeout=3600,
    )  # fmt: skip
    return folder


@dataclass
class System:
    """A booted system; `pid` is that of its first process."""

    pid: int

    def run(self, *command: str, ok: bool = True) -> str:
        """What `command` prints inside, as root; with `ok` it has to succeed."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-a", "env", "-i", "LC_ALL=C.UTF-8",
             "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=1200,
        )  # fmt: skip
        assert done.returncode == 0 or not ok, done.stdout
        return done.stdout

    def wait_for(self, text: str, *command: str) -> str:
        """What `command` prints once `text` is in it."""
        for _ in range(600):
            if text in (said := self.run(*command, ok=False)):
                return said
            time.sleep(0.5)
        raise AssertionError(f"{text!r} never came; last: {said}")

    def state(self, unit: str) -> str:
        """active, inactive, failed ..."""
        return self.run("systemctl", "is-active", unit, ok=False).strip()


@contextmanager
def booted(root: Path) -> Iterator[System]:
    """Boot the system in `root`; ended, with all its processes, at the end."""
    process = subprocess.Popen(
        ["unshare", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--fork",
         "--kill-child", "sh", "-c", BOOT, "sh", root],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        system = System(_first_child(process))
        system.wait_for("running", "systemctl", "is-system-running")
        yield system
    finally:
        process.kill()
        process.wait()


def _first_child(process: "subprocess.Popen[bytes]") -> int:
    for _ in range(600):
        assert process.poll() is None, "the system ended while it booted"
        for child in psutil.Process(process.pid).children():
            if child.name() == "systemd":
                return child.pid
        time.sleep(0.1)
    raise AssertionError("systemd was never started")


def in_chroot(root: Path, *command: str, **variables: str) -> str:
    """What `command` prints in `root`, where nothing runs."""
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "sh", "-c",
         'mount -t proc proc "$1/proc" && exec chroot "$@"', "sh", root,
         "env", "-i", "LC_ALL=C.UTF-8", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
         *(f"{name}={value}" for name, value in variables.items()), *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def health(system: System) -> dict[str, object]:
    """What /api/health answers inside."""
    ask = (
        "import urllib.request as r; "
        "print(r.urlopen('http://127.0.0.1:8050/api/health', timeout=60).read().decode())"
    )
    said = system.wait_for('"status"', "python3", "-c", ask)
    answer: dict[str, object] = json.loads(said)
    return answer
