"""A fleet whose machines, customers and colleagues chose their texts to attack their readers."""

import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Table, select, update

from db.engine import writing
from db.tables import device_latest, device_payloads, metadata

PAYLOADS = (
    "<img src=x onerror=window.hit=1>",
    "</script><script>window.hit=2</script>",
    "javascript:window.hit=3",
    '"><svg onload=window.hit=4>',
    '=HYPERLINK("http://evil.test","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "[x](javascript:window.hit=5)",
    "<a href=//evil.test>b</a><b>b</b>",
    "\u202egnp.exe\u202c",
    "__proto__",
    "constructor",
    "+1-2\t=3",
    "x" * 10_000,
    "日本 & Ünïcode 'quote",
)

TEXTS = {
    "sites": ("name",),
    "site_aliases": ("name",),
    "device_snapshots": (
        "hostname", "display_name", "location", "os", "node_class", "serial", "reason",
        "type_reason",
    ),
    "device_latest": ("ip", "macs"),
    "inventory": (
        "hostname", "ip", "os_version", "computer_model", "agent_version", "serial",
        "manufacturer", "logged_in_user", "chassis", "default_target", "site",
    ),
    "collection_runs": ("reason", "decided_by"),
    "run_details": ("answer",),
    "quarantined_records": ("source_key", "reason"),
    "asset_links": ("author",),
    "coverage_exceptions": ("reason", "author"),
    "month_closings": ("author",),
    "month_members": ("site", "hostname", "display_name", "location", "os", "serial"),
    "rule_versions": ("author",),
    "audit_log": ("actor", "subject"),
    "jobs": ("actor", "progress", "error"),
}  # fmt: skip
"""Where text stands that others chose, by table."""


def attack(engine: Engine) -> None:
    """Replace each such text that is there, and every text of every payload."""
    texts = itertools.cycle(PAYLOADS)
    with writing(engine) as connection:
        for name, columns in TEXTS.items():
            for column in columns:
                _replace(connection, metadata.tables[name], column, texts)
        for row in connection.execute(select(device_payloads)).all():
            body = zlib.compress(_hostile(zlib.decompress(row.body), texts).encode())
            same = (device_payloads.c.device_id == row.device_id) & (
                device_payloads.c.payload_hash == row.payload_hash
            )
            connection.execute(update(device_payloads).where(same).values(body=body))
        for row in connection.execute(select(device_latest)).all():
            same = device_latest.c.device_id == row.device_id
            values = {"volatile": _hostile(row.volatile, texts)}
            connection.execute(update(device_latest).where(same).values(values))


def _replace(connection: Connection, table: Table, name: str, texts: Iterator[str]) -> None:
    column = table.c[name]
    key = list(table.primary_key.columns)
    rows = connection.execute(select(*key, column).where(column.is_not(None))).all()
    for row in rows:
        same = [part == value for part, value in zip(key, row[:-1], strict=True)]
        text = next(texts)[: getattr(column.type, "length", None)]
        connection.execute(update(table).where(*same).values({name: text}))


def _hostile(text: str | bytes, texts: Iterator[str]) -> str:
    return json.dumps(_replaced(json.loads(text), texts))


def _replaced(value: Any, texts: Iterator[str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(part, texts) for key, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, texts) for part in value]
    return next(texts) if isinstance(value, str) else value
