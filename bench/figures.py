"""Figures: ours against the floor, as a ratio with its limit, and the table that shows them."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One claim on one database. `ours` and `floor` are in `unit`; without a floor it is `ours`
    itself that has the limit. A figure without a limit is told, not judged."""

    database: str
    name: str
    unit: str
    ours: float
    floor: float | None = None
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours as a part of the floor's; None without a floor."""
        return None if self.floor is None else self.ours / max(self.floor, 1e-9)

    @property
    def kept(self) -> bool | None:
        """Whether the limit is kept; None where there is none."""
        if self.limit is None:
            return None
        return (self.ours if self.ratio is None else self.ratio) <= self.limit


@dataclass(frozen=True)
class Pair:
    """The median seconds of both sides."""

    ours: float
    floor: float


def timed(work: Callable[[], object]) -> float:
    """The seconds that `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def interleaved(ours: Callable[[], object], floor: Callable[[], object], runs: int) -> Pair:
    """The medians of `runs` of each, one after the other in turns: what else the machine does
    meanwhile hits both. The first run of each, which fills caches, does not count."""
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


def table(figures: Iterable[Figure]) -> str:
    """The figures in lines, with a header."""
    rows: list[Sequence[str]] = [HEADER, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join((*left, *right)).rstrip())
    return "\n".join(lines)


def _cells(figure: Figure) -> Sequence[str]:
    verdict = {True: "ok", False: "MISSED", None: ""}[figure.kept]
    return (
        figure.database,
        figure.name,
        figure.unit,
        _number(figure.ours),
        _number(figure.floor),
        _number(figure.ratio),
        _number(figure.limit),
        verdict,
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
