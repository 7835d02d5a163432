"""What one change costs: in how many files of the five rooms its subject is written down."""

import re

from tests.conftest import ROOT

ROOMS = ("agent", "cli", "dashboard", "db", "etl")
VENDORS = re.compile("ninja|threatlocker", re.IGNORECASE)
OWN_FILES = ("etl/sources/ninja.py", "etl/sources/threatlocker.py", "etl/demo/", "db/migrations/")
"""A vendor's source file, its simulator, and migrations, which never change."""


def test_few_files_name_a_vendor() -> None:
    files = (
        path
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    )
    naming = [
        name
        for path in files
        if not (name := path.relative_to(ROOT).as_posix()).startswith(OWN_FILES)
        and VENDORS.search(path.read_bytes().decode("utf-8", "ignore"))
    ]
    assert len(naming) <= 10, naming
