"""Fixtures that several browser tests share."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.support.demo_dashboard import serve_dashboard


@pytest.fixture(scope="session")
def address(named_sqlite: Engine) -> Iterator[str]:
    """Where the dashboard of the named world is served; nobody writes to it."""
    with serve_dashboard(named_sqlite) as (found, _):
        yield found
