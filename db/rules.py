"""The rules' settings, by version: environment values seed version 1; what a person saves wins."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from db import settings
from db.settings import Environment, env_list
from db.tables import rule_versions

ENVIRONMENT = "environment"
"""The author of a version that was read from the environment."""


@dataclass(frozen=True)
class Rules:
    """One version of the rules' settings. `source_order`: who speaks first for an asset.
    `expected_sources`: those that every site is expected to have, unless it says otherwise."""

    version: int
    spare_words: tuple[str, ...] = ("spare",)
    spare_node_classes: tuple[str, ...] = ("VMWARE_VM_GUEST",)
    internal_sites: tuple[str, ...] = ()
    source_order: tuple[str, ...] = ("ninja", "threatlocker", "agent")
    expected_sources: tuple[str, ...] = ("ninja", "threatlocker")


def from_environment(version: int, environ: Environment | None = None) -> Rules:
    """The rules as the environment sets them."""
    return Rules(
        version,
        env_list(settings.SPARE_WORDS, environ),
        env_list(settings.SPARE_NODE_CLASSES, environ),
        env_list(settings.INTERNAL_SITES, environ, separator=";"),
    )


def current(connection: Connection) -> Rules:
    """The newest version saved; the defaults, as version 1, while none is."""
    newest = select(func.max(rule_versions.c.version)).scalar_subquery()
    row = connection.execute(
        select(rule_versions.c.version, rule_versions.c.rules).where(
            rule_versions.c.version == newest
        )
    ).one_or_none()
    if row is None:
        return Rules(1)
    return _read(row.version, row.rules)


def all_versions(connection: Connection) -> dict[int, Rules]:
    """Every version saved, by its number; the defaults as version 1 while none is."""
    rows = connection.execute(select(rule_versions.c.version, rule_versions.c.rules))
    return {version: _read(version, text) for version, text in rows} or {1: Rules(1)}


def save(connection: Connection, rules: Rules, author: str, now: datetime) -> None:
    """Write down a new version."""
    values = asdict(rules)
    del values["version"]
    connection.execute(
        insert(rule_versions).values(
            version=rules.version, rules=json.dumps(values), author=author, created_at=now
        )
    )


def _read(version: int, text: str) -> Rules:
    saved = {name: tuple(values) for name, values in json.loads(text).items()}
    return Rules(version, **saved)


def adopt_environment(
    connection: Connection, now: datetime, environ: Environment | None = None
) -> Rules:
    """The rules to judge by now: the newest version, after the environment's was saved as a new
    one when it differs from the environment's last one and no person has saved any."""
    newest = current(connection)
    author = connection.scalar(
        select(rule_versions.c.author).where(rule_versions.c.version == newest.version)
    )
    if author not in (None, ENVIRONMENT):
        return newest
    wanted = from_environment(newest.version, environ)
    if author is not None:
        if wanted == newest:
            return newest
        wanted = from_environment(newest.version + 1, environ)
    save(connection, wanted, ENVIRONMENT, now)
    return wanted
