"""What a request is answered from: the server's database and clock, the filters that its address
asks for, and a read transaction of the moment that they mean."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from flask import Flask, current_app, g
from sqlalchemy import Connection, Engine
from werkzeug.datastructures import MultiDict

from dashboard.base import params
from dashboard.base.access import Actor
from dashboard.base.clock import Clock
from dashboard.base.params import COUNTED, Filters
from dashboard.queries import moment
from dashboard.queries.moment import Moment
from db.engine import reading

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
    """The database, the clock and the business time zone of one server. `ingest_open`: whether
    anybody may report a machine."""

    engine: Engine
    clock: Clock
    zone: tzinfo
    ingest_open: bool = False

    def now(self) -> datetime:
        """This instant in the business time zone."""
        return self.clock().astimezone(self.zone)

    def today(self) -> date:
        """The business day now."""
        return self.now().date()

    def filters(
        self,
        args: "MultiDict[str, str]",
        *,
        basis: str = "assets",
        statuses: tuple[str, ...] = COUNTED,
        extra: Collection[str] = (),
    ) -> Filters:
        """The filters in `args`.

        Args:
            basis: the basis unless `args` name another; `statuses` likewise.
            extra: names that `args` may hold beside the shared filters.

        Raises:
            BadParameter: an unknown name, or a value that cannot be used.
        """
        return params.parse(
            args,
            today=self.today(),
            default_basis=basis,
            default_statuses=statuses,
            extra=extra,
        )

    @contextmanager
    def view(self, filters: Filters) -> Iterator[View]:
        """One read transaction in which `filters` are answered."""
        today = self.today()
        with reading(self.engine) as connection:
            resolved = moment.resolve(connection, filters, today)
            yield View(connection, filters, resolved, self.clock(), today, g.actor)


def attach(server: Flask, context: Context) -> None:
    """Make `context` the one that requests of `server` see."""
    server.extensions[_EXTENSION] = context


def current() -> Context:
    """The context of the request's server."""
    context: Context = current_app.extensions[_EXTENSION]
    return context


def page_filters(query: str | None, statuses: tuple[str, ...] = COUNTED) -> Filters:
    """The filters in the query string of a page; `statuses` unless it names others.

    Raises:
        BadParameter: a parameter of no page, or a value that cannot be used.
    """
    args = params.arguments(query)
    return current().filters(args, statuses=statuses, extra=params.OF_PAGES)


@contextmanager
def view(query: str | None, statuses: tuple[str, ...] = COUNTED) -> Iterator[View]:
    """One read transaction in which the query string of a page is answered; `statuses` unless it
    names others.

    Raises:
        BadParameter: a parameter of no page, or a value that cannot be used.
    """
    with current().view(page_filters(query, statuses)) as opened:
        yield opened
