"""Decisions about the thresholds: a new version, which holds from the next run on."""

from dataclasses import asdict

from db import thresholds
from db.decisions import SaveThresholds
from db.engine import writing
from db.settings import active_settings
from db.thresholds import Thresholds
from etl.decisions.registry import DecisionContext, DecisionRefused, handles


@handles(SaveThresholds)
def _save_thresholds(context: DecisionContext, decision: SaveThresholds) -> str:
    environment = active_settings(context.settings).thresholds
    after, reason = Thresholds(**decision.thresholds), decision.reason.strip()
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        before = thresholds.in_force(connection, environment)
        if before == after:
            raise DecisionRefused("Nothing differs from the thresholds in use.")
        now = context.clock()
        version = thresholds.save(connection, before, after, context.actor, reason, now)
        context.write_entry(
            connection, SaveThresholds, f"version {version}", reason=reason, version=version,
            before=asdict(before), after=asdict(after),
        )  # fmt: skip
    return f"The thresholds are version {version}; they hold from the next run on."
