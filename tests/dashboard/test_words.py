"""Every word a person reads can be translated, and the catalogue for that is up to date."""

import ast
import configparser
import io
from pathlib import Path
from typing import Any

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_from_file
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import Babel

from dashboard.components.ask.effect import effect
from tests.conftest import ROOT
from tests.support.mounted_page import read_aloud

DASHBOARD = ROOT / "dashboard"
DB = ROOT / "db"
IN_DB = ("decisions.py", "users.py", "passwords.py", "sessions.py", "tokens.py", "outside.py")
"""The kinds of decisions have their labels there, and errors that people read their sentences."""
READ_BY_PEOPLE = ("title", "placeholder", "label", "aria-label", "alt", "headerName")
NOT_WORDS = {"Inventory Hub", "Esc"}


def kinds_of_files() -> list[tuple[str, str]]:
    """Which files hold texts, and how: as `make words` has it."""
    parser = configparser.ConfigParser()
    parser.read(DASHBOARD / "translations" / "babel.cfg", encoding="utf-8")
    return [(pattern, kind) for kind, _, pattern in (s.partition(": ") for s in parser.sections())]


def test_the_message_catalogue_holds_exactly_the_texts_of_the_dashboard() -> None:
    errors = ("UserError", "WeakPassword", "TokenError", "NotLetIn")
    keywords = {**DEFAULT_KEYWORDS, **dict.fromkeys(("mark", *errors))}
    found = {
        message[0] if isinstance(message, tuple) else message
        for _file, _line, message, _comments, _context in [
            *extract_from_dir(DASHBOARD, kinds_of_files(), keywords=keywords),
            *(
                (name, *rest)
                for name in IN_DB
                for rest in extract_from_file("python", DB / name, keywords)
            ),
        ]
    }
    catalogue = read_po(
        io.BytesIO((DASHBOARD / "translations" / "messages.pot").read_bytes()),
    )
    kept = {m.id[0] if isinstance(m.id, tuple) else m.id for m in catalogue if m.id}
    assert kept == found, "run make words"


def test_no_component_holds_untranslatable_text() -> None:
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
        room = node.func.value
        if not isinstance(room, ast.Name) or room.id not in ("html", "dcc"):
            continue
        if node.func.attr in ("Code", "Kbd"):
            continue
        read = [*node.args[:1], *(k.value for k in node.keywords if k.arg in READ_BY_PEOPLE)]
        parts = [part for value in read for part in getattr(value, "elts", [value])]
        texts = [part for part in parts if isinstance(part, ast.Constant)]
        found += [(part.lineno, part.value) for part in texts if isinstance(part.value, str)]
    return [
        (line, text)
        for line, text in found
        if text not in NOT_WORDS and any(letter.isalpha() for letter in text)
    ]


def test_a_preview_lists_every_site_that_changes_and_those_without_a_site_under_a_total() -> None:
    day = "2026-11-30"
    pairs = {"(no site)": (3, 1), "Alpha": (9, 8), "Beta": (7, 9), "Gamma": (5, 0)}
    counts: list[dict[str, Any]] = [
        {"day": day, "basis": "assets", "site_id": str(n), "site": name,
         "before": {"billable": before}, "after": {"billable": after}}
        for n, (name, (before, after)) in enumerate(pairs.items())
    ]  # fmt: skip
    total = {"before": {"billable": 24}, "after": {"billable": 18}}
    everything = {"day": day, "basis": "assets", "site_id": None, "site": None, **total}
    result = {"days": [{"day": day, "what": "now"}], "counts": [everything, *counts],
              "devices": 8, "items": []}  # fmt: skip
    app = Flask("words")
    Babel(app)
    with app.test_request_context():
        text = read_aloud(effect(result))
    assert "Sites that change: 4" in text
    for name, (before, after) in {"All sites": (24, 18), **pairs}.items():
        assert f"{name} Billable {before} \u2192 {after}" in text
