"""The operating system's name and version, in words a person would use."""

import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

WINDOWS_SERVERS = (
    (26100, "2025"), (25398, "23H2"), (20348, "2022"), (19042, "20H2"), (19041, "2004"),
    (18363, "1909"), (18362, "1903"), (17763, "2019"), (17134, "1803"), (16299, "1709"),
    (14393, "2016"), (9600, "2012 R2"), (9200, "2012"), (7600, "2008 R2"),
)  # fmt: skip
"""The first build of each Windows Server, newest first."""


def name() -> str:
    """What TatuScan sends as `os`: linux, windows or darwin."""
    return {"win32": "windows"}.get(sys.platform, sys.platform)


def version() -> str:
    """What TatuScan sends as `os_version`, and means."""
    if sys.platform == "win32":
        from agent import windows

        return windows_version(*windows.product())
    if sys.platform == "darwin":
        return macos_version(answer_of("sw_vers"))
    return linux_version(Path("/"), platform.release)


def linux_version(root: Path, release: Callable[[], str]) -> str:
    """NAME and VERSION of os-release, else what older files say, else the kernel's `release`."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        found = _assignments(root / path)
        label = found.get("NAME") or found.get("ID")
        if label:
            return f"{label} {found.get('VERSION') or found.get('VERSION_ID') or ''}".strip()
    found = _assignments(root / "etc/lsb-release")
    if found.get("DISTRIB_DESCRIPTION"):
        return found["DISTRIB_DESCRIPTION"]
    if found.get("DISTRIB_ID"):
        return f"{found['DISTRIB_ID']} {found.get('DISTRIB_RELEASE', '')}".strip()
    line = _text(root / "etc/redhat-release").strip().partition("\n")[0]
    return line or f"Linux {release()}"


def macos_version(sw_vers: str) -> str:
    """Of what `sw_vers` prints: "macOS 14.5 (23F79)".

    Raises:
        KeyError: it printed something else.
    """
    lines = [line.partition(":") for line in sw_vers.splitlines()]
    found = {key.strip(): value.strip() for key, _, value in lines}
    return f"{found['ProductName']} {found['ProductVersion']} ({found['BuildVersion']})"


def windows_version(product: str, build: int, server: bool) -> str:
    """A product and its build: "Windows 11 Pro (build 22631)".

    Args:
        product: the registry's ProductName, which calls Windows 11 "Windows 10" and may be "".
        server: whether this is an edition for servers; the build alone cannot tell.
    """
    if server and "server" not in product.lower():
        year = next((year for first, year in WINDOWS_SERVERS if build >= first), "")
        product = f"Windows Server {year}".strip()
    else:
        product = product or f"Windows {_client(build)}"
        if build >= 22000:
            product = re.sub(r"^(Microsoft )?Windows 10\b", "Windows 11", product)
    return f"{product} (build {build})"


def answer_of(*command: str) -> str:
    """What `command` of the system prints.

    Raises:
        OSError, subprocess.SubprocessError: it is missing, fails, or takes too long.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout


def _client(build: int) -> str:
    versions = ((22000, "11"), (10240, "10"), (9600, "8.1"), (9200, "8"))
    return next((version for first, version in versions if build >= first), "7")


def _assignments(path: Path) -> dict[str, str]:
    found = {}
    for line in _text(path).splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            try:
                found[key] = "".join(shlex.split(value)[:1])
            except ValueError:
                # A quote that is never closed: as it stands.
                found[key] = value
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
