"""Machines: hardware that stays the same, and periods ("stays") of what changes."""

import random
from bisect import bisect_right
from dataclasses import dataclass, field
from uuid import UUID

from etl.demo import names

WORKSTATIONS = ("WINDOWS_WORKSTATION", "MAC", "LINUX_WORKSTATION")
SERVERS = ("WINDOWS_SERVER", "LINUX_SERVER")
HOSTS = ("VMWARE_VM_HOST", "HYPERV_VMM_HOST")
GUESTS = ("VMWARE_VM_GUEST", "HYPERV_VMM_GUEST")
MOBILES = ("APPLE_IOS", "APPLE_IPADOS", "ANDROID")
NETWORK = ("NMS_SWITCH", "NMS_FIREWALL", "NMS_WAP", "NMS_PRINTER", "NMS_ROUTER", "NMS_PHONE")
MONITOR = "CLOUD_MONITOR_TARGET"
UNLISTED_CLASS = "EDGE_SENSOR"
"""A class that is not in the vendor's published list, which grows without notice."""

AGENT_CLASSES = frozenset(WORKSTATIONS + SERVERS)
"""Classes that run the agent and so report an operating system and a serial number."""

_MIX: tuple[tuple[str, float], ...] = (
    ("WINDOWS_WORKSTATION", 0.63), ("MAC", 0.055), ("LINUX_WORKSTATION", 0.015),
    ("WINDOWS_SERVER", 0.105), ("LINUX_SERVER", 0.015), ("VMWARE_VM_HOST", 0.014),
    ("HYPERV_VMM_HOST", 0.006), ("VMWARE_VM_GUEST", 0.038), ("HYPERV_VMM_GUEST", 0.012),
    ("NMS_SWITCH", 0.022), ("NMS_FIREWALL", 0.016), ("NMS_WAP", 0.016), ("NMS_PRINTER", 0.01),
    ("NMS_ROUTER", 0.003), ("NMS_PHONE", 0.003), ("APPLE_IOS", 0.012), ("APPLE_IPADOS", 0.005),
    ("ANDROID", 0.008),
)  # fmt: skip
_MODELS = {
    "WINDOWS_WORKSTATION": (
        ("Dunmore", "Tower 7", "DESKTOP"), ("Dunmore", "Slim 5", "DESKTOP"),
        ("Halvorsen", "Folio 14", "LAPTOP"), ("Halvorsen", "Folio 16", "LAPTOP"),
        ("Brightwater", "MiniPC 5", "MINI_PC"),
    ),
    "MAC": (("Apple Inc.", "Mac15,12", "LAPTOP"), ("Apple Inc.", "Mac14,3", "DESKTOP")),
    "LINUX_WORKSTATION": (("Halvorsen", "Station L", "DESKTOP"),),
    "APPLE_IOS": (("Apple", "iPhone15,4", "MOBILE"),),
    "APPLE_IPADOS": (("Apple", "iPad13,18", "MOBILE"),),
    "ANDROID": (("Brightwater", "Fieldphone 3", "MOBILE"),),
}  # fmt: skip
_SERVER_MODELS = (("Dunmore", "Rack 740", "UNKNOWN"), ("Halvorsen", "Tower S2", "UNKNOWN"))
_VIRTUAL_MODELS = {
    "VMWARE": ("VMware, Inc.", "VMware Virtual Platform", "UNKNOWN"),
    "HYPERV": ("Microsoft Corporation", "Virtual Machine", "UNKNOWN"),
}
_JUNK_SERIALS = ("To Be Filled By O.E.M.", "Default string", "System Serial Number", "0")
_GB = 1024**3


@dataclass(frozen=True, slots=True)
class Stay:
    """The state of a machine from day `since` (an ordinal) until its next stay begins.

    `ninja_id` or `computer_id` is None while that vendor does not have the machine; `deleted`
    says that ThreatLocker has it among the removed ones. `site` is where Ninja has it, `tenant`
    where ThreatLocker has it. `label` is the technicians' addition to the display name (a person,
    "SPARE - was Ada Holm"). `silent_since` is the day from which it makes no contact.
    """

    since: int
    site: int
    tenant: int
    location: int | None
    host: str
    label: str | None
    enrolled: int
    approval: str = "APPROVED"
    ninja_id: int | None = None
    computer_id: str | None = None
    deleted: bool = False
    silent_since: int | None = None

    @property
    def spare(self) -> bool:
        """Whether its display name marks it as spare."""
        return self.label is not None and "spare" in self.label.casefold()


@dataclass(slots=True, eq=False)
class Machine:
    """One physical or virtual machine; its stays in order of time."""

    number: int
    node_class: str
    maker: str
    model: str
    chassis: str
    serial: str | None
    mac: str
    memory: int
    disk: int
    cores: int
    virtual: bool
    uid: str
    style: int
    parent: "Machine | None" = None
    stays: list[Stay] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    @property
    def now(self) -> Stay:
        """Its latest stay."""
        return self.stays[-1]

    def begin_stay(self, stay: Stay) -> None:
        """Begin `stay`; it replaces a stay that began on the same day."""
        if self.starts and self.starts[-1] == stay.since:
            self.stays[-1] = stay
        else:
            self.stays.append(stay)
            self.starts.append(stay.since)

    def on(self, day: int) -> Stay | None:
        """The stay of that day; None before it existed."""
        index = bisect_right(self.starts, day)
        return self.stays[index - 1] if index else None


def shuffled_node_classes(rng: random.Random, count: int) -> list[str]:
    """The node classes of `count` devices, in the usual proportions, shuffled."""
    classes = [MONITOR, UNLISTED_CLASS]
    for node_class, part in _MIX[1:]:
        expected = part * count
        classes += [node_class] * (int(expected) + (rng.random() < expected - int(expected)))
    classes += [_MIX[0][0]] * max(0, count - len(classes))
    classes = classes[:count]
    rng.shuffle(classes)
    return classes


def build_machine(rng: random.Random, number: int, node_class: str) -> Machine:
    """A new machine of that class, without a stay."""
    virtual = node_class in GUESTS or (node_class == "WINDOWS_SERVER" and rng.random() < 0.4)
    brand = node_class.split("_")[0] if node_class in GUESTS else "VMWARE"
    if virtual:
        maker, model, chassis = _VIRTUAL_MODELS[brand]
    else:
        maker, model, chassis = rng.choice(_MODELS.get(node_class, _SERVER_MODELS))
    serial: str | None = f"SN{rng.getrandbits(36):09X}"
    if virtual:
        serial = f"VMware-42 {rng.getrandbits(16):04x} {rng.getrandbits(32):08x}"
    elif node_class in AGENT_CLASSES and rng.random() < 0.03:
        serial = rng.choice(_JUNK_SERIALS)
    elif node_class not in AGENT_CLASSES and node_class not in MOBILES:
        serial = None
    server = node_class in SERVERS or node_class in HOSTS
    address = number.to_bytes(4, "big")
    return Machine(
        number=number,
        node_class=node_class,
        maker=maker,
        model=model,
        chassis=chassis,
        serial=serial,
        mac="02:00:" + ":".join(f"{byte:02X}" for byte in address),
        memory=rng.choice((32, 64, 128) if server else (8, 16, 16, 32)) * _GB,
        disk=rng.choice((960, 1920) if server else (238, 476, 476, 953)) * _GB,
        cores=rng.choice((8, 16, 24) if server else (4, 6, 8)),
        virtual=virtual,
        uid=str(UUID(int=rng.getrandbits(128), version=4)),
        style=rng.getrandbits(16),
    )


def random_person(rng: random.Random) -> str:
    """An invented person's name."""
    return f"{rng.choice(names.FIRST_NAMES)} {rng.choice(names.LAST_NAMES)}"
