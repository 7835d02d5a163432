"""On which days of a month each device was counted at each site: what the month can be billed by,
device by device."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, Date, and_, literal, or_, select, union_all

from dashboard.base.params import Filters
from dashboard.queries import entities
from db.bulk import chunks
from db.history.views import ASSETS, assets_as_of
from db.months.month_days import KnownDays
from db.rules import RulesByDay
from db.tables import ALL_SITES, device_snapshots
from db.types import as_date

_stretches = device_snapshots.c

Masks = dict[tuple[int, int], int]
"""By device (in the basis "assets" by machine) and site: a bit for each known day, the first day's
lowest, set where it was counted there."""


@dataclass(frozen=True)
class Presence:
    """The days of a month, and who was counted on which."""

    days: tuple[date, ...]
    masks: Masks

    def devices(self) -> Counter[int]:
        """How many devices were counted on at least one day, by site; over all as ALL_SITES."""
        counts = Counter(site for _entity, site in self.masks)
        counts[ALL_SITES] = len({entity for entity, _site in self.masks})
        return counts

    def device_days(self) -> Counter[int]:
        """The same, each counted with its days."""
        counts: Counter[int] = Counter()
        for (_entity, site), mask in self.masks.items():
            counts.update({site: mask.bit_count(), ALL_SITES: mask.bit_count()})
        return counts

    def at(self, site_id: int) -> dict[int, int]:
        """The mask of each device of a site, or at any site (ALL_SITES)."""
        by_device: dict[int, int] = defaultdict(int)
        for (entity, site), mask in self.masks.items():
            if site_id in (site, ALL_SITES):
                by_device[entity] |= mask
        return by_device

    def partial(self, site_id: int) -> dict[int, int]:
        """Those of `at` that were not counted on every day: all differences between bases."""
        whole = (1 << len(self.days)) - 1
        return {entity: mask for entity, mask in self.at(site_id).items() if mask != whole}

    def holds(self, mask: int, day: date) -> bool:
        """Whether a mask has this day."""
        return day in self.days and bool(mask >> self.days.index(day) & 1)


def presence(connection: Connection, known: KnownDays, filters: Filters) -> Presence:
    """Who was counted by `filters`, whose statuses hold here too, on which of the known days."""
    of_basis = _of_assets if filters.basis == ASSETS else _of_records
    return Presence(known.days, of_basis(connection, known, filters))


def _of_records(connection: Connection, known: KnownDays, filters: Filters) -> Masks:
    first, after = known.span
    statement = select(
        _stretches.device_id, _stretches.site_id, _stretches.valid_from, _stretches.valid_to
    ).where(
        entities.matches(device_snapshots, filters),
        _stretches.valid_from < after,
        _stretches.valid_to > first,
    )
    if filters.basis != "records":
        statement = statement.where(_stretches.source == filters.basis)
    masks: Masks = defaultdict(int)
    for device_id, site_id, valid_from, valid_to in connection.execute(statement):
        masks[device_id, site_id] |= _bits(known.days, valid_from, valid_to)
    return {key: mask for key, mask in masks.items() if mask}


def _bits(days: Sequence[date], first: date, after: date) -> int:
    return sum(1 << place for place, day in enumerate(days) if first <= day < after)


def _of_assets(connection: Connection, known: KnownDays, filters: Filters) -> Masks:
    first, after = known.span
    # Only where a stretch begins or ends inside the month can a machine differ between its days,
    # or where new rules choose another primary record.
    inside = or_(
        and_(_stretches.valid_from > first, _stretches.valid_from < after),
        and_(_stretches.valid_to > first, _stretches.valid_to < after),
    )
    if known.precedence_changes:
        inside = and_(_stretches.valid_from < after, _stretches.valid_to > first)
    changed = set(connection.scalars(select(_stretches.asset_id).where(inside).distinct()))
    whole = (1 << len(known.days)) - 1
    end = [known.days[-1]]
    masks: Masks = defaultdict(int)
    for asset_id, site_id, _day in _counted(connection, end, known.rules, filters, None):
        if asset_id not in changed:
            masks[asset_id, site_id] = whole
    bits = _span_bits(known)
    for chunk in chunks(sorted(changed)):
        for asset_id, site_id, day in _counted(connection, bits, known.rules, filters, chunk):
            masks[asset_id, site_id] |= bits[day]
    return masks


def _span_bits(known: KnownDays) -> Mapping[date, int]:
    """By the first day of each constant span the bits of its days."""
    spans = known.constant_spans()
    bits, place = {}, 0
    for day in known.days:
        if day in spans:
            bits[day] = ((1 << spans[day]) - 1) << place
            place += spans[day]
    return bits


def _counted(
    connection: Connection,
    days: Iterable[date],
    rules: RulesByDay,
    filters: Filters,
    asset_ids: Collection[int] | None,
) -> Iterator[tuple[int, int, date]]:
    """Machine, site and day, where it was counted."""
    each = union_all(*(select(literal(day, Date).label("day")) for day in days)).subquery("days")
    view = assets_as_of(
        each.c.day, rules,
        columns={"asset_id", "site_id", *entities.filter_columns(filters)},
        asset_ids=None if asset_ids is None else list(asset_ids),
    ).subquery("counted")  # fmt: skip
    rows = connection.execute(
        select(view.c.asset_id, view.c.site_id, view.c.day).where(entities.matches(view, filters))
    )
    for asset_id, site_id, day in rows.all():
        yield asset_id, site_id, as_date(day)
