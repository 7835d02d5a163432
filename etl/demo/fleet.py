"""One invented fleet with a history: what each vendor answers on any of its days.

    fleet = Fleet(seed=1, devices=400, sites=12, last_day=date(2026, 3, 14))
    fleet.ninja(fleet.days()[0]).devices

The same arguments give the same answers on any machine, in any order of calls.
"""

from datetime import date
from functools import lru_cache

from etl.demo.days import first_day
from etl.demo.history import History
from etl.demo.ninja_rows import ninja_rows
from etl.demo.register import Event
from etl.demo.rows import NinjaRows, Row, ThreatLockerRows
from etl.demo.threatlocker_rows import threatlocker_rows

__all__ = ["Event", "Fleet", "NinjaRows", "Row", "ThreatLockerRows"]

_CACHED_DAYS = 3
"""A replay reads one day after the other; more would only use memory."""


class Fleet:
    """The fleet from the first day of its first month to `last_day`.

    Args:
        devices: how many Ninja has on the last day.
        sites: how many customers, the provider itself counted; 3 at least.
        months: how many calendar months the history touches.
    """

    def __init__(
        self,
        seed: int = 1,
        devices: int = 400,
        sites: int = 12,
        *,
        last_day: date,
        months: int = 14,
    ) -> None:
        if devices < 20 or sites < 3 or months < 1:
            raise ValueError("a fleet needs at least 20 devices, 3 sites and 1 month")
        self.first_day = first_day(last_day, months)
        self.last_day = last_day
        self._history = History(seed, devices, sites, self.first_day, last_day)
        self._ninja = lru_cache(_CACHED_DAYS)(lambda day: ninja_rows(self._history, day))
        self._threatlocker = lru_cache(_CACHED_DAYS)(
            lambda day: threatlocker_rows(self._history, day)
        )

    def days(self) -> list[date]:
        """The days a demo collects: the last 65, and before them the last two of each month
        and the day on which it closes."""
        return list(self._history.days)

    @property
    def events(self) -> list[Event]:
        """The fleet's events in order of time, with the vendors' bad days."""
        return list(self._history.events)

    @property
    def outage(self) -> tuple[date, str] | None:
        """The day on which a vendor answers 503 all day, and which one."""
        return self._history.outage

    @property
    def partial_day(self) -> date | None:
        """The day on which ThreatLocker returns fewer computers than its totals say."""
        return self._history.partial

    def ninja(self, day: date) -> NinjaRows:
        """NinjaRMM's rows of `day`."""
        return self._ninja(self._checked(day))

    def threatlocker(self, day: date) -> ThreatLockerRows:
        """ThreatLocker's rows of `day`."""
        return self._threatlocker(self._checked(day))

    def _checked(self, day: date) -> date:
        if not self.first_day <= day <= self.last_day:
            raise ValueError(f"the fleet's history has {self.first_day} to {self.last_day} only")
        return day
