"""When a run is suspicious (docs/rules.md, 5): pure functions that compare the published day with
the collected one, each a mapping from device id to `DeviceSummary`."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from db.plurals import plural
from etl.rules.evidence import real_serial

VANISHED_PERCENT, VANISHED_DEVICES = 5, 10
"""More than both that vanish at once are suspicious."""
CHANGED_PERCENT, CHANGED_DEVICES = 5, 10
"""More than both that change site, billing status or serial number at once are suspicious."""
NOTICEABLE_SITE = 5
"""A site of this many devices that goes to zero is suspicious."""
GROWTH_PERCENT, GROWTH_DEVICES = 25, 50
"""A growth by at least both at once is suspicious."""
PROVEN_RUNS = 7
"""Complete runs of a source after which a sudden growth is suspicious."""
ADMINISTRATOR_PERCENT = 20
"""From this share of vanished devices on, only an administrator may accept the run."""


class DeviceSummary(NamedTuple):
    """The compared fields. `site` is any key that identifies a site; None is a new site."""

    site: int | str | None
    billing_status: str
    serial: str | None
    rule_version: int


def suspicion_reasons(
    before: Mapping[int, DeviceSummary], after: Mapping[int, DeviceSummary], complete_runs: int
) -> list[str]:
    """Why `after` is suspicious compared with `before`, as sentences; empty when it is not.

    Args:
        complete_runs: how many complete runs the source had before this one.
    """
    if not before:
        return []
    reasons = []
    size = len(before)
    vanished = size - len(before.keys() & after.keys())
    if vanished > VANISHED_DEVICES and vanished * 100 > VANISHED_PERCENT * size:
        reasons.append(
            f"{vanished} of {size} devices vanished at once (more than {VANISHED_PERCENT}%)"
        )
    elif vanished and vanished * 2 >= size:
        reasons.append(f"{vanished} of {size} devices vanished at once (half of them)")
    emptied = emptied_sites(before, after)
    if emptied:
        emptied_count = plural(len(emptied), "site")
        reasons.append(f"{emptied_count} with {NOTICEABLE_SITE} or more devices went to zero")
    changed = count_changes(before, after).changed
    if changed > CHANGED_DEVICES and changed * 100 > CHANGED_PERCENT * size:
        reasons.append(
            f"{changed} of {size} devices changed site, billing status or serial number at once"
        )
    growth = len(after) - size
    grown = growth >= GROWTH_DEVICES and growth * 100 >= GROWTH_PERCENT * size
    if complete_runs >= PROVEN_RUNS and grown:
        reasons.append(f"the source grew from {size} to {len(after)} devices at once")
    return reasons


def needs_administrator(
    before: Mapping[int, DeviceSummary], after: Mapping[int, DeviceSummary]
) -> bool:
    """Whether the loss is so large that a second equal run does not confirm it: two sites went to
    zero, or 20 % vanished."""
    vanished = len(before) - len(before.keys() & after.keys())
    return (
        len(emptied_sites(before, after)) >= 2
        or 0 < ADMINISTRATOR_PERCENT * len(before) <= vanished * 100
    )


class ChangeCounts(NamedTuple):
    """Numbers of devices. `changed` have another site, billing status or serial number."""

    added: int
    removed: int
    changed: int


def count_changes(
    before: Mapping[int, DeviceSummary], after: Mapping[int, DeviceSummary]
) -> ChangeCounts:
    """What publishing `after` would change."""
    both = before.keys() & after.keys()
    changed = sum(_changed(before[device_id], after[device_id]) for device_id in both)
    return ChangeCounts(len(after) - len(both), len(before) - len(both), changed)


def emptied_sites(
    before: Mapping[int, DeviceSummary], after: Mapping[int, DeviceSummary]
) -> list[int | str | None]:
    """The sites that had `NOTICEABLE_SITE` devices or more and have none."""
    sizes_before = Counter(device.site for device in before.values())
    sites_after = {device.site for device in after.values()}
    return [
        site for site, n in sizes_before.items() if n >= NOTICEABLE_SITE and site not in sites_after
    ]


def _changed(before: DeviceSummary, after: DeviceSummary) -> bool:
    old_serial, new_serial = real_serial(before.serial), real_serial(after.serial)
    return (
        before.site != after.site
        or (
            before.billing_status != after.billing_status
            and before.rule_version == after.rule_version
        )
        or (old_serial is not None and new_serial is not None and old_serial != new_serial)
    )
