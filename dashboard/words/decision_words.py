"""What people read for the entries of the audit log."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.queries.audit.audit_log import Entry
from db import jobs


def action_word(action: str) -> str:
    """What was decided, in a few words."""
    return _actions().get(action) or action.replace("_", " ")


def _actions() -> dict[str, str]:
    return {
        jobs.ACCEPT_RUN: _("Accept a run"),
        jobs.REJECT_RUN: _("Reject a run"),
        jobs.WITHDRAW_DAY: _("Withdraw a day"),
        jobs.END_SOURCE: _("End a source"),
        jobs.CLOSE_MONTH: _("Close a month"),
        jobs.REOPEN_MONTH: _("Reopen a month"),
        jobs.LINK_DEVICES: _("Link two records"),
        jobs.SPLIT_DEVICE: _("Split a record off"),
        jobs.KEEP_APART: _("Keep two records apart"),
        jobs.MERGE_SITES: _("Merge sites"),
        jobs.MOVE_ALIAS: _("Move a site's name"),
        jobs.CONFIRM_SITE: _("Keep a site as its own"),
        jobs.EXPECT_SOURCES: _("Change what a site is expected to have"),
        jobs.SAVE_RULES: _("Save rules"),
        jobs.ACCEPT_FINDING: _("Accept a coverage finding"),
        jobs.WITHDRAW_ACCEPTANCE: _("Withdraw an acceptance"),
        jobs.UNDO: _("Undo"),
        "import_counts": _("Import counts"),
        "import_tatuscan": _("Import from TatuScan"),
        "token_add": _("Add a token"),
        "token_revoke": _("Revoke a token"),
    }


def before_and_after(entry: Entry) -> list[tuple[str, str, str]]:
    """What the decision changed: each field's name, what it was, what it is; else each fact of
    the entry, with nothing before."""
    before, after = entry.detail.get("before"), entry.detail.get("after")
    rest = {k: v for k, v in entry.detail.items() if k not in ("before", "after")}
    found = []
    if before is not None or after is not None:
        was, now = _fields(before), _fields(after)
        found = [
            (name, told(was.get(name)), told(now.get(name)))
            for name in dict.fromkeys((*was, *now))
            if was.get(name) != now.get(name)
        ]
    return [*found, *((name, "", told(value)) for name, value in rest.items() if _is_fact(value))]


def _fields(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {"": said}


def _is_fact(value: Any) -> bool:
    return value not in (None, "", [], {})


def told(value: Any) -> str:
    """A value of an entry, whatever it is."""
    if value is None or value == "":
        return formats.NOTHING
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, Mapping):
        return "; ".join(f"{field_word(str(k))}: {told(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(told(one) for one in value) or formats.NOTHING
    return str(value)


def field_word(name: str) -> str:
    """A field of an entry: the database's names, as people write them."""
    return name.replace("_", " ")
