"""Fixtures that several reader tests share."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.support.api_server import ApiClient, serve_api


@pytest.fixture(scope="session")
def client(named_sqlite: Engine) -> Iterator[ApiClient]:
    """The API of the named world, served; nobody writes to it."""
    with serve_api(named_sqlite) as found:
        yield found
