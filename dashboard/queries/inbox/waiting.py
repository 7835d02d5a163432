"""Counts of pending decisions."""

from dataclasses import dataclass

from sqlalchemy import Connection

from dashboard.queries.inbox import review
from dashboard.queries.inbox.review import SiteReview
from dashboard.queries.runs import attempts
from dashboard.queries.runs.attempts import Run
from db.months.closings import Hindrance, hindrances, next_to_close

_NOT_LISTED = ("too_early", "held")
"""Hindrances of months that are not listed: they close automatically, or their held run is."""


@dataclass(frozen=True)
class Waiting:
    """What waits.

    Attributes:
        sites: new sites, those that may be another site and those that resemble no other.
        pairs: how many pairs of records may be one machine.
        runs: held runs.
        month: a month that does not close automatically, because of `hindrances`.
    """

    sites: SiteReview
    pairs: int
    runs: tuple[Run, ...]
    month: str | None
    hindrances: tuple[Hindrance, ...]

    @property
    def count(self) -> int:
        """The number of pending decisions, each of which the inbox lists."""
        of_sites = len(self.sites.similar) + len(self.sites.unlike)
        return of_sites + self.pairs + len(self.runs) + (self.month is not None)


def waiting(connection: Connection) -> Waiting:
    month = next_to_close(connection)
    against = tuple(hindrances(connection, month)) if month else ()
    listed = any(each.code not in _NOT_LISTED for each in against)
    return Waiting(
        review.sites_to_review(connection),
        review.count_pairs(connection),
        tuple(attempts.held_runs(connection)),
        month if listed else None,
        against if listed else (),
    )
