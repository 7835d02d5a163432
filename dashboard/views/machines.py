"""The content of the pages of machines, from query results of one moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.base.machine_params import STATES, MachineFilters, MachineList, parse_machines_page
from dashboard.base.notice import Notice
from dashboard.base.params import Sort, arguments
from dashboard.components.kit.card import chart
from dashboard.components.kit.fields import OPTIONS, options_json
from dashboard.components.kit.states import no_machine_matches, no_machines
from dashboard.components.machines import page as machine_page
from dashboard.components.machines.bars import age_card, system_card, version_card
from dashboard.components.machines.tiles import (
    clone_notice,
    machine_chips,
    machine_tiles,
    state_rule,
    states_to_show,
)
from dashboard.components.shell.chips import chip, chip_list
from dashboard.components.shell.filter_bar import (
    MACHINE_OS,
    MACHINE_SITE,
    machine_fields,
    machine_options,
)
from dashboard.components.shell.strip import strip
from dashboard.components.why.answer import Clause, answer
from dashboard.components.why.body import folded, section
from dashboard.figures.machine_day import KINDS, day_figure
from dashboard.queries import freshness, quarantine
from dashboard.queries.explain.contributions import TOP
from dashboard.queries.machines import hours as machine_day
from dashboard.queries.machines import latest as machines
from dashboard.queries.machines.ages import age_distribution
from dashboard.queries.machines.shares import choices, shares
from dashboard.web.context import current
from dashboard.words import why_words as words
from dashboard.words.filter_words import state_word
from dashboard.words.machine_words import named


@dataclass(frozen=True)
class View:
    """One read transaction, what is listed in it, and the present instant in the business zone."""

    connection: Connection
    listed: MachineList
    now: datetime


@contextmanager
def view(query: str | None) -> Iterator[View]:
    """One read transaction in which the query string is answered.

    Raises:
        BadParameter: an unknown name, or a value that cannot be used.
    """
    listed = parse_machines_page(arguments(query))
    with current().reading(own_sites=True) as connection:
        yield View(connection, listed, current().now())


def parts(v: View) -> dict[str, Any]:
    """The content of the page without the grid's rows."""
    filters = v.listed.filters
    by_state = machines.by_state(v.connection, filters, v.now)
    count = sum(n for state, n in by_state.items() if state in (filters.states or STATES))
    clones = machines.count(v.connection, MachineFilters(clones=True), v.now)
    matched = machines.matches(filters, v.now)
    state = None
    if not count:
        exist = machines.count(v.connection, MachineFilters(), v.now)
        state = no_machine_matches() if exist else no_machines()
    return {
        "count": ngettext(
            "%(n)s machine matches", "%(n)s machines match", count, n=formats.number(count)
        ),
        "about": _about(v.now),
        "tiles": machine_tiles(v.listed, by_state),
        "notice": clone_notice(v.listed, clones),
        "charts": [
            system_card(shares(v.connection, matched, "os", v.listed.top), v.listed),
            version_card(shares(v.connection, matched, "os_version", v.listed.top), v.listed),
            age_card(age_distribution(v.connection, matched, v.now), v.listed),
        ],
        "state": state,
        "hidden": count == 0,
    }


def choices_of(v: View) -> dict[str, list[str]]:
    """The names to choose from in each field of the filter bar, by its id."""
    return {
        field: list(choices(v.connection, column))
        for field, column in ((MACHINE_SITE, "site"), (MACHINE_OS, "os"))
    }


def options_of(v: View) -> dict[str, dict[str, str]]:
    """The properties of these fields, by id."""
    return {
        field: {OPTIONS: options_json(machine_options(field, names))}
        for field, names in choices_of(v).items()
    }


def fields() -> list[Component]:
    """The fields of the filter bar, with their choices."""
    with view("") as v:
        return machine_fields(choices_of(v))


def _about(now: datetime) -> str:
    text: str = _(
        "Live: what each machine last reported to this server, at %(time)s. Dates and filters "
        "chosen on other pages do not apply here.",
        time=f"{now:%H:%M:%S}",
    )
    return text


def status(query: str | None, path: str, opened: Sequence[Notice]) -> tuple[Any, Any, str]:
    """Strip, chips and stamp of the pages of machines."""
    with view(query) as v:
        problems = freshness.freshness(v.connection, v.now).problems
        aside = quarantine.quarantined_rows(v.connection)
    chips = chip_list(
        chip(text, without.address(path)) for text, without in machine_chips(v.listed)
    )
    stamp = _("live, %(when)s", when=formats.instant(v.now))
    return strip([*opened, *problems], aside), chips, stamp


def explain(query: str) -> list[Component]:
    """The drawer: why so many machines are in these states."""
    with view(query) as v:
        by_state = machines.by_state(v.connection, v.listed.filters, v.now)
        states = v.listed.filters.states or STATES
        total = sum(by_state[state] for state in states)
        clauses = _machine_sites(v)
        silent = _longest_silent(v) if states and set(states) <= {"late", "offline"} else None
    sums = [
        html.Li(
            _("%(n)s %(state)s: %(rule)s", n=formats.number(by_state[state]),
              state=state_word(state).lower(), rule=state_rule(state))
        )
        for state in states_to_show(by_state)
    ]  # fmt: skip
    filtered = [text for text, _without in machine_chips(v.listed)]
    link = dcc.Link(
        _("Open the list of %(n)s", n=formats.number(total)), href=v.listed.address(),
        className="btn btn-primary",
    )  # fmt: skip
    figure = ngettext("%(n)s machine", "%(n)s machines", total, n=formats.number(total))
    if len(states) == 1:
        figure = f"{formats.number(total)} {state_word(states[0]).lower()}"
    return folded(
        [
            answer(figure, "", clauses),
            silent if total else None,
            html.P(
                _("Machines whose agent reported to this server at least once, and machines added "
                  "by hand, at %(when)s.", when=formats.instant(v.now)), className="muted"
            ),
            html.P(_("Only: %(filters)s.", filters="; ".join(filtered))) if filtered else None,
            link if total else None,
            section(_("How it adds up"), html.Ul(sums, className="sums")),
            section(
                _("Based on"),
                html.P(
                    _("When this server received each machine's newest report; the machines' own "
                      "clocks do not matter. A machine reports once a minute. Deleted machines "
                      "are not counted.")
                ),
            ),
        ]
    )  # fmt: skip


def _machine_sites(v: View) -> list[Clause]:
    """The sites that most of the machines report, each with its list."""
    by_site = shares(v.connection, machines.matches(v.listed.filters, v.now), "site", TOP)
    if by_site.kinds < 2:
        return []
    clauses = [
        Clause(
            words.at_site(formats.number(n), named(site)), v.listed.having(sites=(site,)).address()
        )
        for site, n in by_site.top
    ]
    if by_site.others:
        others = formats.number(by_site.others)
        clauses.append(Clause(words.more_sites(by_site.kinds - len(by_site.top), others)))
    return clauses


def _longest_silent(v: View) -> html.P | None:
    """The machine that has not reported for the longest time."""
    order = Sort("state", descending=True)
    row = next(machines.rows(v.connection, v.listed.filters, v.now, sort=order, limit=1), None)
    if row is None:
        return None
    name = dcc.Link(row["hostname"], href=v.listed.address(f"/machines/{row['machine_id']}"))
    since = _("silent since %(when)s", when=formats.instant(row["received_at"]))
    return html.P([_("Longest:"), " ", name, f", {since}."])


MACHINE_PARTS = (
    "state", "hidden", "head", "clone",
    *(f"{kind}{part}" for kind in KINDS for part in ("_title", "_about", "")),
)  # fmt: skip
"""The keys of `machine_parts`."""


def machine_parts(v: View, machine_id: str) -> dict[str, Any] | None:
    """The page of one machine; None when there is none of that id."""
    machine = machines.find(v.connection, machine_id, v.now)
    if machine is None:
        return None
    number, zone = machine["device_id"], v.now.tzinfo
    assert zone is not None
    hours = machine_day.last_24_hours(v.connection, number, v.now)
    device = f"/devices/{number}" if machine_day.is_device(v.connection, number) else None
    parts: dict[str, Any] = {
        "state": None,
        "hidden": False,
        "head": machine_page.head(machine, v.now, device, v.listed.address()),
        "clone": machine_page.clone_card(machine),
    }
    for kind in KINDS:
        parts[f"{kind}_title"] = machine_page.finding(hours, kind)
        parts[f"{kind}_about"] = machine_page.gaps(hours, str(zone))
        parts[kind] = chart(f"machine-{kind}-chart", day_figure(hours, kind, zone))
    return parts
