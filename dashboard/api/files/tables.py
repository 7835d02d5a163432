"""Tables as files to download, complete or not at all."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import quote

from flask import Response

from dashboard.api.files.csv_text import BYTE_ORDER_MARK, csv_text
from dashboard.api.files.xlsx import About, write_xlsx

FORMATS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
IN_MEMORY = 2**20
"""Bytes of a file that are kept in memory; what is larger goes to the disk."""
PIECE = 2**16


def table_file(
    name: str,
    columns: Sequence[str],
    chunks: Iterable[Iterable[Sequence[Any]]],
    about: About,
    form: str,
) -> Response:
    """A download of the rows in `chunks`.

    It is written to a temporary file first, so that the answer can state its length: the server
    ends a stream that fails midway like a complete one, and a client cannot tell them apart. A
    failure is an error instead of a file, and a slow reader holds no transaction open.

    Args:
        name: what it holds, as in `file_name`.
        about: what the sheet "About" says; CSV has no place for it.
        form: one of `FORMATS`.
    """
    with ExitStack() as stack:
        file = stack.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY))
        if form == "xlsx":
            write_xlsx(file, name.split("-")[0].capitalize(), columns, chunks, about)
        else:
            file.write(BYTE_ORDER_MARK.encode())
            for rows in chain([[columns]], chunks):
                file.write(csv_text(rows).encode())
        file.seek(0, 2)
        length = file.tell()
        file.seek(0)
        stack.pop_all()
    response = Response(iter(partial(file.read, PIECE), b""), mimetype=FORMATS[form])
    response.call_on_close(file.close)
    response.content_length = length
    response.headers["Content-Disposition"] = disposition(name, form)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def disposition(name: str, form: str) -> str:
    """The header that names a download (RFC 6266), whatever characters a site's name has."""
    clean = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", name)).strip("-")
    # Long names lose their middle: they begin with the subject and end with the day.
    clean = clean if len(clean) <= 120 else clean[:90] + "-" + clean[-29:]
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode()
    plain = re.sub(r"-{2,}", "-", plain).strip("-")
    quoted = quote(clean, safe="")
    return f"attachment; filename=\"{plain}.{form}\"; filename*=UTF-8''{quoted}.{form}"
