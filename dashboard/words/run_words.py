"""Labels of the states of runs and days, and the facts of a run."""

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.queries import collection_days
from dashboard.queries.runs.attempts import Run


def state_word(state: str) -> str:
    """The label of the state of a run or of a source's day."""
    return {
        collection_days.COMPLETE: _("complete"),
        collection_days.HELD: _("held"),
        collection_days.SUSPICIOUS: _("suspicious"),
        collection_days.WITHDRAWN: _("withdrawn"),
        collection_days.FAILED: _("failed"),
        collection_days.RUNNING: _("running"),
        collection_days.MISSING: _("missing"),
        collection_days.ENDED: _("ended"),
        collection_days.DUE: _("not yet"),
        collection_days.BEFORE: _("before the first"),
        "accepted": _("accepted"),
        "rejected": _("rejected"),
        "superseded": _("superseded"),
    }[state]


def duration(run: Run) -> str:
    """How long a run took: "6 s", "3 min 20 s"."""
    if run.seconds is None:
        return formats.NOTHING
    whole = round(run.seconds)
    if whole < 1:
        return _("under 1 s")
    if whole < 60:
        return _("%(s)s s", s=whole)
    return _("%(m)s min %(s)s s", m=formats.number(whole // 60), s=whole % 60)


def percent(value: float | None) -> str:
    """A share of changed devices: "1.4%"."""
    return formats.NOTHING if value is None else formats.percent(value, 1)


def run_effect(run: Run, before: Run | None) -> list[tuple[str, str]]:
    """What a held run would change, against the snapshot that stands."""
    facts = [(_("Rows in this run"), formats.number(run.records))]
    if before is not None:
        day = formats.short_day(before.business_date)
        facts.append((_("In use since %(day)s", day=day), formats.number(before.records)))
    if run.added is not None:
        facts += [
            (_("Would be added"), formats.number(run.added)),
            (_("Would be removed"), formats.number(run.removed)),
            (_("Would change"), formats.number(run.changed)),
        ]
    return facts
