"""The fleet as NinjaRMM's rows: organizations, locations, roles and detailed devices of a day."""

from datetime import date

from etl.demo.history import History
from etl.demo.machines import (
    AGENT_CLASSES,
    GUESTS,
    MOBILES,
    MONITOR,
    NETWORK,
    SERVERS,
    UNLISTED_CLASS,
    Machine,
    Stay,
)
from etl.demo.noise import fraction, hash_bits
from etl.demo.rows import NinjaRows, Row
from etl.demo.sites import Site, name_on
from etl.demo.systems import system_of

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86400
_ROLES: tuple[tuple[int, str, str, str], ...] = (
    (101, "Windows Laptop", "WINDOWS_WORKSTATION", "LAPTOP"),
    (102, "Windows Desktop", "WINDOWS_WORKSTATION", "DESKTOP"),
    (103, "Mac", "MAC", "UNKNOWN"),
    (104, "Linux Workstation", "LINUX_WORKSTATION", "UNKNOWN"),
    (120, "Windows Server", "WINDOWS_SERVER", "UNKNOWN"),
    (121, "Linux Server", "LINUX_SERVER", "UNKNOWN"),
    (130, "Virtual Machine", "VMWARE_VM_GUEST", "UNKNOWN"),
    (131, "Virtual Machine Host", "VMWARE_VM_HOST", "UNKNOWN"),
    (140, "Network Device", "NMS_SWITCH", "UNKNOWN"),
    (150, "Mobile Device", "APPLE_IOS", "MOBILE"),
    (160, "Cloud Monitor", "CLOUD_MONITOR_TARGET", "UNKNOWN"),
)
_ROLE_OF = {
    **{role[2]: role[0] for role in _ROLES},
    **dict.fromkeys(NETWORK, 140), **dict.fromkeys(MOBILES, 150), **dict.fromkeys(GUESTS, 130),
    "HYPERV_VMM_HOST": 131,
}  # fmt: skip


def midnight(day: int) -> float:
    """The epoch seconds at the start of `day` (an ordinal), when the vendor is read."""
    return float((day - _EPOCH) * _DAY)


def ninja_rows(history: History, day: date) -> NinjaRows:
    """NinjaRMM's rows at the start of `day`."""
    ordinal = day.toordinal()
    known_sites = [site for site in history.sites if site.ninja_names[0][0] <= day]
    devices = []
    for machine in history.machines:
        stay = machine.on(ordinal)
        if stay is not None and stay.ninja_id is not None:
            devices.append(_device(history, machine, stay, ordinal))
    devices.sort(key=lambda row: int(row["id"]))
    return NinjaRows(
        organizations=[_organization(site, day) for site in known_sites],
        locations=[row for site in known_sites for row in _locations(site)],
        devices=devices,
        roles=[_role(*role) for role in _ROLES],
    )


def _organization(site: Site, day: date) -> Row:
    row: Row = {"id": site.organization_id, "name": name_on(site.ninja_names, day)}
    if site.index % 3 == 0:
        row["description"] = f"Managed, {len(site.locations)} locations"
        row["userData"] = {}
    row["nodeApprovalMode"] = "MANUAL" if site.index % 4 == 1 else "AUTOMATIC"
    return row


def _locations(site: Site) -> list[Row]:
    rows = []
    for location in site.locations:
        row: Row = {"id": location.id, "name": location.name}
        if location.address:
            row.update(address=location.address, description="", userData={})
        row["organizationId"] = site.organization_id
        rows.append(row)
    return rows


def _role(id: int, name: str, node_class: str, chassis: str) -> Row:
    return {
        "id": id, "name": name, "description": "", "nodeClass": node_class, "custom": False,
        "chassisType": chassis, "created": 1500000000.0,
    }  # fmt: skip


def _device(history: History, machine: Machine, stay: Stay, day: int) -> Row:
    """One detailed row, without the keys that do not apply."""
    site, seed = history.sites[stay.site], history.seed
    node_class, style = machine.node_class, machine.style
    bits = hash_bits(seed, machine.number, day)
    offline, contact = _contact(seed, machine, stay, day, bits)
    row: Row = {"id": stay.ninja_id}
    if style % 5:
        row["uid"] = machine.uid
    row["organizationId"] = site.organization_id
    if stay.location is not None:
        row["locationId"] = site.locations[stay.location].id
    row["nodeClass"] = node_class
    if node_class != UNLISTED_CLASS:
        row["nodeRoleId"] = (
            101 if machine.chassis == "LAPTOP" and style & 1 else _ROLE_OF[node_class]
        )
    if machine.parent is not None:
        parent = machine.parent.on(day)
        if parent is not None and parent.ninja_id is not None and parent.site == stay.site:
            row["parentDeviceId"] = parent.ninja_id
    row["approvalStatus"] = stay.approval
    row["offline"] = offline
    _name(row, machine, stay, site)
    enrolled = midnight(stay.enrolled) + style % 40000
    # Some whole seconds are integers: JSON has one number type.
    row["created"] = int(enrolled) if style % 9 == 0 else enrolled + 0.125
    row["lastContact"] = contact
    row["lastUpdate"] = round(contact - 300 - fraction(bits, 8) * 3600, 3)
    if node_class in AGENT_CLASSES:
        _agent_part(row, history, machine, stay, day, contact, bits)
    elif node_class in MOBILES:
        row["system"] = {
            "name": stay.host, "manufacturer": machine.maker, "model": machine.model,
            "serialNumber": machine.serial, "chassisType": "MOBILE",
        }  # fmt: skip
        row["memory"] = {"capacity": 6 * 1024**3}
    elif node_class in GUESTS:
        row["system"] = {
            "name": stay.host, "manufacturer": machine.maker, "model": machine.model,
            "virtualMachine": True,
        }  # fmt: skip
    return row


def _contact(seed: int, machine: Machine, stay: Stay, day: int, bits: int) -> tuple[bool, float]:
    """Whether it is offline at midnight, and the time of its last contact, never in the future."""
    if stay.silent_since is not None:
        return True, midnight(stay.silent_since) - 3600 - hash_bits(seed, machine.number) % (
            9 * _DAY
        ) + 0.5
    steady = machine.node_class in SERVERS or machine.node_class in (*NETWORK, MONITOR)
    asleep = fraction(bits) < (0.01 if steady else 0.35)
    ago = 6 * 3600 + fraction(bits, 16) * 20000 if asleep else 5 + fraction(bits, 16) * 240
    return asleep, round(midnight(day) - ago, 3)


def _name(row: Row, machine: Machine, stay: Stay, site: Site) -> None:
    host, style = stay.host, machine.style
    windows = machine.node_class.startswith("WINDOWS")
    if stay.label == "spare":
        row["displayName"] = f"{host} Spare"
    elif stay.label is not None and (stay.spare or style % 4):
        row["displayName"] = f"{host} | {stay.label}"
    elif style % 10 == 0:
        row["displayName"] = ""
    elif style % 3 == 0:
        row["displayName"] = host
    row["systemName"] = host[:15] if windows else host
    if windows or machine.node_class in AGENT_CLASSES:
        dns = (f"{host}.{site.domain}", f"{host}.{site.domain}", host, host.lower())[style % 4]
        if style % 13 == 0:
            dns = f"{host.capitalize()}.{site.domain.upper()}"
        if style % 17:
            row["dnsName"] = "" if style % 31 == 0 else dns
    if windows:
        row["netbiosName"] = host[:15].upper()


def _agent_part(
    row: Row, history: History, machine: Machine, stay: Stay, day: int, contact: float, bits: int
) -> None:
    """Add the keys that only an agent reports."""
    site, seed = history.sites[stay.site], history.seed
    place = site.locations[stay.location or 0]
    lease = bits if machine.chassis == "LAPTOP" else hash_bits(seed, machine.number, day // 30)
    home = machine.chassis == "LAPTOP" and fraction(bits, 24) < 0.3
    row["userData"] = {}
    if machine.style % 11 == 0:
        row["tags"] = ["kiosk"]
    row["ipAddresses"] = [f"10.{20 + site.index % 200}.{30 + (lease >> 8) % 4}.{10 + lease % 240}"]
    if machine.style % 2:
        row["ipAddresses"].append(f"fe80::{machine.number % 65536:x}:3e4f:1:2")
    row["macAddresses"] = [machine.mac]
    row["publicIP"] = f"198.51.100.{lease % 254 + 1}" if home else place.public_ip
    row["notes"] = [{"text": "Replaced fan."}] if machine.style % 37 == 0 else []
    row["deviceType"] = "AGENT"
    system = system_of(seed, machine, day, history.last)
    windows = machine.node_class.startswith("WINDOWS")
    boot = (
        midnight(day - hash_bits(seed, machine.number, day // 9) % 9) - 50000 + machine.style % 9000
    )
    row["os"] = {
        "manufacturer": system.maker, "name": system.ninja_name, "architecture": "64-bit",
        "lastBootTime": min(boot, contact - 600), "buildNumber": system.build,
        "releaseId": system.release, "locale": "en-US", "language": "en-US",
        "needsReboot": fraction(bits, 32) < 0.1,
    }  # fmt: skip
    row["system"] = {
        "name": row["systemName"], "manufacturer": machine.maker, "model": machine.model,
        "biosSerialNumber": machine.serial, "serialNumber": machine.serial,
        "domain": site.domain if windows else "WORKGROUP",
        "domainRole": "Member Server" if machine.node_class in SERVERS else "Member Workstation",
        "numberOfProcessors": 1, "totalPhysicalMemory": machine.memory,
        "virtualMachine": machine.virtual, "chassisType": machine.chassis,
    }  # fmt: skip
    row["memory"] = {"capacity": machine.memory}
    row["processors"] = [
        {
            "architecture": "x64", "maxClockSpeed": 2600000000, "clockSpeed": 2600000000,
            "name": f"Example CPU {machine.cores}", "numCores": machine.cores,
            "numLogicalCores": machine.cores * 2,
        }
    ]  # fmt: skip
    used = 0.3 + 0.6 * machine.style / 65536
    row["volumes"] = [
        {
            "name": "C:" if windows else "/", "driveLetter": "C:" if windows else "",
            "label": "OS", "deviceType": "Local Disk", "fileSystem": "NTFS" if windows else "ext4",
            "autoMount": True, "compressed": False, "capacity": machine.disk,
            "freeSpace": int(machine.disk * (1 - used)) + (bits >> 20) % 10**9,
            "serialNumber": f"{machine.number * 2654435761 % 2**32:08X}",
        }
    ]  # fmt: skip
    if stay.label is not None and not stay.spare:
        user = stay.label.split()[0].lower()
        row["lastLoggedInUser"] = f"{site.prefix}\\{user}"
    elif machine.style % 6:
        row["lastLoggedInUser"] = f"{site.prefix}\\administrator"
