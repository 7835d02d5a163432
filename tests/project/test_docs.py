"""What the documents say is what the code does."""

import ast
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator

import pytest
from dotenv import dotenv_values

import agent.settings
from cli.main import main
from db.setting_types import variables
from db.settings import load, setting_models
from etl.sources import register_discovered
from etl.work.due import collect_times
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for folder in (ROOT, ROOT / "docs", ROOT / "deploy")
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)
OTHERS = "docs/from-the-seeds.md"
"""Names other projects' targets too."""

register_discovered()
SERVER = [each for model in setting_models() for each in variables(model)]
AGENT = {setting.name: setting.default or "" for setting in agent.settings.SETTINGS}
EXAMPLES = dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
"""What `.env.example` sets once the # is taken off."""


def test_example_names_every_setting_and_nothing_else() -> None:
    names = {name for each in SERVER for name in each.names}
    assert names - set(re.findall(r"\b[A-Z][A-Z_]+\b", EXAMPLE)) == set()
    assert set(EXAMPLES) == {each.name for each in SERVER} | set(AGENT)


def test_the_page_of_settings_is_the_one_of_today() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "list_settings.py"))
    stored = made["PAGE"].read_text(encoding="utf-8")
    assert stored == made["page"](), "run python docs/list_settings.py"
    assert all(f"`{name}`" in stored for each in SERVER for name in each.names)
    assert made["GROUPS"].keys() <= {each.field for each in SERVER}


def test_the_values_of_the_example_are_the_defaults() -> None:
    assert AGENT.items() <= EXAMPLES.items()
    default, written = load({}), {n: v for n, v in EXAMPLES.items() if n not in AGENT}
    assert load(written | {"DB_PASSWORD": "p"}).database == load({"DB_PASSWORD": "p"}).database
    local = {name: value for name, value in written.items() if not name.startswith("DB_")}
    found = load(local)
    expected = {"collect_at": collect_times(default), "set_by": found.set_by}
    assert found == default.model_copy(update=expected)


def test_the_unchanged_example_sets_nothing() -> None:
    assert dotenv_values(ROOT / ".env.example") == {}


def test_the_readme_names_the_two_commands() -> None:
    first_screen = README[:2500]
    assert re.search(r"^make demo\b", first_screen, re.MULTILINE)
    assert re.search(r"^make test\b", first_screen, re.MULTILINE)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_ci_runs_the_test_command_of_the_readme_first() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^make (\w+)", script, re.MULTILINE) == ["test", "lint"]


def makefile_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != OTHERS])
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= makefile_targets()


def test_every_make_target_is_in_the_readme_and_in_the_help() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"make ([a-z-]+) ", done.stdout))
    assert listed == makefile_targets()
    assert {target for target in listed if f"make {target}" not in README} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_links_to_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == []


def test_the_page_of_commands_lists_those_that_exist() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `inventory-hub ([a-z-]+)", text, re.MULTILINE))
    assert named == set(main.commands)


def test_the_picture_of_the_architecture_is_up_to_date() -> None:
    script = [sys.executable, str(ROOT / "docs" / "draw_architecture.py"), "-"]
    drawn = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    assert drawn == kept, "run `make picture`"


def test_every_path_in_the_architecture_page_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = r"`((?:agent|assets|cli|dashboard|db|docs|etl|tests)/[\w/.]*)`"
    named = set(re.findall(rooms, text))
    assert len(named) > 40
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_entry_of_troubleshooting_begins_with_a_sentence_of_the_product() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    entries = re.findall("^### (.+)$", page, re.MULTILINE)
    assert len(entries) > 20
    texts = set(product_texts())
    assert [entry for entry in entries if not any(entry in text for text in texts)] == []


def product_texts() -> Iterator[str]:
    """The texts in the code, with … for what differs."""
    for room in ("agent", "cli", "dashboard", "db", "etl", "deploy"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (getattr(part, "value", None) for part in node.values)
                    yield "".join(part if isinstance(part, str) else "…" for part in parts)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield re.sub(r"%(\(\w+\))?[sdrg]", "…", node.value)


def outline(text: str) -> dict[str, list[object]]:
    """What a document has in every language: its headings' levels, commands, names and links."""
    code = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"\s+#.*", "", line) for block in code for line in block.splitlines()]
    return {
        "headings": re.findall("^#+", text, re.MULTILINE),
        "commands": lines,
        "names": sorted(re.findall("`([^`]+)`", prose)),
        "links": sorted(re.findall(r"\]\(([^)]+)\)", prose)),
        "rows": [row.count("|") for row in re.findall(r"^\|.*$", text, re.MULTILINE)],
        "steps": re.findall(r"^\d+\.", text, re.MULTILINE),
    }


def test_the_portuguese_readme_says_what_the_english_one_says() -> None:
    portuguese = (ROOT / "README-PT.md").read_text(encoding="utf-8")
    assert outline(portuguese.replace("](README.md)", "](README-PT.md)")) == outline(README)
