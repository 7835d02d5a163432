"""What a simulated vendor has to tell on one day: plain lists of JSON-ready rows."""

from typing import Any, NamedTuple

Row = dict[str, Any]
"""One JSON object. Rows of one fleet share nested values from day to day: copy before changing."""


class NinjaRows(NamedTuple):
    """NinjaRMM's answer; every list in ascending id order, devices with their detailed keys."""

    organizations: list[Row]
    locations: list[Row]
    devices: list[Row]
    roles: list[Row]


class ThreatLockerRows(NamedTuple):
    """ThreatLocker's answer; deleted computers are among the rows, with `isDeleted` true."""

    organizations: list[Row]
    computers: list[Row]
