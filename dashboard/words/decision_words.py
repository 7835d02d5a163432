"""The words for entries of the audit log: what was decided, and what it changed."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.queries.audit.audit_log import Entry
from db.decisions import KINDS, UNDO_UNFOUNDED_LINKS


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
        "user_set": _("Change a user's role"),
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


def before_and_after(entry: Entry) -> list[tuple[str, str, str]]:
    """What a decision changed, as (field, value before, value after); then the other values of the
    entry, with "" before."""
    detail = dict(entry.detail)
    before, after = _fields(detail.pop("before", None)), _fields(detail.pop("after", None))
    changed = [
        (name, value_word(before.get(name)), value_word(after.get(name)))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
    others = [
        (name, "", value_word(value)) for name, value in detail.items() if not _is_empty(value)
    ]
    return [*changed, *others]


def _fields(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {"": value}


def _is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


def value_word(value: Any) -> str:
    """Any JSON value, in words."""
    if value is None or value == "":
        return formats.NOTHING
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, Mapping):
        return "; ".join(f"{field_word(str(k))}: {value_word(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(value_word(item) for item in value) or formats.NOTHING
    return str(value)


def field_word(name: str) -> str:
    """The name of a field, with spaces for underscores."""
    return name.replace("_", " ")
