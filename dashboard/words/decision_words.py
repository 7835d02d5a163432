"""The words for entries of the audit log: what was decided, and what it changed."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.queries.audit.audit_log import DEVICE_FIELDS, SITE_FIELDS, Entry
from dashboard.words.coverage_words import kind_name
from db.coverage import KINDS as COVERAGE_KINDS
from db.decisions import KINDS, UNDO_UNFOUNDED_LINKS
from db.history.kept import is_month
from db.sources import source_label, source_labels, source_names


def action_word(action: str) -> str:
    """What an entry of the audit log, or a job, is about, in a few words."""
    decision = KINDS.get(action)
    label = _(decision.label) if decision and decision.label else _command_labels().get(action)
    return label or action.replace("_", " ")


def _command_labels() -> dict[str, str]:
    """Actions of commands and of the program itself, which no page requests."""
    return {
        "import_counts": _("Import counts"),
        "remove_imported_counts": _("Remove imported counts"),
        "import_tatuscan": _("Import from TatuScan"),
        UNDO_UNFOUNDED_LINKS: _("Undo links without evidence"),
        "token_add": _("Add a token"),
        "token_revoke": _("Revoke a token"),
        "token_refused": _("Refused a token"),
        "user_add": _("Add a user"),
        "user_set": _("Change a user"),
        "user_enable": _("Let a user sign in again"),
        "user_disable": _("Disable a user"),
        "user_password": _("Set a password"),
        "user_link": _("New password link"),
        "user_sign_out": _("Sign a user out everywhere"),
        "second_factor_add": _("Add a second factor"),
        "second_factor_remove": _("Remove a second factor"),
        "recovery_codes": _("Make new recovery codes"),
        "sign_in": _("Sign in"),
        "sign_in_refused": _("Refused to sign in"),
        "session_refused": _("Refused a cookie"),
        "sign_out": _("Sign out"),
    }


def subject_words(entry: Entry) -> str:
    """What an entry is about, in words."""
    if entry.subject.startswith("run ") and "source" in entry.detail:
        return _run_words(entry.detail)
    return plain_subject(entry.subject)


def plain_subject(subject: str) -> str:
    """A subject as the log stores it, in words."""
    if is_month(subject):
        return formats.month(subject)
    if subject in source_names():
        return source_label(subject)
    for prefix in ("user ", "machine "):
        subject = subject.removeprefix(prefix)
    return subject


def _run_words(detail: Mapping[str, Any]) -> str:
    day = formats.day(date.fromisoformat(str(detail["day"]))) if detail.get("day") else ""
    return _("%(source)s, %(day)s", source=source_label(str(detail["source"])), day=day)


_FOLDED = frozenset(
    {"closing_id", "exception_id", "finding_id", "entry_id", "entries", "run_id", "hash", "sha256",
     "alias_key", "version", "asset_id", "other_asset_id", "facts", "site_id_was"}
)  # fmt: skip
"""Fields that say nothing to people: they stand in the raw record alone."""


def before_and_after(entry: Entry) -> list[tuple[str, str, str]]:
    """What a decision changed, in words, as (name, value before, value after); then what else the
    entry says, with "" before."""
    detail = dict(entry.detail)
    before, after = _fields(detail.pop("before", None)), _fields(detail.pop("after", None))
    if entry.action == "user_set":  # Each field is a pair of before and after.
        pairs = {name: value for name, value in detail.items() if _is_pair(value)}
        before = {name: value[0] for name, value in pairs.items()}
        after = {name: value[1] for name, value in pairs.items()}
        detail = {name: value for name, value in detail.items() if name not in pairs}
    changed = [
        (
            _name_of(name, entry),
            value_word(name, before.get(name), entry),
            value_word(name, after.get(name), entry),
        )
        for name in dict.fromkeys((*before, *after))
        if name not in _FOLDED
        and before.get(name) != after.get(name)
        and not (_is_empty(before.get(name)) and _is_empty(after.get(name)))
    ]
    # Its head names a run's source and day already.
    told = {"source", "day"} if entry.subject.startswith("run ") else set()
    others = [
        (field_word(name), "", value_word(name, value, entry))
        for name, value in detail.items()
        if name not in _FOLDED and name not in told and not _is_empty(value)
    ]
    return [*changed, *others]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


def _name_of(name: str, entry: Entry) -> str:
    """The name of a field of an entry: a token's kind is no finding."""
    if name == "kind" and entry.action.startswith("token_"):
        return str(_("Kind"))
    return field_word(name)


def raw_record(entry: Entry) -> str:
    """The entry as it is stored, for whoever checks."""
    stored = {"entry": entry.entry_id, "action": entry.action, "subject": entry.subject,
              "actor": entry.actor, "detail": entry.detail}  # fmt: skip
    return json.dumps(stored, indent=1, ensure_ascii=False, default=str)


def _fields(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {"": value}


def _is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


def value_word(name: str, value: Any, entry: Entry) -> str:
    """A value of the field `name`, in words."""
    if name == "sites" and entry.action == "user_set" and not isinstance(value, list):
        every = value is None
        return str(_("every site")) if every else entry.sites.get(str(value), formats.NOTHING)
    if value is None or value == "":
        return formats.NOTHING
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, Mapping):
        return "; ".join(
            f"{field_word(str(k))}: {value_word(str(k), v, entry)}" for k, v in value.items()
        )
    if isinstance(value, list | tuple):
        return ", ".join(value_word(name, item, entry) for item in value) or formats.NOTHING
    text = str(value)
    if name in SITE_FIELDS:
        return entry.sites.get(text, _("a site that is not kept"))
    if name in DEVICE_FIELDS:
        return entry.devices.get(text, _("a device that is not kept"))
    if name == "action":
        return action_word(text)
    if name in ("source", "expected_sources", "source_order", "sources", "basis"):
        return ", ".join(source_labels().get(part, part) for part in text.split(", "))
    if name == "kind" and text in COVERAGE_KINDS:
        return kind_name(text)
    if is_month(text):
        return formats.month(text)
    if name in _DAYS:
        return formats.day(date.fromisoformat(text[:10]))
    if isinstance(value, int):
        return formats.number(value)
    return _values().get(text, text)


_DAYS = ("day", "expires", "linked_since", "accepted_on", "since")


def _values() -> dict[str, str]:
    """Codes that stand as values."""
    return {
        "open": _("open"),
        "accepted": _("accepted"),
        "viewer": _("viewer"),
        "manager": _("manager"),
        "administrator": _("administrator"),
        "hand": _("by hand"),
        "serial": _("serial number"),
        "mac": _("MAC address"),
        "hostname": _("hostname"),
        "prefix": _("beginning of the hostname"),
    }


def field_word(name: str) -> str:
    """The name of a field of a decision."""
    return _field_words().get(name) or name.replace("_", " ").capitalize()


def _field_words() -> dict[str, str]:
    return {
        "site_id": _("Site"),
        "site": _("Site"),
        "sites": _("Sites"),
        "site_ids": _("Sites"),
        "into": _("Merged into"),
        "site_was": _("Site before"),
        "needs_review": _("Waits for review"),
        "device_id": _("Device"),
        "other_device_id": _("Other device"),
        "machine": _("Records of the machine"),
        "machines": _("Machines"),
        "kept_apart": _("Kept apart"),
        "month": _("Month"),
        "months": _("Months"),
        "members": _("Records stored"),
        "closing_id": _("Closing"),
        "reason": _("Reason"),
        "because": _("Reason"),
        "rules": _("Rules"),
        "source": _("Source"),
        "sources": _("Sources"),
        "expected_sources": _("Expected sources"),
        "day": _("Day"),
        "run_id": _("Run"),
        "alias_key": _("Id at the source"),
        "finding_id": _("Finding"),
        "exception_id": _("Acceptance"),
        "expires": _("Until"),
        "accepted_on": _("Accepted on"),
        "author": _("Accepted by"),
        "state": _("State"),
        "kind": _("Finding"),
        "since": _("Since"),
        "action": _("Undone decision"),
        "entry_id": _("Entry"),
        "method": _("Linked by"),
        "evidence": _("Evidence"),
        "linked_since": _("Linked since"),
        "links": _("Links"),
        "counts": _("Counts"),
        "devices": _("Devices"),
        "new_sites": _("New sites"),
        "replaced": _("Replaced counts"),
        "role": _("Role"),
        "hostname": _("Hostname"),
        "os": _("Operating system"),
        "ip": _("IP address"),
        "computer_model": _("Model"),
        "zone": _("Time zone"),
        "spare_words": _("Spare words"),
        "spare_node_classes": _("Spare node classes"),
        "internal_sites": _("Internal sites"),
        "source_order": _("Source priority"),
    }
