"""What a request asks: its filters, its page, and the moment they mean."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from flask import request
from sqlalchemy import Connection, Engine

from dashboard.base import params as query
from dashboard.base.clock import Clock, business_day
from dashboard.base.params import COUNTED, BadParameter, Filters
from dashboard.queries import moment
from dashboard.queries.moment import Moment
from db.engine import reading

DEFAULT_LIMIT, MOST = 100, 1000
_MOST_OFFSET = 10**9


@dataclass(frozen=True)
class Reader:
    """What every route needs to answer: the database, the clock, and the business zone."""

    engine: Engine
    clock: Clock
    zone: tzinfo

    def now(self) -> datetime:
        """This instant in the business zone."""
        return self.clock().astimezone(self.zone)

    def today(self) -> date:
        """The business day now."""
        return business_day(self.clock, self.zone)

    def filters(
        self,
        basis: str = "assets",
        extra: Collection[str] = (),
        statuses: tuple[str, ...] = COUNTED,
    ) -> Filters:
        """The filters of the current request; `basis` and `statuses` unless it names others.

        Raises:
            BadParameter: the request holds something that cannot be asked.
        """
        return query.parse(
            request.args, today=self.today(), default_basis=basis, default_statuses=statuses,
            extra=extra,
        )  # fmt: skip

    @contextmanager
    def asked(self, filters: Filters) -> Iterator[tuple[Connection, Moment]]:
        """One read transaction, and the moment that `filters` mean in it."""
        with reading(self.engine) as connection:
            yield connection, moment.resolve(connection, filters, self.today())


def page() -> tuple[int, int]:
    """The limit and offset of the current request."""
    limit = query.single(request.args, "limit")
    offset = query.single(request.args, "offset")
    return (
        DEFAULT_LIMIT if limit is None else query.whole("limit", limit, least=1, most=MOST),
        0 if offset is None else query.whole("offset", offset, most=_MOST_OFFSET),
    )


def sort_asked(columns: Sequence[str]) -> tuple[str, bool] | None:
    """The column that `sort` asks for, and whether downwards ("-" before it); None unless asked."""
    text = query.single(request.args, "sort")
    if text is None:
        return None
    if text.removeprefix("-") not in columns:
        known = ", ".join(columns)
        raise BadParameter("sort", f"sort is {text[:40]!r}: use one of {known}.")
    return text.removeprefix("-"), text.startswith("-")


def only_stored(filters: Filters) -> None:
    """Refuse what months know nothing of: they are stored by site, type and status."""
    if filters.q is not None:
        raise BadParameter("q", "Months are not counted by search: leave q out.")
    if filters.locations:
        message = "Months are not counted by location: leave location out."
        raise BadParameter("location", message)


def nothing_else() -> None:
    """Refuse any parameter: this address takes none."""
    for name in request.args:
        raise BadParameter(name, f"{name!r} is not a parameter here: leave it out.")
