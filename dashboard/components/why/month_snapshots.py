"""The snapshots behind a month's end: each source's date, run, and finishing time."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import source_badge
from dashboard.components.kit.table import column_head
from dashboard.queries.months.month_table import IMPORTED, MonthRow
from dashboard.words.month_words import imported_words
from db.sources import source_label


def snapshot_table(row: MonthRow) -> Component:
    """One row per source; a sentence about what was imported."""
    if row.state == IMPORTED or not row.dates:
        text = _("No data for this month: nothing was collected, and no counts were imported.")
        if row.imported:
            text = _("These counts come from a file, of a time before the source was collected. "
                     "There is no list of devices behind them.")  # fmt: skip
        return html.P(text, className="note")
    rows = []
    for source, snapshot in row.dates.items():
        label = [source_badge(source), " ", source_label(source)]
        words: list[Any] = [formats.day(snapshot.date)]
        if snapshot.ended:
            words.append(html.Span(_("source ended"), className="pill run-pill run-ended"))
        elif source in row.late:
            words.append(html.Span(_("not the last day"), className="pill run-pill run-suspicious"))
        run = dcc.Link(f"#{snapshot.run_id}", href=links.run(snapshot.run_id))
        cells = [label, words, formats.instant(snapshot.finished_at), run]
        rows.append(html.Tr([html.Td(cell) for cell in cells]))
    heads = (_("Source"), _("Its day"), _("Finished"), _("Run"))
    head = html.Tr([column_head(text) for text in heads])
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="table")
    whole = drawn(html.Div(table, className="table-scroll"))
    if not row.imported:
        return whole
    return html.Div([whole, html.P(imported_words(row), className="note")])
