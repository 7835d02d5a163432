"""Files of exactly what is shown, complete, from the query that the list uses."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from dashboard import filters as query
from dashboard.api.csv_text import csv_text
from dashboard.api.question import Reader
from dashboard.filters import STATUSES, TYPES, Filters
from dashboard.queries import devices, sites
from dashboard.queries.moment import Moment

IN_MEMORY = 2**20
"""Bytes of a file that are kept in memory; what is larger goes to the disk."""
PIECE = 2**16


SITE_COLUMNS = (
    "site_id", "site", "current", "previous", "change", "change_percent",
    *STATUSES, *TYPES, "sources",
)  # fmt: skip


SORTS = devices.columns("assets")
"""What a file of devices can be sorted by; what its basis has no column for leaves it as it is."""


def blueprint(reader: Reader) -> Blueprint:
    """The routes under /export."""
    routes = Blueprint("export", __name__, url_prefix="/export")

    @routes.get("/devices.csv")
    def device_file() -> Response:
        filters = reader.filters(extra=("source", "sort"))
        sort = _sort()
        with reader.asked(filters) as (connection, moment):
            name = _file_name(connection, "devices", moment, filters)
            header = devices.columns(filters.basis)
            rows = devices.stream(connection, moment, filters, sort=sort)
            return _file(name, chain([[header]], rows))

    @routes.get("/sites.csv")
    def site_file() -> Response:
        filters = reader.filters(extra=("source",))
        with reader.asked(filters) as (connection, moment):
            name = _file_name(connection, "sites", moment, filters)
            rows = [_site_row(row) for row in sites.table(connection, moment, filters)]
            return _file(name, [[SITE_COLUMNS], rows])

    return routes


def _sort() -> devices.Sort:
    """The order that `sort` asks for: a column, with "-" before it downwards."""
    text = query.single(request.args, "sort")
    if text is None:
        return devices.BY_SITE
    if text.removeprefix("-") not in SORTS:
        known = ", ".join(SORTS)
        raise query.BadParameter("sort", f"sort is {text[:40]!r}: use one of {known}.")
    return devices.Sort(text.removeprefix("-"), text.startswith("-"))


def _site_row(row: sites.Site) -> tuple[Any, ...]:
    figure = row.figure
    return (
        row.site_id, row.name, figure.current, figure.previous, figure.change, figure.percent,
        *(row.by_status.get(status, 0) for status in STATUSES),
        *(row.by_type.get(name, 0) for name in TYPES),
        ", ".join(row.sources),
    )  # fmt: skip


def _file(name: str, chunks: Iterable[Iterable[Sequence[Any]]]) -> Response:
    """A download of the rows in `chunks`.

    It is written to a temporary file first, so that the answer can state its length: the server
    ends a stream that fails midway like one that is complete, and nobody would know. A failure is
    an error instead of a file, and a slow reader holds no transaction open.
    """
    with ExitStack() as stack:
        file = stack.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY))
        for rows in chunks:
            file.write(csv_text(rows).encode())
        length = file.tell()
        file.seek(0)
        stack.pop_all()
    response = Response(iter(partial(file.read, PIECE), b""), mimetype="text/csv")
    response.call_on_close(file.close)
    response.content_length = length
    response.headers["Content-Disposition"] = _disposition(name)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _file_name(connection: Connection, subject: str, moment: Moment, filters: Filters) -> str:
    """What the file holds, for people: "devices-Harbor-Dental-assets-2026-11-22"."""
    called = sites.names(connection, filters.sites) if len(filters.sites) == 1 else {}
    site = "".join(called.get(site, "") for site in filters.sites)
    return f"{subject}-{site}-{filters.basis}-{moment.now.day or moment.now.asked}"


def _disposition(name: str) -> str:
    """The header that names a download (RFC 6266), whatever characters a site's name has."""
    clean = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", name)).strip("-")
    # Long names lose their middle: what the file is stands first, of which day last.
    clean = clean if len(clean) <= 120 else clean[:90] + "-" + clean[-29:]
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode()
    plain = re.sub(r"-{2,}", "-", plain).strip("-")
    return f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{quote(clean, safe='')}.csv"
