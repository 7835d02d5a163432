"""Labels of the kinds and states of coverage findings."""

from collections.abc import Mapping, Sequence
from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.queries.coverage.findings import Counts, count_in_states, count_to_do
from db.coverage import ACCEPTED, GAPS, NINJA_WITHOUT_THREATLOCKER, TO_DO


def kind_name(kind: str) -> str:
    """The label of a kind."""
    return {
        "ninja_without_threatlocker": _("In NinjaRMM, not in ThreatLocker"),
        "threatlocker_without_ninja": _("In ThreatLocker, not in NinjaRMM"),
        "agent_only": _("Agent only"),
        "duplicate": _("Duplicate in one source"),
        "spare_mismatch": _("Spare in one source only"),
        "site_mismatch": _("Sites disagree"),
        "name_mismatch": _("Names disagree"),
    }[kind]


def kind_short(kind: str) -> str:
    """The short label of a kind, for column heads."""
    return {
        "ninja_without_threatlocker": _("No ThreatLocker"),
        "threatlocker_without_ninja": _("No NinjaRMM"),
        "agent_only": _("Agent only"),
        "duplicate": _("Duplicate"),
        "spare_mismatch": _("Spare"),
        "site_mismatch": _("Sites"),
        "name_mismatch": _("Names"),
    }[kind]


def kind_rule(kind: str) -> str:
    """The definition of a kind."""
    return {
        "ninja_without_threatlocker": _(
            "Billable servers and workstations that NinjaRMM manages and ThreatLocker does not, at "
            "sites that are expected to have ThreatLocker."
        ),
        "threatlocker_without_ninja": _(
            "Records that ThreatLocker manages (each uses a licence) of machines that NinjaRMM "
            "does not manage, at sites that are expected to have NinjaRMM."
        ),
        "agent_only": _(
            "Machines whose agent reports and that neither NinjaRMM nor ThreatLocker manages."
        ),
        "duplicate": _(
            "Two records of one source that are the same machine, or have the same hostname at "
            "the same site."
        ),
        "spare_mismatch": _(
            "Linked records of which one is spare and another is not; VM guests, spare by their "
            "class, are ignored."
        ),
        "site_mismatch": _(
            "Linked records at different sites, and one real serial number at two sites."
        ),
        "name_mismatch": _(
            "Linked records whose display names differ, apart from case and spaces; a name that "
            "only repeats the hostname is ignored."
        ),
    }[kind]


def finding_state(state: str) -> str:
    """The label of a state."""
    return {
        "open": _("open"),
        "come_back": _("back again"),
        "accepted": _("accepted"),
        "fixed": _("fixed"),
    }[state]


def finding_change(change: str) -> str:
    """The label of how a finding to look at differs from the day that is compared with."""
    return {"new": _("New since then"), "resolved": _("Resolved since then")}[change]


def summary(counted: Counts) -> str:
    """The page in a sentence: what is to look at, and what somebody accepted."""
    accepted = count_in_states(counted, None, (ACCEPTED,))
    words = "".join(summary_parts(counted))
    if not accepted:
        return words
    return words + str(_("; %(n)s accepted", n=formats.number(accepted)))


def listed(n: int, kinds: Sequence[str], states: Sequence[str]) -> str:
    """What the list holds, with its number first: "80 coverage gaps to look at"."""
    number = formats.number(n)
    if tuple(kinds) == GAPS:
        words = ngettext("%(n)s coverage gap", "%(n)s coverage gaps", n, n=number)
    else:
        words = ngettext("%(n)s finding", "%(n)s findings", n, n=number)
    if tuple(states) == TO_DO:
        words = _("%(findings)s to look at", findings=words)
    elif states:
        words += f" ({', '.join(finding_state(state) for state in states)})"
    if kinds and tuple(kinds) != GAPS:
        words += f": {', '.join(kind_name(kind) for kind in kinds)}"
    return str(words)


def changed(moved: Mapping[str, int], then: date) -> str:
    """By how much the number to look at moved, and through what: "+3: 5 new, 2 resolved"."""
    day = formats.short_day(then)
    words = {
        "new": lambda n: _("%(n)s new", n=formats.number(n)),
        "resolved": lambda n: _("%(n)s resolved", n=formats.number(n)),
    }
    parts = ", ".join(words[name](n) for name, n in moved.items())
    if len(moved) == 1:
        return str(_("%(parts)s since %(day)s", parts=parts, day=day))
    change = formats.signed(moved["new"] - moved["resolved"])
    return str(_("%(change)s: %(parts)s since %(day)s", change=change, parts=parts, day=day))


def summary_parts(counted: Counts) -> tuple[str, str]:
    """The sentence in two: how much there is to do, and how much of it is the most usual kind."""
    n = count_to_do(counted)
    if not n:
        return str(_("Nothing to look at: the sources agree")), ""
    words = ngettext(
        "%(n)s finding to look at", "%(n)s findings to look at", n, n=formats.number(n)
    )
    gaps = count_to_do(counted, NINJA_WITHOUT_THREATLOCKER)
    if gaps in (0, n):
        return words, ""
    return words, _(", %(gaps)s of them in NinjaRMM without ThreatLocker",
                    gaps=formats.number(gaps))  # fmt: skip
