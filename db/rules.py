"""Versions of the rules' settings, and which version applies to which day.

The environment's values are version 1. Once a person has saved a version, the environment's are
ignored.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, func, insert, or_, select, update

from db.settings import Settings, active_settings
from db.sources import expected_sources, source_names
from db.tables import rule_versions

ENVIRONMENT = "environment"
"""The author of versions that come from the environment."""


@dataclass(frozen=True)
class Rules:
    """One version of the rules' settings.

    `source_order`: the precedence of sources: the first one that has a machine provides its primary
    record. `expected_sources`: the sources that every site should have unless the site has a list
    of its own.
    """

    version: int
    spare_words: tuple[str, ...] = ("spare",)
    spare_node_classes: tuple[str, ...] = ("VMWARE_VM_GUEST",)
    internal_sites: tuple[str, ...] = ()
    source_order: tuple[str, ...] = field(default_factory=source_names)
    expected_sources: tuple[str, ...] = field(default_factory=expected_sources)


@dataclass(frozen=True)
class RulesByDay:
    """Which version applies to which day.

    `eras` holds (first day, rules), oldest first; the first era has no beginning. A version that is
    saved while months are closed applies from the day after them: the closed days keep theirs.
    """

    eras: tuple[tuple[date, Rules], ...]

    @classmethod
    def always(cls, rules: Rules) -> "RulesByDay":
        """The same rules on every day."""
        return cls(((date.min, rules),))

    @classmethod
    def from_versions(cls, versions: Sequence[tuple[date | None, Rules]]) -> "RulesByDay":
        """Build the eras from versions in ascending order, each with the first day that it applies
        to (None: to no day yet). A later version replaces earlier ones from its first day on."""
        eras = [(date.min, versions[0][1])]
        for first, rules in versions:
            if first is not None:
                eras = [era for era in eras if era[0] < first] or eras[:1]
                if eras[-1][1].version != rules.version:
                    eras.append((first, rules))
        return cls(tuple(eras))

    def effective_on(self, day: date) -> Rules:
        """The rules that apply to `day`."""
        return self.eras[bisect_right([first for first, _rules in self.eras], day) - 1][1]

    @property
    def precedence_eras(self) -> tuple[tuple[date, Rules], ...]:
        """The eras that begin with another precedence of records than the one before."""
        eras = [self.eras[0]]
        for era in self.eras[1:]:
            if _precedence(era[1]) != _precedence(eras[-1][1]):
                eras.append(era)
        return tuple(eras)

    def precedence_changes(self, then: date, now: date) -> list[date]:
        """The days after `then`, up to `now`, on which a machine may get another primary record
        only because the rules change."""
        return [first for first, _rules in self.precedence_eras if then < first <= now]


def _precedence(rules: Rules) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return rules.source_order, rules.spare_node_classes


def from_environment(version: int, settings: Settings | None = None) -> Rules:
    """The rules as the environment sets them."""
    settings = active_settings(settings)
    return Rules(
        version, settings.spare_words, settings.spare_node_classes, settings.internal_sites
    )


def current_rules(connection: Connection) -> Rules:
    """The newest version saved; the defaults, as version 1, while none is."""
    newest = select(func.max(rule_versions.c.version)).scalar_subquery()
    row = connection.execute(
        select(rule_versions.c.version, rule_versions.c.rules).where(
            rule_versions.c.version == newest
        )
    ).one_or_none()
    if row is None:
        return Rules(1)
    return _parse_rules(row.version, row.rules)


def all_versions(connection: Connection) -> dict[int, Rules]:
    """Every version saved, by its number; the defaults as version 1 while none is."""
    rows = connection.execute(select(rule_versions.c.version, rule_versions.c.rules))
    return {version: _parse_rules(version, text) for version, text in rows} or {1: Rules(1)}


def rules_by_day(connection: Connection) -> RulesByDay:
    """Which version applies to which day; the defaults to every day while none is saved."""
    c = rule_versions.c
    rows = connection.execute(select(c.version, c.rules, c.first_day).order_by(c.version))
    versions = [(first, _parse_rules(version, text)) for version, text, first in rows]
    return RulesByDay.from_versions(versions) if versions else RulesByDay.always(Rules(1))


def apply_newest_from(connection: Connection, day: date) -> RulesByDay:
    """Let the newest version apply to `day` and later days. The caller recounts those days in the
    same transaction."""
    c = rule_versions.c
    # Two statements: MySQL cannot read a table in a statement that writes to it.
    newest = connection.scalar(select(func.max(c.version)))
    later = or_(c.first_day.is_(None), c.first_day > day)
    connection.execute(
        update(rule_versions).where(c.version == newest, later).values(first_day=day)
    )
    return rules_by_day(connection)


def move_first_day(connection: Connection, day: date, following: date | None) -> None:
    """Let the versions whose first day is `day`, which has no counts any more, begin on
    `following`, the next day that has counts; None: on the next day that is published."""
    c = rule_versions.c
    connection.execute(update(rule_versions).where(c.first_day == day).values(first_day=following))


def save_version(connection: Connection, rules: Rules, author: str, now: datetime) -> None:
    """Store a new version."""
    values = asdict(rules)
    del values["version"]
    connection.execute(
        insert(rule_versions).values(
            version=rules.version, rules=json.dumps(values), author=author, created_at=now
        )
    )


def _parse_rules(version: int, text: str) -> Rules:
    saved = {name: tuple(values) for name, values in json.loads(text).items()}
    # Sources that were added after this version was saved come last in its order.
    order = dict.fromkeys((*saved.get("source_order", ()), *source_names()))
    return Rules(version, **saved | {"source_order": tuple(order)})


def adopt_environment(
    connection: Connection, now: datetime, settings: Settings | None = None
) -> Rules:
    """The rules to apply now: the newest version. While no person has saved one, changed values in
    the environment are saved as a new version first."""
    newest = current_rules(connection)
    author = connection.scalar(
        select(rule_versions.c.author).where(rule_versions.c.version == newest.version)
    )
    if author not in (None, ENVIRONMENT):
        return newest
    rules = from_environment(newest.version, settings)
    if author is not None:
        if rules == newest:
            return newest
        rules = from_environment(newest.version + 1, settings)
    save_version(connection, rules, ENVIRONMENT, now)
    return rules
