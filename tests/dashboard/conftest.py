"""Fixtures that several reader tests share."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.support.api_server import ApiClient, serve_api
from tests.support.samples import mark_servers_full


def pytest_itemcollected(item: pytest.Item) -> None:
    mark_servers_full(item)


@pytest.fixture(scope="session")
def client(named_sqlite: Engine) -> Iterator[ApiClient]:
    """The API of the named world, served; nobody writes to it."""
    with serve_api(named_sqlite) as found:
        yield found
