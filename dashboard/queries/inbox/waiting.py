"""Counts of pending decisions."""

from dataclasses import dataclass

from sqlalchemy import Connection

from dashboard.queries.inbox import review
from dashboard.queries.runs import attempts
from dashboard.queries.runs.attempts import Run
from db.months.closings import Hindrance, hindrances, next_to_close

_NOT_LISTED = ("too_early", "held")
"""Hindrances of months that are not listed: they close automatically, or their held run is."""


@dataclass(frozen=True)
class Waiting:
    """What waits.

    Attributes:
        sites: new sites that may be another site.
        unlike: new sites whose name resembles no other; nobody has to decide about them.
        pairs: pairs of records that may be one machine.
        runs: held runs.
        month: a month that does not close automatically, because of `hindrances`.
    """

    sites: int
    unlike: int
    pairs: int
    runs: tuple[Run, ...]
    month: str | None
    hindrances: tuple[Hindrance, ...]

    @property
    def count(self) -> int:
        """The number of pending decisions."""
        return self.sites + self.pairs + len(self.runs) + (self.month is not None)


def waiting(connection: Connection) -> Waiting:
    month = next_to_close(connection)
    against = tuple(hindrances(connection, month)) if month else ()
    listed = any(each.code not in _NOT_LISTED for each in against)
    return Waiting(
        review.count_sites(connection, likely=True),
        review.count_sites(connection, likely=False),
        review.count_pairs(connection),
        tuple(attempts.held_runs(connection)),
        month if listed else None,
        against if listed else (),
    )
