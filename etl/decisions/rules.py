"""What people decide about the rules: a new version, by which every day after the border is judged
again (PRODUCT.md rule 15)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from db import jobs
from db import rules as rule_versions
from db.engine import writing
from db.rules import Rules
from etl.decisions.restate import restate
from etl.decisions.runs import Decider
from etl.snapshots.publish import PublishRefused
from etl.snapshots.site_plan import mark_internal


def save_rules(by: Decider, wanted: Mapping[str, Sequence[str]], reason: str) -> int:
    """Save a new version of the rules and judge every day after the border by it; its number.

    Args:
        wanted: every field of `Rules` but the version.

    Raises:
        Refused: it is what the newest version says, or leaves a source out of the order.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        was = rule_versions.adopt_environment(connection, by.clock(), by.environ)
        now = checked(was, wanted)
        entry = by.note(
            connection, jobs.SAVE_RULES, f"version {now.version}", reason=reason.strip(),
            version=now.version, before=told(was), after=told(now),
        )  # fmt: skip
        rule_versions.save_version(connection, now, by.actor, by.clock())
        mark_internal(connection, now)
        restate(connection, entry, by.clock(), None)
    return now.version


def checked(was: Rules, wanted: Mapping[str, Sequence[str]]) -> Rules:
    """The next version, as `wanted`.

    Raises:
        Refused: a person would not want it so.
    """
    clean = {
        name: tuple(dict.fromkeys(text for value in values if (text := " ".join(value.split()))))
        for name, values in wanted.items()
    }
    now = Rules(was.version, **clean)
    if now == was:
        raise PublishRefused(f"Version {was.version} of the rules says that already.")
    if set(now.source_order) != set(was.source_order):
        raise PublishRefused(
            f"The order of the sources must name each once: {', '.join(was.source_order)}."
        )
    if strange := set(now.expected_sources) - set(was.source_order):
        raise PublishRefused(f"{', '.join(sorted(strange))} is no source that a site could have.")
    return replace(now, version=was.version + 1)


def told(rules: Rules) -> dict[str, list[str]]:
    """What a version says, as JSON."""
    values = asdict(rules)
    del values["version"]
    return {name: list(words) for name, words in values.items()}
