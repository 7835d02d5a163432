"""The parameters of the addresses about machines."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from dashboard.base.params import (
    SHARED,
    TEXT_SCHEMA,
    Args,
    BadParameter,
    Parameter,
    Sort,
    allow_only,
    choice,
    named,
    number,
    one_of,
    parse_sort,
    readable,
    search,
    single,
)
from db.tables.base import NAME_LENGTH

PAGE = "/machines"
ADDED_BY_HAND = "added_by_hand"
STATES = ("online", "late", "offline", ADDED_BY_HAND)
FUTURE, UNKNOWN = "future", "unknown"
BUCKETS = ("0-12", "12-36", "36-60", "60-120", "120-", FUTURE, UNKNOWN)
"""Ages in months since a machine was put to work, from and up to; `FUTURE` and `UNKNOWN` have none.
"""
SORTS = (
    "hostname", "state", "site", "os", "os_version", "ip", "cpu_percent", "memory_total_mb",
    "memory_used_mb", "memory_percent", "disk_used_mb", "disk_percent", "computer_model",
    "manufacturer", "serial", "agent_version", "logged_in_user", "created_at", "updated_at",
    "received_at", "computer_activation",
)  # fmt: skip
TOPS = (5, 8, 12, 20)
DEFAULT_TOP, MOST_TOP = 8, 50


def _name(name: str, about: str, field: str) -> Parameter:
    read = named(f"none has more than {NAME_LENGTH}.")
    return Parameter(name, about, TEXT_SCHEMA, read, field, repeat=True)


def _choice(name: str, about: str, choices: tuple[str, ...], field: str) -> Parameter:
    chosen = one_of(choices)

    def read(name: str, text: str, today: date) -> Any:
        return chosen(name, readable(name, text), today)

    return Parameter(**choice(name, about, choices, field=field) | {"read": read})


def _clones(name: str, text: str, _today: date) -> bool:
    if text != "yes":
        raise BadParameter(name, "clones is asked for with clones=yes.")
    return True


MACHINES = (
    Parameter(
        "q",
        "Only machines with this text in a name, system, user, IP or MAC address, or serial.",
        TEXT_SCHEMA,
        search,
    ),
    _choice("state", "Only machines in these states.", STATES, "states"),
    _name("site", "Only machines that name one of these sites.", "sites"),
    _name("os", "Only these operating systems.", "systems"),
    _name("os_version", "Only these versions.", "versions"),
    _name("os_not", "All but these operating systems.", "other_systems"),
    _name("os_version_not", "All but these versions.", "other_versions"),
    _choice("age", "Only machines put to work so many months ago.", BUCKETS, "ages"),
    Parameter(
        "clones", "Only machines that seem to be two.", {"type": "string", "enum": ["yes"]},
        _clones, default=False,
    ),
)  # fmt: skip
BY_NAME = Sort("hostname")
TOP = Parameter(
    "top", "How many bars each share shows.", {}, number(least=1, most=MOST_TOP),
    default=DEFAULT_TOP,
)  # fmt: skip


@dataclass(frozen=True)
class MachineFilters:
    """The values of `MACHINES`. Empty means all; a site, system or version "" means the machines
    that name none.

    `other_systems` and `other_versions` leave these out: what "others" counts beside a top list.
    """

    q: str | None = None
    states: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    other_systems: tuple[str, ...] = ()
    other_versions: tuple[str, ...] = ()
    ages: tuple[str, ...] = ()
    clones: bool = False


@dataclass(frozen=True)
class MachineList:
    """Which machines are listed, in what order, and how many bars the shares of them have."""

    filters: MachineFilters = field(default_factory=MachineFilters)
    sort: Sort = BY_NAME
    top: int = DEFAULT_TOP

    def having(self, **changes: Any) -> "MachineList":
        """The same with other `filters`."""
        return replace(self, filters=replace(self.filters, **changes))

    def query(self, *, top: bool = True) -> str:
        """The canonical query string, without "?"; files and the API know no `top`."""
        pairs: list[tuple[str, object]] = []
        for each in MACHINES:
            value = getattr(self.filters, each.field)
            if value != each.default:
                pairs += each.pairs("yes" if value is True else value)
        if self.sort != BY_NAME:
            pairs.append(("sort", str(self.sort)))
        if top and self.top != DEFAULT_TOP:
            pairs.append(("top", self.top))
        return urlencode(pairs)

    def address(self, path: str = PAGE) -> str:
        """The page at `path`, or a file, with all of this."""
        query = self.query(top=path.startswith(PAGE))
        return f"{path}?{query}" if query else path


def parse_machines(args: Args, *, extra: Collection[str] = ()) -> MachineList:
    """The machines that an address asks for; every name must be known or in `extra`.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    allow_only(args, sorted({*(each.name for each in MACHINES), "sort", *extra}))
    values = {each.field: each.value(args, date.max) for each in MACHINES}
    sort = BY_NAME if single(args, "sort") == "" else parse_sort(args, SORTS, BY_NAME)
    return MachineList(MachineFilters(**values), sort)


def parse_machines_page(args: Args) -> MachineList:
    """What the page of machines shows. The dates and filters of the pages about days are ignored:
    it shows now.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    top = TOP.value(args, date.max)
    return replace(parse_machines(args, extra=(*SHARED, TOP.name)), top=top)
