"""NinjaRMM's device filter (`df`): `org = 5 AND class in (MAC,WINDOWS_SERVER) AND offline`."""

import re

from etl.demo.rows import Row

_KEYS = {
    "org": "organizationId", "loc": "locationId", "role": "nodeRoleId", "class": "nodeClass",
    "status": "approvalStatus",
}  # fmt: skip
_TERM = re.compile(r"(\w+)\s*(=|!=|\beq\b|\bneq\b|\bin\b|\bnotin\b)\s*\(?([^()]*)\)?")


def filter_devices(devices: list[Row], text: str) -> list[Row]:
    """The devices that match the filter `text`.

    Raises:
        ValueError: the filter cannot be read.
    """
    for term in re.split(r"\s+AND\s+", text.strip(), flags=re.IGNORECASE):
        if term.casefold() in ("online", "offline"):
            devices = [row for row in devices if row["offline"] == (term.casefold() == "offline")]
            continue
        match = _TERM.fullmatch(term.strip())
        if match is None or match[1] not in _KEYS:
            raise ValueError(f"Filter term cannot be read: {term}")
        values = {part.strip() for part in match[3].split(",")}
        keep = match[2] in ("=", "eq", "in")
        key = _KEYS[match[1]]
        devices = [row for row in devices if (str(row.get(key)) in values) == keep]
    return devices
