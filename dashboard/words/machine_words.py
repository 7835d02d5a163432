"""Durations, sizes, ages and names of machines as text."""

from datetime import timedelta

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.machine_params import FUTURE, UNKNOWN
from dashboard.queries.machines.ages import DAYS_A_MONTH
from dashboard.words.field_words import system_name

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def ago(passed: timedelta) -> str:
    """How long ago: "40 s", "5 min", "3 h", "12 days"."""
    seconds = max(0, int(passed.total_seconds()))
    if seconds < _MINUTE:
        return _("%(n)s s", n=seconds)
    if seconds < _HOUR:
        return _("%(n)s min", n=seconds // _MINUTE)
    if seconds < 2 * _DAY:
        return _("%(n)s h", n=seconds // _HOUR)
    return _("%(n)s days", n=formats.number(seconds // _DAY))


def size(megabytes: int | None) -> str:
    """Memory or disk: "512 MB", "16 GB", "1.8 TB"."""
    if megabytes is None:
        return formats.NOTHING
    for unit, megabytes_per_unit in (("TB", 2**20), ("GB", 2**10)):
        if megabytes >= megabytes_per_unit:
            return f"{megabytes / megabytes_per_unit:.1f}".removesuffix(".0") + f"\u00a0{unit}"
    return f"{megabytes}\u00a0MB"


def part(used: int | None, total: int | None) -> float | None:
    """The used share in percent, None if unknown."""
    return None if used is None or not total else min(100.0, max(0.0, 100.0 * used / total))


def percent(value: float | None) -> str:
    """A percentage without decimals; "<1" below 0.5 but above zero."""
    if value is None:
        return formats.NOTHING
    return f"<{formats.percent(1)}" if 0 < value < 0.5 else formats.percent(value)


def system(os: str | None, version: str | None) -> str:
    """System and version in one: the version alone where it tells the system."""
    name = _FAMILIES.get(os or "", os)
    if not version:
        return name or formats.NOTHING
    short = str(system_name(version))
    return short if not os or os.casefold() in version.casefold() else f"{name}, {short}"


def bucket_word(bucket: str) -> str:
    """The label of an age bucket."""
    return {
        "0-12": _("under 12 months"),
        "12-36": _("12 to 36"),
        "36-60": _("36 to 60"),
        "60-120": _("60 to 120"),
        "120-": _("over 120 months"),
        FUTURE: _("in the future"),
        UNKNOWN: _("unknown"),
    }[bucket]


def months(days: float) -> str:
    """An age in months: "38"."""
    return f"{days / DAYS_A_MONTH:.0f}"


def named(value: str) -> str:
    """A site, or words for none."""
    return value or _("(none)")


_FAMILIES = {"linux": "Linux", "windows": "Windows", "darwin": "macOS", "macos": "macOS"}
"""What agents call systems, and what people call them."""


def named_system(value: str) -> str:
    """A system or a version as people call it, or words for none."""
    return named(_FAMILIES.get(value) or system_name(value) or "")


def clone_cause() -> str:
    """The short cause of a shared id."""
    return _(
        "a disk with an installed agent was copied, and its row shows whichever reported last."
    )


def clone_words() -> str:
    """The explanation of a shared id, with the remedy."""
    return _(
        "Two running agents report under this id, so it shows whichever reported last. That "
        "happens when a disk with an installed agent was copied. On one of the two, stop the "
        "agent, delete its state file and start it again: it then gets its own id."
    )
