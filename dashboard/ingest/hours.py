"""What reports add to their machines' hours."""

from datetime import UTC, datetime
from typing import Any

from dashboard.ingest.report import Report

SUMS = ("n", "cpu_n", "cpu_sum", "memory_n", "memory_sum")
PEAKS = ("cpu_max", "memory_max")


class Hours:
    """Sums by machine and hour, for one transaction."""

    def __init__(self) -> None:
        self._hours: dict[tuple[int, datetime], dict[str, Any]] = {}

    def add(self, device_id: int, at: datetime, report: Report) -> None:
        """Count `report`, made at `at`."""
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        row: dict[str, Any] | None = self._hours.get((device_id, hour))
        if row is None:
            row = {"device_id": device_id, "hour": hour, **dict.fromkeys((*SUMS, *PEAKS), 0)}
            self._hours[device_id, hour] = row
        row["n"] += 1
        _measure(row, "cpu", report.cpu_percent)
        _measure(row, "memory", memory_percent(report.memory_used_mb, report.memory_total_mb))

    def rows(self) -> list[dict[str, Any]]:
        """A row of `agent_hours` for each machine and hour."""
        return list(self._hours.values())


def memory_percent(used: int | None, total: int | None) -> float | None:
    """How full the memory is; None when that is not known."""
    return None if used is None or not total else min(100.0, 100.0 * used / total)


def _measure(row: dict[str, Any], name: str, percent: float | None) -> None:
    if percent is not None:
        row[f"{name}_n"] += 1
        row[f"{name}_sum"] += percent
        row[f"{name}_max"] = max(row[f"{name}_max"], percent)
