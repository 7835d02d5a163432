"""Served responses are what the OpenAPI document and the response models promise."""

import logging
import re
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

from dashboard.api.openapi import operations
from dashboard.api.operation import File
from db.engine import open_engine, sqlite_url
from db.keys import device_id
from tests.support.api_server import api_document, make_app
from tests.support.machines import LEAKED, Ingest, ingest, machine_id, report
from tests.support.samples import samples
from tests.support.small_hub import Hub
from tests.support.worlds import named_world

DOCUMENT = api_document()
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
    small = Hub(engine)
    closed = [small.close(month) for month in ("2026-08", "2026-09")]
    assert len(closed) == 2
    with ingest(engine, INGEST_AUTH="open") as found:
        assert found.post(report("anna")).ok
        yield found
    engine.dispose()
    logger.setLevel(before)


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part.strip("/"))
def test_responses_to_random_requests_conform_to_the_document(
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
        max_examples=samples(3, 300), deadline=None, suppress_health_check=[*HealthCheck],
        database=None,
    )  # fmt: skip
    @given(case=sent)
    def answered(case: Any) -> None:
        response = case.call(base_url=hub.address, session=session, timeout=60)
        assert response.status_code < 500, response.text
        assert response.status_code < 300 or not LEAKED.search(response.text), response.text
        case.validate_response(response, checks=PROMISES)

    answered()


def test_every_json_response_holds_exactly_the_fields_of_its_model(hub: Ingest) -> None:
    in_path = {
        "<device_id>": str(device_id("ninja", "101")),
        "<machine_id>": machine_id("anna"),
        "<month>": "2026-11",
    }
    checked = []
    for (rule, method), operation in operations(make_app(hub.engine)).items():
        model = operation.responses[200]
        if method != "GET" or model is None or isinstance(model, File):
            continue
        path = re.sub("<[a-z_]+>", lambda part: in_path[part[0]], rule)
        for query in ("", "?limit=1000", "?site=1", "?basis=ninja"):
            response = requests.get(hub.address + path + query, timeout=60)
            if query and response.status_code == 400:
                continue  # no such parameter here
            assert response.status_code == 200, response.text
            model.model_validate_json(response.content, strict=True, extra="forbid")
            assert query or response.json().get("items") != [], path
        checked.append(rule)
    assert len(checked) == 18
