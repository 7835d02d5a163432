"""CSV that a spreadsheet shows and never runs (RFC 4180, formula-safe)."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

BYTE_ORDER_MARK = "\ufeff"
"""Begins every CSV file but those of packs in form 1 (`db.months.closings.PACK_FORM`): without it
Excel reads UTF-8 as another encoding."""

# What starts a formula in one spreadsheet or another: = + - @, also full width, tab, CR, LF, NUL;
# spaces before it do not help.
_TRIGGER = re.compile("[ ]*[=+\\-@\t\r\n\0＝＋－＠]")
# The same at the start of some cell of a written text: then it is worth looking at each cell.
_SUSPECT = re.compile('[,\n]"?[ ]*[=+\\-@\t\r\n\0＝＋－＠]')


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """The rows as CSV lines. Text that a spreadsheet would run gets an apostrophe in front;
    numbers stay numbers; None is an empty cell."""
    rows = list(rows)
    text = _write(rows)
    # Most texts need no apostrophe: one look at all of them is cheaper than one at each.
    if _SUSPECT.search("\n" + text) is None:
        return text
    return _write([[_safe(cell) for cell in row] for row in rows])


def _write(rows: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def _safe(cell: Any) -> Any:
    if isinstance(cell, str) and _TRIGGER.match(cell):
        return "'" + cell
    return cell
