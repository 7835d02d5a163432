"""The fleet as ThreatLocker's rows: tenants and computers of a day."""

from collections import Counter
from datetime import UTC, date, datetime

from db.thresholds import Thresholds
from etl.demo.history import History
from etl.demo.machines import GUESTS, SERVERS, Machine, Stay
from etl.demo.ninja_rows import midnight
from etl.demo.noise import fraction, hash_bits
from etl.demo.rows import Row, ThreatLockerRows
from etl.demo.sites import PARENT_TENANT, Site, name_on
from etl.demo.systems import system_of, threatlocker_version

_DELETED_DAYS = 45
"""Days that a deleted computer is still listed."""
_GROUPS = {
    "Workstations": "9d000000-0000-4000-8000-000000000001",
    "Servers": "9d000000-0000-4000-8000-000000000002",
}


def threatlocker_rows(history: History, day: date) -> ThreatLockerRows:
    """ThreatLocker's rows at the start of `day`."""
    ordinal = day.toordinal()
    computers, present = [], Counter[int]()
    for machine in history.machines:
        stay = machine.on(ordinal)
        if stay is None or stay.computer_id is None:
            continue
        if stay.deleted and ordinal - stay.since > _DELETED_DAYS:
            continue
        site = history.sites[stay.tenant]
        computers.append(_computer(history, machine, stay, site, ordinal))
        present[site.index] += not stay.deleted
    known_sites = [s for s in history.sites if s.threatlocker_names[0][0] <= day]
    # The parent tenant is not among its own children.
    tenants = [site for site in known_sites if site.tenant_id != PARENT_TENANT]
    return ThreatLockerRows(
        organizations=[_organization(site, day, present[site.index]) for site in tenants],
        computers=computers,
    )


def without_a_tenant(rows: ThreatLockerRows) -> ThreatLockerRows:
    """The rows of a day on which the portal lists no computer of one customer: the smallest that
    the collector misses, unless that were a fifth of the fleet. The rows as they are where no
    customer is so."""
    counts = Counter(row["organizationId"] for row in rows.computers if not row["isDeleted"])
    missed = [
        (count, tenant)
        for tenant, count in counts.items()
        if tenant != PARENT_TENANT
        and count >= Thresholds.emptied_site_devices
        and count * 100 < Thresholds.administrator_percent * counts.total()
    ]
    if not missed:
        return rows
    _count, lost = min(missed)
    return ThreatLockerRows(
        organizations=[
            {**row, "computerCount": 0} if row["organizationId"] == lost else row
            for row in rows.organizations
        ],
        computers=[row for row in rows.computers if row["organizationId"] != lost],
    )


def _organization(site: Site, day: date, computers: int) -> Row:
    return {
        "organizationId": site.tenant_id, "name": site.tenant_name,
        "displayName": name_on(site.threatlocker_names, day), "parentId": PARENT_TENANT,
        "dateAdded": f"2023-0{site.index % 9 + 1}-11T22:09:21Z", "computerCount": computers,
        "activeCount": 0, "manualCount": 0, "itarCompliant": False, "lockdown": 8,
        "businessClassification": 0, "billingMethod": 0, "products": [],
    }  # fmt: skip


def _computer(history: History, machine: Machine, stay: Stay, site: Site, day: int) -> Row:
    seed, style = history.seed, machine.style
    bits = hash_bits(seed, machine.number, day, 3)
    system = system_of(seed, machine, day, history.last)
    place = history.sites[stay.site].locations[stay.location or 0]
    group = "Servers" if machine.node_class in (*SERVERS, *GUESTS) else "Workstations"
    learning = style % 29 == 0
    version = threatlocker_version(seed, machine, stay.silent_since or day)
    denied = 0 if stay.silent_since else bits % 4
    added = midnight(stay.enrolled) + style % 50000
    row: Row = {
        "computerId": stay.computer_id, "hostname": _hostname(stay, style, site),
        "computerName": _computer_name(history, machine, stay), "organizationId": site.tenant_id,
        "organization": name_on(site.threatlocker_names, date.fromordinal(day)),
        "computerGroupId": _GROUPS[group], "group": group, "osType": system.kind,
        "operatingSystem": system.threatlocker_name,
        "ipOperatingSystem": f"10.0.{system.build}.{5000 + style % 90}",
    }  # fmt: skip
    if machine.serial is not None and style % 7:
        row["serialNumber"] = machine.serial
    last_check_in = _check_in(machine, stay, day, bits)
    row.update({
        "action": "Learning" if learning else "Secure",
        "mode": "Application Control Learning Mode" if learning else "Secure",
        "lastCheckin": last_check_in,
        "lastCheckinIPAddress": place.public_ip,
        "lastCheckinLocalIPAddresses": [f"10.{20 + site.index % 200}.30.{10 + bits % 240}"],
        "hasAtLeastOneCheckin": last_check_in is not None and style % 8 != 0,
        "installDate": None if style % 3 else _iso(added + 60),
        "dateAdded": _iso(added),
        "username": None if style % 6 == 0 else f"{site.prefix}\\USER{style % 90}",
        "threatLockerVersion": f"{version}/10.5.0.1000AMD64", "serviceVersion": version,
        "versionMajor": 10, "versionMinor": int(version.split(".")[1]),
        "denyCountOneDay": denied, "denyCountThreeDays": denied * 2,
        "denyCountSevenDays": denied * 5, "isDeleted": stay.deleted, "isIsolated": False,
        "isLockedOut": False, "isTamperProtectionDisabled": False, "maintenanceTypeId": 0,
        "maintenanceEndDate": None, "driverStatusString": "Active",
    })  # fmt: skip
    return row


def _hostname(stay: Stay, style: int, site: Site) -> str:
    """The full name; sometimes with the domain, in lower case, or with a label as in old data."""
    if style % 41 == 0:
        return f"{stay.host}.{site.domain}"
    if style % 43 == 0:
        return stay.host.lower()
    if style % 47 == 0 and stay.label is not None:
        return f"{stay.host} | {stay.label}"
    return stay.host


def _computer_name(history: History, machine: Machine, stay: Stay) -> str:
    style = machine.style
    if stay.label == "spare":
        return f"{stay.host} | SPARE"
    misnamed = style % 31 == 4 or machine.number == history.misnamed
    if stay.label is not None and not stay.spare and misnamed:
        # A name that a person typed in this portal only.
        return f"{stay.label.split()[0]}'s computer"
    if stay.label is not None and (stay.spare or style % 3):
        return f"{stay.host} | {stay.label}"
    return stay.host


def _check_in(machine: Machine, stay: Stay, day: int, bits: int) -> str | None:
    """The time of its last check-in: None, in whole seconds, or with microseconds."""
    if machine.style % 83 == 0:
        return None
    if stay.silent_since is not None:
        return _iso(midnight(stay.silent_since) - 7200 - machine.style)
    seconds = midnight(day) - 20 - fraction(bits) * 30000
    return _iso(seconds, micro=machine.style % 6 == 1)


def _iso(seconds: float, micro: bool = False) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
