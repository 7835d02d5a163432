"""The database users of the two programs can do their work, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import requests
from sqlalchemy import Engine, create_engine, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from db import migrate, sessions, tokens, users
from db.engine import open_engine, writing
from db.grants import statements
from db.roles import VIEWER
from db.tables import (
    audit_log,
    daily_counts,
    device_snapshots,
    metadata,
    month_closings,
    user_sessions,
)
from db.tables import users as users_table
from tests.support.api_server import serve_api
from tests.support.machines import report
from tests.support.servers import DatabaseServer
from tests.support.small_hub import Hub, pcs

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PASSWORD = "a-password-of-a-test"


class Users:
    """A migrated database, opened by its owner, by the web server and by the worker."""

    def __init__(self, server: DatabaseServer) -> None:
        self.server, url = server, server.create()
        self.owner = open_engine(url)
        migrate.upgrade(self.owner)
        name = url.database or ""
        self.names = {role: f"{name}_{role}" for role in ("web", "worker")}
        made = [self._created(user) for user in self.names.values()]
        granted = list(statements(url, self.names["web"], self.names["worker"]))
        administrator = create_engine(url, isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            for statement in [*made, *granted, *granted]:  # After each migration: twice too.
                connection.execute(text(statement))
        administrator.dispose()
        self.web, self.worker = (
            open_engine(url.set(username=user, password=PASSWORD)) for user in self.names.values()
        )

    def _created(self, user: str) -> str:
        if self.server.url.get_backend_name() == "postgresql":
            return f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'"
        return f"CREATE USER {user} IDENTIFIED BY '{PASSWORD}'"

    def close(self) -> None:
        for engine in (self.owner, self.web, self.worker):
            engine.dispose()
        self.server.drop(self.owner.url)


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def here(request: pytest.FixtureRequest) -> Iterator[Users]:
    name = "postgres_server" if request.param == "postgresql" else "mariadb_server"
    made = Users(request.getfixturevalue(name))
    yield made
    made.close()


def refused(engine: Engine, statement: object) -> bool:
    """Whether the database forbids it."""
    try:
        with writing(engine) as connection:
            connection.execute(statement)  # type: ignore[call-overload]
    except SQLAlchemyError as error:
        return "denied" in str(error) or "must be owner" in str(error)
    return False


def test_asvs_13_2_2_the_worker_collects_closes_and_creates_no_table(here: Users) -> None:
    hub = Hub(here.worker)
    assert hub.collect(date(2026, 10, 30), pcs(range(5))).state == "complete"
    assert hub.collect(date(2026, 11, 22), pcs(range(1, 7))).state == "complete"
    assert hub.run_after_collection(NOW) == ["2026-10"], "which closes by itself"
    assert refused(here.worker, text("CREATE TABLE another (n integer)"))
    assert refused(here.worker, text("DROP TABLE daily_counts"))
    assert refused(here.worker, audit_log.delete())
    assert refused(here.worker, select(user_sessions))
    assert refused(here.worker, select(users_table.c.password_hash))


def test_the_web_server_answers_takes_reports_and_signs_people_in(here: Users) -> None:
    with writing(here.web) as connection:
        enrol = tokens.create(connection, tokens.ENROL, "enrol", "test", NOW)
        user_id = users.add(connection, "Ana", VIEWER, "test", NOW)
        link = sessions.new_link(connection, user_id, NOW)
        assert sessions.use_link(connection, link, NOW)
        token = sessions.start(connection, user_id, "192.0.2.1", "a browser", NOW)
        assert sessions.find(connection, token, NOW) is not None
    with serve_api(here.web, clock=lambda: NOW) as client:
        for path in ("/api/dashboard/today", "/api/months", "/api/coverage", "/export/devices.csv"):
            assert client.get(path).status_code == 200, path
        headers = {"Authorization": f"Bearer {enrol}"}
        machines = f"{client.address}/api/machines"
        stored = requests.post(machines, json=report(), headers=headers, timeout=120)
        assert stored.status_code == 201, stored.text
        machine = report()["machine_id"]
        assert requests.delete(f"{machines}/{machine}", timeout=120).status_code == 200


def test_asvs_13_2_2_the_web_server_changes_nothing_that_is_counted(here: Users) -> None:
    for table in metadata.sorted_tables:
        if table.name in ("device_snapshots", "daily_counts", "month_closings", "month_end_counts"):
            assert refused(here.web, table.delete()), table.name
    assert refused(here.web, update(daily_counts).values(n=0))
    assert refused(here.web, update(device_snapshots).values(billing_status="spare"))
    assert refused(here.web, insert(month_closings).values(month="2026-10"))
    assert refused(here.web, audit_log.delete())
    assert refused(here.web, update(audit_log).values(actor="somebody else"))
    assert refused(here.web, text("CREATE TABLE another (n integer)"))
