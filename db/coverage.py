"""Coverage findings: their kinds and states, and which are in force or accepted on a day."""

import json
from collections.abc import Mapping
from datetime import date
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, or_

from db.tables import coverage_exceptions, coverage_findings

NINJA_WITHOUT_THREATLOCKER = "ninja_without_threatlocker"
THREATLOCKER_WITHOUT_NINJA = "threatlocker_without_ninja"
AGENT_ONLY = "agent_only"
DUPLICATE = "duplicate"
SPARE_MISMATCH = "spare_mismatch"
SITE_MISMATCH = "site_mismatch"
NAME_MISMATCH = "name_mismatch"
KINDS = (
    NINJA_WITHOUT_THREATLOCKER, THREATLOCKER_WITHOUT_NINJA, AGENT_ONLY, DUPLICATE, SPARE_MISMATCH,
    SITE_MISMATCH, NAME_MISMATCH,
)  # fmt: skip
"""etl.rules.coverage repeats these names, as rules import no other room; a test compares them."""

GAPS = KINDS[:3]
"""The kinds that say that a source is missing."""

KIND_OF_GAP = {
    ("ninja", "threatlocker"): NINJA_WITHOUT_THREATLOCKER,
    ("threatlocker", "ninja"): THREATLOCKER_WITHOUT_NINJA,
    ("agent", "ninja"): AGENT_ONLY,
    ("agent", "threatlocker"): AGENT_ONLY,
}
"""The kind of finding about machines that the first source manages and the second should but does
not. No pair of other sources is compared."""

OPEN, ACCEPTED, FIXED, COME_BACK = "open", "accepted", "fixed", "come_back"
STATES = (OPEN, COME_BACK, ACCEPTED, FIXED)
CURRENT = (OPEN, COME_BACK, ACCEPTED)
"""The states of findings that are in force; fixed ones were until recently."""

TO_DO = (OPEN, COME_BACK)
"""The states that need somebody to act."""

IDENTITY = ("kind", "asset_id", "device_id", "other_device_id")
"""The columns that identify a finding. An acceptance applies to findings with the same identity and
the same facts."""

FACTS_LENGTH = 800


def facts_text(facts: Mapping[str, Any]) -> str:
    """Facts as stored: canonical JSON, so that equal facts have equal text. If it is too long, a
    digest of it: facts are only compared."""
    text = json.dumps(dict(facts), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= FACTS_LENGTH:
        return text
    return json.dumps({"digest": blake2b(text.encode(), digest_size=16).hexdigest()})


def is_same_finding(
    first: FromClause = coverage_findings, second: FromClause = coverage_exceptions
) -> ColumnElement[bool]:
    """Whether two rows have the same identity; their facts may differ."""
    pairs = [first.c[name] == second.c[name] for name in IDENTITY[:3]]
    return and_(*pairs, first.c.other_device_id.is_not_distinct_from(second.c.other_device_id))


def acceptance_in_force(day: date | ColumnElement[date]) -> ColumnElement[bool]:
    """Whether an acceptance is in force on `day`, provided that its facts are still the same."""
    accepted = coverage_exceptions.c
    return and_(
        accepted.accepted_on <= day,
        or_(accepted.expires.is_(None), accepted.expires >= day),
        or_(accepted.withdrawn_on.is_(None), accepted.withdrawn_on > day),
    )


def finding_in_force(day: date) -> ColumnElement[bool]:
    """Whether a finding is in force on `day`."""
    return and_(coverage_findings.c.since <= day, coverage_findings.c.until > day)
