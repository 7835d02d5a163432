"""The dialogs of decisions about machines."""

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.components.ask.dialog import Proposal
from dashboard.decisions.proposals.registry import (
    blocked,
    can_be_undone,
    from_which_day,
    proposes,
)
from dashboard.queries.names import device_names
from db.decisions import KeepApart, LinkDevices, SplitDevice
from db.sources import source_label


@proposes(LinkDevices)
def _link(connection: Connection, decision: LinkDevices) -> Proposal:
    pair = _pair(connection, decision)
    if pair is None:
        return _gone()
    if pair.same_machine:
        return blocked(_("Nothing to link"), _("The two are one machine already."))
    lines = [
        _("They count as one machine from then on, with everything linked to either."),
        from_which_day(connection) + " " + can_be_undone(),
    ]
    if not pair.same_site:
        lines.insert(0, _("They are at two sites: Coverage lists this until it is resolved."))
    title = _("Are %(one)s and %(other)s the same machine?", **pair.words)
    return Proposal(title, lines, _("Same machine"))


@proposes(KeepApart)
def _apart(connection: Connection, decision: KeepApart) -> Proposal:
    pair = _pair(connection, decision)
    if pair is None:
        return _gone()
    lines = [
        _("No rule links them any more, and nobody is asked about them again."),
        from_which_day(connection) + " " + can_be_undone(),
    ]
    title = _("Are %(one)s and %(other)s two machines?", **pair.words)
    return Proposal(title, lines, _("Two machines"))


@proposes(SplitDevice)
def _split(connection: Connection, decision: SplitDevice) -> Proposal:
    device = device_names(connection, [decision.device_id]).get(decision.device_id)
    if device is None:
        return _gone()
    words = {"name": device.name, "source": source_label(device.source)}
    return Proposal(
        _("Is %(name)s of %(source)s another machine?", **words),
        [
            _("It counts as a separate machine, and no rule links it with these records again."),
            from_which_day(connection) + " " + can_be_undone(),
        ],
        _("Not the same machine"),
    )


@dataclass(frozen=True)
class _Pair:
    """The two records of a decision."""

    words: dict[str, str]
    same_site: bool
    same_machine: bool


def _pair(connection: Connection, decision: LinkDevices | KeepApart) -> _Pair | None:
    """None when one of the records is no longer kept."""
    ids = (decision.device_id, decision.other_device_id)
    devices = device_names(connection, ids)
    if len(devices) < 2:
        return None
    first, other = (devices[device_id] for device_id in ids)
    words = {
        "one": f"{first.name} ({source_label(first.source)})",
        "other": f"{other.name} ({source_label(other.source)})",
    }
    return _Pair(words, first.site_id == other.site_id, first.asset_id == other.asset_id)


def _gone() -> Proposal:
    return blocked(_("Nothing to decide"), _("One of the two records is no longer kept."))
