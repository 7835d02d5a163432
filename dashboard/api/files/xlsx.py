"""A table as an Excel file: a sheet of rows, and a sheet "About"."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from werkzeug.exceptions import RequestEntityTooLarge

MOST_ROWS, LONGEST = 2**20, 2**15 - 1
"""What a sheet and a cell of Excel hold."""

About = Sequence[tuple[str, str]]

# Text stays text: nothing of what a source wrote becomes a formula, a link or a number.
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_xlsx(
    file: IO[bytes],
    name: str,
    columns: Sequence[str],
    chunks: Iterable[Iterable[Sequence[Any]]],
    about: About,
) -> None:
    """Write the sheet `name` and the sheet "About" to `file`, never all rows in memory. Ids are
    text, because Excel loses the digits of large numbers.

    Raises:
        RequestEntityTooLarge: there are more rows than a sheet has.
    """
    with xlsxwriter.Workbook(file, _OPTIONS) as workbook:
        bold = workbook.add_format({"bold": True})
        sheet = workbook.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(columns) - 1, 18)
        _write_row(sheet, 0, columns, frozenset(), bold)
        ids = frozenset(place for place, column in enumerate(columns) if column.endswith("_id"))
        number = 0
        for rows in chunks:
            for row in rows:
                number += 1
                if number >= MOST_ROWS:
                    raise RequestEntityTooLarge(
                        f"There are more rows than an Excel sheet holds ({MOST_ROWS - 1}): "
                        "filter, or take the CSV file."
                    )
                _write_row(sheet, number, row, ids)
        sheet = workbook.add_worksheet("About")
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 90)
        for place, (label, text) in enumerate([*about, ("Rows", str(number))]):
            sheet.write_string(place, 0, label, bold)
            sheet.write_string(place, 1, _cut(text))


def _write_row(
    sheet: Any, number: int, row: Sequence[Any], ids: frozenset[int], form: Any = None
) -> None:
    for place, cell in enumerate(row):
        if cell is None:
            continue
        if isinstance(cell, int | float | Decimal) and place not in ids:
            sheet.write_number(number, place, cell, form)
        else:
            sheet.write_string(number, place, _cut(str(cell)), form)


def _cut(text: str) -> str:
    # A longer text would be left out without a word.
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"
