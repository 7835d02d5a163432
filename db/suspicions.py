"""Why a run is suspicious, as it is stored: each reason as a code and the values of its text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from db.plurals import plural

MOST_NAMED = 5
"""Sites that a sentence names; it counts the others."""

_TEXTS = {
    "vanished": "%(n)s of %(size)s devices vanished at once (more than %(percent)s%%)",
    "half_vanished": "%(n)s of %(size)s devices vanished at once (half of them)",
    "emptied": "%(count)s with %(least)s or more devices went to zero: %(names)s",
    "changed": "%(n)s of %(size)s devices changed site, billing status or serial number at once",
    "grown": "the source grew from %(size)s to %(n)s devices at once",
    "unreadable_ids": "%(rows)s an id that cannot be read",
}


@dataclass(frozen=True)
class EmptiedSite:
    """A site that went to zero, with the number of devices that it had."""

    site_id: int
    name: str
    devices: int


@dataclass(frozen=True)
class Suspicion:
    """One reason why a run is suspicious. `str()` is its sentence in English, without a full stop.

    Attributes:
        code: a key of `_TEXTS`.
        values: numbers by name: `n` devices of `size`, `n` sites of at least `least`.
        sites: of "emptied", the largest first.
    """

    code: str
    values: Mapping[str, int] = field(default_factory=dict)
    sites: Sequence[EmptiedSite] = ()

    def __str__(self) -> str:
        named = [f"{site.name} ({plural(site.devices, 'device')})" for site in self.sites]
        names = ", ".join(named[:MOST_NAMED])
        if len(named) > MOST_NAMED:
            names += f" and {len(named) - MOST_NAMED} more"
        rows = plural(self.values.get("n", 0), "row has", "rows have")
        count = plural(self.values.get("n", 0), "site")
        return _TEXTS[self.code] % {**self.values, "names": names, "rows": rows, "count": count}


@dataclass(frozen=True)
class HeldDevice:
    """A device that a held run would add, remove or change: how it stands, and how it would; each
    as site and billing status, None where it is not."""

    device_id: str
    name: str
    was: tuple[str, str] | None
    would: tuple[str, str] | None


@dataclass(frozen=True)
class RunSuspicions:
    """What was found about a suspicious run when it was collected.

    Attributes:
        reasons: why it is suspicious.
        devices: "added", "removed" and "changed", each with its devices by site and name, at most
            `MOST_LISTED`.
    """

    reasons: Sequence[Suspicion]
    devices: Mapping[str, Sequence[HeldDevice]]

    def to_json(self) -> tuple[str, str]:
        """Both as the table stores them."""
        reasons = [asdict(reason) for reason in self.reasons]
        devices = {kind: [asdict(one) for one in each] for kind, each in self.devices.items()}
        return json.dumps(reasons), json.dumps(devices)

    @classmethod
    def from_json(cls, reasons: str, devices: str) -> "RunSuspicions":
        """What `to_json` wrote."""
        return cls(
            [
                Suspicion(
                    each["code"],
                    each["values"],
                    tuple(EmptiedSite(**site) for site in each["sites"]),
                )
                for each in json.loads(reasons)
            ],
            {
                kind: [
                    HeldDevice(
                        one["device_id"], one["name"], _pair(one["was"]), _pair(one["would"])
                    )
                    for one in each
                ]
                for kind, each in json.loads(devices).items()
            },
        )


MOST_LISTED = 500


def _pair(value: Sequence[str] | None) -> tuple[str, str] | None:
    return None if value is None else (value[0], value[1])
