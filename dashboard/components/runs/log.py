"""The log lines of a run."""

from collections.abc import Sequence

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.components.kit.card import panel
from dashboard.components.kit.drawn import drawn, drawn_list
from dashboard.queries.runs.attempts import LogLine, Run

_PROBLEMS = ("warning", "error", "critical")


def log_card(run: Run, lines: Sequence[LogLine]) -> Component | None:
    """The lines, the newest last; of a run that is still going there are none yet."""
    if not lines:
        if run.finished_at is not None:
            return None
        text = _("The log appears here when the run ends.")
        return panel(html.H2(_("Log")), html.P(text, className="note"))
    problems = sum(line.level in _PROBLEMS for line in lines)
    count = ngettext("%(n)s line", "%(n)s lines", len(lines), n=formats.number(len(lines)))
    # 05-collections.css hides the others while it is ticked.
    words = _("Only warnings and errors")
    only = dbc.Checkbox(id="run-log-only", label=words, class_name="log-only")
    listed = html.Ol([_line(line) for line in lines], className="log-lines", tabIndex=0,
                     **{"aria-label": _("Log")})  # fmt: skip
    # Folded where there is nothing to look into.
    folded = html.Details(
        [html.Summary(_("Show the lines")), listed], open=problems > 0, className="log-fold"
    )
    head = drawn_list([html.H2(_("Log")), html.P(count, className="card-subtitle")])
    parts = [head, only if 0 < problems < len(lines) else None, drawn(folded)]
    return dbc.Card(parts, body=True, class_name="run-log")


def _line(line: LogLine) -> html.Li:
    level = line.level if line.level in _PROBLEMS else "info"
    return html.Li(
        [
            html.Span(formats.clock_time(line.at), className="log-time"),
            html.Span(line.level, className="log-level"),
            html.Span(line.text, className="log-text"),
        ],
        className=f"log-{level}",
    )
