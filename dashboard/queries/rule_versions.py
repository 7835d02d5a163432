"""The versions of the rules: who saved which, when."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from db import rules
from db.rules import Rules
from db.tables import rule_versions


@dataclass(frozen=True)
class Version:
    """One version, by whom and from when. The one of an empty hub has neither."""

    rules: Rules
    author: str | None = None
    created_at: datetime | None = None


def versions(connection: Connection) -> list[Version]:
    """Every version, the newest first."""
    c = rule_versions.c
    rows = connection.execute(select(rule_versions).order_by(c.version.desc()))
    found = [Version(_read(row.version, row.rules), row.author, row.created_at) for row in rows]
    return found or [Version(current(connection))]


def current(connection: Connection) -> Rules:
    """The version to judge by now."""
    return rules.current(connection)


def _read(version: int, text: str) -> Rules:
    return Rules(version, **{name: tuple(words) for name, words in json.loads(text).items()})
