"""The parameters of addresses, each declared once.

A table of `Parameter` says how each is read, checked, written and described; parsing, canonical
query strings, the OpenAPI description and the browser's copy (`browser_filters`) are made from it.
`FILTERS` is the table of everything about days: pages, files and API routes. Machines, runs and
the settings have tables of their own beside this module.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

from werkzeug.datastructures import MultiDict

from dashboard.base.notice import Notice, mark
from db.coverage import KINDS
from db.coverage import STATES as FINDING_STATES
from db.history.kept import FIRST_MONTH, is_month
from db.sources import source_names
from db.tables.base import NAME_LENGTH

Args = MultiDict[str, str]
Schema = Mapping[str, Any]

SOURCES = source_names()
BASES = ("assets", "records", *SOURCES)
TYPES = ("server", "workstation", "vm_guest", "network", "mobile", "other", "unknown")
STATUSES = ("billable", "spare", "excluded")
BILLABLE = ("billable",)
COUNTED = ("billable", "spare")
"""The statuses of a total."""

BARS = ("added", "removed", "moved_in", "moved_out", "reclassified_in", "reclassified_out")
ALL_CHANGES = "all"
"""As a bar: every bar, and what changed without standing in one."""

FINDING_CHANGES = ("new", "resolved")
"""How findings to look at can differ between the two days: only now, or only then."""

NO_LOCATION = ""
"""As a location: none is named. No place is called so, and `location=` selects it."""

SEARCH_LENGTH = 200
DEFAULT_LIMIT, MOST = 100, 1000
"""Rows of a page of a list: unless asked otherwise, and at most."""

MOST_OFFSET = 10**9
LARGEST_ID = 2**63 - 1
_OLDEST_DAY = date(1970, 1, 1)


class BadParameter(ValueError):
    """A parameter of an address cannot be used; the message names it and says what to write. `code`
    is the status of the answer: 404 when it names something that there cannot be. `notice` says it
    on a page, in words for somebody who never sees parameters; None where `message` does."""

    def __init__(
        self, name: str, message: str, code: int = 400, notice: Notice | None = None
    ) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.code = code
        self.notice = notice


Read = Callable[[str, str, date], Any]
"""Makes a value of a parameter's name and text, on a business day; raises BadParameter."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of an address.

    Attributes:
        about: what it does, in a sentence of the OpenAPI document; `schema` is that of one value.
        field: the attribute of the parsed object that holds it; its own name unless given.
        repeat: whether it may be given several times; its value is a tuple then.
        choices: every value there is, in canonical order; None when there is no such list.
        sort: whether several values are sorted, rather than kept in the order given.
        default: its value when it is not given.
    """

    name: str
    about: str
    schema: Schema
    read: Read
    field: str = ""
    repeat: bool = False
    choices: tuple[str, ...] | None = None
    sort: bool = False
    default: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", self.field or self.name)
        if self.repeat and self.default is None:
            object.__setattr__(self, "default", ())

    def value(self, args: Args, today: date, *, lenient: bool = False) -> Any:
        """Its value in `args`.

        Args:
            lenient: leave out unknown choices: another page uses the same name.

        Raises:
            BadParameter: a single parameter is given twice, or a value cannot be used.
        """
        if self.repeat:
            texts = args.getlist(self.name)
            if lenient:
                texts = [text for text in texts if text in (self.choices or ())]
            return self.ordered(self.read(self.name, text, today) for text in texts) or self.default
        text = single(args, self.name)
        return self.default if text is None else self.read(self.name, text, today)

    def ordered(self, values: Iterable[Any]) -> tuple[Any, ...]:
        """Several values, each once, in canonical order."""
        given = dict.fromkeys(values)
        if self.choices is not None:
            return tuple(choice for choice in self.choices if choice in given)
        return tuple(sorted(given)) if self.sort else tuple(given)

    def pairs(self, value: Any) -> list[tuple[str, object]]:
        """Its part of a query string."""
        return [(self.name, one) for one in value] if self.repeat else [(self.name, value)]


def day(name: str, text: str, today: date) -> date:
    """Reads one day, today or earlier."""
    parsed = None
    # fromisoformat alone would take '20261122' and '2026-W47-7' too.
    if len(text) == 10 and text[4] == "-" and text[7] == "-" and text.isascii():
        try:
            parsed = date.fromisoformat(text)
        except ValueError:
            parsed = None
    if parsed is None:
        said = Notice(mark("\u201c%(text)s\u201d is not a date. Choose another one."),
                      {"text": text[:40]})  # fmt: skip
        message = f"{name} is {text[:40]!r}: use a date like {today}."
        raise BadParameter(name, message, notice=said)
    days: dict[str, object] = {"day": parsed, "today": today}
    if parsed > today:
        message = f"{name} {parsed} is in the future: today is {today}."
        said = Notice(mark("%(day)s is in the future: today is %(today)s."), days)
        raise BadParameter(name, message, notice=said)
    if parsed < _OLDEST_DAY:
        message = f"{name} {parsed} is before {_OLDEST_DAY}: use a later date."
        said = Notice(mark("There is no data for %(day)s. Choose a later date."), days)
        raise BadParameter(name, message, notice=said)
    return parsed


def month(name: str, text: str, today: date) -> str:
    """Reads a month such as "2026-11", this one or an earlier one."""
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text) is None:
        raise BadParameter(name, f"{name} is {text[:40]!r}: use a month like {today:%Y-%m}.")
    if not is_month(text):
        raise BadParameter(name, f"There is no {name} {text}: the first is {FIRST_MONTH}.", 404)
    if text > f"{today:%Y-%m}":
        raise BadParameter(name, f"{name} {text} is in the future: it is {today:%Y-%m} now.")
    return text


def search(name: str, text: str, _today: date) -> str | None:
    """Reads a text to search for, trimmed; None when nothing is left."""
    text = text.strip()
    if len(text) > SEARCH_LENGTH:
        raise BadParameter(name, f"{name} has {len(text)} characters: use at most {SEARCH_LENGTH}.")
    return readable(name, text) or None


def one_of(choices: Sequence[str]) -> Read:
    """Reads one of `choices`."""

    def read(name: str, text: str, _today: date) -> str:
        if text not in choices:
            raise BadParameter(name, f"{name} is {text[:40]!r}: use one of {', '.join(choices)}.")
        return text

    return read


def number(*, least: int = 0, most: int) -> Read:
    """Reads a whole number from `least` to `most`, written in plain digits."""

    def read(name: str, text: str, _today: date) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most:
            return int(text)
        message = f"{name} is {text[:40]!r}: use a whole number from {least} to {most}."
        raise BadParameter(name, message)

    return read


def named(too_long: str) -> Read:
    """Reads the exact name of something.

    Args:
        too_long: ends the message about a longer one than any name that is stored.
    """

    def read(name: str, text: str, _today: date) -> str:
        if len(text) > NAME_LENGTH:
            raise BadParameter(name, f"{name} has {len(text)} characters: {too_long}")
        return readable(name, text)

    return read


def readable(name: str, text: str) -> str:
    """`text` itself, when databases can look for it."""
    if any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in text):
        message = f"{name} holds characters that cannot be searched: leave them out."
        raise BadParameter(name, message)
    return text


DAY_SCHEMA = {"type": "string", "format": "date"}
ID_SCHEMA = {"type": "string", "pattern": "^[0-9]+$"}
MONTH_SCHEMA = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}
TEXT_SCHEMA = {"type": "string"}


def choice(
    name: str,
    about: str,
    choices: tuple[str, ...],
    *,
    field: str = "",
    repeat: bool = True,
    default: Any = None,
) -> dict[str, Any]:
    """The common arguments of a parameter that is one or several of `choices`."""
    schema = {"type": "string", "enum": list(choices)}
    return {
        "name": name, "about": about, "schema": schema, "read": one_of(choices), "field": field,
        "repeat": repeat, "choices": choices, "default": default,
    }  # fmt: skip


@dataclass(frozen=True)
class Filter(Parameter):
    """A parameter that narrows or moves what the pages about days show.

    Attributes:
        shared: whether every such address takes it; the others take it where a route names it.
        stored: whether the stored counts of months know it.
        page: the one page whose navigation keeps it; None for all of them.
        counts: whether it narrows what is counted; if not, it selects rows of the list of `page`,
            and addresses elsewhere leave it out.
        basis: the one basis with which it means something; None for all of them.
        usual: by path, without the ending of a file, the value in place of `default` there.
        label: what it is called on the screen, to be translated; "" when the words of its values
            say it.
        moves: whether it chooses a day or a basis instead of leaving devices out.
        exclusive: whether a device has exactly one of its choices, so that the others list what it
            leaves out.
    """

    shared: bool = True
    stored: bool = True
    page: str | None = None
    counts: bool = True
    basis: str | None = None
    usual: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    exclusive: bool = False
    moves: bool = False

    @property
    def narrows(self) -> bool:
        """Whether it leaves devices out of a count."""
        return self.counts and not self.moves

    @property
    def widest(self) -> Any:
        """The value that leaves nothing out."""
        return self.choices if self.exclusive and self.default else self.default

    def default_at(self, path: str) -> Any:
        """Its value at an address with this path that does not name it."""
        return self.usual.get(path.split(".")[0], self.default)


_SEED = ("/api/dashboard/today", "/api/dashboard/comparison", "/api/dashboard/sites",
         "/api/dashboard/devices")  # fmt: skip
"""The seed's routes, which count the records of all sources, added, spares with them."""

FILTERS = (
    Filter(
        "as_of", "The day to show; today unless given.", DAY_SCHEMA, day, label=mark("As of"),
        moves=True,
    ),
    Filter(
        "compare_to", "The day to compare with; the month-end before.", DAY_SCHEMA, day,
        label=mark("Compare to"), moves=True,
    ),
    Filter(
        **choice("basis", "What is counted.", BASES, repeat=False, default="assets"),
        usual=dict.fromkeys(_SEED, "records"),
        label=mark("Count"),
        moves=True,
    ),
    Filter(
        "site", "Only these sites.", ID_SCHEMA, number(most=LARGEST_ID), "sites", repeat=True,
        sort=True, label=mark("Sites"),
    ),
    Filter(
        "location",
        "Only these locations, by their exact names; nothing (location=) asks for devices without "
        "one.",
        {"type": "string", "maxLength": NAME_LENGTH},
        named(f"no location has more than {NAME_LENGTH}."),
        "locations",
        repeat=True,
        sort=True,
        stored=False,
        label=mark("Location"),
    ),
    Filter(
        **choice("type", "Only these device types.", TYPES, field="types"), label=mark("Type"),
        exclusive=True,
    ),
    Filter(
        **choice("status", "Only these billing statuses; {usual} unless given.", STATUSES,
                 field="statuses", default=BILLABLE),
        usual=dict.fromkeys((*_SEED, "/api/sites"), COUNTED)
        | dict.fromkeys(
            ("/coverage", "/export/coverage", "/api/coverage", "/api/coverage/matrix",
             "/api/search"), STATUSES,
        ),
        label=mark("Status"),
        exclusive=True,
    ),
    Filter(
        "q",
        "Only what has this text in a name, serial number, operating system, class or site, or in "
        "the newest user, IP or MAC address; without regard to case, in any script.",
        {"type": "string", "maxLength": SEARCH_LENGTH},
        search,
        stored=False,
        label=mark("Search"),
    ),
    Filter(
        **choice("source", "Only records of these sources.", SOURCES, field="sources"),
        shared=False,
        stored=False,
        label=mark("Source"),
        exclusive=True,
    ),
    Filter(
        **choice("managed_by", "Only machines that each of these sources manages; with "
                 "basis=assets alone.", SOURCES),
        shared=False,
        stored=False,
        page="/devices",
        basis="assets",
    ),
    Filter(
        **choice("change", "Only the devices in these bars; all bars unless given. With all also "
                 "what changed and is in none.", (*BARS, ALL_CHANGES), field="changes"),
        shared=False,
        page="/changes",
        counts=False,
    ),
    Filter(
        **choice("kind", "Only findings of these kinds.", KINDS, field="kinds"),
        shared=False,
        page="/coverage",
        counts=False,
    ),
    Filter(
        **choice("state", "Only findings in these states; open and accepted unless given. With "
                 "fixed what ended in the 30 days before.", FINDING_STATES, field="states"),
        shared=False,
        page="/coverage",
        counts=False,
    ),
    Filter(
        **choice("compared", "Only findings that somebody has to look at now and had not on the "
                 "day that is compared with (new), or had then and has not now (resolved).",
                 FINDING_CHANGES),
        shared=False,
        page="/coverage",
        counts=False,
    ),
)  # fmt: skip
"""In the order of a canonical query string."""

SHARED = tuple(each.name for each in FILTERS if each.shared)


def browser_filters() -> list[dict[str, Any]]:
    """`FILTERS` for assets/js/address.js, which reads and writes the same addresses."""
    return [
        {
            "name": each.name,
            "repeat": each.repeat,
            "numeric": each.schema is ID_SCHEMA,
            "day": each.schema is DAY_SCHEMA,
            "choices": each.choices,
            "default": each.default or None,
            "usual": {
                path: value
                for path, value in each.usual.items()
                if not path.startswith(("/api/", "/export/"))
            },
            "page": each.page,
            "basis": each.basis,
        }
        for each in FILTERS
    ]


@dataclass(frozen=True)
class Filters:
    """The values of `FILTERS`. Empty `sites`, `types` and `sources` mean all; `statuses` is never
    empty.

    `sources` narrows to records of these sources; in the assets basis, to machines that their
    record represents. `managed_by`: to machines that each of these sources manages; of the
    assets basis alone. `as_of` None is the current business day, `compare_to` None the month-end
    of the month before. `changes` are bars, only on Changes; empty means all of them.
    `locations` are exact names of places inside sites, or `NO_LOCATION`; empty means all. `kinds`
    and `states` are those of findings, only on Coverage; empty means all that stand. `compared`
    lists what changed of those to look at between the two days instead; empty means what stands.
    """

    as_of: date | None = None
    compare_to: date | None = None
    basis: str = "assets"
    sites: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = BILLABLE
    q: str | None = None
    sources: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    managed_by: tuple[str, ...] = ()

    @property
    def are_stored(self) -> bool:
        """Whether the stored counts, by site, type and status, know everything that is set."""
        return not any(getattr(self, each.field) for each in FILTERS if not each.stored)

    def as_stored(self) -> "Filters":
        """These filters without what the stored counts do not know."""
        return replace(self, **{each.field: each.default for each in FILTERS if not each.stored})

    def at(self, path: str) -> "Filters":
        """These filters without those that select rows of another list than that at `path`, a
        page or its file."""
        page = path.split(".")[0].removeprefix("/export")
        rows = [each for each in FILTERS if not each.counts and each.page != page]
        unset: dict[str, Any] = {each.field: () for each in rows}
        return replace(self, **unset)

    def moved(self, here: str, there: str) -> "Filters":
        """These filters of the page at the path `here` on another page: what has its default here
        has it there."""
        unset = [each for each in FILTERS if getattr(self, each.field) == each.default_at(here)]
        return replace(self, **{each.field: each.default_at(there) for each in unset})

    def to_query(self, path: str = "/", *, extra: Mapping[str, object] | None = None) -> str:
        """The canonical query string, without "?": only what differs from the defaults at `path`,
        then `extra` without its None values. `parse` reads it back to equal filters."""
        pairs: list[tuple[str, object]] = []
        for each in FILTERS:
            value = getattr(self, each.field)
            if value != each.default_at(path):
                pairs += each.pairs(value)
        pairs += [(name, value) for name, value in (extra or {}).items() if value is not None]
        return urlencode(pairs)

    def having(self, **changes: Any) -> "Filters":
        """These filters with some fields replaced, brought into canonical order."""
        changed = replace(self, **changes)
        canonical: dict[str, Any] = {}
        for each in FILTERS:
            if each.repeat:
                allowed = each.basis in (None, changed.basis)
                canonical[each.field] = (
                    each.ordered(getattr(changed, each.field)) if allowed else each.default
                )
        return replace(changed, **canonical)


def parse(
    args: Args,
    path: str = "/",
    *,
    today: date,
    extra: Collection[str] = (),
    lenient: Collection[str] = (),
) -> Filters:
    """The filters in `args`, of which every name must be shared or in `extra`.

    Args:
        path: of the address; it decides what is not named.
        today: the business day now; a later date is refused.
        extra: names beside the shared ones; those that are not in `FILTERS` the caller reads.
        lenient: names whose unknown values are left out instead of refused.

    Raises:
        BadParameter: an unknown name, a single parameter given twice, or a value that cannot be
            used.
    """
    allow_only(args, sorted({*SHARED, *extra}))
    values = {
        each.field: each.value(args, today, lenient=each.name in lenient)
        if each.name in args
        else each.default_at(path)
        for each in FILTERS
        if each.shared or each.name in extra
    }
    filters = Filters(**values)
    until = filters.as_of or today
    if filters.compare_to is not None and filters.compare_to > until:
        message = f"compare_to {filters.compare_to} is after as_of {until}: swap the dates."
        words = mark("%(then)s is after %(now)s: compare with an earlier date.")
        said = Notice(words, {"then": filters.compare_to, "now": until})
        raise BadParameter("compare_to", message, notice=said)
    for each in FILTERS:
        if each.basis not in (None, filters.basis) and getattr(filters, each.field):
            message = f"{each.name} asks about machines: use it with basis={each.basis}."
            raise BadParameter(each.name, message)
    return filters


def only_stored(filters: Filters) -> None:
    """Refuse filters that the stored counts of months do not know.

    Raises:
        BadParameter: there is one.
    """
    for each in reversed(FILTERS):
        if not each.stored and getattr(filters, each.field):
            word = "search" if each.name == "q" else each.name
            message = f"Months are not counted by {word}: leave {each.name} out."
            raise BadParameter(each.name, message)


def given(filters: Filters, defaults: Filters) -> list[str]:
    """The names of the filters that differ from `defaults`, in the order of `FILTERS`."""
    return [
        each.name
        for each in FILTERS
        if getattr(filters, each.field) != getattr(defaults, each.field)
    ]


def arguments(query: str | None) -> Args:
    """The names and values of a query string without "?"."""
    return MultiDict(parse_qsl(query or "", keep_blank_values=True))


def allow_only(args: Args, names: Collection[str]) -> None:
    """Refuse any parameter that is not one of `names`.

    Raises:
        BadParameter: there is one; the message lists `names` in their order.
    """
    for name in args:
        if name not in names:
            what = f"use {', '.join(names)}" if names else "leave it out"
            raise BadParameter(name, f"{name!r} is not a parameter here: {what}.")


def single(args: Args, name: str) -> str | None:
    """The text of a parameter that may be given once; None when it is not given."""
    values = args.getlist(name)
    if len(values) > 1:
        raise BadParameter(name, f"{name} is given {len(values)} times: give it once.")
    return values[0] if values else None


LIMIT = Parameter(
    "limit",
    "How many rows at most.",
    {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT},
    number(least=1, most=MOST),
    default=DEFAULT_LIMIT,
)
OFFSET = Parameter(
    "offset",
    "How many rows to leave out first.",
    {"type": "integer", "minimum": 0, "default": 0},
    number(most=MOST_OFFSET),
    default=0,
)


def page_of(args: Args) -> tuple[int, int]:
    """The `limit` and `offset` of a page of a list."""
    return LIMIT.value(args, date.max), OFFSET.value(args, date.max)


@dataclass(frozen=True)
class Sort:
    """The order of a list: by a column, upwards unless `descending`."""

    column: str
    descending: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.column}"


def parse_sort(args: Args, columns: Collection[str], default: Sort) -> Sort:
    """The order that `sort` names: a column, with "-" before it downwards.

    Raises:
        BadParameter: none of `columns`.
    """
    text = single(args, "sort")
    if text is None:
        return default
    if text.removeprefix("-") not in columns:
        known = ", ".join(columns)
        raise BadParameter("sort", f"sort is {text[:40]!r}: use one of {known}.")
    return Sort(text.removeprefix("-"), text.startswith("-"))
