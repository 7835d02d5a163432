"""Hostnames: each customer has a style, and no name twice at one site."""

import random
import re
import unicodedata
from datetime import date

from etl.demo import names
from etl.demo.machines import GUESTS, HOSTS, MOBILES, MONITOR, NETWORK, SERVERS
from etl.demo.sites import Site

_SERVER_JOBS = ("DC", "FS", "APP", "SQL", "BACKUP", "PRINT", "RDS")
_HOST_NAMES = {"VMWARE_VM_HOST": "ESX", "HYPERV_VMM_HOST": "HV"}
_NETWORK_NAMES = {
    "NMS_SWITCH": "core-sw", "NMS_FIREWALL": "fw-edge", "NMS_WAP": "ap-lobby",
    "NMS_PRINTER": "prn-office", "NMS_ROUTER": "rtr-wan", "NMS_PHONE": "phone-desk",
}  # fmt: skip


class Hostnames:
    """Generates hostnames, unique at each site."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._last: dict[tuple[int, str], int] = {}

    def name(self, site: Site, node_class: str, person: str, bought: int) -> str:
        """A new name for a machine of `person` at `site`; `bought` is the ordinal of the day."""
        if node_class == MONITOR:
            return f"portal.{site.prefix.lower()}.example"
        if node_class in NETWORK:
            return self._numbered(site, _NETWORK_NAMES[node_class], "{base}{number}")
        if node_class in MOBILES:
            kind = {"APPLE_IOS": "iPhone", "APPLE_IPADOS": "iPad"}.get(node_class, "Fieldphone")
            return self._unique(site, f"{person.split()[0]}'s {kind}")
        if node_class in SERVERS or node_class in HOSTS or node_class in GUESTS:
            base = _HOST_NAMES.get(node_class) or self._rng.choice(_SERVER_JOBS)
            if site.style == "generic":
                return self._numbered(site, base, "{base}{number:02d}")
            return self._numbered(site, f"{site.prefix}-{base}", "{base}{number:02d}")
        if node_class == "MAC":
            return self._unique(site, f"{_plain(person.split()[0])}s-MacBook-Pro")
        return self._workstation(site, person, bought)

    def _workstation(self, site: Site, person: str, bought: int) -> str:
        if site.style == "long":
            # 18 characters and more: Windows' short name keeps 15, so a batch collides on it.
            batch = f"{site.prefix}-MINIPC{date.fromordinal(bought).year % 100}10"
            return self._numbered(site, batch, "{base}{number:04d}")
        if site.style == "generic":
            return self._unique(site, f"{self._rng.choice(names.ROLES_IN_OFFICE)}-PC")
        if site.style == "person":
            return self._unique(site, f"LT-{_plain(person.split()[-1]).upper()}"[:15])
        kind = self._rng.choice(("WS", "WS", "LT"))
        return self._numbered(site, f"{site.prefix}-{kind}", "{base}{number:03d}")

    def _numbered(self, site: Site, base: str, pattern: str) -> str:
        number = self._last.get((site.index, base), 0) + 1
        self._last[site.index, base] = number
        return pattern.format(base=base, number=number)

    def _unique(self, site: Site, base: str) -> str:
        number = self._last.get((site.index, base), 0) + 1
        self._last[site.index, base] = number
        return base if number == 1 else f"{base}-{number}"


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKD", name)
    return re.sub(r"[^A-Za-z]", "", text)
