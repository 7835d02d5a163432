"""What an address asks of the machines, read strictly and written canonically."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from dashboard.base.params import SHARED, BadParameter, allow_only, readable, search, single, whole
from dashboard.queries.machines.ages import BUCKETS
from dashboard.queries.machines.latest import SORTS, STATES, Asked
from db.tables.base import NAME_LENGTH

PAGE = "/machines"
TOPS = (5, 8, 12, 20)
USUAL_TOP, MOST_TOP = 8, 50
FIELDS = {
    "state": "states", "site": "sites", "os": "systems", "os_version": "versions",
    "os_not": "other_systems", "os_version_not": "other_versions", "age": "ages",
}  # fmt: skip
"""The parameters that may be repeated, each with its field of `Asked`."""

_KNOWN = ("q", *FIELDS, "clones", "sort")
_CHOICES = {"state": STATES, "age": BUCKETS}


@dataclass(frozen=True)
class Shown:
    """What the page of machines shows: which, in what order, and how many bars of the shares."""

    asked: Asked = field(default_factory=Asked)
    sort: str = "hostname"
    descending: bool = False
    top: int = USUAL_TOP

    def having(self, **changes: Any) -> "Shown":
        """The same with other fields of `asked`."""
        return replace(self, asked=replace(self.asked, **changes))

    def query(self, *, extra: bool = True) -> str:
        """The canonical query, without "?"; without `extra`, what files and the API read of it."""
        asked = self.asked
        pairs: list[tuple[str, object]] = [] if asked.q is None else [("q", asked.q)]
        pairs += [(name, value) for name, its in FIELDS.items() for value in getattr(asked, its)]
        if asked.clones:
            pairs.append(("clones", "yes"))
        if (self.sort, self.descending) != ("hostname", False):
            pairs.append(("sort", f"{'-' if self.descending else ''}{self.sort}"))
        if extra and self.top != USUAL_TOP:
            pairs.append(("top", self.top))
        return urlencode(pairs)

    def address(self, path: str = PAGE) -> str:
        """The page at `path`, or a file, with all of this."""
        query = self.query(extra=path.startswith(PAGE))
        return f"{path}?{query}" if query else path


def is_here(path: str | None) -> bool:
    """Whether `path` is a page of machines, whose address means nothing to other pages."""
    return path == PAGE or (path or "").startswith(f"{PAGE}/")


def parse(args: "MultiDict[str, str]", *, extra: Collection[str] = ()) -> Shown:
    """What an address asks for; every name must be known or in `extra`.

    Raises:
        BadParameter: an unknown name, or a value that cannot be.
    """
    allow_only(args, sorted({*_KNOWN, *extra}))
    sort = single(args, "sort") or "hostname"
    if sort.removeprefix("-") not in SORTS:
        known = ", ".join(SORTS)
        raise BadParameter("sort", f"sort is {sort[:40]!r}: use one of {known}.")
    clones = single(args, "clones")
    if clones not in (None, "yes"):
        raise BadParameter("clones", "clones is asked for with clones=yes.")
    asked = Asked(
        q=search(args),
        clones=clones == "yes",
        **{its: _values(args, name) for name, its in FIELDS.items()},
    )
    return Shown(asked, sort.removeprefix("-"), sort.startswith("-"))


def parse_page(args: "MultiDict[str, str]") -> Shown:
    """What the page shows. The dates and the other filters of the pages about days are left aside:
    it is about now.

    Raises:
        BadParameter: an unknown name, or a value that cannot be.
    """
    top = single(args, "top")
    shown = parse(args, extra=(*SHARED, "top"))
    return replace(
        shown, top=USUAL_TOP if top is None else whole("top", top, least=1, most=MOST_TOP)
    )


def _values(args: "MultiDict[str, str]", name: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(readable(name, value) for value in args.getlist(name)))
    known = _CHOICES.get(name)
    for value in found:
        if known is None and len(value) > NAME_LENGTH:
            message = f"{name} has {len(value)} characters: none has more than {NAME_LENGTH}."
            raise BadParameter(name, message)
        if known is not None and value not in known:
            raise BadParameter(name, f"{name} is {value[:40]!r}: use one of {', '.join(known)}.")
    return found if known is None else tuple(value for value in known if value in found)
