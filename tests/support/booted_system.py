"""A throw-away Debian in a folder, and booting it: systemd as process 1 in namespaces of its own.

It has a network of its own with the loopback interface alone, and a control group of its own, in
which its systemd believes itself at the top: so it disturbs neither this machine's systemd nor
anybody else. Needs root and cgroup v2.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

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
    with _control_group() as group:
        process = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', "sh", group,
             "unshare", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--fork",
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


@contextmanager
def _control_group() -> Iterator[Path]:
    """A new group at the top of cgroup v2; removed at the end, with what systemd made in it."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    top = next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")
    group = top / f"inventory-hub-{uuid4().hex}"
    group.mkdir()
    try:
        yield group
    finally:
        for each in sorted(group.rglob("*/"), reverse=True):
            _remove(each)
        _remove(group)


def _remove(group: Path) -> None:
    for _ in range(600):
        try:
            return group.rmdir()
        except OSError:  # Its processes are still ending.
            time.sleep(0.1)
    raise AssertionError(f"{group} still holds processes")


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
