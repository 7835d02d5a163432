"""What the documents say is what the code does."""

import re
import subprocess
import sys

import pytest
from dotenv import dotenv_values

import agent.settings
from cli.main import main
from db.setting_types import variables
from db.settings import Settings, load
from etl.sources import discover
from etl.work.due import collect_times
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCUMENTS = sorted(path.name for path in ROOT.glob("*.md"))


MODELS = [Settings, *(source.FACTS.settings for source in discover().values())]
SERVER = [each for model in MODELS for each in variables(model)]
AGENT = {setting.name: setting.default or "" for setting in agent.settings.SETTINGS}
EXAMPLES = dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
"""What `.env.example` sets once the # is taken off."""
TABLE = README.partition("\n## Settings\n")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (`[^|]*) \| ([^|]*) \| .* \|$", TABLE, re.MULTILINE)
"""Names and defaults in the README's table of settings."""


def test_readme_and_example_name_every_setting_and_nothing_else() -> None:
    names = {name for each in SERVER for name in each.names}
    assert {name for row in ROWS for name in re.findall("`([A-Z_]+)`", row[0])} == names
    assert names - set(re.findall(r"\b[A-Z][A-Z_]+\b", EXAMPLE)) == set()
    assert set(EXAMPLES) == {each.name for each in SERVER} | set(AGENT)


def test_the_values_of_the_example_are_the_defaults() -> None:
    assert AGENT.items() <= EXAMPLES.items()
    default, written = load({}), {n: v for n, v in EXAMPLES.items() if n not in AGENT}
    assert load(written | {"DB_PASSWORD": "p"}).database == load({"DB_PASSWORD": "p"}).database
    local = {name: value for name, value in written.items() if not name.startswith("DB_")}
    assert load(local) == default.model_copy(update={"collect_at": collect_times(default)})


def test_the_readme_gives_the_defaults_of_the_example() -> None:
    for names, defaults in ROWS:
        own = re.findall("`([A-Z_]+)`", re.sub(r"\(or .*?\)", "", names))
        for name, default in zip(own, re.findall("`(.*?)`", defaults), strict=False):
            assert EXAMPLES[name] == default, name


def test_the_unchanged_example_sets_nothing() -> None:
    assert dotenv_values(ROOT / ".env.example") == {}


def test_the_readme_names_the_two_commands() -> None:
    first_screen = README[:2500]
    assert re.search(r"^make demo\b", first_screen, re.MULTILINE)
    assert re.search(r"^make test\b", first_screen, re.MULTILINE)


def test_ci_runs_the_test_command_of_the_readme_first() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^make (\w+)", script, re.MULTILINE) == ["test", "lint"]


def makefile_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
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
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_lists_the_commands_that_exist() -> None:
    named = set(re.findall(r"^\| `inventory-hub ([a-z-]+)", README, re.MULTILINE))
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
