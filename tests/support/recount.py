"""A recount by hand: asks the vendors over plain HTTP and counts what they answered.

It shares nothing with the product: no collector, no rule, no query.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import requests

SERVERS = {"WINDOWS_SERVER", "LINUX_SERVER", "MAC_SERVER", "VMWARE_VM_HOST", "HYPERV_VMM_HOST"}
WORKSTATIONS = {"WINDOWS_WORKSTATION", "MAC", "LINUX_WORKSTATION", "CHROMEOS"}


class CountedRecord(NamedTuple):
    """One record as a person with the two portals and the price list would see it."""

    source: str
    site: str
    kind: str
    status: str
    name: str
    serial: str
    guest: bool = False


def recount(settings: dict[str, str]) -> list[CountedRecord]:
    """Every record that both vendors answer now."""
    return [*_ninja(settings), *_threatlocker(settings)]


def totals(records: list[CountedRecord]) -> dict[str, int]:
    """The fields of the API's totals that a recount can know."""
    counted = [record for record in records if record.status != "excluded"]
    kinds = Counter(record.kind for record in counted)
    statuses = Counter(record.status for record in counted)
    sources = Counter(record.source for record in counted)
    return {
        "total_devices": len(counted),
        "servers": kinds["server"],
        "workstations": kinds["workstation"],
        "other_devices": len(counted) - kinds["server"] - kinds["workstation"],
        "spare_devices": statuses["spare"],
        "billable_devices": statuses["billable"],
        "ninja_devices": sources["ninja"],
        "threatlocker_devices": sources["threatlocker"],
    }


def machines(records: list[CountedRecord]) -> int:
    """How many machines the counted records are: one per serial number, else per name, and site;
    a guest that a hypervisor tells and the record that it has of its own are one."""
    parent: dict[int, int] = {n: n for n in range(len(records))}

    def root(n: int) -> int:
        while parent[n] != n:
            n = parent[n]
        return n

    for key in ("serial", "name"):
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for n, record in enumerate(records):
            if getattr(record, key):
                groups[_plain(record.site), getattr(record, key)].append(n)
        for members in groups.values():
            own = [n for n in members if not records[n].guest] or members
            if key == "name":
                sources = Counter(records[n].source for n in own)
                serials = {records[n].serial for n in own if records[n].serial}
                guests = [n for n in members if n not in own]
                hosts = [n for n in own if records[n].source == "ninja"]
                if len(guests) == len(hosts) == 1:
                    parent[root(guests[0])] = root(hosts[0])
                if max(sources.values()) > 1 or len(serials) > 1:
                    continue
                members = own + (guests if len(guests) == 1 else [])
            for n in members[1:]:
                parent[root(n)] = root(members[0])
    # A name that its source cut to 15 characters, when only one machine can be meant.
    alone = [n for n in range(len(records)) if sum(root(m) == root(n) for m in parent) == 1]
    places = [(_plain(record.site), record.name) for record in records]
    for n in (n for n in alone if len(places[n][1]) == 15):
        site, short = places[n]
        cut = [m for m, place in enumerate(places) if place == (site, short)]
        whole = [m for m, (where, name) in enumerate(places)
                 if where == site and name.startswith(short) and name != short]  # fmt: skip
        serials = {records[m].serial for m in (n, *whole) if records[m].serial}
        free = len(cut) == len(whole) == 1 and whole[0] in alone and len(serials) < 2
        if free and records[whole[0]].source != records[n].source:
            parent[root(n)] = root(whole[0])
    alive = {root(n) for n, record in enumerate(records) if record.status != "excluded"}
    return len(alive)


def _ninja(settings: dict[str, str]) -> Iterator[CountedRecord]:
    base = settings["NINJA_BASE_URL"]
    form = {
        "grant_type": "client_credentials",
        "client_id": settings["NINJA_CLIENT_ID"],
        "client_secret": settings["NINJA_CLIENT_SECRET"],
        "scope": "monitoring",
    }
    token = requests.post(f"{base}/ws/oauth/token", data=form, timeout=120).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}

    def everything(path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            query = {"pageSize": 50, "after": rows[-1]["id"]} if rows else {"pageSize": 50}
            page = requests.get(f"{base}{path}", query, headers=header, timeout=120).json()
            if not page:
                return rows
            rows += page

    sites = {row["id"]: row["name"] for row in everything("/api/v2/organizations")}
    places = {row["id"]: row["name"] for row in everything("/api/v2/locations")}
    for row in everything("/api/v2/devices-detailed"):
        label = (
            f"{row.get('displayName') or row.get('systemName')} {places.get(row.get('locationId'))}"
        )
        status = "billable"
        if row.get("approvalStatus", "APPROVED") != "APPROVED":
            status = "excluded"
        elif "SPARE" in label.upper() or row["nodeClass"] == "VMWARE_VM_GUEST":
            status = "spare"
        kind = "server" if row["nodeClass"] in SERVERS else row["nodeClass"]
        kind = "workstation" if kind in WORKSTATIONS else kind
        name = row.get("dnsName") or row.get("systemName") or ""
        serial = _real((row.get("system") or {}).get("serialNumber"))
        site = sites[row["organizationId"]]
        guest = row["nodeClass"] in ("VMWARE_VM_GUEST", "HYPERV_VMM_GUEST")
        yield CountedRecord("ninja", site, kind, status, _short(name), serial, guest)


def _threatlocker(settings: dict[str, str]) -> Iterator[CountedRecord]:
    url = f"{settings['THREATLOCKER_BASE_URL']}/Computer/ComputerGetByAllParameters"
    headers = {
        "Authorization": settings["THREATLOCKER_API_KEY"],
        "ManagedOrganizationId": settings["THREATLOCKER_ORGANIZATION_ID"],
    }
    number, rows = 1, []
    while True:
        body = {
            "pageNumber": number, "pageSize": 70, "childOrganizations": True,
            "orderBy": "computername", "isAscending": True, "showDeleted": False,
        }  # fmt: skip
        answer = requests.post(url, json=body, headers=headers, timeout=120)
        page = answer.json() if answer.content else []
        if not page:
            break
        rows += page
        number += 1
    for row in rows:
        system = (row["operatingSystem"] or "").lower()
        desktop = any(word in system for word in ("windows", "macos"))
        kind = "server" if "server" in system else "workstation" if desktop else "unknown"
        status = "spare" if "spare" in (row["computerName"] or "").lower() else "billable"
        serial = _real(row.get("serialNumber"))
        yield CountedRecord(
            "threatlocker", row["organization"], kind, status, _short(row["hostname"]), serial
        )


def _real(serial: str | None) -> str:
    """A serial number, unless it is what a maker or a hypervisor puts there."""
    junk = ("vmware", "default string", "to be filled", "none", "system serial")
    text = (serial or "").strip().lower()
    return "" if text.startswith(junk) or not text.strip("0") else text


def _short(name: str) -> str:
    return name.split("|")[0].strip().split(".")[0].lower()


def _plain(site: str) -> str:
    """A customer's name without what two portals spell differently."""
    text = re.sub(r"[^a-z0-9 ]", "", site.lower().replace("&", " and ").replace("-", " "))
    return re.sub(r"\s+(llc|inc|co|ltd)$", "", " ".join(text.split()))
