"""Every word a person reads can be translated, and the catalogue for that is up to date."""

import ast
import io
from pathlib import Path

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from tests.conftest import ROOT

DASHBOARD = ROOT / "dashboard"
READ_BY_PEOPLE = ("title", "placeholder", "label", "aria-label", "alt", "headerName")
NOT_WORDS = {"Inventory Hub", "Esc"}


def test_the_catalogue_holds_exactly_the_words_of_the_dashboard() -> None:
    keywords = {**DEFAULT_KEYWORDS, "mark": None}
    found = {
        message[0] if isinstance(message, tuple) else message
        for _file, _line, message, _comments, _context in extract_from_dir(
            DASHBOARD, keywords=keywords
        )
    }
    catalogue = read_po(
        io.BytesIO((DASHBOARD / "translations" / "messages.pot").read_bytes()),
    )
    kept = {m.id[0] if isinstance(m.id, tuple) else m.id for m in catalogue if m.id}
    assert kept == found, "run make words"


def test_no_component_holds_words_that_cannot_be_translated() -> None:
    bare = []
    for folder in ("components", "pages", "figures"):
        for path in sorted((DASHBOARD / folder).glob("*.py")):
            bare += [f"{path.name}:{line} {text!r}" for line, text in _bare_words(path)]
    assert bare == []


def _bare_words(path: Path) -> list[tuple[int, str]]:
    """Texts with a letter in it that stand as a component's child or in a property people read."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if not isinstance(node.func.value, ast.Name) or node.func.value.id not in ("html", "dcc"):
            continue
        read = [*node.args[:1], *(k.value for k in node.keywords if k.arg in READ_BY_PEOPLE)]
        for value in read:
            parts = value.elts if isinstance(value, ast.List) else [value]
            for part in parts:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    if any(letter.isalpha() for letter in part.value):
                        found.append((part.lineno, part.value))
        code = node.func.attr in ("Code", "Kbd")
        if code:
            found = [entry for entry in found if entry[0] != node.lineno]
    return [(line, text) for line, text in found if text not in NOT_WORDS]
