"""The reasons of a change of a device, as texts."""

from datetime import date

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.queries.changes.change_list import Item
from dashboard.words.filter_words import status_word, type_word
from db.history.reasons import Reason
from db.sources import source_label


def reason_text(reason: Reason) -> str:
    """A reason with its day."""
    text = _text(reason)
    return _("adjustment: %(what)s", what=text) if reason.adjustment else text


def change_reasons(item: Item) -> list[str]:
    """Every reason of a change; those that decide its bar come first."""
    decisive = item.decisive
    others = [reason for reason in item.changed.reasons if reason not in decisive]
    return [reason_text(reason) for reason in (*decisive, *others)]


def _text(reason: Reason) -> str:
    day, values = formats.day(reason.day), reason.values
    if reason.code == "billing_status":
        return _status(reason, day)
    if reason.code == "speaks" and values["was"] == values["now"]:
        now = _value(reason, "now")
        return _("Replaced by another record of %(now)s on %(day)s", now=now, day=day)
    if reason.code in _changed():
        words = _changed()[reason.code]
        return words % {"was": _value(reason, "was"), "now": _value(reason, "now"), "day": day}
    last_seen, source = values.get("last_seen"), source_label(values.get("source") or "")
    if reason.code == "gone":
        if last_seen is None:
            return _("Gone since %(day)s", day=day)
        last = formats.day(date.fromisoformat(last_seen))
        return _("Gone since %(day)s, last seen %(last)s", day=day, last=last)
    words = {
        "source_began": _("First collection of %(source)s on %(day)s"),
        "first_seen": _("First seen %(day)s"),
        "back": _("Back since %(day)s"),
        "source_ended": _("Source ended: %(source)s on %(day)s"),
        "linked": _("Linked with %(source)s %(name)s on %(day)s"),
        "unlinked": _("Unlinked from %(source)s %(name)s on %(day)s"),
    }[reason.code]
    return words % {"day": day, "source": source, "name": values.get("name")}


def _changed() -> dict[str, str]:
    return {
        "site": _("Organization changed: %(was)s to %(now)s on %(day)s"),
        "location": _("Location changed: %(was)s to %(now)s on %(day)s"),
        "hostname": _("Hostname changed: %(was)s to %(now)s on %(day)s"),
        "display_name": _("Renamed %(was)s to %(now)s on %(day)s"),
        "device_type": _("Type changed: %(was)s to %(now)s on %(day)s"),
        "serial": _("Serial number changed: %(was)s to %(now)s on %(day)s"),
        "os": _("Operating system changed: %(was)s to %(now)s on %(day)s"),
        "node_class": _("Class changed: %(was)s to %(now)s on %(day)s"),
        "speaks": _("Primary source: %(now)s instead of %(was)s, since %(day)s"),
    }


def _value(reason: Reason, name: str) -> str:
    value = reason.values[name]
    if value is None:
        return _("(none)")
    if reason.code == "device_type":
        return type_word(value)
    return source_label(value) if reason.code == "speaks" else value


def _status(reason: Reason, day: str) -> str:
    values = reason.values
    status = status_word(values["now"] or "")
    words = {"day": day, "status": status.lower(), "reason": values["reason"]}
    if "renamed" in values:
        name = values["renamed"] or _("(none)")
        return _("Renamed to %(name)s, so %(status)s, on %(day)s", name=name, **words)
    if "relocated" in values:
        name = values["relocated"] or _("(none)")
        return _("Moved to location %(name)s, so %(status)s, on %(day)s", name=name, **words)
    if values["now"] == "billable":
        was = status_word(values["was"] or "").lower()
        reason_was = values["reason_was"]
        return _(
            "Became billable on %(day)s, was %(was)s: %(reason)s",
            day=day, was=was, reason=reason_was,
        )  # fmt: skip
    return _("Became %(status)s on %(day)s: %(reason)s", **words)
