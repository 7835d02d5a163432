"""The query that page, export and API addresses share: read strictly, written canonically."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

from werkzeug.datastructures import MultiDict

from db.coverage import KINDS
from db.coverage import STATES as FINDING_STATES
from db.sources import source_names
from db.tables.base import NAME_LENGTH

SOURCES = source_names()
BASES = ("assets", "records", *SOURCES)
TYPES = ("server", "workstation", "vm_guest", "network", "mobile", "other", "unknown")
STATUSES = ("billable", "spare", "excluded")
COUNTED = ("billable", "spare")
"""The statuses that lists and counts take unless asked otherwise: those that make a total."""

BILLABLE = ("billable",)
"""The statuses that changes take unless asked otherwise."""

BARS = ("added", "removed", "moved_in", "moved_out", "reclassified_in", "reclassified_out")
ALL_CHANGES = "all"
"""As a bar: every bar, and what changed without standing in one."""

SHARED = ("as_of", "compare_to", "basis", "site", "location", "type", "status", "q")
SEARCH_LENGTH = 200
NO_LOCATION = ""
"""As a location: none is named. No place is called so, and `location=` asks for it."""

OF_PAGES = (
    "source", "managed_by", "change", "kind", "present", "run", "month", "state", "from", "to",
    "offset",
)  # fmt: skip
"""What the addresses of pages may hold beside `SHARED`; some mean something on one page only."""

DEFAULT_LIMIT, MOST = 100, 1000
"""Rows of a page of a list: unless asked otherwise, and at most."""

MOST_OFFSET = 10**9
LARGEST_ID = 2**63 - 1
_OLDEST_DAY = date(1970, 1, 1)


def usual_statuses(path: str) -> tuple[str, ...]:
    """The statuses that the page at `path` takes unless its address names others; address.js
    knows the same."""
    return BILLABLE if path == "/changes" else COUNTED


class BadParameter(ValueError):
    """A parameter of an address cannot be used; the message names it and says what to write."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


@dataclass(frozen=True)
class Filters:
    """What is looked at. Empty `sites`, `types` and `sources` mean all; `statuses` never is empty.

    `sources` narrows to records of these sources; in the assets basis, to machines for which
    their record speaks. `managed_by`: to machines that each of these sources manages; of the
    assets basis alone. `as_of` None is the current business day, `compare_to` None the month-end
    of the month before. `changes` are bars, only on Changes; empty means all of them.
    `locations` are exact names of places inside sites, or `NO_LOCATION`; empty means all. `kinds`
    and `states` are those of findings, only on Coverage; empty means all that stand.
    """

    as_of: date | None = None
    compare_to: date | None = None
    basis: str = "assets"
    sites: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = COUNTED
    q: str | None = None
    sources: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    managed_by: tuple[str, ...] = ()

    @property
    def are_stored(self) -> bool:
        """Whether the stored counts, by site, type and status, know all that is asked."""
        return self.q is None and not (self.sources or self.locations or self.managed_by)

    def as_stored(self) -> "Filters":
        """These filters without what the stored counts know nothing of."""
        return replace(self, q=None, sources=(), locations=(), managed_by=())

    def to_query(
        self,
        *,
        default_basis: str = "assets",
        default_statuses: tuple[str, ...] = COUNTED,
        extra: Mapping[str, object] | None = None,
    ) -> str:
        """The canonical query string, without "?": only what differs from the defaults, then
        `extra` without its None values. `parse` reads it back to equal filters."""
        pairs: list[tuple[str, object]] = []
        if self.as_of is not None:
            pairs.append(("as_of", self.as_of.isoformat()))
        if self.compare_to is not None:
            pairs.append(("compare_to", self.compare_to.isoformat()))
        if self.basis != default_basis:
            pairs.append(("basis", self.basis))
        pairs += [("site", site) for site in self.sites]
        pairs += [("location", name) for name in self.locations]
        pairs += [("type", name) for name in self.types]
        if self.statuses != default_statuses:
            pairs += [("status", name) for name in self.statuses]
        if self.q is not None:
            pairs.append(("q", self.q))
        pairs += [("source", name) for name in self.sources]
        pairs += [("managed_by", name) for name in self.managed_by]
        pairs += [("change", name) for name in self.changes]
        pairs += [("kind", name) for name in self.kinds]
        pairs += [("state", name) for name in self.states]
        pairs += [(name, value) for name, value in (extra or {}).items() if value is not None]
        return urlencode(pairs)

    def having(self, **changes: Any) -> "Filters":
        """These filters with some fields replaced, brought into canonical order."""
        changed = replace(self, **changes)
        return replace(
            changed,
            sites=tuple(sorted(set(changed.sites))),
            types=_in_order(changed.types, TYPES),
            statuses=_in_order(changed.statuses, STATUSES),
            sources=_in_order(changed.sources, SOURCES),
            changes=_in_order(changed.changes, (*BARS, ALL_CHANGES)),
            locations=tuple(sorted(set(changed.locations))),
            kinds=_in_order(changed.kinds, KINDS),
            states=_in_order(changed.states, FINDING_STATES),
            managed_by=_in_order(changed.managed_by, SOURCES) if changed.basis == "assets" else (),
        )


def parse(
    args: "MultiDict[str, str]",
    *,
    today: date,
    default_basis: str = "assets",
    default_statuses: tuple[str, ...] = COUNTED,
    extra: Collection[str] = (),
) -> Filters:
    """The filters in `args`, of which every name must be shared or in `extra`.

    Args:
        today: the business day now; a later date is refused.
        extra: names that the caller reads itself; "source", "managed_by", "change" and "kind", and
            with that "state", among them are read here.

    Raises:
        BadParameter: an unknown name, a single parameter given twice, or a value that cannot be.
    """
    allow_only(args, sorted({*SHARED, *extra}))
    as_of, compare_to = day_of(args, "as_of", today), day_of(args, "compare_to", today)
    until = as_of or today
    if compare_to is not None and compare_to > until:
        message = f"compare_to {compare_to} is after as_of {until}: swap the dates."
        raise BadParameter("compare_to", message)
    basis = single(args, "basis")
    sources = _choices(args, "source", SOURCES) if "source" in extra else ()
    managed_by = _choices(args, "managed_by", SOURCES) if "managed_by" in extra else ()
    changes = _choices(args, "change", (*BARS, ALL_CHANGES)) if "change" in extra else ()
    basis = default_basis if basis is None else _chosen("basis", basis, BASES)
    if managed_by and basis != "assets":
        message = "managed_by asks about machines: use it with basis=assets."
        raise BadParameter("managed_by", message)
    return Filters(
        as_of=as_of,
        compare_to=compare_to,
        basis=basis,
        sites=tuple(sorted({whole("site", id, most=LARGEST_ID) for id in args.getlist("site")})),
        types=_choices(args, "type", TYPES),
        statuses=_choices(args, "status", STATUSES) or default_statuses,
        q=search(args),
        sources=sources,
        changes=changes,
        locations=tuple(sorted({_location(name) for name in args.getlist("location")})),
        kinds=_choices(args, "kind", KINDS) if "kind" in extra else (),
        # Runs have states too, which their page reads: `finding_states` refuses them.
        states=_in_order(args.getlist("state"), FINDING_STATES) if "kind" in extra else (),
        managed_by=managed_by,
    )


def finding_states(args: "MultiDict[str, str]") -> None:
    """Refuse a `state` that no finding of coverage has."""
    _choices(args, "state", FINDING_STATES)


def single(args: "MultiDict[str, str]", name: str) -> str | None:
    """The value of a parameter that may be given once; None when it is not given."""
    values = args.getlist(name)
    if len(values) > 1:
        raise BadParameter(name, f"{name} is given {len(values)} times: give it once.")
    return values[0] if values else None


def whole(name: str, text: str, *, least: int = 0, most: int) -> int:
    """`text` as a whole number from `least` to `most`, written in plain digits."""
    if text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most:
        return int(text)
    raise BadParameter(name, f"{name} is {text[:40]!r}: use a whole number from {least} to {most}.")


def day_of(args: "MultiDict[str, str]", name: str, today: date) -> date | None:
    """The value of a parameter that names one day, today or earlier; None when not given."""
    text = single(args, name)
    if text is None:
        return None
    day = None
    # fromisoformat alone would take '20261122' and '2026-W47-7' too.
    if len(text) == 10 and text[4] == "-" and text[7] == "-" and text.isascii():
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
    if day is None:
        raise BadParameter(name, f"{name} is {text[:40]!r}: use a date like {today}.")
    if day > today:
        raise BadParameter(name, f"{name} {day} is in the future: today is {today}.")
    if day < _OLDEST_DAY:
        raise BadParameter(name, f"{name} {day} is before {_OLDEST_DAY}: use a later date.")
    return day


def search(args: "MultiDict[str, str]") -> str | None:
    """The text to search for, trimmed; None when there is none."""
    text = (single(args, "q") or "").strip()
    if not text:
        return None
    if len(text) > SEARCH_LENGTH:
        raise BadParameter("q", f"q has {len(text)} characters: use at most {SEARCH_LENGTH}.")
    return readable("q", text)


def _location(name: str) -> str:
    if len(name) > NAME_LENGTH:
        message = f"location has {len(name)} characters: no location has more than {NAME_LENGTH}."
        raise BadParameter("location", message)
    return readable("location", name)


def readable(name: str, text: str) -> str:
    """`text` itself, when databases can look for it."""
    if any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in text):
        message = f"{name} holds characters that cannot be searched: leave them out."
        raise BadParameter(name, message)
    return text


def _choices(args: "MultiDict[str, str]", name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    return _in_order((_chosen(name, value, known) for value in args.getlist(name)), known)


def _chosen(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise BadParameter(name, f"{name} is {value[:40]!r}: use one of {', '.join(known)}.")
    return value


def _in_order(values: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    given = set(values)
    return tuple(value for value in known if value in given)


def arguments(query: str | None) -> "MultiDict[str, str]":
    """The names and values of a query string without "?"."""
    return MultiDict(parse_qsl(query or "", keep_blank_values=True))


def allow_only(args: "MultiDict[str, str]", names: Collection[str]) -> None:
    """Refuse any parameter that is not one of `names`.

    Raises:
        BadParameter: there is one; the message lists `names` in their order.
    """
    for name in args:
        if name not in names:
            what = f"use {', '.join(names)}" if names else "leave it out"
            raise BadParameter(name, f"{name!r} is not a parameter here: {what}.")


def page_of(args: "MultiDict[str, str]") -> tuple[int, int]:
    """The `limit` and `offset` of a page of a list."""
    limit, offset = single(args, "limit"), single(args, "offset")
    return (
        DEFAULT_LIMIT if limit is None else whole("limit", limit, least=1, most=MOST),
        0 if offset is None else whole("offset", offset, most=MOST_OFFSET),
    )


def parse_sort(args: "MultiDict[str, str]", columns: Collection[str]) -> tuple[str, bool] | None:
    """The column that `sort` names, and whether downwards ("-" before it); None when not given."""
    text = single(args, "sort")
    if text is None:
        return None
    if text.removeprefix("-") not in columns:
        known = ", ".join(columns)
        raise BadParameter("sort", f"sort is {text[:40]!r}: use one of {known}.")
    return text.removeprefix("-"), text.startswith("-")


def only_stored(filters: Filters) -> None:
    """Refuse filters that the stored counts of months do not know.

    Raises:
        BadParameter: there is one.
    """
    if filters.q is not None:
        raise BadParameter("q", "Months are not counted by search: leave q out.")
    if filters.locations:
        message = "Months are not counted by location: leave location out."
        raise BadParameter("location", message)
