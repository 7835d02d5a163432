"""The device type: by the source's own class, else by the name of the operating system, else
unknown. Never by a part of the hostname."""

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
_DESKTOP_LINUX = (
    "ubuntu", "debian", "fedora", "mint", "opensuse", "suse linux enterprise desktop",
    "pop!_os", "elementary", "manjaro", "arch linux", "zorin", "linux desktop", "workstation",
)  # fmt: skip


def device_type(node_class: str | None, os: str | None) -> Verdict:
    """The device type of a record, one of `TYPES`."""
    if node_class:
        by_class = _BY_CLASS.get(node_class)
        if by_class is None and node_class.startswith("NMS_"):
            by_class = "network"
        if by_class is not None:
            return Verdict(by_class, f"node class is {node_class}")
        return Verdict("unknown", f"node class {node_class} is not known")
    if not os:
        return Verdict("unknown", "the source names neither a class nor an operating system")
    name = os.casefold()
    if "server" in name:
        return Verdict("server", f"operating system is {os}")
    if "windows" in name or "macos" in name or "mac os" in name or "os x" in name:
        return Verdict("workstation", f"operating system is {os}")
    if any(distribution in name for distribution in _DESKTOP_LINUX):
        return Verdict("workstation", f"operating system is {os}")
    return Verdict("unknown", f"operating system {os} tells no type")
