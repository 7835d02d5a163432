"""What happened to a device, as facts that any language can tell, and in English."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from db.sources import source_label

Values = Mapping[str, str | None]

CODES = (
    "source_began", "first_seen", "back", "linked", "unlinked", "speaks", "site", "location",
    "hostname", "display_name", "device_type", "billing_status", "serial", "os", "node_class",
    "gone", "source_ended",
)  # fmt: skip
"""In the order in which those of one day are told."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that happened: `code`, since which day, and the values that tell it.

    Values: `source` of source_began and source_ended; `last_seen` (ISO) of gone; `source`, `name`
    (of the other record) and `evidence` of linked and unlinked; `was` and `now` of everything
    that has another value now (sources of speaks, names of site); of billing_status also
    `reason_was`, `reason`, and `renamed` or `relocated` when it came with that new name or
    location. `adjustment`: a decision restated the days after the border.
    """

    code: str
    day: date
    values: Values = field(default_factory=dict)
    adjustment: bool = False

    def __str__(self) -> str:
        text = _SAID[self.code](self.values, _day(self.day))
        return f"adjustment: {text}" if self.adjustment else text


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _label(values: Values, name: str = "source") -> str:
    source = values[name] or ""
    return source_label(source)


def _changed(what: str) -> Callable[[Values, str], str]:
    def say(values: Values, on: str) -> str:
        return f"{what} changed: {values['was'] or '(none)'} to {values['now'] or '(none)'} on {on}"

    return say


def _status(values: Values, on: str) -> str:
    status = values["now"]
    if "renamed" in values:
        return f"renamed to {values['renamed'] or '(none)'}, so {status}, on {on}"
    if "relocated" in values:
        return f"moved to location {values['relocated'] or '(none)'}, so {status}, on {on}"
    if status == "billable":
        return f"became billable on {on}, was {values['was']}: {values['reason_was']}"
    return f"became {status} on {on}: {values['reason']}"


def _gone(values: Values, on: str) -> str:
    seen = values["last_seen"]
    return f"gone since {on}" + (f", last seen {_day(date.fromisoformat(seen))}" if seen else "")


def _speaks(values: Values, on: str) -> str:
    now, was = _label(values, "now"), _label(values, "was")
    if now == was:
        return f"replaced by another record of {now} on {on}"
    return f"now speaks: {now} instead of {was}, since {on}"


_SAID: Mapping[str, Callable[[Values, str], str]] = {
    "source_began": lambda values, on: f"first collection of {_label(values)} on {on}",
    "first_seen": lambda _values, on: f"first seen {on}",
    "back": lambda _values, on: f"back since {on}",
    "linked": lambda values, on: (
        f"linked with {_label(values)} {values['name']} on {on}: {values['evidence']}"
    ),
    "unlinked": lambda values, on: f"unlinked from {_label(values)} {values['name']} on {on}",
    "speaks": _speaks,
    "site": _changed("organization"),
    "location": _changed("location"),
    "hostname": _changed("hostname"),
    "display_name": lambda values, on: (
        f"renamed {values['was'] or '(none)'} to {values['now'] or '(none)'} on {on}"
    ),
    "device_type": _changed("type"),
    "billing_status": _status,
    "serial": _changed("serial number"),
    "os": _changed("operating system"),
    "node_class": _changed("node class"),
    "gone": _gone,
    "source_ended": lambda values, on: f"source ended: {_label(values)} on {on}",
}
