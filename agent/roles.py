"""What tells a server from a workstation where the name of the system does not: a Linux
distribution is called the same on both."""

import sys
from pathlib import Path

from agent.systems import assignments, command_output

_CHASSIS = {
    **dict.fromkeys((3, 4, 6, 7, 13, 35, 36), "desktop"),
    **dict.fromkeys((8, 9, 10, 14), "laptop"),
    11: "handset",
    **dict.fromkeys((17, 23, 28, 29), "server"),
    30: "tablet",
    **dict.fromkeys((31, 32), "convertible"),
    **dict.fromkeys((33, 34), "embedded"),
}
"""hostnamectl's words for the chassis types of the firmware (SMBIOS 7.4.1). Virtual machines often
have type 1, "other"; Hyper-V's have 3."""
_UNITS = tuple(f"{folder}/systemd/system" for folder in ("etc", "run", "usr/lib", "lib"))
_ALIASES = {f"runlevel{n}.target": "multi-user.target" for n in (2, 3, 4)}
_ALIASES["runlevel5.target"] = "graphical.target"
_SESSIONS = ("usr/share/xsessions", "usr/share/wayland-sessions")
_ROOT = Path("/")


def product_type() -> str | None:
    """The role that the system's edition has: workstation, server or domain_controller. Most Linux
    distributions have one edition for all roles: None."""
    if sys.platform == "win32":
        from agent import windows

        return windows.product_type()
    return None if sys.platform == "darwin" else linux_product_type(_ROOT)


def linux_product_type(root: Path) -> str | None:
    """The edition by os-release's VARIANT_ID, as Fedora has it."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        variant = assignments(root / path).get("VARIANT_ID", "")
        if "server" in variant:
            return "server"
        if "workstation" in variant or "desktop" in variant:
            return "workstation"
    return None


def chassis() -> str | None:
    """What kind of case it is in, in hostnamectl's words: desktop, laptop, convertible, tablet,
    handset, server, embedded, or what an administrator set."""
    if sys.platform == "win32":
        from agent import windows

        return _CHASSIS.get(windows.chassis_type())
    if sys.platform == "darwin":
        return "laptop" if "Book" in command_output("sysctl", "-n", "hw.model") else "desktop"
    return linux_chassis(_ROOT)


def linux_chassis(root: Path) -> str | None:
    """What `hostnamectl set-chassis` wrote, else the firmware's type."""
    configured = assignments(root / "etc/machine-info").get("CHASSIS")
    if configured:
        return configured
    path = root / "sys/class/dmi/id/chassis_type"
    return _CHASSIS.get(int(path.read_text())) if path.exists() else None


def default_target(root: Path = _ROOT) -> str | None:
    """What systemd starts: graphical.target or multi-user.target. Debian and Ubuntu have the first
    as their default on servers too."""
    for folder in _UNITS:
        link = root / folder / "default.target"
        if link.is_symlink():
            name = link.readlink().name
            return _ALIASES.get(name, name)
    return None


def has_desktop(root: Path = _ROOT) -> bool | None:
    """Whether a graphical session can be started on a Linux machine; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    return (root / "etc/systemd/system/display-manager.service").is_symlink() or any(
        next((root / folder).glob("*.desktop"), None) is not None for folder in _SESSIONS
    )
