"""Rule 5: which machines the agent's snapshot holds."""

from dataclasses import dataclass, field
from datetime import date

from tests.support.oracle.classify import Row


@dataclass
class Agents:
    """What machines reported, and which were added by hand.

    Args:
        present_days: `AGENT_PRESENT_DAYS`.
    """

    present_days: int = 30
    rows: dict[str, Row] = field(default_factory=dict)
    last_report: dict[str, date] = field(default_factory=dict)
    report_days: set[date] = field(default_factory=set)

    def report(self, row: Row, day: date) -> None:
        self.rows[row.key] = row
        self.last_report[row.key] = day
        self.report_days.add(day)

    def add(self, row: Row) -> bool:
        """By hand; adding is no report."""
        if row.key in self.rows:
            return False
        self.rows[row.key] = row
        return True

    def remove(self, key: str) -> bool:
        self.last_report.pop(key, None)
        return self.rows.pop(key, None) is not None

    def present(self) -> list[Row]:
        """Those that reported in the last days, days without any report at all not counted, and
        those added by hand until they are taken out."""
        counted = sorted(self.report_days)[-self.present_days :]
        return [
            row for key, row in sorted(self.rows.items())
            if key not in self.last_report or self.last_report[key] in counted
        ]  # fmt: skip
