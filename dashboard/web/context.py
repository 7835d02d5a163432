"""What a request is answered from: the server's database and clock, the filters that its address
asks for, and a read transaction of the moment that they mean."""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo

from flask import Flask, current_app, g, request
from sqlalchemy import Connection, Engine
from werkzeug.exceptions import Forbidden

from dashboard.base import params
from dashboard.base.access import STRANGER, Actor
from dashboard.base.clock import Clock
from dashboard.base.params import FILTERS, Args, Filters
from dashboard.base.run_params import OF_PAGE, RUNS
from dashboard.queries import moment
from dashboard.queries.moment import Moment
from dashboard.queries.own_sites import limit, within
from db import engine as database
from db.settings import Settings
from db.tokens import Peppers

_EXTENSION = "inventory_hub"


@dataclass(frozen=True)
class View:
    """One read transaction, the filters that are asked for, and the moment that they mean in it.
    `now` is an instant, `today` the business day, `actor` whoever sent the request."""

    connection: Connection
    filters: Filters
    moment: Moment
    now: datetime
    today: date
    actor: Actor


@dataclass(frozen=True)
class Context:
    """The database, the clock, the business time zone and the settings of one server.
    `ingest_open`: whether anybody may report a machine."""

    engine: Engine
    clock: Clock
    zone: tzinfo
    ingest_open: bool = False
    settings: Settings = field(default_factory=Settings)

    @property
    def peppers(self) -> Peppers:
        """The keys of the stored hashes of tokens."""
        return Peppers.from_settings(self.settings)

    def now(self) -> datetime:
        """This instant in the business time zone."""
        return self.clock().astimezone(self.zone)

    def today(self) -> date:
        """The business day now."""
        return self.now().date()

    def reading(self, *, own_sites: bool = False) -> AbstractContextManager[Connection]:
        """One read transaction, for what belongs to no day. Whoever streams calls this before the
        stream begins: then there is still a request whose actor is known.

        Args:
            own_sites: it shows nothing of a site that its reader may not see. Without this, people
                who see only some sites are refused.

        Raises:
            Forbidden: the actor sees only some sites.
        """
        return self._reading(_own_sites(allowed=own_sites))

    @contextmanager
    def _reading(self, own: frozenset[int] | None) -> Iterator[Connection]:
        with database.reading(self.engine) as connection:
            if own is not None:
                limit(connection, own)
            yield connection

    def writing(self, *, own_sites: bool = False) -> AbstractContextManager[Connection]:
        """One write transaction; `own_sites` as in `reading`."""
        _own_sites(allowed=own_sites)
        return database.writing(self.engine)

    def filters(
        self,
        args: Args,
        path: str,
        *,
        extra: Collection[str] = (),
        lenient: Collection[str] = (),
    ) -> Filters:
        """The filters in `args`, inside the sites that the actor sees.

        Args:
            path: of the address; it decides what is not named.
            extra: names that `args` may hold beside the shared filters.
            lenient: names whose unknown values are left out instead of refused.

        Raises:
            BadParameter: an unknown name, or a value that cannot be used.
        """
        parsed = params.parse(args, path, today=self.today(), extra=extra, lenient=lenient)
        return within(parsed, current_actor().sites)

    @contextmanager
    def view(self, filters: Filters, *, own_sites: bool = False) -> Iterator[View]:
        """One read transaction in which `filters` are answered; `own_sites` as in `reading`."""
        today = self.today()
        with self.reading(own_sites=own_sites) as connection:
            resolved = moment.resolve(connection, filters, today)
            yield View(connection, filters, resolved, self.clock(), today, current_actor())


def attach(server: Flask, context: Context) -> None:
    """Make `context` the one that requests of `server` see."""
    server.extensions[_EXTENSION] = context


def current() -> Context:
    """The context of the request's server."""
    context: Context = current_app.extensions[_EXTENSION]
    return context


def own_address() -> str:
    """This server's address in browsers, for links."""
    return current().settings.public_url or request.host_url.rstrip("/")


def sender_address() -> str:
    """The network address that the request came from."""
    return request.remote_addr or ""


_OF_SINGLE_PAGES = ("present", "since", *(each.name for each in (*RUNS, *OF_PAGE)))
_OF_PAGES = (*(each.name for each in FILTERS if not each.shared), *_OF_SINGLE_PAGES)


def current_actor() -> Actor:
    """Who sent the request; a stranger where the gate was not asked."""
    actor: Actor = g.get("actor", STRANGER)
    return actor


def page_filters(query: str | None, path: str = "/") -> Filters:
    """The filters in the query string of the page at `path`.

    Raises:
        BadParameter: a parameter of no page, or a value that cannot be used.
    """
    return current().filters(
        params.arguments(query),
        path,
        extra=_OF_PAGES,
        # Another page uses the same name: `state` is of findings on one and of runs on another.
        lenient=[
            each.name
            for each in FILTERS
            if each.page not in (None, path) and each.name in _OF_SINGLE_PAGES
        ],
    )


@contextmanager
def view(query: str | None, path: str = "/", *, own_sites: bool = False) -> Iterator[View]:
    """One read transaction in which the query string of the page at `path` is answered; `own_sites`
    as in `Context.reading`.

    Raises:
        BadParameter: a parameter of no page, or a value that cannot be used.
    """
    with current().view(page_filters(query, path), own_sites=own_sites) as opened:
        yield opened


def _own_sites(*, allowed: bool) -> frozenset[int] | None:
    actor = current_actor()
    if actor.sites is not None and not allowed:
        raise Forbidden("This shows every site, and you see only some: ask an administrator.")
    return actor.sites
