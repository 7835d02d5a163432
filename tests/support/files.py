"""Reads exported CSV and Excel files."""

import csv
import io
import zipfile
from xml.etree import ElementTree


def csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheets(content: bytes) -> dict[str, list[list[str | float | None]]]:
    """The sheets of an Excel file by name; no cell may be a formula."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        names = [sheet.attrib["name"] for sheet in book.iter(f"{SHEET}sheet")]
        sheets_by_name = {}
        for number, name in enumerate(names, 1):
            tree = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
            assert not list(tree.iter(f"{SHEET}f")), "a formula"
            assert not list(tree.iter(f"{SHEET}hyperlink")), "a link"
            sheets_by_name[name] = [_cells(row) for row in tree.iter(f"{SHEET}row")]
    return sheets_by_name


def _cells(row: ElementTree.Element) -> list[str | float | None]:
    cells: dict[int, str | float | None] = {}
    for cell in row.iter(f"{SHEET}c"):
        column = 0
        for letter in cell.attrib["r"].rstrip("0123456789"):
            column = column * 26 + ord(letter) - 64
        if cell.attrib.get("t") == "inlineStr":
            cells[column] = "".join(text.text or "" for text in cell.iter(f"{SHEET}t"))
        else:
            value = cell.find(f"{SHEET}v")
            assert value is not None and value.text is not None
            cells[column] = float(value.text)
    return [cells.get(column) for column in range(1, max(cells, default=0) + 1)]
