"""Customers: sites with their locations and their spelling in each vendor."""

import random
import re
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from etl.demo import names

PARENT_TENANT = "0a000000-0000-4000-8000-000000000001"
"""ThreatLocker's id of the provider, whose tenants the customers are."""

STYLES = ("short", "long", "generic", "person")
"""How a customer names its machines: HD-WS014, HD-MINIPC25100031, FRONTDESK2, LT-HOLM."""


@dataclass(frozen=True)
class Location:
    """A place inside a site."""

    id: int
    name: str
    address: str | None
    public_ip: str


@dataclass(frozen=True)
class Site:
    """One customer. Names are lists of (first day, name), because customers rename themselves."""

    index: int
    organization_id: int
    tenant_id: str
    prefix: str
    style: str
    locations: tuple[Location, ...]
    ninja_names: list[tuple[date, str]] = field(hash=False)
    threatlocker_names: list[tuple[date, str]] = field(hash=False)
    tenant_name: str

    @property
    def name(self) -> str:
        """The name that Ninja gave it first."""
        return self.ninja_names[0][1]

    @property
    def domain(self) -> str:
        """Its Windows domain."""
        return f"{self.prefix.lower()}.local"

    @property
    def closet(self) -> int | None:
        """The index of its location for spare machines, if it has one."""
        for index, location in enumerate(self.locations):
            if location.name == names.SPARE_PLACE:
                return index
        return None


def name_on(spellings: list[tuple[date, str]], day: date) -> str:
    return [name for since, name in spellings if since <= day or since == spellings[0][0]][-1]


def build_sites(rng: random.Random, count: int, first_day: date) -> list[Site]:
    """`count` sites, the last of them the provider itself."""
    site_names = [*_customers(count - 1), names.PROVIDER]
    prefixes: set[str] = set()
    location_id = 30
    organization_id = 10
    sites = []
    for index, name in enumerate(site_names):
        organization_id += rng.randint(1, 4)
        places = rng.sample(names.PLACES, rng.randint(1, 3))
        if index % 3 == 0:
            places.append(names.SPARE_PLACE)
        locations = []
        for number, place in enumerate(places):
            location_id += rng.randint(1, 2)
            street = f"{rng.randint(1, 99)}00 {rng.choice(names.STREETS)}"
            address = f"{street}, {rng.choice(names.PARISHES)}" if rng.random() < 0.7 else None
            ip = f"203.0.113.{(index * 4 + number) % 254 + 1}"
            locations.append(Location(location_id, place, address, ip))
        provider = index == count - 1
        tenant = PARENT_TENANT if provider else str(UUID(int=rng.getrandbits(128), version=4))
        spelling = name if provider else threatlocker_spelling(name, index)
        sites.append(
            Site(
                index=index,
                organization_id=organization_id,
                tenant_id=tenant,
                prefix=_prefix(name, prefixes),
                style=STYLES[index % len(STYLES)],
                locations=tuple(locations),
                ninja_names=[(first_day, name)],
                threatlocker_names=[(first_day, spelling)],
                tenant_name=_slug(name) if index % 4 == 1 else spelling,
            )
        )
    return sites


def sizes(sites: int, devices: int) -> list[int]:
    """The number of devices of each site: a few large customers, many small ones."""
    least = 2 if devices >= 6 * sites else 1 if devices >= 3 * sites else 0
    weights = [1 / (rank + 1.5) ** 0.9 for rank in range(sites)]
    rest = devices - least * sites
    exact = [rest * weight / sum(weights) for weight in weights]
    whole = [int(part) for part in exact]
    by_remainder = sorted(range(sites), key=lambda i: (whole[i] - exact[i], i))
    for index in by_remainder[: rest - sum(whole)]:
        whole[index] += 1
    return [least + part for part in whole]


def threatlocker_spelling(name: str, index: int) -> str:
    """The display name in ThreatLocker, typed by somebody else."""
    if re.search(r"\bLLC$", name):
        return re.sub(r",?\s*LLC$", ", L.L.C.", name)
    if re.search(r",? Inc\.?$", name):
        return re.sub(r",? Inc\.?$", "", name)
    if re.search(r" Ltd$", name):
        return name.replace(" Ltd", " Limited")
    if "&" in name:
        return name.replace("&", "and")
    if index % 12 == 6:  # this one no rule can match: a person has to
        return name.rsplit(" ", 1)[0]
    return (name, name.upper(), f"{name} LLC", f"{name}.", name, name)[index % 6]


def _customers(count: int) -> list[str]:
    made = list(names.CUSTOMERS[:count])
    while len(made) < count:
        number = len(made) - len(names.CUSTOMERS)
        last = names.LAST_NAMES[number % len(names.LAST_NAMES)]
        trade = names.PLACES[number // len(names.LAST_NAMES) % len(names.PLACES)]
        round_ = number // (len(names.LAST_NAMES) * len(names.PLACES))
        made.append(f"{last} {trade} Partners" + (f" {round_ + 1}" if round_ else ""))
    return made


def _prefix(name: str, taken: set[str]) -> str:
    words = re.findall(r"[A-Za-z]+", name)
    letters = "".join(word[0] for word in words if word not in ("LLC", "Inc", "Co")).upper()[:4]
    prefix = letters if len(letters) > 1 else words[0][:3].upper()
    number = 2
    candidate = prefix
    while candidate in taken:
        candidate = f"{prefix}{number}"
        number += 1
    taken.add(candidate)
    return candidate


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\b(LLC|Inc|Ltd)\b", "", name).casefold()).strip("-")
