"""Empty states: why there is nothing to show, and what to do next."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.refusals import Refusal, refusal_words
from dashboard.components.kit.drawn import drawn


def refused_page(refusal: Refusal) -> Component:
    """In place of a page that its reader may not open: why."""
    words = refusal_words(refusal)
    return html.Section(
        [
            html.H1(_("This page is not for your account"), className="state-title"),
            html.P(words),
            dcc.Link(_("Go to the Overview"), href="/", className="btn btn-secondary"),
        ],
        className="card card-body state",
    )


def first_run(problems: Sequence[str]) -> Component:
    """The checklist of an empty hub.

    Args:
        problems: what went wrong so far, in sentences; not empty if a collection was tried.
    """
    tried = bool(problems)
    steps = [
        _step(
            tried,
            _("Enter the keys of your sources"),
            [
                _("Set NINJA_CLIENT_ID and NINJA_CLIENT_SECRET, or THREATLOCKER_API_KEY, in "),
                html.Code(".env"),
                _(", then check them with "),
                html.Code("inventory-hub doctor"),
                ".",
            ],
        ),
        _step(
            False,
            _("Collect for the first time"),
            [
                _("Run "),
                html.Code("inventory-hub collect"),
                _(". This page fills automatically when the first snapshot is published."),
                *[html.P(text, className="step-trouble", role="alert") for text in problems],
            ],
        ),
        _step(
            False,
            _("Let it collect every day"),
            [_("Start "), html.Code("inventory-hub worker"), _(" and leave it running.")],
        ),
    ]
    return drawn(
        html.Section(
            [
                html.H1(_("Nothing collected yet"), className="state-title"),
                html.P(_("Three steps, and this page answers how many devices there are.")),
                html.Ol(steps, className="checklist"),
            ],
            className="card card-body state first-run",
        )
    )


def nothing_matches(path: str, beside: Component | None = None) -> Component:
    """No device matches the filters. Why a day shows nothing, the strip above says.

    Args:
        beside: what there is in other statuses.
    """
    return drawn(
        html.Section(
            [
                html.H2(_("No device matches these filters"), className="state-title"),
                html.P(_("Remove a filter, choose another day, or clear all filters.")),
                html.P([_("Outside the filters: "), beside]) if beside is not None else None,
                dcc.Link(_("Clear all filters"), href=path, className="btn btn-secondary"),
            ],
            className="card card-body state",
        )
    )


def no_machine_matches() -> Component:
    """No machine matches the filters."""
    return drawn(
        html.Section(
            [
                html.H2(_("No machine matches these filters"), className="state-title"),
                html.P(_("Remove a filter, or clear all filters.")),
                dcc.Link(_("Clear all filters"), href="/machines", className="btn btn-secondary"),
            ],
            className="card card-body state",
        )
    )


def no_machines() -> Component:
    """No machine has reported yet."""
    steps = [
        _step(
            False,
            _("A token that lets machines in"),
            [_("An administrator runs "),
             html.Code("inventory-hub token add --kind enrol --site NAME"),
             _(" on the server; it prints the token once.")],
        ),
        _step(
            False,
            _("Install the agent"),
            [_("On each machine set "), html.Code("INVENTORY_HUB_URL"), _(" and "),
             html.Code("INVENTORY_HUB_TOKEN"), _(", then run "),
             html.Code("inventory-agent install"), "."],
        ),
        _step(
            False,
            _("See it here"),
            [_("A machine appears within a minute; this page updates automatically.")],
        ),
    ]  # fmt: skip
    return drawn(
        html.Section(
            [
                html.H2(_("No machine has reported yet"), className="state-title"),
                html.P(_("Three steps, and this page shows what each machine reports.")),
                html.Ol(steps, className="checklist"),
            ],
            className="card card-body state first-run",
        )
    )


def _step(done: bool, title: str, what: list[Any]) -> html.Li:
    state = html.Span(
        _("done") if done else _("to do"), className=f"step-state step-{'done' if done else 'open'}"
    )
    return html.Li([html.Div([html.Strong(title), state]), html.Div(what)], className="step")


def nowhere(title: str, text: str, *ways: tuple[str, str | None]) -> html.Section:
    """What stands at the address of something that does not exist.

    Args:
        text: what there is instead.
        ways: links to that, as label and address.
    """
    links = [
        dcc.Link(label, href=href, className="btn btn-secondary") for label, href in ways if href
    ]
    return html.Section(
        [
            html.H1(title, className="state-title"),
            html.P(text),
            html.Div(links, className="acts"),
        ],
        className="card card-body state",
    )
