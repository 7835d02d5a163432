"""Random requests to every operation of the OpenAPI document by each kind of person: no fault, no
data across sites, and nothing for strangers."""

from typing import Any

import pytest
import schemathesis
from dash import Dash
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from sqlalchemy import Engine

from dashboard.base.access import ACCESS
from db.roles import MACHINE, PUBLIC
from tests.support.api_server import api_document
from tests.support.samples import FULL, samples
from tests.support.two_viewers import PEOPLE, Reader, people_dashboard, secrets_of, text_of

DOCUMENT = api_document()
METHODS = ("get", "post", "patch", "delete")
OPERATIONS = [
    (method, path)
    for path, item in DOCUMENT["paths"].items()
    for method in METHODS if method in item
]  # fmt: skip
WHO = ("stranger", "one", "two", *(("reader", "everything", "admin") if FULL else ()))


@pytest.fixture(scope="module")
def people(demo_engine: Engine) -> tuple[Dash, dict[str, tuple[FlaskClient, dict[str, str]]]]:
    """The dashboard, and who asks it with which headers."""
    app = people_dashboard(demo_engine)
    clients: dict[str, tuple[FlaskClient, dict[str, str]]] = {
        "stranger": (app.server.test_client(), {})
    }
    for name in WHO[1:]:
        reader = Reader(app, name)
        clients[name] = reader.client, reader.headers
    return app, clients


@pytest.mark.parametrize("who", WHO)
def test_sec_05_asvs_8_2_2_random_requests_find_neither_fault_nor_another_site(
    people: Any, demo_engine: Engine, who: str
) -> None:
    _app, clients = people
    client, headers = clients[who]
    own = PEOPLE[who][1] if who in PEOPLE else None
    secrets = None if own is None else secrets_of(demo_engine, set(own))
    schema: Any = schemathesis.openapi.from_dict(DOCUMENT)

    def ask(method: str, path: str) -> None:
        operation = schema[path][method]
        least = _least(method, path)
        sent = st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        )

        @settings(
            max_examples=samples(1, 100), deadline=None, suppress_health_check=[*HealthCheck],
            database=None, derandomize=True,
        )  # fmt: skip
        @given(sent)
        def check(case: Any) -> None:
            wanted = case.as_transport_kwargs(base_url="http://localhost")
            response = client.open(
                case.formatted_path, method=method.upper(), query_string=wanted.get("params"),
                json=wanted.get("json"), data=wanted.get("data"), headers=headers,
            )  # fmt: skip
            text = text_of(response.data, path)
            assert response.status_code < 500, (path, text[:300])
            if who == "stranger" and least not in (PUBLIC, MACHINE):
                assert response.status_code in (401, 404, 405, 308), (path, text[:300])
            if secrets is not None:
                named = f"{case.formatted_path} {wanted}"
                assert [word for word in secrets.in_text(text) if word not in named] == []

        check()

    for method, path in OPERATIONS:
        if method != "delete":  # The machines are needed by the next.
            ask(method, path)


def _least(method: str, path: str) -> str | None:
    rule = path.replace("{", "<").replace("}", ">")
    return ACCESS.get(f"{method.upper()} {rule}", ACCESS.get(rule))
