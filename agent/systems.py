"""The operating system's name and version as people write them."""

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


def os_name() -> str:
    """TatuScan's `os`: linux, windows or darwin."""
    return {"win32": "windows"}.get(sys.platform, sys.platform)


def os_version() -> str:
    """TatuScan's `os_version`."""
    if sys.platform == "win32":
        from agent import windows

        return windows_version(*windows.product())
    if sys.platform == "darwin":
        return macos_version(command_output("sw_vers"))
    return linux_version(Path("/"), platform.release)


def linux_version(root: Path, release: Callable[[], str]) -> str:
    """NAME and VERSION of os-release, else of older files, else the kernel's `release`."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        values = assignments(root / path)
        label = values.get("NAME") or values.get("ID")
        if label:
            return f"{label} {values.get('VERSION') or values.get('VERSION_ID') or ''}".strip()
    values = assignments(root / "etc/lsb-release")
    if values.get("DISTRIB_DESCRIPTION"):
        return values["DISTRIB_DESCRIPTION"]
    if values.get("DISTRIB_ID"):
        return f"{values['DISTRIB_ID']} {values.get('DISTRIB_RELEASE', '')}".strip()
    line = _text(root / "etc/redhat-release").strip().partition("\n")[0]
    return line or f"Linux {release()}"


def macos_version(sw_vers: str) -> str:
    """Parse the output of `sw_vers`: "macOS 14.5 (23F79)".

    Raises:
        KeyError: it is something else.
    """
    lines = [line.partition(":") for line in sw_vers.splitlines()]
    values = {key.strip(): value.strip() for key, _, value in lines}
    return f"{values['ProductName']} {values['ProductVersion']} ({values['BuildVersion']})"


def windows_version(product: str, build: int, server: bool) -> str:
    """A product and its build: "Windows 11 Pro (build 22631)".

    Args:
        product: the registry's ProductName, which calls Windows 11 "Windows 10" and may be "".
        server: whether this is a server edition; builds are shared with clients.
    """
    if server and "server" not in product.lower():
        year = next((year for first, year in WINDOWS_SERVERS if build >= first), "")
        product = f"Windows Server {year}".strip()
    else:
        product = product or f"Windows {_client(build)}"
        if build >= 22000:
            product = re.sub(r"^(Microsoft )?Windows 10\b", "Windows 11", product)
    return f"{product} (build {build})"


def command_output(*command: str) -> str:
    """The standard output of `command`.

    Raises:
        OSError, subprocess.SubprocessError: it is missing, fails, or takes over 10 s.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout


def _client(build: int) -> str:
    versions = ((22000, "11"), (10240, "10"), (9600, "8.1"), (9200, "8"))
    return next((version for first, version in versions if build >= first), "7")


def assignments(path: Path) -> dict[str, str]:
    """The variables in a file of KEY=value lines; {} when it cannot be read."""
    variables = {}
    for line in _text(path).splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            try:
                variables[key] = "".join(shlex.split(value)[:1])
            except ValueError:
                # An unclosed quote: taken literally.
                variables[key] = value
    return variables


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
