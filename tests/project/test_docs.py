"""What the documents say is what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

import agent.settings
from cli.main import main
from db.settings import COLLECT_AT, SETTINGS, Setting
from db.sources import default_collect_at
from etl.sources import discover
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCUMENTS = sorted(path.name for path in ROOT.glob("*.md"))


def every_setting() -> list[Setting]:
    own = [setting for source in discover().values() for setting in source.FACTS.settings]
    return [*SETTINGS, *(setting for setting in own if setting not in SETTINGS)]


@pytest.mark.parametrize("setting", every_setting(), ids=lambda setting: setting.name)
def test_every_setting_is_in_the_readme_and_in_the_example(setting: Setting) -> None:
    for name in (setting.name, *setting.aliases):
        assert f"`{name}`" in README, f"name {name} in README.md"
        assert re.search(rf"\b{name}\b", EXAMPLE), f"name {name} in .env.example"
    if setting.default and len(setting.default) < 30:
        assert f"`{setting.default}`" in README, f"README.md: the default of {setting.name}"


def test_the_example_with_every_line_uncommented_equals_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#(?=[A-Z_]+=)", "", EXAMPLE, flags=re.MULTILINE), encoding="utf-8")
    values = dotenv_values(file, interpolate=False)
    every = [*every_setting(), *agent.settings.SETTINGS]
    expected = {setting.name: setting.default or "" for setting in every}
    expected |= {COLLECT_AT.name: default_collect_at()}
    assert values == expected


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
