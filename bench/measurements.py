"""Measurements: ours against a floor, as a ratio with its limit, and their table."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One measured value on one database. `ours` and `floor` are in `unit`. The limit is of their
    ratio, or of `ours` when there is no floor."""

    database: str
    name: str
    unit: str
    ours: float
    floor: float | None = None
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by the floor; None without a floor."""
        return None if self.floor is None else self.ours / max(self.floor, 1e-9)

    @property
    def kept(self) -> bool | None:
        """Whether the limit is kept; None without a limit."""
        if self.limit is None:
            return None
        return (self.ours if self.ratio is None else self.ratio) <= self.limit


@dataclass(frozen=True)
class Pair:
    """Median seconds of both sides."""

    ours: float
    floor: float


def timed(work: Callable[[], object]) -> float:
    """The seconds that `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def interleaved(ours: Callable[[], object], floor: Callable[[], object], runs: int) -> Pair:
    """The medians of `runs` runs of each, in turns, so that other load on the machine hits both. A
    first run of each warms up and does not count."""
    both: list[tuple[float, float]] = []
    for run in range(runs + 1):
        if run % 2:
            first, second = timed(ours), timed(floor)
        else:
            second, first = timed(floor), timed(ours)
        both.append((first, second))
    return Pair(
        statistics.median(first for first, _ in both[1:]),
        statistics.median(second for _, second in both[1:]),
    )


HEADER = ("database", "figure", "unit", "ours", "floor", "ratio", "limit", "ok?")


def table(measurements: Iterable[Measurement]) -> str:
    """The measurements as text, with a header."""
    rows: list[Sequence[str]] = [HEADER, *(_cells(measurement) for measurement in measurements)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join((*left, *right)).rstrip())
    return "\n".join(lines)


def _cells(measurement: Measurement) -> Sequence[str]:
    verdict = {True: "ok", False: "MISSED", None: ""}[measurement.kept]
    return (
        measurement.database,
        measurement.name,
        measurement.unit,
        _number(measurement.ours),
        _number(measurement.floor),
        _number(measurement.ratio),
        _number(measurement.limit),
        verdict,
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
