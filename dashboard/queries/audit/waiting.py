"""How much waits for a person to decide."""

from dataclasses import dataclass

from sqlalchemy import Connection

from dashboard.queries.audit import review
from dashboard.queries.runs import attempts
from dashboard.queries.runs.attempts import Run
from db.months.closings import Hindrance, hindrances, next_to_close

_BY_ITSELF = ("too_early", "held")
"""Why a month is open that a person need not look at here: it closes, or its run is listed."""


@dataclass(frozen=True)
class Waiting:
    """Sites that may be another and pairs of records that may be one machine, held runs, and a
    month that does not close by itself with the reasons. `unlike` are new sites that are called
    like no other: nobody has to decide about them."""

    sites: int
    unlike: int
    pairs: int
    runs: tuple[Run, ...]
    month: str | None
    hindrances: tuple[Hindrance, ...]

    @property
    def count(self) -> int:
        """All that waits for a decision."""
        return self.sites + self.pairs + len(self.runs) + (self.month is not None)


def waiting(connection: Connection) -> Waiting:
    """What waits now."""
    month = next_to_close(connection)
    found = tuple(hindrances(connection, month)) if month else ()
    waits = month if any(one.code not in _BY_ITSELF for one in found) else None
    return Waiting(
        review.count_sites(connection, likely=True),
        review.count_sites(connection, likely=False),
        review.count_pairs(connection),
        tuple(attempts.held_runs(connection)),
        waits,
        found if waits else (),
    )
