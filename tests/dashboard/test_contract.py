"""What the OpenAPI document promises is what a program gets: random requests are made from it."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dashboard.api.openapi import DOCUMENT
from db.engine import open_engine, sqlite_url
from tests.dashboard.test_ingest_fuzz import LEAKED
from tests.support.machines import Ingest, ingest, report
from tests.support.samples import samples
from tests.support.worlds import named_world

OPERATIONS = [
    (method, path) for path, item in DOCUMENT["paths"].items()
    for method in ("get", "post", "patch", "delete") if method in item
]  # fmt: skip
PROMISES = [
    status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip


@pytest.fixture(scope="module")
def hub(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """A world with devices and a machine, served to anybody."""
    load_all_checks()
    logger = logging.getLogger("werkzeug")
    before = logger.level
    logger.setLevel(logging.ERROR)
    path = tmp_path_factory.mktemp("contract") / "inventory.db"
    shutil.copyfile(migrated_file, path)
    engine = open_engine(sqlite_url(path))
    named_world().save(engine)
    with ingest(engine, INGEST_AUTH="open") as found:
        assert found.post(report("anna")).ok
        yield found
    engine.dispose()
    logger.setLevel(before)


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part.strip("/"))
def test_an_answer_is_as_the_document_says_whatever_is_asked(
    hub: Ingest, method: str, path: str
) -> None:
    schema: Any = schemathesis.openapi.from_dict(DOCUMENT)
    operation = schema[path][method]
    sent = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )
    session = requests.Session()

    @settings(
        max_examples=samples(8, 300), deadline=None, suppress_health_check=[*HealthCheck],
        database=None,
    )  # fmt: skip
    @given(case=sent)
    def answered(case: Any) -> None:
        told = case.call(base_url=hub.address, session=session, timeout=60)
        assert told.status_code < 500, told.text
        assert told.status_code < 300 or not LEAKED.search(told.text), told.text
        case.validate_response(told, checks=PROMISES)

    answered()
