"""The grid of coverage findings."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dash_ag_grid import AgGrid
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.i18n import translate_notice
from dashboard.base.refusals import refusal_words
from dashboard.components.kit.grid import cut, grid, text_column
from dashboard.words.coverage_words import finding_state, kind_short
from db.coverage import ACCEPTED, STATES, TO_DO
from db.decisions import AcceptFinding, WithdrawAcceptance


def coverage_grid(name: str) -> AgGrid:
    """The empty grid; it asks for its rows by `getRowsRequest`."""
    return grid(
        name,
        _columns(),
        row_height=48,
        loading=_("Loading findings\u2026"),
        empty=_("No finding matches these filters."),
    )


def rows(findings: Sequence[Mapping[str, Any]], actor: Actor, *, now: bool) -> list[dict[str, Any]]:
    """Findings as the grid shows them.

    Args:
        actor: whoever looks; who may not decide reads why.
        now: whether they can be decided about: on the newest day alone.
    """
    refusal = actor.refusal(AcceptFinding) or actor.refusal(WithdrawAcceptance)
    why = None if refusal is None else refusal_words(refusal)
    return [_row(row, now, why) for row in findings]


def _row(row: Mapping[str, Any], now: bool, why: str | None) -> dict[str, Any]:
    accepted, ask = row["accepted"], _ask(row) if now else None
    notice = translate_notice(row["notice"])
    return {
        "device_id": row["device_id"],
        "hostname": cut(row["hostname"] or row["display_name"] or row["source_key"]),
        "kind": kind_short(row["kind"]),
        "facts": cut(notice),
        "all_facts": notice,
        "site": cut(row["site"]),
        "state": row["state"],
        "first_seen": row["age_days"],
        "days": _("%(n)s d", n=formats.number(row["age_days"])),
        "since": _since(row),
        "decision": cut(_decision(accepted)) if accepted else None,
        "ask": ask if why is None else None,
        "ask_why": why if ask else None,
        "ask_words": _("Withdraw") if row["state"] == ACCEPTED else _("Accept"),
    }


def _since(row: Mapping[str, Any]) -> str:
    day = date.fromisoformat
    text = _("since %(day)s", day=formats.day(day(row["first_seen"])))
    if row["first_ever"] != row["first_seen"]:
        text += _("; first on %(day)s", day=formats.day(day(row["first_ever"])))
    if row["fixed_on"]:
        text += _("; fixed on %(day)s", day=formats.day(day(row["fixed_on"])))
    return str(text)


def _decision(accepted: Mapping[str, Any]) -> str:
    words = {"by": accepted["by"], "reason": accepted["reason"]}
    if accepted["expires"] is None:
        return str(_("%(reason)s (%(by)s)", **words))
    until = formats.day(date.fromisoformat(accepted["expires"]))
    return str(_("%(reason)s (%(by)s, until %(until)s)", until=until, **words))


def _ask(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The job that the row's button starts."""
    if row["state"] in TO_DO:
        return {"job": AcceptFinding.kind, "with": {"finding_id": int(row["finding_id"])}}
    if row["state"] == ACCEPTED:
        exception_id = int(row["accepted"]["exception_id"])
        return {"job": WithdrawAcceptance.kind, "with": {"exception_id": exception_id}}
    return None


def _columns() -> list[dict[str, Any]]:
    words = {name: finding_state(name) for name in STATES}
    return [
        text_column("hostname", _("Device"), 150, pinned="left", flex=None, width=196)
        | {
            "cellRenderer": "HubLink",
            "cellRendererParams": {
                "page": "/devices/", "id": "device_id", "without": ["kind", "state", "compared"],
                "second": "kind",
            },
        },
        text_column("kind", _("Finding"), 150, flex=0.6),
        text_column("facts", _("What differs"), 220, flex=1.5, sortable=False)
        | {"tooltipField": "all_facts"},
        text_column("site", _("Site"), 120, flex=0.8),
        {
            "field": "state", "headerName": _("State"), "width": 128, "cellRenderer": "HubPill",
            "cellRendererParams": {"words": words},
        },
        {
            "field": "first_seen", "headerName": _("Age"), "width": 128,
            "cellRenderer": "HubAge", "tooltipField": "since",
        },
        text_column("decision", _("Accepted because"), 120, flex=1, sortable=False),
        {
            "field": "ask", "headerName": _("Decide"), "width": 112, "sortable": False,
            "cellRenderer": "HubAsk",
        },
    ]  # fmt: skip
