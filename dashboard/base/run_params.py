"""What an address asks of the collection runs, read strictly and written canonically."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from dashboard.base.params import (
    MOST_OFFSET,
    SHARED,
    SOURCES,
    BadParameter,
    allow_only,
    day_of,
    single,
    whole,
)
from dashboard.queries.runs.attempts import HOLDS, STATES, Asked

CHOICES = (*STATES, *HOLDS)
"""What `state` may be: a state, or what was decided about a run."""

_SHARED_HERE = ("source", "state", "from", "to", "as_of")


@dataclass(frozen=True)
class Shown:
    """What the page of collections shows: a run, or the calendar of a month (None: the last 65
    days) and the list of runs from `offset` on."""

    asked: Asked
    as_of: date | None = None
    run_id: int | None = None
    month: str | None = None
    offset: int = 0

    def address(self, **changes: object) -> str:
        """The page with something else: `state`, `source`, `month`, `offset`, `run`. What is None
        is left out; other runs begin at their first page."""
        values: dict[str, object] = {
            "as_of": self.as_of,
            "source": self.asked.sources,
            "state": self.asked.states,
            "from": self.asked.first,
            "to": None if self.asked.last == self.as_of else self.asked.last,
            "month": self.month,
            **changes,
        }
        query = urlencode({k: v for k, v in values.items() if v}, doseq=True)
        return f"/collections?{query}" if query else "/collections"


def parse(args: "MultiDict[str, str]", *, today: date, extra: Collection[str] = ()) -> Asked:
    """The runs that an address asks for; every name must be known or in `extra`.

    Raises:
        BadParameter: an unknown name, or a value that cannot be.
    """
    allow_only(args, (*_SHARED_HERE, *extra))
    first, last = day_of(args, "from", today), day_of(args, "to", today)
    as_of = day_of(args, "as_of", today)
    if first and last and first > last:
        raise BadParameter("to", f"to {last} is before from {first}: swap the dates.")
    return Asked(
        _given(args, "source", SOURCES),
        _given(args, "state", CHOICES),
        first,
        min((day for day in (last, as_of) if day is not None), default=None),
    )


def parse_page(args: "MultiDict[str, str]", *, today: date) -> Shown:
    """What the page of collections shows.

    Raises:
        BadParameter: an unknown name, or a value that cannot be.
    """
    asked = parse(args, today=today, extra=(*SHARED, "run", "month", "offset"))
    run, offset = single(args, "run"), single(args, "offset")
    return Shown(
        asked,
        day_of(args, "as_of", today),
        None if run is None else whole("run", run, least=1, most=2**63 - 1),
        month_in(args, today),
        0 if offset is None else whole("offset", offset, most=MOST_OFFSET),
    )


def month_in(args: "MultiDict[str, str]", today: date) -> str | None:
    """The value of `month`, this month or an earlier one; None when not given."""
    text = single(args, "month")
    if text is None:
        return None
    good = len(text) == 7 and text.isascii()
    if good:
        try:
            good = date.fromisoformat(f"{text}-01").isoformat()[:7] == text
        except ValueError:
            good = False
    if not good:
        raise BadParameter("month", f"month is {text[:40]!r}: use a month like {today:%Y-%m}.")
    if text > f"{today:%Y-%m}":
        raise BadParameter("month", f"month {text} is in the future: it is {today:%Y-%m} now.")
    return text


def _given(args: "MultiDict[str, str]", name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    values = args.getlist(name)
    for value in values:
        if value not in known:
            message = f"{name} is {value[:40]!r}: use one of {', '.join(known)}."
            raise BadParameter(name, message)
    return tuple(value for value in known if value in values)
