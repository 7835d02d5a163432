"""The parameters of the addresses about collection runs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from dashboard.base.params import (
    DAY_SCHEMA,
    LARGEST_ID,
    MONTH_SCHEMA,
    OFFSET,
    SHARED,
    SOURCES,
    Args,
    BadParameter,
    Parameter,
    allow_only,
    choice,
    day,
    month,
    number,
)

PAGE = "/collections"
STATES = ("running", "complete", "suspicious", "failed")
HOLDS = ("held", "accepted", "rejected", "superseded", "withdrawn")

RUNS = (
    Parameter(**choice("source", "Only runs of these sources.", SOURCES, field="sources")),
    Parameter(
        **choice("state", "Only runs in these states, or of which this was decided.",
                 (*STATES, *HOLDS), field="states")
    ),
    Parameter("from", "Only of this business day and later.", DAY_SCHEMA, day),
    Parameter("to", "Only of this business day and earlier.", DAY_SCHEMA, day),
    Parameter("as_of", "The same as `to`; the earlier one counts.", DAY_SCHEMA, day),
)  # fmt: skip
RUN = Parameter("run", "One run.", {}, number(least=1, most=LARGEST_ID))
MONTH = Parameter("month", "The month.", MONTH_SCHEMA, month)
WOULD = Parameter(
    **choice("would", "Of a held run: list the devices that it would add, remove or change.",
             ("added", "removed", "changed"), repeat=False)
)  # fmt: skip
OF_PAGE = (RUN, MONTH, OFFSET, WOULD)
"""What the page of collections takes beside `RUNS`."""


@dataclass(frozen=True)
class RunFilters:
    """Which runs; empty or None means all. `first` and `last` are business days."""

    sources: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class RunList:
    """What the page of collections shows: a run, or the calendar of a month (None: the last 65
    days) and the list of runs from `offset` on. `would`: which devices of the run are listed."""

    filters: RunFilters
    as_of: date | None = None
    run_id: int | None = None
    month: str | None = None
    offset: int = 0
    would: str | None = None

    def address(self, **changes: object) -> str:
        """The page with something else: `state`, `source`, `month`, `offset`, `run`, `would`. What
        is None is left out; another list begins at its first page."""
        values: dict[str, object] = {
            "as_of": self.as_of,
            "source": self.filters.sources,
            "state": self.filters.states,
            "from": self.filters.first,
            "to": None if self.filters.last == self.as_of else self.filters.last,
            "month": self.month,
            **changes,
        }
        query = urlencode({k: v for k, v in values.items() if v}, doseq=True)
        return f"{PAGE}?{query}" if query else PAGE


def parse_runs(args: Args, *, today: date, extra: Collection[str] = ()) -> RunFilters:
    """The runs that an address asks for; every name must be known or in `extra`.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    allow_only(args, (*(each.name for each in RUNS), *extra))
    values = {each.field: each.value(args, today) for each in RUNS}
    first, last, as_of = values["from"], values["to"], values["as_of"]
    in_order(first, last)
    return RunFilters(
        values["sources"],
        values["states"],
        first,
        min((day for day in (last, as_of) if day is not None), default=None),
    )


def in_order(first: date | None, last: date | None) -> None:
    """Refuse the parameter `to` before `from`.

    Raises:
        BadParameter: it is.
    """
    if first and last and first > last:
        raise BadParameter("to", f"to {last} is before from {first}: swap the dates.")


def parse_runs_page(args: Args, *, today: date) -> RunList:
    """What the page of collections shows.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    filters = parse_runs(args, today=today, extra=(*SHARED, *(each.name for each in OF_PAGE)))
    as_of = next(each for each in RUNS if each.name == "as_of").value(args, today)
    return RunList(filters, as_of, *(each.value(args, today) for each in OF_PAGE))
