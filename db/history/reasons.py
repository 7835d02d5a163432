"""What happened to a device: as data for any language, and as English text."""

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
"""In the order in which reasons of the same day are listed."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that happened: what (`code`, one of `CODES`), since which day, and details.

    `values`: `source` for source_began and source_ended; `last_seen` (ISO date) for gone; `source`,
    `name` (of the other record) and `evidence` for linked and unlinked; `was` and `now` for every
    changed attribute (for speaks, another primary record, the sources; for site the names); for
    billing_status also `reason_was`, `reason`, and `renamed` or `relocated` if the new status came
    with a new name or location. `adjustment`: it is the effect of a decision, which restates the
    days after the border.
    """

    code: str
    day: date
    values: Values = field(default_factory=dict)
    adjustment: bool = False

    def __str__(self) -> str:
        text = _TEXTS[self.code](self.values, _day(self.day))
        return f"adjustment: {text}" if self.adjustment else text


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _label(values: Values, name: str = "source") -> str:
    source = values[name] or ""
    return source_label(source)


def _changed(what: str) -> Callable[[Values, str], str]:
    def text(values: Values, on: str) -> str:
        return f"{what} changed: {values['was'] or '(none)'} to {values['now'] or '(none)'} on {on}"

    return text


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


def _primary(values: Values, on: str) -> str:
    now, was = _label(values, "now"), _label(values, "was")
    if now == was:
        return f"replaced by another record of {now} on {on}"
    return f"now speaks: {now} instead of {was}, since {on}"


_TEXTS: Mapping[str, Callable[[Values, str], str]] = {
    "source_began": lambda values, on: f"first collection of {_label(values)} on {on}",
    "first_seen": lambda _values, on: f"first seen {on}",
    "back": lambda _values, on: f"back since {on}",
    "linked": lambda values, on: (
        f"linked with {_label(values)} {values['name']} on {on}: {values['evidence']}"
    ),
    "unlinked": lambda values, on: f"unlinked from {_label(values)} {values['name']} on {on}",
    "speaks": _primary,
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
