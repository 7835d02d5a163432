"""A dashboard on which people sign in, and browsers that open it."""

import re
from datetime import UTC, datetime
from functools import cache

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, insert, select, update
from werkzeug.test import TestResponse

from dashboard.app import create_app
from db import passwords, users
from db.engine import reading, writing
from db.settings import load
from db.tables import audit_log, sites
from db.tables import users as users_table

PASSWORD = "seven plain copper kettles"
KEY, OTHER_KEY = "k1" * 20 + "abcdefg", "z9" * 20 + "tuvwxyz"


@cache
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


def add_site(connection: Connection, site_id: int, name: str) -> None:
    """Add a site of no device."""
    connection.execute(
        insert(sites).values(
            site_id=site_id, name=name, match_name=name.lower(), created_at=Clock().now,
            needs_review=False, internal=False, search_text=name.lower(),
        )
    )  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Site:
    """A dashboard on which people sign in, and browsers that open it."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clock = engine, Clock()
        self._apps: dict[str, Flask] = {}

    def browser(self, address: str = "192.0.2.1", **environ: str) -> "Browser":
        settings = load({"AUTH": "password", "SECRET_KEY": KEY, **environ})
        key = repr(sorted(environ.items()))
        if key not in self._apps:
            app = create_app(self.engine, clock=self.clock, settings=settings)
            self._apps[key] = app.server
        return Browser(self._apps[key].test_client(), address)

    def add(self, name: str, role: str) -> None:
        """Add a person with `PASSWORD`."""
        with writing(self.engine) as connection:
            user_id = users.add(connection, name, role, "test", self.clock())
            of_id = users_table.c.user_id == user_id
            connection.execute(update(users_table).where(of_id).values(password_hash=hashed()))

    def audit(self) -> list[tuple[str, str, str]]:
        c = audit_log.c
        with reading(self.engine) as connection:
            rows = connection.execute(select(c.actor, c.action, c.subject).order_by(c.entry_id))
            return [tuple(row) for row in rows]


class Browser:
    """Sends what a browser sends: its cookies, and the hidden field of the page it saw last."""

    def __init__(self, client: FlaskClient, address: str) -> None:
        self.client, self.environ = client, {"REMOTE_ADDR": address}
        self.token = ""

    def get(self, path: str, **options: object) -> TestResponse:
        response = self.client.get(path, environ_overrides=self.environ, **options)
        if field := re.search(r'name="csrf_token" value="([^"]*)"', response.text):
            self.token = field[1]
        return response

    def post(self, path: str, /, headers: object = None, **fields: str) -> TestResponse:
        data = {"csrf_token": self.token, **fields}
        return self.client.post(
            path,
            data=data,
            headers=headers,
            environ_overrides=self.environ,  # type: ignore[arg-type]
        )

    def sign_in(self, name: str, password: str = PASSWORD, next: str = "") -> TestResponse:
        self.get("/login")
        response = self.post("/login", username=name, password=password, next=next)
        if response.status_code == 303:
            self.get("/")
        return response

    def callback(self, query: str = "", **headers: str) -> TestResponse:
        """The callback that tells a page whether there is something new."""
        body = {
            "output": "snapshot.data", "outputs": {"id": "snapshot", "property": "data"},
            "inputs": [{"id": "poll", "property": "n_intervals", "value": 1}],
            "state": [{"id": "snapshot", "property": "data", "value": "x"}],
            "changedPropIds": ["poll.n_intervals"],
        }  # fmt: skip
        return self.client.post(
            f"/_dash-update-component{query}",
            json=body, headers=headers, environ_overrides=self.environ,
        )  # fmt: skip
