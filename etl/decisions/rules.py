"""Decisions about the rules: a new version, by which every day after the newest closed month is
evaluated again (docs/rules.md, 15)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from db import rules as rule_versions
from db.decisions import SaveRules
from db.engine import writing
from db.rules import Rules
from etl.decisions.registry import DecisionContext, DecisionRefused, Reversal, handles, undoes
from etl.decisions.restate import restate
from etl.snapshots.site_plan import mark_internal


@handles(SaveRules)
def _save_rules(context: DecisionContext, decision: SaveRules) -> str:
    version = save_rules(context, decision.rules, decision.reason)
    return f"The rules are version {version}, from the day after the newest closed month on."


def save_rules(context: DecisionContext, values: Mapping[str, Sequence[str]], reason: str) -> int:
    """Save a new version of the rules and evaluate every day after the newest closed month by it;
    the version's number.

    Args:
        values: every field of `Rules` but the version.

    Raises:
        DecisionRefused: nothing differs from the newest version, or a source is missing or unknown.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        before = rule_versions.adopt_environment(connection, context.clock(), context.settings)
        after = next_version(before, values)
        entry = context.write_entry(
            connection,
            SaveRules,
            f"version {after.version}",
            reason=reason.strip(),
            version=after.version,
            before=as_json(before),
            after=as_json(after),
        )
        rule_versions.save_version(connection, after, context.actor, context.clock())
        mark_internal(connection, after)
        restate(connection, entry, context.clock(), None)
    return after.version


@undoes(SaveRules)
def _undo_rules(context: DecisionContext, reversal: Reversal) -> None:
    """Save the values from before once more, as a new version: versions are only added."""
    newest = rule_versions.current_rules(reversal.connection)
    if as_json(newest) != reversal.detail["after"]:
        raise DecisionRefused("The rules were changed again since. Undo that decision first.")
    before = {name: tuple(values) for name, values in reversal.detail["before"].items()}
    restored = replace(newest, version=newest.version + 1, **before)
    rule_versions.save_version(reversal.connection, restored, context.actor, context.clock())
    mark_internal(reversal.connection, restored)
    restate(reversal.connection, reversal.entry, context.clock(), None)


def next_version(newest: Rules, values: Mapping[str, Sequence[str]]) -> Rules:
    """The version after `newest`, with `values` trimmed and each entry once.

    Raises:
        DecisionRefused: nothing differs, or a source is missing or unknown.
    """
    clean = {
        name: tuple(dict.fromkeys(text for entry in entries if (text := " ".join(entry.split()))))
        for name, entries in values.items()
    }
    rules = Rules(newest.version, **clean)
    if rules == newest:
        raise DecisionRefused(f"Version {newest.version} of the rules is the same already.")
    if set(rules.source_order) != set(newest.source_order):
        raise DecisionRefused(
            f"The order of the sources must name each once: {', '.join(newest.source_order)}."
        )
    if unknown := set(rules.expected_sources) - set(newest.source_order):
        raise DecisionRefused(f"{', '.join(sorted(unknown))} is no source that a site could have.")
    return replace(rules, version=newest.version + 1)


def as_json(rules: Rules) -> dict[str, list[str]]:
    """A version's values, without its number."""
    values = asdict(rules)
    del values["version"]
    return {name: list(entries) for name, entries in values.items()}
