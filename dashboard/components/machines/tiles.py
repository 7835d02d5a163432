"""The head figures of the machines, each opening its list, each with its why."""

from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.machine_params import ADDED_BY_HAND, STATES, MachineList
from dashboard.components.kit.count_link import linked
from dashboard.components.kit.kpi import Tile, tiles
from dashboard.components.kit.notice import notice
from dashboard.words.filter_words import state_word
from dashboard.words.machine_words import bucket_word, clone_cause, named, named_system, percent

MACHINES = "machines"
"""What their "why" buttons ask about."""


def state_rule(state: str) -> str:
    """When a machine is in a state."""
    return {
        "online": _("reported in the last 3 minutes"),
        "late": _("silent for 3 to 15 minutes"),
        "offline": _("silent for more than 15 minutes"),
        ADDED_BY_HAND: _("added by hand, never reported"),
    }[state]


def states_to_show(by_state: Mapping[str, int]) -> Sequence[str]:
    """The states that are named: no machine added by hand is nothing to say."""
    return [state for state in STATES if state != ADDED_BY_HAND or by_state[state]]


def machine_tiles(page: MachineList, by_state: Mapping[str, int]) -> Component:
    """One card for all of them and one a state, whatever states are chosen; one for those added by
    hand only where there are any."""
    total = sum(by_state.values())
    line = _("by this server's clock, each machine's newest report")
    row = [_tile("all", _("All machines"), total, line, page.having(states=()))]
    for state in states_to_show(by_state):
        share = percent(100 * by_state[state] / total) if total else formats.NOTHING
        line = f"{share}, {state_rule(state)}"
        only = page.having(states=(state,))
        row.append(_tile(state, state_word(state), by_state[state], line, only))
    return tiles(row)


def _tile(key: str, label: str, n: int, line: str, page: MachineList) -> Tile:
    return Tile(
        key, label, Change(n, None), line, page.address(), page.query(), MACHINES, moves=False
    )


def clone_notice(page: MachineList, clones: int) -> list[Component]:
    """That some ids are those of two machines, when there are any."""
    if not clones:
        return []
    text = ngettext(
        "%(n)s id seems to belong to two machines",
        "%(n)s ids seem to belong to two machines each",
        clones,
        n=formats.number(clones),
    )
    every = page.having(clones=True, states=())
    return [
        notice(
            "warning",
            html.Span(className="icon icon-warning", **{"aria-hidden": "true"}),
            html.Span([html.Strong(f"{text}: "), clone_cause()]),
            linked(_("Show them"), formats.number(clones), every.address(), "show-all"),
            kind="machine-clones",
        )
    ]


def machine_chips(page: MachineList) -> Sequence[tuple[str, MachineList]]:
    """What is filtered: the words of each filter, and the page without it."""
    filters = page.filters
    words = {
        "states": state_word, "ages": bucket_word, "systems": named_system,
        "versions": named_system,
    }  # fmt: skip
    chips: list[tuple[str, MachineList]] = []
    for name in ("states", "sites", "systems", "versions", "ages"):
        values = getattr(filters, name)
        for value in values:
            rest = tuple(other for other in values if other != value)
            chips.append((words.get(name, named)(value), page.having(**{name: rest})))
    for name in ("other_systems", "other_versions"):
        values = getattr(filters, name)
        if values:
            text = _("not %(values)s", values=", ".join(map(named_system, values)))
            chips.append((text, page.having(**{name: ()})))
    if filters.clones:
        chips.append((_("two machines, one id"), page.having(clones=False)))
    if filters.q:
        chips.append((f"\u201c{filters.q}\u201d", page.having(q=None)))
    return chips
