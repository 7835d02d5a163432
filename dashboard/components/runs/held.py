"""A run that waits for a decision, or did: why, what it would change, and what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.run_params import RunList
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.card import panel
from dashboard.components.kit.count_link import count_link
from dashboard.components.kit.drawn import Part, drawn
from dashboard.components.kit.notice import notice
from dashboard.components.kit.table import column_head, fact_list
from dashboard.queries.runs.attempts import Run
from dashboard.words.filter_words import status_word
from dashboard.words.run_words import decided_words, suspicion_words, would_title
from db.decisions import AcceptRun, RejectRun
from db.suspicions import MOST_LISTED, HeldDevice, RunSuspicions, Suspicion
from db.tables import NO_SITE_ID


@dataclass(frozen=True)
class Held:
    """What is known of a run that was held.

    Attributes:
        before: the published run that it was compared with.
        found: what made it suspicious; None of a run of an earlier version.
        decisions: how many decisions changed the standing days since it was collected.
        rejection: why it was rejected.
    """

    run: Run
    before: Run | None
    found: RunSuspicions | None
    decisions: int = 0
    rejection: str | None = None


def held_card(held: Held, page: RunList, actor: Actor) -> Component:
    """Why a run waits, what accepting it would change, and the two buttons."""
    run = held.run
    large = bool(run.needs_administrator)
    buttons: list[Any] = []
    arguments = {"run_id": run.run_id}
    buttons.append(
        ask_button(
            AcceptRun, arguments, _("Accept"), actor=actor, needs_administrator=large,
            kind="btn-primary",
        )
    )  # fmt: skip
    reject = {"run_id": run.run_id}
    buttons.append(
        ask_button(RejectRun, reject, _("Reject"), kind="btn-outline-danger", actor=actor)
    )
    if large:
        buttons.append(
            html.Span(
                _("It would remove so many devices that only an administrator can accept it."),
                className="muted",
            )
        )
    return panel(
        html.H2(_("Waiting for a decision")),
        reasons(held),
        html.P(_("The earlier numbers stay in use until someone decides."), className="muted"),
        html.H3(_("If it is accepted")),
        fact_list(effect(held, page)),
        html.P(compared(held), className="note"),
        html.P(
            _("Accept: these rows become the snapshot of their day. Reject: they are dropped, and "
              "the earlier numbers stay."),
            className="note",
        ),
        html.Div(buttons, className="acts"),
        kind="held-card",
    )  # fmt: skip


def past_notice(held: Held) -> Component | None:
    """What was decided about a run that was held, and why it was; None of a run that never was."""
    said = decided_words(held.run)
    if said is None:
        return None
    parts: list[Part] = [html.Strong(said)]
    if held.rejection:
        parts.append(html.Q(held.rejection))
    if held.run.reason and held.run.hold != "withdrawn":
        then = html.Span(_("When it was collected:"), className="muted")
        parts += [html.Div([then, " ", reasons(held)], className="was-held")]
    return notice("info", html.Div(parts, className="decided"))


def reasons(held: Held) -> Component:
    """Why the run is suspicious, with links to the sites that went to zero."""
    if held.found is None or not held.found.reasons:
        return html.P(held.run.reason, className="run-reason")
    items = [html.Li([suspicion_words(each), *_sites(each)]) for each in held.found.reasons]
    return html.Ul(items, className="run-reason run-reasons")


def _sites(suspicion: Suspicion) -> list[Part]:
    """Links to all the sites of a reason: its sentence names the first."""
    known = [site for site in suspicion.sites if site.site_id != NO_SITE_ID]
    if not known:
        return []
    links = [dcc.Link(site.name, href=f"/sites/{site.site_id}") for site in known]
    return [html.Span([html.Span(link) for link in links], className="reason-sites")]


def effect(held: Held, page: RunList) -> list[tuple[str, Part]]:
    """What accepting a held run would change; each number opens its devices."""
    run = held.run
    facts: list[tuple[str, Part]] = [(_("Rows in this run"), _other(run.records))]
    if held.before is not None:
        day = formats.short_day(held.before.business_date)
        facts.append((_("In use since %(day)s", day=day), _other(held.before.records)))
    if run.added is None:
        return facts
    kinds = (
        (_("Would be added"), "added", run.added),
        (_("Would be removed"), "removed", run.removed),
        (_("Would change"), "changed", run.changed),
    )
    unlisted = _("Collected by an earlier version, which did not keep the list.")
    for name, kind, n in kinds:
        href = None if held.found is None else page.address(run=run.run_id, would=kind)
        facts.append((name, count_link(n, href, unlisted=unlisted)))
    return facts


def _other(n: int | None) -> Part:
    return html.Span(formats.number(n), className="other")


def compared(held: Held) -> str:
    """Of which moment the effect is."""
    when = formats.instant(held.run.finished_at)
    text = _("As found when it was collected, %(when)s.", when=when)
    if held.decisions:
        text += " " + ngettext(
            "%(n)s decision has changed these days since: the numbers can differ.",
            "%(n)s decisions have changed these days since: the numbers can differ.",
            held.decisions, n=formats.number(held.decisions),
        )  # fmt: skip
    return text


def would_card(held: Held, kind: str) -> Component | None:
    """The devices that accepting the run would add, remove or change."""
    if held.found is None:
        return None
    devices: Sequence[HeldDevice] = held.found.devices.get(kind, ())
    n = {"added": held.run.added, "removed": held.run.removed, "changed": held.run.changed}[kind]
    heads = (_("Device"), _("Now"), _("In this run"))
    head = html.Thead(html.Tr([column_head(text) for text in heads]))
    rows = [
        html.Tr([html.Th(_name(one), scope="row"), html.Td(_place(one.was)),
                 html.Td(_place(one.would))])
        for one in devices
    ]  # fmt: skip
    # A run that was accepted changed its numbers to those of its publication.
    title = would_title(kind, len(devices) if len(devices) < MOST_LISTED else n or len(devices))
    table = html.Table([head, html.Tbody(rows)], className="table")
    parts: list[Part] = [html.H2(title), drawn(html.Div(table, className="table-scroll"))]
    if len(devices) == MOST_LISTED:
        text = _("The first %(n)s are listed.", n=formats.number(MOST_LISTED))
        parts.insert(1, html.P(text, className="card-subtitle"))
    return panel(*parts)


def _name(device: HeldDevice) -> Any:
    if device.was is None:
        return device.name
    return dcc.Link(device.name, href=f"/devices/{device.device_id}")


def _place(state: tuple[str, str] | None) -> str:
    return str(_("not there")) if state is None else f"{state[0]}, {status_word(state[1])}"
