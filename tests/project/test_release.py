"""A release: one version everywhere, and every file of it in dist/."""

import hashlib
import json
import runpy
import shutil
import subprocess
import sys
import tarfile
from datetime import UTC, date, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from db import __version__
from tests.conftest import ROOT

RELEASE: dict[str, Any] = runpy.run_path(str(ROOT / ".ci" / "release.py"))
CHANGELOG = (
    "# Changelog\n\n## Unreleased\n\n### Added\n- It.\n\n## 0.9.0 - 2026-01-02\n\n- First.\n"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that name the version."""
    for name in RELEASE["DECLARED"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_every_place_declares_the_same_version() -> None:
    assert RELEASE["version"]() == __version__


def test_a_new_version_is_written_everywhere_with_its_date(checkout: Path) -> None:
    RELEASE["set_version"]("7.8.9", date(2026, 12, 1), checkout)
    assert RELEASE["version"](checkout) == "7.8.9"
    changelog = (checkout / "CHANGELOG.md").read_text()
    assert "## Unreleased\n\n## 7.8.9 - 2026-12-01\n\n### Added\n- It.\n" in changelog
    assert RELEASE["notes"](changelog, "7.8.9", draft=False) == "### Added\n- It.\n"
    for wrong in ("7.8.9", "1.0", "v2.0.0"):
        with pytest.raises(RELEASE["WrongState"]):
            RELEASE["set_version"](wrong, date(2026, 12, 1), checkout)


def test_a_version_that_differs_between_places_is_no_version(checkout: Path) -> None:
    agent = checkout / "agent" / "__init__.py"
    agent.write_text(agent.read_text().replace(__version__, "9.9.9"))
    with pytest.raises(RELEASE["WrongState"], match="the version differs"):
        RELEASE["version"](checkout)


def test_a_release_needs_its_heading_in_the_changelog() -> None:
    assert RELEASE["notes"](CHANGELOG, "0.9.0", draft=False) == "- First.\n"
    with pytest.raises(RELEASE["WrongState"], match="has no heading like '## 1.0.0 - "):
        RELEASE["notes"](CHANGELOG, "1.0.0", draft=False)
    assert RELEASE["notes"](CHANGELOG, "1.0.0", draft=True) == "### Added\n- It.\n"


def test_a_version_whose_tag_is_another_commit_is_not_released_again(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        own = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *own, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "--message=1")
    RELEASE["check_tag"]("1.0.0", tmp_path)
    git("tag", "--annotate", "--message=1.0.0", "v1.0.0")
    RELEASE["check_tag"]("1.0.0", tmp_path)
    git("commit", "--allow-empty", "--message=2")
    with pytest.raises(RELEASE["WrongState"], match=r"v1\.0\.0 is another commit"):
        RELEASE["check_tag"]("1.0.0", tmp_path)


def test_the_sbom_lists_what_the_product_installs_and_nothing_of_its_tools() -> None:
    text = RELEASE["sbom"]("1.2.3", datetime(2026, 12, 1, tzinfo=UTC))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert bom["metadata"]["component"]["version"] == "1.2.3"
    found = {each["name"].lower(): each["version"] for each in bom["components"]}
    assert found["flask"] == version("flask") and found["psutil"] == version("psutil")
    licenses = {each["name"].lower(): each.get("licenses", []) for each in bom["components"]}
    assert "BSD-3-Clause" in str(licenses["flask"])
    assert not {"pytest", "playwright", "ruff", "moto"} & set(found)
    edges = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    assert any("pkg:pypi/flask@" in need for need in edges["pkg:pypi/inventory-hub@1.2.3"])
    assert RELEASE["sbom"]("1.2.3", datetime(2026, 12, 1, tzinfo=UTC)) == text


def test_the_context_of_the_image_holds_the_product_without_its_tests(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("made of a commit, and this is no checkout")
    target = tmp_path / "context.tar.gz"
    RELEASE["image_context"](target)
    with tarfile.open(target) as archive:
        names = set(archive.getnames())
    assert {"setup.cfg", "constraints.txt", "db/settings.py", "assets/js/drawn.js"} <= names
    assert not any(name.startswith(("tests/", "bench/", ".git/")) for name in names)


def test_sha256sum_accepts_the_checksums(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"a")
    (tmp_path / "SHA256SUMS").write_text(RELEASE["checksums"](tmp_path))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "a.whl").write_bytes(b"b")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1


@pytest.mark.full
@pytest.mark.skipif(find_spec("PyInstaller") is None, reason="PyInstaller is not installed")
def test_a_draft_holds_every_file(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    command = [sys.executable, ".ci/release.py", "build", "--draft"]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    dist = copy / "dist"
    names = {path.name for path in dist.iterdir()}
    assert names > {
        f"inventory_hub-{__version__}-py3-none-any.whl", f"inventory_hub-{__version__}.tar.gz",
        f"inventory-hub-{__version__}-image-context.tar.gz",
        f"inventory-hub-{__version__}.cdx.json", "RELEASE_NOTES.md", "SHA256SUMS",
    }  # fmt: skip
    (agent,) = dist.glob(f"inventory-agent-{__version__}-*")
    done = subprocess.run([agent, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"inventory-agent {__version__}\n"
    for line in (dist / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest
