"""Labels of the states of runs and days, and the facts of a run."""

from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.queries import collection_days
from dashboard.queries.runs.attempts import Run
from db.suspicions import MOST_NAMED, Suspicion


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


def suspicion_words(suspicion: Suspicion) -> str:
    """Why a run is suspicious, without a full stop."""
    n, least = suspicion.values.get("n", 0), suspicion.values.get("least", 0)
    named = [
        _("%(site)s (%(n)s)", site=site.name, n=formats.number(site.devices))
        for site in suspicion.sites
    ]
    names = ", ".join(named[:MOST_NAMED])
    if len(named) > MOST_NAMED:
        more = formats.number(len(named) - MOST_NAMED)
        names = _("%(names)s and %(n)s more", names=names, n=more)
    words = {
        "n": formats.number(n),
        "size": formats.number(suspicion.values.get("size", 0)),
        "percent": suspicion.values.get("percent", 0),
        "least": formats.number(least),
        "names": names,
    }
    return {
        "vanished": _("%(n)s of %(size)s devices vanished at once (more than %(percent)s%%)",
                      **words),
        "half_vanished": _("%(n)s of %(size)s devices vanished at once (half of them)", **words),
        "emptied": ngettext(
            "%(n)s site with %(least)s or more devices went to zero: %(names)s",
            "%(n)s sites with %(least)s or more devices went to zero: %(names)s",
            n, **words,
        ),
        "changed": _("%(n)s of %(size)s devices changed site, billing status or serial number at "
                     "once", **words),
        "grown": _("The source grew from %(size)s to %(n)s devices at once", **words),
        "unreadable_ids": ngettext("%(n)s row has an id that cannot be read",
                                   "%(n)s rows have an id that cannot be read", n, **words),
    }[suspicion.code]  # fmt: skip


def decided_words(run: Run) -> str | None:
    """What was decided about a run that was held, by whom and when; None while nothing is."""
    words = {"who": run.decided_by or formats.NOTHING, "when": formats.instant(run.decided_at)}
    if run.hold == "accepted":
        return _("Accepted by %(who)s on %(when)s", **words)
    if run.hold == "rejected":
        return _("Rejected by %(who)s on %(when)s", **words)
    if run.hold == "withdrawn":
        return _("Withdrawn by %(who)s on %(when)s", **words)
    if run.hold == "superseded":
        return _("Replaced by a newer run before anyone decided")
    return None


def would_title(kind: str, n: int) -> str:
    """The heading of the devices that a held run would add, remove or change."""
    words = {"n": formats.number(n)}
    return {
        "added": ngettext("%(n)s device would be added", "%(n)s devices would be added",
                          n, **words),
        "removed": ngettext("%(n)s device would be removed", "%(n)s devices would be removed",
                            n, **words),
        "changed": ngettext("%(n)s device would change", "%(n)s devices would change", n, **words),
    }[kind]  # fmt: skip
