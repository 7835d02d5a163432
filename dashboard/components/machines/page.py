"""One machine that reports itself: what it says, its last day, and what is odd about it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.components.kit.card import panel
from dashboard.components.kit.notice import notice
from dashboard.components.kit.pill import pill
from dashboard.components.kit.states import nowhere
from dashboard.queries.machines.hours import Hour
from dashboard.words.filter_words import state_word
from dashboard.words.machine_words import ago, clone_words, part, percent, size, system

MOST_SKEW = 120
"""Seconds by which a machine's clock may differ before it is said."""

Machine = Mapping[str, Any]


def unknown_machine() -> html.Section:
    """What stands where there is no such machine."""
    return nowhere(
        _("There is no machine with this id"),
        _("The link may be mistyped, or the machine was deleted. Search by hostname, serial number "
          "or address among the machines."),
        (_("Go to the machines"), "/machines"),
    )  # fmt: skip


def head(machine: Machine, now: datetime, device: str | None, back: str) -> list[Component]:
    """Name, state, facts, and the ways to its device and back to the list.

    Args:
        device: the address of its page among the devices; None while no day's snapshot has it.
    """
    state, reported = machine["state"], machine["received_at"]
    words = state_word(state)
    if reported is not None:
        words = _("%(state)s, reported %(ago)s ago", state=words, ago=ago(now - reported))
    pills = [pill(words, state)]
    if machine["is_cloned"]:
        pills.append(pill(_("two machines, one id"), "warning"))
    if device is None:
        link: Component = html.Span(
            _("Not among the devices yet: the next daily collection adds it."), className="muted"
        )
    else:
        link = dcc.Link(_("Open its device, with its history"), href=device)
    about = [
        system(machine["os"], machine["os_version"]),
        *([" \u00b7 ", machine["site"]] if machine["site"] else []),
        " \u00b7 ", link, " \u00b7 ", dcc.Link(_("All machines"), href=back),
    ]  # fmt: skip
    facts = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in _facts(machine)]
    return [
        html.Div([html.H1(machine["hostname"] or machine["machine_id"][:12]), *pills],
                 className="title-line"),
        html.P(about, className="title-about"),
        *_skew(machine["clock_skew_seconds"]),
        html.Dl(facts, className="facts"),
    ]  # fmt: skip


def _facts(machine: Machine) -> list[tuple[str, str]]:
    macs = json.loads(machine["mac_addresses"] or "[]")
    model = " ".join(filter(None, (machine["manufacturer"], machine["computer_model"])))
    cpu = machine["cpu_percent"]
    return [
        (name, value or formats.NOTHING)
        for name, value in (
            (_("User"), machine["logged_in_user"]),
            (_("IP"), machine["ip"]),
            (_("Model"), model),
            (_("Serial"), machine["serial"]),
            (_("CPU"), percent(cpu)),
            (_("Memory"), _filled(machine, "memory")),
            (_("Disk"), _filled(machine, "disk")),
            (_("Started"), formats.instant(machine["boot_time"])),
            (_("In service since"), formats.instant(machine["computer_activation"])),
            (_("Agent"), machine["agent_version"]),
            (_("Last report"), formats.instant(machine["received_at"])),
            (
                _("Added") if machine["received_at"] is None else _("First report"),
                formats.instant(machine["created_at"]),
            ),
            (_("MAC addresses"), ", ".join(macs)),
            (_("Machine id"), machine["machine_id"]),
        )
    ]


def _filled(machine: Machine, kind: str) -> str:
    used, total = machine[f"{kind}_used_mb"], machine[f"{kind}_total_mb"]
    if not total or used is None:
        return formats.NOTHING
    share = percent(part(used, total))
    return _("%(share)s, %(used)s of %(total)s", share=share, used=size(used), total=size(total))


def _skew(seconds: int | None) -> list[Component]:
    """That the machine's clock is wrong, when it is."""
    if seconds is None or abs(seconds) <= MOST_SKEW:
        return []
    minutes = formats.number(round(abs(seconds) / 60))
    text = (
        ngettext("%(n)s minute ahead of", "%(n)s minutes ahead of", round(seconds / 60), n=minutes)
        if seconds > 0
        else ngettext(
            "%(n)s minute behind", "%(n)s minutes behind", round(-seconds / 60), n=minutes
        )
    )
    sentence = _(
        "Its clock is %(minutes)s this server's. Times here are this server's. Set the machine's "
        "clock right, or sign-in and certificates may fail on it.",
        minutes=text,
    )
    return [notice("warning", html.Strong(_("Clock: ")), sentence)]


def clone_card(machine: Machine) -> list[Component]:
    """What is known of the two machines behind one id, side by side; nothing when it is one."""
    if not machine["is_cloned"]:
        return []
    since = formats.instant(machine["stream_since"])
    rows = [
        (_("Stream"), machine["stream"], machine["other_stream"]),
        (_("Reported"), _("since %(when)s", when=since), _("until %(when)s", when=since)),
        (_("Hostname"), machine["hostname"] or formats.NOTHING, _("known from its next report")),
        (_("IP"), machine["ip"] or formats.NOTHING, _("known from its next report")),
    ]
    heads = html.Tr(
        [html.Td(), html.Th(_("Reports now"), scope="col"),
         html.Th(_("Reported before it"), scope="col")]
    )  # fmt: skip
    body = [
        html.Tr([html.Th(name, scope="row"), html.Td(value), html.Td(other)])
        for name, value, other in rows
    ]
    seen_at = formats.instant(machine["clone_seen_at"])
    return [
        panel(
                html.H2(_("Two machines report under this id"), className="card-title"),
                html.P(clone_words(), className="card-subtitle"),
                html.Div(
                    html.Table([html.Thead(heads), html.Tbody(body)], className="table side"),
                    className="side-scroll",
                ),
                html.P(
                    _("Both reported in turn, last at %(when)s. A stream is one run of an agent; "
                      "TatuScan's client has none, so its hostname is used.", when=seen_at),
                    className="note",
                ),
            kind="clone-card",
        )
    ]  # fmt: skip


def finding(hours: Sequence[Hour], kind: str) -> str:
    """What the day says: its mean and its peak."""
    name = {"cpu": _("CPU"), "memory": _("Memory")}[kind]
    means = [mean for hour in hours if (mean := getattr(hour, f"{kind}_mean")) is not None]
    most = max((getattr(hour, f"{kind}_max") or 0 for hour in hours), default=0)
    if not means:
        return _("%(name)s: nothing reported in the last 24 hours", name=name)
    return _(
        "%(name)s: %(mean)s on average, at most %(most)s",
        name=name, mean=percent(sum(means) / len(means)), most=percent(most),
    )  # fmt: skip


def gaps(hours: Sequence[Hour], zone: str) -> str:
    """What is drawn, and how many hours are missing."""
    silent = sum(1 for hour in hours if not hour.reports)
    missing = ngettext(
        "%(n)s hour without a report is shaded", "%(n)s hours without a report are shaded", silent,
        n=formats.number(silent),
    )  # fmt: skip
    drawn = _("Mean (line) and highest (dots) of each hour, %(zone)s", zone=zone)
    return f"{drawn}; {missing}" if silent else drawn
