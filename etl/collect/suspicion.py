"""When a run is suspicious (docs/rules.md, 5): pure functions that compare the published day with
the collected one, each a mapping from device id to `DeviceSummary`."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from db.suspicions import EmptiedSite, Suspicion
from db.thresholds import Thresholds
from etl.rules.evidence import real_serial

PROVEN_RUNS = 7
"""Complete runs of a source after which a sudden growth is suspicious."""
_DEFAULTS = Thresholds()


class DeviceSummary(NamedTuple):
    """The compared fields. `site` is any key that identifies a site; None is a new site."""

    site: int | str | None
    billing_status: str
    serial: str | None
    rule_version: int


def suspicions(
    before: Mapping[int, DeviceSummary],
    after: Mapping[int, DeviceSummary],
    complete_runs: int,
    site_names: Mapping[int, str] | None = None,
    limits: Thresholds = _DEFAULTS,
) -> list[Suspicion]:
    """Why `after` is suspicious compared with `before`; empty when it is not.

    Args:
        complete_runs: how many complete runs the source had before this one.
        site_names: what the sites are called; the reasons name them.
    """
    if not before:
        return []
    found = []
    size = len(before)
    vanished = size - len(before.keys() & after.keys())
    if vanished > limits.vanished_devices and vanished * 100 > limits.vanished_percent * size:
        values = {"n": vanished, "size": size, "percent": limits.vanished_percent}
        found.append(Suspicion("vanished", values))
    elif vanished and vanished * 2 >= size:
        found.append(Suspicion("half_vanished", {"n": vanished, "size": size}))
    emptied = emptied_sites(before, after, limits)
    if emptied:
        sites = [
            EmptiedSite(site, (site_names or {}).get(site, f"site {site}"), n)
            for site, n in emptied.items()
            # What a held run would call a site of its own is none that anybody knows yet.
            if isinstance(site, int)
        ]
        sites.sort(key=lambda site: (-site.devices, site.name.casefold()))
        values = {"n": len(emptied), "least": limits.emptied_site_devices}
        found.append(Suspicion("emptied", values, tuple(sites)))
    changed = count_changes(before, after).changed
    if changed > limits.changed_devices and changed * 100 > limits.changed_percent * size:
        found.append(Suspicion("changed", {"n": changed, "size": size}))
    growth = len(after) - size
    grown = growth >= limits.growth_devices and growth * 100 >= limits.growth_percent * size
    if complete_runs >= PROVEN_RUNS and grown:
        found.append(Suspicion("grown", {"n": len(after), "size": size}))
    return found


def needs_administrator(
    before: Mapping[int, DeviceSummary],
    after: Mapping[int, DeviceSummary],
    limits: Thresholds = _DEFAULTS,
) -> bool:
    """Whether the loss is so large that a second equal run does not confirm it: two sites went to
    zero, or 20 % vanished, unless the thresholds say otherwise."""
    vanished = len(before) - len(before.keys() & after.keys())
    return (
        len(emptied_sites(before, after, limits)) >= 2
        or 0 < limits.administrator_percent * len(before) <= vanished * 100
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
    return ChangeCounts(*(len(devices) for devices in changed_devices(before, after).values()))


def changed_devices(
    before: Mapping[int, DeviceSummary], after: Mapping[int, DeviceSummary]
) -> dict[str, set[int]]:
    """The devices that publishing `after` would add, remove and change, in this order."""
    both = before.keys() & after.keys()
    return {
        "added": after.keys() - both,
        "removed": before.keys() - both,
        "changed": {id for id in both if _changed(before[id], after[id])},
    }


def emptied_sites(
    before: Mapping[int, DeviceSummary],
    after: Mapping[int, DeviceSummary],
    limits: Thresholds = _DEFAULTS,
) -> dict[int | str | None, int]:
    """The sites of `limits.emptied_site_devices` devices or more that have none now, with how many
    they had."""
    sizes_before = Counter(device.site for device in before.values())
    sites_after = {device.site for device in after.values()}
    return {
        site: n
        for site, n in sizes_before.items()
        if n >= limits.emptied_site_devices and site not in sites_after
    }


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
