"""The table of promises and their tests in docs/security.md."""

import runpy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "list_security_tests.py"))


def test_the_table_in_the_documents_is_the_one_of_today(made: dict[str, Any]) -> None:
    stored = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").split(made["BEGIN"])[1]
    assert stored == made["table"](), "run python docs/list_security_tests.py"


def test_every_promise_is_shown_by_a_test(made: dict[str, Any]) -> None:
    rows: Callable[[Mapping[str, list[str]]], Any] = made["rows"]
    assert [name for name, _promise, shown in rows(made["named_tests"]()) if not shown] == []


def test_every_id_in_the_name_of_a_test_is_one_of_the_table(made: dict[str, Any]) -> None:
    known = made["THREATS"].keys() | made["ASVS"].keys() | made["FAULTS"].keys()
    assert made["named_tests"]().keys() <= known
