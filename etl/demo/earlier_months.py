"""Month-end counts from before a demo's history, as a customer's spreadsheet has them: files that
`import-counts` reads."""

import csv
import io

from sqlalchemy import Connection, func, select

from db.history.kept import month_before
from db.tables import month_end_counts, sites
from etl.months.imports import COLUMNS

_GROWTH = 25
"""A month has one device in so many less than the one after it."""


def earlier_counts(connection: Connection, back: int) -> tuple[str, bytes]:
    """The name and the bytes of the file of the month that lies `back` months before the first one
    that was counted."""
    c = month_end_counts.c
    first = connection.scalar(select(func.min(c.month)).where(c.imported.is_(False)))
    assert first is not None, "a demo has month-ends"
    month = month_before(first, back)
    rows = connection.execute(
        select(sites.c.name, c.basis, c.device_type, c.billing_status, c.n)
        .join(sites, sites.c.site_id == c.site_id)
        .where(c.month == first, c.imported.is_(False))
        .order_by(sites.c.name, c.basis, c.device_type, c.billing_status)
    )
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for name, basis, device_type, billing_status, n in rows:
        count = n - back * n // _GROWTH
        writer.writerow((month, name, basis, device_type, billing_status, count))
    return f"counts-{month}.csv", text.getvalue().encode()
