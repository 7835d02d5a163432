"""The check of our dependencies for known weaknesses: .ci/advisories.py."""

import importlib.util
import sys
from datetime import date
from types import ModuleType

import pytest

from tests.conftest import ROOT

TODAY = date(2026, 12, 1)
VULNERABLE = {
    "name": "flask", "version": "0.1",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2023-30861"], "fix_versions": ["2.3.2"]}],
}  # fmt: skip
SAFE = {"name": "dash", "version": "4.1.0", "vulns": []}
UNKNOWN = {"name": "granian", "skip_reason": "Dependency not found on PyPI"}
OUTDATED = ".ci/advisories.toml: CVE-2023-30861 was ignored until 2026-11-30"
EXCUSE = '[[ignore]]\nid = "CVE-2023-30861"\nreason = "no proxy caches us"\nuntil = {}\n'


@pytest.fixture(scope="module")
def advisories() -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        "advisories", ROOT / ".ci" / "advisories.py"
    )
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["advisories"] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("packages", "excuses", "expected"),
    [
        ([SAFE, UNKNOWN], "", (1, [])),
        ([UNKNOWN], "", (0, [])),
        ([VULNERABLE, SAFE], "", (2, ["flask 0.1: PYSEC-1, mended in 2.3.2"])),
        ([VULNERABLE], EXCUSE.format("2026-12-01"), (1, [])),
        (
            [SAFE],
            EXCUSE.format("2026-11-30"),
            (
                1,
                [f"{OUTDATED}: look at it again"],
            ),
        ),
    ],
    ids=["safe", "nothing checked", "vulnerable", "excused", "excuse out of date"],
)
def test_sec_33_a_known_weakness_fails_unless_it_is_excused_for_now(
    advisories: ModuleType, packages: list[object], excuses: str, expected: object
) -> None:
    answer = {"dependencies": packages}
    assert advisories.judge(answer, advisories.read_excuses(excuses), TODAY) == expected


def test_an_excuse_needs_a_reason_and_a_day(advisories: ModuleType) -> None:
    with pytest.raises(KeyError):
        advisories.read_excuses('[[ignore]]\nid = "CVE-2023-30861"\n')
