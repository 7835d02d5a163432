"""The files that the product is built from."""

import shutil
from pathlib import Path

from tests.conftest import ROOT

ROOMS = ("db", "etl", "dashboard", "cli", "agent", "assets")
BUILD_FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")


def copy_source(target: Path, *more: str) -> Path:
    """Copy what a wheel is built from, and `more` files of the root; building leaves traces."""
    for room in ROOMS:
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, target / room, ignore=left_out)
    for name in (*BUILD_FILES, *more):
        shutil.copy(ROOT / name, target)
    return target
