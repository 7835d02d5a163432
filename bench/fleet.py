"""A synthetic fleet of two vendors: volatile keys change daily in all rows, other keys in few.

Rows have the vendors' shape and about 1.85 KB of JSON. Some machines have a record in both sources,
with the same serial number, so that assets are joined.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from etl.records.record import Raw

DEVICES_PER_SITE = 60
MOVING = 0.15
"""Share of the real changes that are moves to another site."""
CHURN = 0.0005
"""Share of the fleet that is replaced by new devices each day."""

_CLASSES = ("WINDOWS_WORKSTATION",) * 14 + ("WINDOWS_SERVER",) * 3 + ("MAC", "VMWARE_VM_GUEST")
_SYSTEMS = ("Windows 11 Pro", "Windows 10 Enterprise", "Windows Server 2022 Standard")
_STEMS = ("Harbor", "Pelican", "Cedar", "Granite", "Willow", "Summit", "Delta", "Juniper")
_TRADES = ("Dental", "Freight", "Law", "Clinic", "Foods", "Marine", "Builders", "Media")


@dataclass
class Fleet:
    """The rows of both sources as fetched on one day; `advance` moves to another day."""

    devices: int
    shared: float
    changing: float
    day: date
    seed: int = 1
    per_site: int = DEVICES_PER_SITE
    _number: int = 0
    _ninja: list[Raw] = field(default_factory=list)
    _threatlocker: list[Raw] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.sites = max(2, self.devices // self.per_site)
        protected = int(self.devices * self.shared)
        self._ninja = [self._new_device() for _ in range(self.devices - protected)]
        self._threatlocker = [self._new_computer(raw["device"]) for raw in self._ninja[:protected]]
        self._refresh_volatile()

    def rows(self) -> dict[str, list[Raw]]:
        """The day's rows by source, without empty sources."""
        both = {"ninja": self._ninja, "threatlocker": self._threatlocker}
        return {source: rows for source, rows in both.items() if rows}

    def advance(self, day: date) -> None:
        """Move to `day`: change, replace and refresh rows."""
        self.day = day
        rng = self._random
        for raw in rng.sample(self._ninja, round(len(self._ninja) * self.changing)):
            self._change_device(raw)
        count = round(len(self._threatlocker) * self.changing)
        for raw in rng.sample(self._threatlocker, count):
            self._change_computer(raw)
        for position in rng.sample(range(len(self._ninja)), round(len(self._ninja) * CHURN)):
            self._ninja[position] = self._new_device()
        self._refresh_volatile()

    def _new_device(self) -> Raw:
        self._number += 1
        rng, number = self._random, self._number
        host, serial = f"PC-{number:06d}", f"SN{rng.randrange(36**7):07X}"
        system = rng.choice(_SYSTEMS)
        device = {
            "id": number, "uid": f"{rng.getrandbits(128):032x}", "nodeRoleId": 101,
            "nodeClass": rng.choice(_CLASSES), "approvalStatus": "APPROVED",
            "displayName": f"{host} | user {rng.randrange(5000)}", "systemName": host,
            "dnsName": f"{host}.example.local", "netbiosName": host, "created": 1.6e9 + number,
            "macAddresses": [f"{rng.getrandbits(48):012X}"], "userData": {}, "tags": [],
            "deviceType": "AGENT",
            "os": {
                "manufacturer": "Microsoft Corporation", "name": system,
                "architecture": "64-bit", "buildNumber": str(rng.choice((19045, 22631, 26100))),
                "releaseId": "24H2",
            },
            "system": {
                "name": host, "manufacturer": rng.choice(("Dell Inc.", "Lenovo", "HP")),
                "model": f"Model {rng.randrange(400)}", "biosSerialNumber": serial,
                "serialNumber": serial, "domain": "example.local", "domainRole": "Member",
                "numberOfProcessors": 1, "totalPhysicalMemory": rng.choice((8, 16, 32)) * 2**30,
                "virtualMachine": False, "chassisType": "DESKTOP",
            },
            "memory": {"capacity": 16 * 2**30},
            "processors": [
                {
                    "architecture": "x64", "maxClockSpeed": 2600000000,
                    "name": f"Example CPU {rng.randrange(90)}", "numCores": 8,
                    "numLogicalCores": 16,
                }
            ],
            "volumes": [
                {
                    "name": f"{letter}:", "driveLetter": f"{letter}:", "label": "Disk",
                    "deviceType": "Local Disk", "fileSystem": "NTFS", "autoMount": True,
                    "compressed": False, "capacity": rng.randrange(2 * 10**12),
                    "serialNumber": f"{rng.getrandbits(32):08X}",
                }
                for letter in "CD"
            ],
            "notes": [{"text": f"Asset tag {rng.getrandbits(40):010X}."}],
            "maintenance": None, "backupUsage": {"revisionsCurrentSize": 0},
        }  # fmt: skip
        raw = {"device": device, "organization": None, "location": None}
        self._assign_site(raw, rng.randrange(self.sites))
        return raw

    def _assign_site(self, raw: Raw, site: int) -> None:
        name = _site_name(site)
        raw["organization"] = {"id": site + 1, "name": name}
        raw["location"] = {"id": 10_000 + site, "name": "Main Office", "organizationId": site + 1}
        raw["device"].update(
            organizationId=site + 1,
            locationId=10_000 + site,
            references={
                "organization": {"id": site + 1, "name": name},
                "location": {"id": 10_000 + site, "name": "Main Office"},
                "rolePolicy": {"id": 50},
            },
        )

    def _new_computer(self, device: Raw) -> Raw:
        rng, site = self._random, device["organizationId"] - 1
        host = device["systemName"]
        version = "9.8.3.1000"
        computer = {
            "computerId": f"{rng.getrandbits(32):08x}-0000-4000-8000-{device['id']:012x}",
            "hostname": host, "computerName": device["displayName"],
            "computerGroupId": f"{rng.getrandbits(32):08x}-1111-4000-8000-000000000001",
            "group": "Workstations", "osType": 1, "operatingSystem": device["os"]["name"],
            "ipOperatingSystem": "10.0.22631.4890",
            "serialNumber": device["system"]["serialNumber"], "action": "Secure",
            "mode": "Secure", "installDate": "2024-05-01T10:00:00Z",
            "dateAdded": "2024-05-01T09:58:11Z",
            "threatLockerVersion": f"{version}/10.5.0.1000AMD64", "serviceVersion": version,
            "versionMajor": 9, "versionMinor": 8, "isDeleted": False, "isIsolated": False,
            "isLockedOut": False, "isTamperProtectionDisabled": False, "maintenanceTypeId": 0,
            "maintenanceEndDate": None, "driverStatusString": "Active",
            "policies": [
                {"id": f"{rng.getrandbits(128):032x}", "name": f"Policy {number}", "on": True}
                for number in range(12)
            ],
        }  # fmt: skip
        raw = {"computer": computer, "organization": None}
        self._assign_computer_site(raw, site)
        return raw

    def _assign_computer_site(self, raw: Raw, site: int) -> None:
        tenant = f"{site:08x}-2222-4000-8000-000000000000"
        name = _site_name(site).upper()
        raw["organization"] = {"organizationId": tenant, "displayName": name, "name": name}
        raw["computer"].update(organizationId=tenant, organization=name)

    def _change_device(self, raw: Raw) -> None:
        device, rng = raw["device"], self._random
        if rng.random() < MOVING:
            self._assign_site(raw, rng.randrange(self.sites))
            return
        kind = rng.randrange(4)
        if kind == 0:
            device["os"]["buildNumber"] = str(rng.randrange(19000, 27000))
        elif kind == 1:
            device["displayName"] = f"{device['systemName']} | user {rng.randrange(5000)}"
        elif kind == 2:
            device["volumes"][0]["capacity"] = rng.randrange(2 * 10**12)
        else:
            spare = "spare" in device["displayName"]
            device["displayName"] = device["systemName"] + ("" if spare else " | spare")

    def _change_computer(self, raw: Raw) -> None:
        computer, rng = raw["computer"], self._random
        if rng.random() < MOVING:
            self._assign_computer_site(raw, rng.randrange(self.sites))
            return
        computer["serviceVersion"] = f"9.{rng.randrange(10)}.{rng.randrange(100)}.1000"

    def _refresh_volatile(self) -> None:
        rng = self._random
        midnight = datetime.combine(self.day, time(), UTC)
        seconds = midnight.timestamp()
        for raw in self._ninja:
            device, number = raw["device"], rng.getrandbits(30)
            device["lastContact"] = seconds - number % 90_000 - 0.125
            device["lastUpdate"] = seconds - number % 80_000
            device["offline"] = number % 3 == 0
            device["publicIP"] = f"198.51.100.{number % 250}"
            device["ipAddresses"] = [f"10.0.{number % 251}.{number % 241}"]
            device["lastLoggedInUser"] = f"EXAMPLE\\user{number % 97}"
            device["os"]["lastBootTime"] = seconds - number % 999_983
            device["os"]["needsReboot"] = number % 7 == 0
            device["volumes"][0]["freeSpace"] = number
            device["volumes"][1]["freeSpace"] = number * 3
        for raw in self._threatlocker:
            computer, number = raw["computer"], rng.getrandbits(30)
            computer["lastCheckin"] = f"{self.day}T00:{number % 60:02d}:{number % 59:02d}Z"
            computer["lastCheckinIPAddress"] = f"198.51.100.{number % 250}"
            computer["username"] = f"EXAMPLE\\user{number % 97}"
            computer["denyCountOneDay"] = number % 13
            computer["denyCountThreeDays"] = number % 31
            computer["denyCountSevenDays"] = number % 71


def _site_name(site: int) -> str:
    return f"{_STEMS[site % 8]} {_TRADES[site // 8 % 8]} {site}"
