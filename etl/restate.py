"""What a decision changes in the counts of days that were shown already, before and after."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from sqlalchemy import Connection

from db.runs import published_days
from db.tables import count_restatements
from db.upsert import insert_many
from etl.recount import ASSETS, GROUPS, Groups, stored_counts


@contextmanager
def restating(connection: Connection, entry_id: int, source: str, day: date) -> Iterator[None]:
    """Note under an entry of the audit log what the work inside changes in the counts of `source`
    on `day`, and of the machines on that day and on later published ones."""
    days = [day, *(later for later in published_days(connection) if later > day)]
    looked_at = [(source, day), *((ASSETS, each) for each in days)]
    before = {(basis, each): _standing(connection, basis, each) for basis, each in looked_at}
    yield
    names = ("entry_id", "snapshot_date", "basis", *GROUPS, "before", "after")
    rows = []
    for basis, each in looked_at:
        then, now = before[basis, each], _standing(connection, basis, each)
        rows += [
            dict(zip(names, (entry_id, each, basis, *group, then[group], now[group]), strict=True))
            for group in sorted(then.keys() | now.keys())
            if then[group] != now[group]
        ]
    insert_many(connection, count_restatements, rows)


def _standing(connection: Connection, basis: str, day: date) -> Groups:
    """The stored counts that stand on `day`."""
    days = published_days(connection, None if basis == ASSETS else basis)
    standing = max((past for past in days if past <= day), default=None)
    return stored_counts(connection, basis, standing) if standing else Groups()
