"""What a closed month changed: every device, and every machine, that does not stand at its end as
at the end of the month before, with all that happened to it."""

import json
import zlib
from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Connection

from db.changed import Changed, changed
from db.kept import KeptDays
from db.month_bases import RECORDS
from db.rules import RulesByDay
from etl.recount import ASSETS


def changes(
    connection: Connection, then: date, end: date, rules: RulesByDay, kept: KeptDays
) -> Iterator[dict[str, Any]]:
    """The rows of `month_changes` between two kept days, without the closing's id. The basis of a
    device is its source."""
    for basis in (RECORDS, ASSETS):
        for one in changed(connection, basis, then, end, rules, kept):
            yield _row(basis, one)


def _row(basis: str, one: Changed) -> dict[str, Any]:
    state = one.now or one.then
    assert state is not None, "what stands on neither day has not changed"
    return {
        "basis": basis if basis == ASSETS else state.source,
        "entity_id": one.key,
        "site_then": one.then.site_id if one.then else None,
        "site_now": one.now.site_id if one.now else None,
        "body": zlib.compress(json.dumps(one.to_json(), sort_keys=True).encode(), 6),
    }
