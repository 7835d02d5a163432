"""Decisions as tasks: from the arguments of a job to the decision, and what came of it in words."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from db import jobs
from etl.decisions import (
    coverage as coverage_decisions,
)
from etl.decisions import (
    machines as ledger,
)
from etl.decisions import (
    rules as rule_decisions,
)
from etl.decisions import (
    sites as site_decisions,
)
from etl.decisions import (
    undo as undoing,
)
from etl.decisions.runs import Decider

Arguments = Mapping[str, Any]


def link(by: Decider, asked: Arguments) -> str:
    one, other = int(asked["device_id"]), int(asked["other_device_id"])
    ledger.link_devices(by, one, other)
    return "They are one machine, from the day after the newest closed month on."


def split(by: Decider, asked: Arguments) -> str:
    ledger.split_device(by, int(asked["device_id"]))
    return "It is a machine of its own, from the day after the newest closed month on."


def apart(by: Decider, asked: Arguments) -> str:
    one, other = int(asked["device_id"]), int(asked["other_device_id"])
    ledger.keep_apart(by, one, other)
    return "They are two machines, and no rule will link them."


def merge(by: Decider, asked: Arguments) -> str:
    site_id, into = int(asked["site_id"]), int(asked["into"])
    site_decisions.merge_sites(by, site_id, into)
    return "The sites are one, from the day after the newest closed month on."


def move_alias(by: Decider, asked: Arguments) -> str:
    source, key, site_id = (asked[name] for name in ("source", "alias_key", "site_id"))
    target = None if site_id is None else int(site_id)
    site_decisions.move_alias(by, source, key, target)
    return "The alias has moved, from the day after the newest closed month on."


def confirm(by: Decider, asked: Arguments) -> str:
    site_decisions.confirm_site(by, int(asked["site_id"]))
    return "The site is a customer of its own."


def expect(by: Decider, asked: Arguments) -> str:
    site_id, sources = int(asked["site_id"]), asked["sources"]
    site_decisions.expect_sources(by, site_id, sources)
    return "The sources that this site is expected to have are set."


def save_rules(by: Decider, asked: Arguments) -> str:
    wanted, reason = asked["rules"], asked["reason"]
    version = rule_decisions.save_rules(by, wanted, reason)
    return f"The rules are version {version}, from the day after the newest closed month on."


def accept_finding(by: Decider, asked: Arguments) -> str:
    asked_for, expires = asked, asked["expires"]
    coverage_decisions.accept_finding(
        by, int(asked_for["finding_id"]), asked_for["reason"],
        date.fromisoformat(expires) if expires else None,
    )  # fmt: skip
    return f"Accepted until {expires or 'its facts change'}: it is open no more."


def withdraw_acceptance(by: Decider, asked: Arguments) -> str:
    exception_id = int(asked["exception_id"])
    coverage_decisions.withdraw_acceptance(by, exception_id)
    return "The acceptance is withdrawn: the finding is open again."


def undo(by: Decider, asked: Arguments) -> str:
    what = undoing.undo(by, int(asked["entry_id"]))
    return f"Undone: {what}."


DEEDS: Mapping[str, Callable[[Decider, Arguments], str]] = {
    jobs.LINK_DEVICES: link,
    jobs.SPLIT_DEVICE: split,
    jobs.KEEP_APART: apart,
    jobs.MERGE_SITES: merge,
    jobs.MOVE_ALIAS: move_alias,
    jobs.CONFIRM_SITE: confirm,
    jobs.EXPECT_SOURCES: expect,
    jobs.SAVE_RULES: save_rules,
    jobs.ACCEPT_FINDING: accept_finding,
    jobs.WITHDRAW_ACCEPTANCE: withdraw_acceptance,
    jobs.UNDO: undo,
}
