"""Labels of the kinds and states of coverage findings."""

from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.queries.coverage.findings import Counts, count_to_do
from db.coverage import NINJA_WITHOUT_THREATLOCKER


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


def summary(counted: Counts) -> str:
    """The page in a sentence."""
    return "".join(summary_parts(counted))


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
