"""The rules: the version in force, the form of the next one, and every version before."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import permutations
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.card import card
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.table import fact_list
from dashboard.queries.audit.audit_log import Entry
from dashboard.queries.audit.rule_versions import Version
from dashboard.words.rule_words import (
    NAMES,
    differences,
    setting_about,
    setting_name,
    setting_value,
)
from db.decisions import SaveRules
from db.rules import ENVIRONMENT, Rules
from db.sources import source_labels, source_names

FIELDS = {name: f"rules-{name.replace('_', '-')}" for name in NAMES}
"""The id of each setting's control."""

DRAFT, REPLAY, WRONG = "rules-draft", "rules-replay", "rules-wrong"


def rule_cards(
    versions: Sequence[Version], saved: Sequence[Entry], actor: Actor
) -> list[Component]:
    """The version in force, and all versions.

    Args:
        versions: all, the newest first.
        saved: the entries of the audit log that saved them.
        actor: whoever looks; "Use again" is offered to who may save rules.
    """
    history = card(
        "rules-history",
        _history(versions, saved, actor),
        title=_("Every version"),
        subtitle=_("A device keeps the version it was classified by"),
    )
    return [_in_force(versions[0]), history]


def _in_force(now: Version) -> Component:
    facts = [(setting_name(name), setting_value(name, getattr(now.rules, name))) for name in NAMES]
    title = _("Version %(n)s is in use", n=now.rules.version)
    return card("rules-now", fact_list(facts), title=title, subtitle=_who(now))


def draft(rules: Rules) -> Component:
    """The form of the next version, filled in with `rules`."""
    fields = [_field(name, rules) for name in NAMES]
    end = html.Div(
        [
            html.P(id=WRONG, className="step-trouble", role="alert"),
            dbc.Button(_("Replay"), id=REPLAY, color="primary"),
        ],
        className="rules-end",
    )
    return card(
        DRAFT,
        [*fields, end],
        title=_("Draft of the next version"),
        subtitle=_(
            "Replay shows every open month as these rules would count it; nothing is saved "
            "before you say so"
        ),
    )


def _field(name: str, rules: Rules) -> Component:
    label = dbc.Label(setting_name(name), html_for=FIELDS[name])
    about = html.P(setting_about(name), className="muted", id=f"{FIELDS[name]}-about")
    return html.Div([label, about, _control(name, getattr(rules, name))], className="rule-field")


def _control(name: str, values: Sequence[str]) -> Component:
    if name == "internal_sites":
        return dbc.Textarea(id=FIELDS[name], value="\n".join(values), rows=4)
    if name == "expected_sources":
        options = [{"label": label, "value": name} for name, label in source_labels().items()]
        return dbc.Checklist(id=FIELDS[name], options=options, value=list(values), inline=True)
    if name == "source_order":
        options = [
            {"label": setting_value(name, order), "value": ",".join(order)}
            for order in _orders(values)
        ]
        return dbc.Select(id=FIELDS[name], options=options, value=",".join(values))
    return dbc.Input(id=FIELDS[name], type="text", value=", ".join(values), autocomplete="off")


def _orders(now: Sequence[str]) -> list[tuple[str, ...]]:
    return list(permutations(dict.fromkeys((*source_names(), *now))))


def parse_control(name: str, value: Any) -> list[str]:
    """The entries in the value of a control: trimmed, each once."""
    if isinstance(value, str):
        value = value.split("\n" if name == "internal_sites" else ",")
    return list(dict.fromkeys(word.strip() for word in value or () if word.strip()))


def _who(version: Version) -> str:
    if version.author is None:
        return str(_("The defaults: nothing was collected yet"))
    when = formats.instant(version.created_at)
    if version.author == ENVIRONMENT:
        return str(_("From the environment, %(when)s", when=when))
    return str(_("By %(who)s, %(when)s", who=version.author, when=when))


def _history(versions: Sequence[Version], saved: Sequence[Entry], actor: Actor) -> Component:
    reasons = {
        str(entry.detail.get("version")): entry.detail.get("reason")
        for entry in saved
        if entry.undoes is None
    }
    items = [
        _version(version, before, versions[0], reasons.get(str(version.rules.version)), actor)
        for version, before in zip(versions, [*versions[1:], None], strict=True)
    ]
    return drawn(html.Ol(items, className="versions"))


def _version(
    version: Version, before: Version | None, now: Version, reason: str | None, actor: Actor
) -> html.Li:
    n = version.rules.version
    head = [html.Strong(_("Version %(n)s", n=n)), html.Span(_who(version), className="muted")]
    if version is now:
        head.append(html.Span(_("in use"), className="pill pill-stands"))
    elif differences(now.rules, version.rules):
        head.append(
            ask_button(
                SaveRules,
                {"rules": as_argument(version.rules)},
                _("Use again"),
                kind="btn-link",
                about=_("version %(n)s", n=n),
                actor=actor,
            )
        )
    if before is None:
        changed = [(setting_name(x), setting_value(x, getattr(version.rules, x))) for x in NAMES]
    else:
        changed = differences(before.rules, version.rules)
    rows = [part for name, what in changed for part in (html.Dt(name), html.Dd(what))]
    notes: list[Component] = [html.Q(reason)] if reason else []
    if (days := _days(version)) is not None:
        notes.append(html.P(days, className="note"))
    return html.Li(
        [
            html.Div(head, className="entry-head"),
            *notes,
            html.Dl(rows, className="entry-changes")
            if rows
            else html.P(_("Nothing changed."), className="note"),
        ]
    )


def _days(version: Version) -> str | None:
    """Which days a version counts; None for all."""
    first, last = formats.day(version.first), formats.day(version.last)
    if not version.counts:
        return str(_("Counts no day."))
    if version.first is None:
        return (
            None if version.last is None else str(_("Counts every day up to %(last)s.", last=last))
        )
    if version.last is None:
        return str(_("Counts every day from %(first)s on.", first=first))
    return str(_("Counts the days from %(first)s to %(last)s.", first=first, last=last))


def as_argument(rules: Rules) -> dict[str, list[str]]:
    """The rules as the argument of `SaveRules`."""
    values = asdict(rules)
    return {name: list(values[name]) for name in NAMES}
