"""The parameters of the addresses of the settings."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from dashboard.base.params import (
    DAY_SCHEMA,
    OFFSET,
    TEXT_SCHEMA,
    Args,
    Parameter,
    allow_only,
    choice,
    day,
    named,
    number,
    search,
)
from dashboard.base.run_params import in_order

PAGE = "/settings"
RULES, SITES, AUDIT = f"{PAGE}/rules", f"{PAGE}/sites", f"{PAGE}/audit"
USERS, TOKENS, THRESHOLDS = f"{PAGE}/users", f"{PAGE}/tokens", f"{PAGE}/thresholds"
AUDIT_PAGE = 50
STEP = 25
"""Sites and pairs of the inbox that are shown at first, and more with every step. Not more than fit
on one screen of 1440 x 900, and on two of a phone."""

SITE_STATES = ("review", "internal", "merged", "expects")

INBOX = tuple(
    Parameter(name, f"How many {name} are shown.", {}, number(least=1, most=10_000), default=STEP)
    for name in ("sites", "links", "unlike")
)
KNOWN_SITES = (
    Parameter("q", "Only sites with this text in a name.", TEXT_SCHEMA, search, "text"),
    Parameter(**choice("state", "Only sites in this state.", SITE_STATES, repeat=False)),
)
ENTRIES = (
    Parameter(
        "actor", "Only what these people decided.", TEXT_SCHEMA, named("no name is so long."),
        "actors", repeat=True,
    ),
    Parameter(
        "action", "Only decisions of these kinds.", TEXT_SCHEMA, named("no name is so long."),
        "actions", repeat=True,
    ),
    Parameter("q", "Only entries that hold this text.", TEXT_SCHEMA, search, "text"),
    Parameter("from", "Only of this day and later.", DAY_SCHEMA, day, "first"),
    Parameter("to", "Only of this day and earlier.", DAY_SCHEMA, day, "last"),
)  # fmt: skip


def _names(table: Collection[Parameter]) -> tuple[str, ...]:
    return tuple(each.name for each in table)


@dataclass(frozen=True)
class Inbox:
    """How many similar sites, pairs of records, and other new sites the inbox shows."""

    sites: int = STEP
    links: int = STEP
    unlike: int = STEP

    def more(self, name: str) -> str:
        """The inbox with another step of one of them."""
        values = asdict(self)
        values[name] += STEP
        return f"{PAGE}?{urlencode({k: v for k, v in values.items() if v != STEP})}"


def parse_inbox(args: Args) -> Inbox:
    """What the inbox shows.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    allow_only(args, _names(INBOX))
    return Inbox(*(each.value(args, date.max) for each in INBOX))


@dataclass(frozen=True)
class SiteFilters:
    """Which sites: those with a name that holds `text`; in one of `SITE_STATES`."""

    text: str | None = None
    state: str | None = None


def parse_sites(args: Args) -> SiteFilters:
    """Which sites are listed.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    allow_only(args, _names(KNOWN_SITES))
    return SiteFilters(**{each.field: each.value(args, date.max) for each in KNOWN_SITES})


@dataclass(frozen=True)
class AuditFilters:
    """Which entries of the audit log: by these people, of these kinds, about what holds `text`,
    from the instant `first` up to, without, `until`."""

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    text: str | None = None
    first: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class AuditList:
    """Which entries of the audit log are listed, from `offset` on; `first` and `last` are days."""

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    text: str | None = None
    first: date | None = None
    last: date | None = None
    offset: int = 0

    def filters(self, zone: tzinfo) -> AuditFilters:
        """The same with the days of `zone` as instants."""
        until = self.last and self.last + timedelta(days=1)
        return AuditFilters(
            self.actors,
            self.actions,
            self.text,
            _midnight(self.first, zone),
            _midnight(until, zone),
        )

    def address(self, path: str = AUDIT, **changes: Any) -> str:
        """The page at `path`, or a file, with this; other entries begin at their first page."""
        changed = replace(self, **{"offset": 0, **changes})
        pairs: list[tuple[str, object]] = []
        for each in (*ENTRIES, OFFSET):
            value = getattr(changed, each.field)
            if value:
                pairs += each.pairs(value)
        query = urlencode(pairs)
        return f"{path}?{query}" if query else path


def _midnight(day: date | None, zone: tzinfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, zone)


def parse_audit(args: Args, today: date, *, extra: Collection[str] = ()) -> AuditList:
    """Which entries an address asks for.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    allow_only(args, (*_names(ENTRIES), OFFSET.name, *extra))
    values = {each.field: each.value(args, today) for each in (*ENTRIES, OFFSET)}
    in_order(values["first"], values["last"])
    for field in ("actors", "actions"):
        values[field] = tuple(filter(None, values[field]))
    return AuditList(**values)


def check(path: str, args: Args, today: date) -> None:
    """Refuse an address that cannot be shown.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    if path == PAGE:
        parse_inbox(args)
    elif path == SITES:
        parse_sites(args)
    elif path == AUDIT:
        parse_audit(args, today)
    else:
        allow_only(args, ())
