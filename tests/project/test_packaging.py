"""The wheel holds the whole product, and it works without the checkout."""

import configparser
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from db import __version__
from tests.conftest import ROOT
from tests.support.source_tree import ROOMS, copy_source


def files_of(room: Path) -> set[str]:
    """What of a room belongs to the product: all but what Python and its tools leave behind."""
    return {
        str(path.relative_to(room.parent))
        for path in room.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is left in the checkout."""
    source = copy_source(tmp_path_factory.mktemp("source"))
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", target, source], check=True, cwd=target
    )
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as an installer would lay it out."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_in(folder: Path, code: str, **variables: str) -> str:
    """What `code` prints where `folder` alone holds the product."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder.parent,
        env=environment | {"PYTHONPATH": str(folder)} | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_a_package_is_in_the_wheel(unpacked: Path, room: str) -> None:
    assert files_of(ROOT / room)
    assert files_of(unpacked / room) == files_of(ROOT / room)


def test_the_wheel_holds_nothing_else(unpacked: Path) -> None:
    found = {path.name for path in unpacked.iterdir()}
    assert found == {*ROOMS, f"inventory_hub-{__version__}.dist-info"}


def test_the_wheel_has_its_metadata(unpacked: Path) -> None:
    information = unpacked / f"inventory_hub-{__version__}.dist-info"
    metadata = (information / "METADATA").read_text(encoding="utf-8")
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    scripts = (information / "entry_points.txt").read_text(encoding="utf-8")
    assert "inventory-hub = cli.main:main" in scripts
    assert list(information.rglob("LICENSE"))


def test_the_wheel_alone_can_migrate_a_database(unpacked: Path, tmp_path: Path) -> None:
    printed = run_in(
        unpacked,
        "from cli.main import main; import db; print(db.__file__); main(['migrate'])",
        DATA_DIR=str(tmp_path),
    )
    assert printed.startswith(str(unpacked))
    assert (tmp_path / "inventory.db").exists()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pins}


def test_every_direct_dependency_has_an_exact_version() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    names = {
        canonical(re.split(r"[<>=!~\[ ]", line)[0])
        for block in lists
        for line in block.splitlines()
        if line.strip()
    }
    assert names <= set(constraints())


def test_sec_33_installed_versions_equal_the_constraints() -> None:
    pinned = constraints()
    installed = {canonical(one.metadata["Name"]): one.version for one in distributions()}
    differing = {
        name: (version, pinned[name])
        for name, version in installed.items()
        if name in pinned and pinned[name] != version
    }
    assert differing == {}
