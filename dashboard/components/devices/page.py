"""The page of one device: its state on the shown day, records, timeline, payload."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.params import Filters
from dashboard.components.devices import records as machine_records
from dashboard.components.devices import timeline
from dashboard.components.devices.decisions import decision_entries, device_acts, replaced_lines
from dashboard.components.devices.records import Labels
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn, drawn_list
from dashboard.components.kit.pill import last_contact, pill, source_badge
from dashboard.components.kit.states import nowhere
from dashboard.queries.audit.audit_log import Entry
from dashboard.queries.devices.asset import Link, Record
from dashboard.queries.devices.device_decisions import Replacements
from dashboard.queries.devices.history import Device, Stretch
from dashboard.queries.moment import Moment
from dashboard.words.field_words import field_name, field_value
from dashboard.words.filter_words import status_word, type_word
from db.sources import source_label

PARTS = (
    "state", "hidden", "head", "why", "timeline_title", "timeline", "machine_title", "machine",
    "evidence", "versions", "version", "acts", "decided",
)  # fmt: skip
"""The keys of `parts`."""


@dataclass(frozen=True)
class Answers:
    """Query results of one device. `now` is the stretch in force on the shown day, `stretch` that
    or the nearest one before, else the first after it. `unread` is why the run in force on that
    day could not read the device's row."""

    device: Device
    stretches: Sequence[Stretch]
    now: Stretch | None
    stretch: Stretch
    records: Sequence[Record]
    links: Sequence[Link]
    labels: Labels
    moment: Moment
    filters: Filters
    actor: Actor
    instant: datetime
    unread: str | None = None
    entries: Sequence[Entry] = ()
    replaced: Replacements = Replacements(None, None)


def nearest(stretches: Sequence[Stretch], day: date | None) -> Stretch:
    """The newest stretch that began by `day`; else the oldest. `stretches` are newest first."""
    begun = (stretch for stretch in stretches if day is None or stretch.valid_from <= day)
    return next(begun, stretches[-1])


def unknown() -> html.Section:
    """The empty state for an unknown device."""
    return nowhere(
        _("There is no device with this id"),
        _("The link may be mistyped, or all of its days are no longer kept. Search by hostname or "
          "serial number above."),
        (_("Go to the devices"), "/devices"),
    )  # fmt: skip


def parts(answers: Answers) -> dict[str, Any]:
    """The whole page but for the payload."""
    day, stretches = answers.moment.now.day, answers.stretches
    return {
        "state": None,
        "hidden": False,
        "head": drawn_list(_head(answers)),
        "why": _why(answers.stretch),
        "timeline_title": timeline.title(stretches),
        "timeline": timeline.timeline(stretches, day),
        "machine_title": machine_records.title(answers.records),
        "machine": machine_records.side_by_side(
            answers.records,
            answers.device.device_id,
            answers.filters,
            answers.instant if answers.moment.is_newest else None,
        ),
        "evidence": machine_records.evidence(answers.links, answers.labels, answers.filters),
        "acts": device_acts(
            answers.device, answers.records, answers.actor, now=answers.moment.is_newest
        ),
        "decided": decision_entries(answers.entries, answers.actor),
        "versions": _versions(stretches),
        "version": answers.stretch.valid_from.isoformat(),
    }


def _head(answers: Answers) -> list[Component]:
    device, state = answers.device, answers.stretch.state
    name = state["hostname"] or state["display_name"] or device.source_key
    named = state["display_name"]
    return [
        html.Div([html.H1(name), *_pills(answers)], className="title-line"),
        html.P(
            [
                source_badge(device.source), " ", source_label(device.source),
                *([" · ", named] if named and named != name else []), " · ",
                dcc.Link(state["site"] or "", href=links.site(answers.filters, state["site_id"])),
            ],
            className="title-about",
        ),
        *replaced_lines(answers.replaced, answers.filters),
        *_unread(answers),
        html.Dl(
            [_fact(name, value, answers.instant) for name, value in _facts(answers)],
            className="facts",
        ),
    ]  # fmt: skip


def _pills(answers: Answers) -> list[Component]:
    state = answers.stretch.state
    return [
        _presence(answers),
        pill(status_word(state["billing_status"]), state["billing_status"]),
        pill(type_word(state["device_type"]), state["device_type"]),
        *([pill(_("Row set aside"), "warning")] if answers.unread else []),
    ]


def _unread(answers: Answers) -> list[Component]:
    """A warning that the newest row is unreadable, so that the page shows an older one."""
    run = answers.moment.now.snapshots.get(answers.device.source)
    if answers.unread is None or run is None:
        return []
    text = _(
        "Its row of %(day)s could not be read: %(reason)s. Its last readable state is used.",
        day=formats.day(run.date), reason=answers.unread.rstrip("."),
    )  # fmt: skip
    link = dcc.Link(_("See the run"), href=links.run(run.run_id))
    return [html.P([text, " ", link], className="title-about")]


def _presence(answers: Answers) -> Component:
    day, stretch = answers.moment.now.day, answers.stretch
    if answers.now is not None:
        return pill(_("Present on %(day)s", day=formats.day(day)), "present")
    if day is not None and stretch.valid_from > day:
        return pill(_("First seen on %(day)s", day=formats.day(stretch.valid_from)), "gone")
    return pill(_("Gone since %(day)s", day=formats.day(stretch.valid_to)), "gone")


def _facts(answers: Answers) -> list[tuple[str, object]]:
    state, device = answers.stretch.state, answers.device
    mine = [record for record in answers.records if record.device_id == device.device_id]
    contact = mine[0].last_contact if mine else None
    facts: list[tuple[str, object]] = [
        (name, state[name]) for name in ("location", "os", "node_class", "serial", "organization")
    ]
    facts += [("source_key", device.source_key), ("first_seen", device.first_seen)]
    return [*facts, *([("last_contact", contact)] if contact else [])]


def _fact(name: str, value: object, now: datetime) -> Component:
    known = name == "last_contact" and isinstance(value, datetime)
    said = last_contact(value, now) if known else field_value(name, value)
    return html.Div([html.Dt(field_name(name)), html.Dd(said)])


def _why(stretch: Stretch) -> Component:
    """The classification, each verdict with its reason."""
    state = stretch.state
    rows = [
        (pill(status_word(state["billing_status"]), state["billing_status"]), state["reason"]),
        (pill(type_word(state["device_type"]), state["device_type"]), state["type_reason"]),
    ]
    if state["repaired"]:
        rows.append((pill(_("Repaired"), "warning"), state["repaired"]))
    note = _("Classified by rules version %(n)s.", n=state["rule_version"])
    lines = [html.Li([mark, html.Span(reason)]) for mark, reason in rows]
    return drawn(html.Div([html.Ul(lines, className="verdicts"), html.P(note, className="muted")]))


def _versions(stretches: Sequence[Stretch]) -> list[dict[str, str]]:
    """A choice per stretch whose payload differs from that of the stretch before it."""
    following = [*stretches[1:], None]
    return [
        {"label": timeline.span(stretch), "value": stretch.valid_from.isoformat()}
        for stretch, before in zip(stretches, following, strict=True)
        if before is None or stretch.payload_hash != before.payload_hash
    ]
