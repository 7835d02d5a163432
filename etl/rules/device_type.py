"""The device type: by the source's own class, else by the operating system and what an agent knows
of the machine's role, else unknown. Never by a part of the hostname."""

from typing import NamedTuple

from etl.rules import Verdict

TYPES = ("server", "workstation", "vm_guest", "network", "mobile", "other", "unknown")

_BY_CLASS = {
    **dict.fromkeys(
        ("WINDOWS_SERVER", "LINUX_SERVER", "MAC_SERVER", "VMWARE_VM_HOST", "HYPERV_VMM_HOST"),
        "server",
    ),
    **dict.fromkeys(("WINDOWS_WORKSTATION", "MAC", "LINUX_WORKSTATION", "CHROMEOS"), "workstation"),
    **dict.fromkeys(("VMWARE_VM_GUEST", "HYPERV_VMM_GUEST"), "vm_guest"),
    **dict.fromkeys(("ANDROID", "AOSP", "APPLE_IOS", "APPLE_IPADOS"), "mobile"),
    **dict.fromkeys(("CLOUD_MONITOR_TARGET", "MANAGED_DEVICE", "UNMANAGED_DEVICE"), "other"),
}
_BY_PRODUCT_TYPE = {
    "server": "server", "domain_controller": "server", "workstation": "workstation",
}  # fmt: skip
_DESKTOP_SYSTEMS = ("windows", "macos", "mac os", "os x", "darwin")
_PORTABLE = ("laptop", "convertible", "tablet")


class RoleFacts(NamedTuple):
    """What an agent reports about its machine's role; None where it does not know.

    `system`: linux, windows or darwin. `product_type`: the edition's role, workstation, server or
    domain_controller. `chassis`: in hostnamectl's words. `default_target`: what systemd starts.
    `has_desktop`: whether a graphical session is installed.
    """

    system: str | None = None
    product_type: str | None = None
    chassis: str | None = None
    default_target: str | None = None
    has_desktop: bool | None = None


def device_type(node_class: str | None, os: str | None, role: RoleFacts | None = None) -> Verdict:
    """The device type of a record, one of `TYPES`.

    The source's class decides, else the role of the system's edition, else the system's name:
    macOS is a workstation whatever its version is called, a name with "server" is a server, another
    Windows or macOS is a workstation. A Linux distribution's name is no role. There the chassis of
    a server or of a portable computer decides, else whether a desktop is installed and started,
    else a desktop's chassis. Debian and Ubuntu start graphical.target without any desktop, so that
    target alone tells nothing.
    """
    if node_class:
        by_class = _BY_CLASS.get(node_class)
        if by_class is None and node_class.startswith("NMS_"):
            by_class = "network"
        if by_class is not None:
            return Verdict(by_class, f"node class is {node_class}")
        return Verdict("unknown", f"node class {node_class} is not known")
    facts = role or RoleFacts()
    system = (facts.system or "").casefold()
    if system == "darwin":
        return Verdict("workstation", "operating system is macOS (darwin)")
    by_edition = _BY_PRODUCT_TYPE.get((facts.product_type or "").casefold())
    if by_edition is not None:
        return Verdict(by_edition, f"product type is {facts.product_type}")
    name = (os or "").casefold()
    if "server" in name:
        return Verdict("server", f"operating system is {os}")
    if system == "windows" or any(word in name for word in _DESKTOP_SYSTEMS):
        return Verdict("workstation", f"operating system is {os}")
    verdict = _by_machine(facts)
    if verdict is not None:
        return verdict
    if not os:
        return Verdict("unknown", "the source names neither a class nor an operating system")
    return Verdict("unknown", f"operating system {os} tells no type")


def _by_machine(facts: RoleFacts) -> Verdict | None:
    """The verdict of chassis, desktop and default target."""
    chassis = (facts.chassis or "").casefold()
    if chassis == "server":
        return Verdict("server", "chassis is server")
    if chassis in _PORTABLE:
        return Verdict("workstation", f"chassis is {chassis}")
    if facts.has_desktop and facts.default_target != "multi-user.target":
        return Verdict("workstation", "a desktop is installed and started")
    if facts.has_desktop is False and facts.default_target is not None:
        return Verdict("server", f"no desktop is installed; it starts {facts.default_target}")
    if chassis == "desktop":
        return Verdict("workstation", "chassis is desktop")
    return None
