"""The workflows of the forge, which run where no test of ours does: checked by the forge's schema
and by actionlint, which knows expressions, runners and actions, and hands shell lines to
shellcheck where that is installed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_workflows_follow_the_schema_of_the_forge(tmp_path: Path) -> None:
    check = (BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows")
    assert run(*check, *WORKFLOWS)[0] == 0, run(*check, *WORKFLOWS)[1]
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("on: push\njobs:\n  a:\n    steps: []\n")
    assert run(*check, wrong)[0] == 1


def test_actionlint_finds_nothing_in_the_workflows(tmp_path: Path) -> None:
    assert run(BIN / "actionlint", *WORKFLOWS) == (0, "")
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - run: echo ${{ matrix.nothing }}\n"
    )
    code, said = run(BIN / "actionlint", wrong)
    assert code == 1 and "nothing" in said


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_runs_is_in_the_checkout(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    targets = re.findall(r"^(\S+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= set(targets)
    files = {
        name.replace("\\", "/") for name in re.findall(r"(?:deploy|\.ci)[\\/][\w./\\-]+", text)
    }
    assert files
    for name in files:
        path = ROOT / name
        assert path.is_file(), name
        assert path.suffix in {".ps1", ".iss", ".py"} or path.stat().st_mode & 0o100, name


def test_there_is_an_agent_for_each_system() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    for system in ("linux-arm64", "macos-arm64", "macos-x86-64", "windows-setup", "make release"):
        assert system in text


@pytest.mark.parametrize(
    "script", sorted((ROOT / "deploy" / "agent").glob("*.sh")), ids=lambda path: path.name
)
def test_the_scripts_that_build_the_agent_are_valid_shell(script: Path) -> None:
    assert run("sh", "-n", script) == (0, "")
