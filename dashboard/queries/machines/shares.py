"""What machines run: how many of each system and version, the commonest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from db.tables import inventory

SHARED = ("os", "os_version")
MOST_CHOICES = 2000


@dataclass(frozen=True)
class Shares:
    """The `top` values with their machines, of `total` machines that have `kinds` values in all;
    "" is no value."""

    top: tuple[tuple[str, int], ...]
    kinds: int
    total: int

    @property
    def others(self) -> int:
        """The machines outside the top values."""
        return self.total - sum(n for _name, n in self.top)


def shares(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], column: str, top: int
) -> Shares:
    """The `top` commonest values of `column`, one of `SHARED`, among machines that fulfil
    `conditions`."""
    value = func.coalesce(inventory.c[column], "").label("value")
    groups = select(value, func.count().label("n")).where(*conditions).group_by(value).subquery()
    kinds, total = connection.execute(select(func.count(), func.sum(groups.c.n))).one()
    most = connection.execute(
        select(groups.c.value, groups.c.n).order_by(groups.c.n.desc(), groups.c.value).limit(top)
    )
    return Shares(tuple((name, n) for name, n in most), kinds, int(total or 0))


def choices(connection: Connection, column: str) -> list[str]:
    """Every value of `column` that machines have, by name; "" when one has none."""
    value = func.coalesce(inventory.c[column], "").label("value")
    statement = select(value).distinct().order_by(value).limit(MOST_CHOICES)
    return [name for (name,) in connection.execute(statement)]
