"""Machines that report over HTTP, and what lets them in: what ingest tests start from."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import requests
from sqlalchemy import Engine, Row, Table, select, update

from db import tokens
from db.engine import reading, writing
from db.machines import blank_machine, with_search_text
from db.tables import api_tokens, inventory
from tests.support.api_server import NOW, make_app, serve_with_granian

STOCK = (
    '{"machine_id":"f66a149db696752687235e6fde3d7ebeed827c7b4b36438508fd1a138d8fa6b6",'
    '"hostname":"vm","ip":"198.51.100.7","os":"linux",'
    '"os_version":"Debian GNU/Linux 12 (bookworm)","cpu_percent":0,"memory_total_mb":24105,'
    '"memory_used_mb":1251,"timestamp":"2026-11-22T04:20:25Z"}'
)
"""The body of TatuScan's client, byte for byte."""

STOCK_HEADERS = {
    "User-Agent": "TatuScan/0.0.1 (linux)",
    "Content-Type": "application/json",
    "Accept-Encoding": "gzip",
}


def machine_id(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def report(name: str = "anna", **said: Any) -> dict[str, Any]:
    """What the machine `name` reports."""
    return {
        "machine_id": machine_id(name), "hostname": name, "ip": "192.0.2.7", "os": "linux",
        "os_version": "Debian GNU/Linux 12 (bookworm)", "cpu_percent": 12.5,
        "memory_total_mb": 8192, "memory_used_mb": 2048,
        "timestamp": "2026-11-22T14:30:00Z",
    } | said  # fmt: skip


@dataclass
class Ingest:
    """A served API whose clock the test sets."""

    address: str
    engine: Engine
    now: datetime = NOW
    later: list[timedelta] = field(default_factory=list)

    def token(self, **more: Any) -> str:
        """An enrolment token."""
        with writing(self.engine) as connection:
            return tokens.create(connection, "enrol", "test", "Ana", self.now, **more)

    def api_token(self, role: str, **more: Any) -> str:
        """A program's token, named like its role."""
        with writing(self.engine) as connection:
            return tokens.create(connection, "api", role, "Ana", self.now, role=role, **more)

    def revoke(self, text: str) -> None:
        public_id = text.split("_")[2]
        with writing(self.engine) as connection:
            connection.execute(
                update(api_tokens)
                .where(api_tokens.c.public_id == public_id)
                .values(revoked_at=self.now)
            )

    def post(
        self, body: Any, key: str | None = None, path: str = "/api/machines", **headers: str
    ) -> requests.Response:
        """Send a body, as JSON unless it is text or bytes already."""
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        sent = {"Content-Type": "application/json"} | headers
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        return requests.post(self.address + path, data=data, headers=sent, timeout=60)

    def batch(self, reports: list[Any], key: str | None = None, **more: str) -> requests.Response:
        return self.post({"reports": reports}, key, "/api/machines/batch", **more)

    def enrol(self, name: str = "anna", **more: Any) -> str:
        """The machine's own key."""
        answer = self.post(report(name, report_id=str(uuid4()), **more), self.token())
        assert answer.status_code == 201, answer.text
        key: str = answer.json()["key"]
        return key

    def ask(self, method: str, path: str, key: str | None = None, **more: Any) -> Any:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return requests.request(
            method, self.address + path, headers=headers | more.pop("headers", {}), timeout=60,
            **more,
        )  # fmt: skip

    def rows(self, table: Table) -> list[Row[Any]]:
        with reading(self.engine) as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key)))


@contextmanager
def ingest(engine: Engine, **settings: str) -> Iterator[Ingest]:
    """Serve the API of `engine`; `settings` are environment variables."""
    found = Ingest("", engine)
    app = make_app(engine, clock=lambda: found.now, environ=settings)
    with serve_with_granian(app) as address:
        found.address = address
        yield found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def insert_machines(engine: Engine, *machines: dict[str, Any]) -> list[str]:
    """Machines as their reports would have left them, each with what it says differently; their
    ids, which are of their names unless given."""
    rows = []
    for number, said in enumerate(machines):
        at = said.get("received_at", NOW)
        key = said.get("machine_id") or machine_id(str(said.get("hostname") or number))
        born = blank_machine(key, said.get("created_at", at or NOW))
        row = born | {"received_at": at, "reported_at": at} | said | {"machine_id": key}
        rows.append(with_search_text(row))
    with writing(engine) as connection:
        connection.execute(inventory.insert(), rows)
    return [row["machine_id"] for row in rows]


LEAKED = re.compile(r"SELECT|INSERT|psycopg|sqlite3|pymysql|Traceback")
