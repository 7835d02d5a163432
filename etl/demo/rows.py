"""The answers of a simulated vendor on one day: lists of JSON-ready rows."""

from typing import Any, NamedTuple

Row = dict[str, Any]
"""One JSON object. Rows of one fleet share nested values from day to day: copy before changing."""


class NinjaRows(NamedTuple):
    """NinjaRMM's rows, in ascending order of id; devices have the detailed keys."""

    organizations: list[Row]
    locations: list[Row]
    devices: list[Row]
    roles: list[Row]


class ThreatLockerRows(NamedTuple):
    """ThreatLocker's rows, with deleted computers, whose `isDeleted` is true."""

    organizations: list[Row]
    computers: list[Row]
