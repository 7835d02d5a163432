"""Rules 1 to 3: what one record is."""

from dataclasses import dataclass, field

from tests.support.oracle import names

TYPES = {
    "WINDOWS_SERVER": "server", "LINUX_SERVER": "server", "MAC_SERVER": "server",
    "VMWARE_VM_HOST": "server", "HYPERV_VMM_HOST": "server",
    "WINDOWS_WORKSTATION": "workstation", "MAC": "workstation",
    "LINUX_WORKSTATION": "workstation", "CHROMEOS": "workstation",
    "VMWARE_VM_GUEST": "vm_guest", "HYPERV_VMM_GUEST": "vm_guest",
    "ANDROID": "mobile", "AOSP": "mobile", "APPLE_IOS": "mobile", "APPLE_IPADOS": "mobile",
    "CLOUD_MONITOR_TARGET": "other", "MANAGED_DEVICE": "other", "UNMANAGED_DEVICE": "other",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What a source said of one device on one day."""

    key: str
    org: str | None = None
    org_name: str | None = None
    hostname: str | None = None
    display_name: str | None = None
    location: str | None = None
    os: str | None = None
    node_class: str | None = None
    serial: str | None = None
    managed: bool = True
    readable: bool = True
    id_readable: bool = True
    macs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """Rule 15: one version of what can be set."""

    spare_words: tuple[str, ...] = ("spare",)
    spare_node_classes: tuple[str, ...] = ("VMWARE_VM_GUEST",)
    internal_sites: tuple[str, ...] = ()
    source_order: tuple[str, ...] = ("ninja", "threatlocker", "agent")
    expected_sources: tuple[str, ...] = field(default=())


def is_spare(row: Row, rules: Rules) -> bool:
    """Rule 1."""
    texts = [text.casefold() for text in (row.display_name, row.location) if text]
    return row.node_class in rules.spare_node_classes or any(
        word.casefold() in text for word in rules.spare_words for text in texts
    )


def device_type(row: Row) -> str:
    """Rule 3: by the source's own class, else by the name of the OS, else unknown."""
    if row.node_class:
        if row.node_class.startswith("NMS_"):
            return "network"
        if row.node_class in TYPES:
            return TYPES[row.node_class]
    os = (row.os or "").casefold()
    if "server" in os:
        return "server"
    if any(name in os for name in ("windows", "macos", "darwin")):
        return "workstation"
    return "unknown"


def billing_status(row: Row, site_name: str, rules: Rules) -> str:
    """Rule 2: excluded, else spare, else billable."""
    inside = {names.site(name) for name in rules.internal_sites}
    if not row.managed or names.site(site_name) in inside:
        return "excluded"
    return "spare" if is_spare(row, rules) else "billable"
