"""What a page's callbacks ask through: the running server's database and clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from urllib.parse import parse_qsl

from flask import Flask, current_app
from sqlalchemy import Connection, Engine
from werkzeug.datastructures import MultiDict

from dashboard.base import params as query
from dashboard.base.clock import Clock, business_day
from dashboard.base.params import COUNTED, Filters
from dashboard.queries import moment
from dashboard.queries.moment import Moment
from db.engine import reading

_NAME = "inventory_hub"

PAGES_OWN = ("present", "run", "month", "state", "from", "to", "offset")
"""What single pages ask beside the filters that all share; each reads its own."""


@dataclass(frozen=True)
class Context:
    """What one server answers from; `ingest_open`: whether anybody may report a machine."""

    engine: Engine
    clock: Clock
    zone: tzinfo
    ingest_open: bool = False

    def now(self) -> datetime:
        """This instant in the business zone."""
        return self.clock().astimezone(self.zone)


@dataclass(frozen=True)
class View:
    """One read transaction and what is looked at in it."""

    connection: Connection
    filters: Filters
    moment: Moment
    now: datetime
    today: date


def attach(server: Flask, context: Context) -> None:
    """Make `context` the one that requests of `server` see."""
    server.extensions[_NAME] = context


def current() -> Context:
    """The context of the request's server."""
    found: Context = current_app.extensions[_NAME]
    return found


def filters_of(text: str | None, statuses: tuple[str, ...] = COUNTED) -> Filters:
    """The filters of a query string without "?"; `statuses` unless it names others.

    Raises:
        BadParameter: it holds something that cannot be asked.
    """
    here = current()
    today = business_day(here.clock, here.zone)
    return query.parse(
        arguments(text), today=today, default_statuses=statuses,
        extra=("source", "managed_by", "change", "kind", *PAGES_OWN),
    )  # fmt: skip


def arguments(text: str | None) -> "MultiDict[str, str]":
    """The names and values of a query string without "?"."""
    return MultiDict(parse_qsl(text or "", keep_blank_values=True))


@contextmanager
def view(text: str | None, statuses: tuple[str, ...] = COUNTED) -> Iterator[View]:
    """What the query string `text` shows, in one read transaction; `statuses` unless it names
    others.

    Raises:
        BadParameter: it holds something that cannot be asked.
    """
    here = current()
    asked = filters_of(text, statuses)
    today = business_day(here.clock, here.zone)
    with reading(here.engine) as connection:
        resolved = moment.resolve(connection, asked, today)
        yield View(connection, asked, resolved, here.clock(), today)
