"""When a run is not believed at once (PRODUCT.md rule 5): pure functions over what stood and what
came. A day is small here: device id -> what matters of it."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from etl.rules.evidence import real_serial

PROVEN_RUNS = 7
"""Complete runs of a source after which a sudden growth is suspicious."""


class Seen(NamedTuple):
    """What suspicion looks at. `site` is any key that tells sites apart; None is a new site."""

    site: int | str | None
    billing_status: str
    serial: str | None
    rule_version: int


def suspicion_reasons(
    before: Mapping[int, Seen], after: Mapping[int, Seen], complete_runs: int
) -> list[str]:
    """Why `after` is suspicious against `before`, in words; empty when it is not.

    Args:
        complete_runs: how many complete runs the source had before this one.
    """
    if not before:
        return []
    found = []
    size = len(before)
    vanished = size - len(before.keys() & after.keys())
    if vanished > 10 and vanished * 100 > 5 * size:
        found.append(f"{vanished} of {size} devices vanished at once (more than 5 %)")
    elif vanished and vanished * 2 >= size:
        found.append(f"{vanished} of {size} devices vanished at once (half of them)")
    emptied = emptied_sites(before, after)
    if emptied:
        found.append(f"{len(emptied)} site(s) with 5 or more devices went to zero")
    changed = differences(before, after).changed
    if changed > 10 and changed * 100 > 5 * size:
        found.append(
            f"{changed} of {size} devices changed site, billing status or serial number at once"
        )
    growth = len(after) - size
    if complete_runs >= PROVEN_RUNS and growth >= 50 and growth * 100 >= 25 * size:
        found.append(f"the source grew from {size} to {len(after)} devices at once")
    return found


def needs_administrator(before: Mapping[int, Seen], after: Mapping[int, Seen]) -> bool:
    """Whether a loss is too large for a second run to confirm it: two sites went to zero or 20 %
    vanished."""
    vanished = len(before) - len(before.keys() & after.keys())
    return len(emptied_sites(before, after)) >= 2 or 0 < 20 * len(before) <= vanished * 100


class Differences(NamedTuple):
    """What would change, in devices: `changed` have another site, billing status or serial."""

    added: int
    removed: int
    changed: int


def differences(before: Mapping[int, Seen], after: Mapping[int, Seen]) -> Differences:
    """What `after` would change if it were believed."""
    both = before.keys() & after.keys()
    changed = sum(_changed(before[device_id], after[device_id]) for device_id in both)
    return Differences(len(after) - len(both), len(before) - len(both), changed)


def emptied_sites(before: Mapping[int, Seen], after: Mapping[int, Seen]) -> list[int | str | None]:
    """The sites that had 5 devices or more and have none."""
    had = Counter(seen.site for seen in before.values())
    has = {seen.site for seen in after.values()}
    return [site for site, n in had.items() if n >= 5 and site not in has]


def _changed(one: Seen, other: Seen) -> bool:
    first, second = real_serial(one.serial), real_serial(other.serial)
    return (
        one.site != other.site
        or (one.billing_status != other.billing_status and one.rule_version == other.rule_version)
        or (first is not None and second is not None and first != second)
    )
