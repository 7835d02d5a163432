"""Progress: a bar in a terminal, plain lines elsewhere."""

import sys
from types import TracebackType

import click
from tqdm import tqdm

from etl.records.record import FetchStats


class Progress:
    """Context manager. Without a terminal it prints the start and every tenth, or 1,000 steps."""

    def __init__(self, label: str, unit: str, total: int | None = None) -> None:
        self.label = label
        self.unit = unit
        self.total = total
        self.done = 0
        self._printed = 0
        self._bar = (
            tqdm(total=total, desc=label, unit=f" {unit}", file=sys.stderr, leave=False)
            if sys.stderr.isatty()
            else None
        )

    def page(self, stats: FetchStats) -> None:
        """Show the progress of a collection after a page."""
        self.total = stats.promised or self.total
        self.reach(stats.rows)

    def reach(self, done: int) -> None:
        """Show that `done` steps are done."""
        if self._bar is not None:
            self._bar.total = self.total
            self._bar.update(done - self.done)
        self.done = done
        if self._bar is None and self._is_due():
            of = f" of {self.total}" if self.total else ""
            click.echo(f"{self.label}: {done}{of} {self.unit}", err=True)
            self._printed = done

    def _is_due(self) -> bool:
        step = self.total / 10 if self.total else 1000
        return self.done - self._printed >= step

    def __enter__(self) -> "Progress":
        if self._bar is None:
            click.echo(f"{self.label} ...", err=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
