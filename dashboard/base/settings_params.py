"""What the addresses of the settings ask, read strictly and written canonically."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from dashboard.base.params import (
    MOST_OFFSET,
    BadParameter,
    allow_only,
    day_of,
    readable,
    search,
    single,
    whole,
)
from dashboard.queries.audit import audit_log
from dashboard.queries.sites import directory as site_list
from db.tables.base import NAME_LENGTH

PAGE = "/settings"
RULES, SITES, AUDIT = f"{PAGE}/rules", f"{PAGE}/sites", f"{PAGE}/audit"
AUDIT_PAGE = 50
STEP = 20
"""Sites and pairs of the inbox that are shown at first, and more with every step."""


def is_here(path: str | None) -> bool:
    """Whether `path` is a page of the settings, whose address means nothing to other pages."""
    return path == PAGE or (path or "").startswith(f"{PAGE}/")


@dataclass(frozen=True)
class Inbox:
    """How many sites, pairs of records, and sites that are called like no other the inbox shows."""

    sites: int = STEP
    links: int = STEP
    unlike: int = STEP

    def more(self, name: str) -> str:
        """The inbox with another step of one of them."""
        values = asdict(self)
        values[name] += STEP
        return f"{PAGE}?{urlencode({k: v for k, v in values.items() if v != STEP})}"


def parse_inbox(args: "MultiDict[str, str]") -> Inbox:
    """What the inbox shows.

    Raises:
        BadParameter: an unknown name, or a value that cannot be.
    """
    names = [one.name for one in fields(Inbox)]
    allow_only(args, names)
    given = {name: single(args, name) for name in names}
    return Inbox(
        **{n: whole(n, text, least=1, most=10_000) for n, text in given.items() if text is not None}
    )


def parse_sites(args: "MultiDict[str, str]") -> site_list.Asked:
    """Which sites are listed.

    Raises:
        BadParameter: an unknown name, or a value that cannot be.
    """
    allow_only(args, ("q", "state"))
    state = single(args, "state")
    if state is not None and state not in site_list.STATES:
        known = ", ".join(site_list.STATES)
        raise BadParameter("state", f"state is {state[:40]!r}: use one of {known}.")
    return site_list.Asked(search(args), state)


@dataclass(frozen=True)
class Audit:
    """Which entries of the audit log, from `offset` on; `first` and `last` are days."""

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    text: str | None = None
    first: date | None = None
    last: date | None = None
    offset: int = 0

    def asked(self, zone: tzinfo) -> audit_log.Asked:
        """The same as instants: the days of `zone`."""
        until = self.last and self.last + timedelta(days=1)
        return audit_log.Asked(
            self.actors,
            self.actions,
            self.text,
            _midnight(self.first, zone),
            _midnight(until, zone),
        )

    def address(self, path: str = AUDIT, **changes: Any) -> str:
        """The page at `path`, or a file, with this; other entries begin at their first page."""
        now = replace(self, **{"offset": 0, **changes})
        pairs: list[tuple[str, object]] = [("actor", name) for name in now.actors]
        pairs += [("action", name) for name in now.actions]
        rest = {"q": now.text, "from": now.first, "to": now.last, "offset": now.offset}
        query = urlencode([*pairs, *((name, value) for name, value in rest.items() if value)])
        return f"{path}?{query}" if query else path


def _midnight(day: date | None, zone: tzinfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, zone)


def parse_audit(args: "MultiDict[str, str]", today: date, *, extra: Collection[str] = ()) -> Audit:
    """Which entries an address asks for.

    Raises:
        BadParameter: an unknown name, or a value that cannot be.
    """
    allow_only(args, ("actor", "action", "q", "from", "to", "offset", *extra))
    first, last = day_of(args, "from", today), day_of(args, "to", today)
    if first and last and first > last:
        raise BadParameter("to", f"to {last} is before from {first}: swap the dates.")
    offset = single(args, "offset")
    return Audit(
        _names(args, "actor"),
        _names(args, "action"),
        search(args),
        first,
        last,
        0 if offset is None else whole("offset", offset, most=MOST_OFFSET),
    )


def _names(args: "MultiDict[str, str]", name: str) -> tuple[str, ...]:
    values = args.getlist(name)
    for value in values:
        if len(value) > NAME_LENGTH:
            raise BadParameter(name, f"{name} has {len(value)} characters: no name is so long.")
        readable(name, value)
    return tuple(dict.fromkeys(value for value in values if value))


def check(path: str, args: "MultiDict[str, str]", today: date) -> None:
    """Refuse an address that cannot be shown.

    Raises:
        BadParameter: an unknown name, or a value that cannot be.
    """
    if path == PAGE:
        parse_inbox(args)
    elif path == SITES:
        parse_sites(args)
    elif path == AUDIT:
        parse_audit(args, today)
    else:
        allow_only(args, ())
