"""The "Why this number?" drawer for the rows of the Months page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit.why_button import why_button
from dashboard.components.why.answer import answer, change_clauses, where_they_are
from dashboard.components.why.body import folded, meanings, section
from dashboard.components.why.month_snapshots import snapshot_table
from dashboard.queries.explain.contributions import CountPart, Parts, SiteChange
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.month_table import CLOSED, IMPORTED, RUNNING, MonthRow
from dashboard.words import why_words as words
from dashboard.words.month_words import closed_words, hindrance_words
from dashboard.words.terms import basis_phrase
from db.history.kept import month_before, month_end
from db.rules import Rules

MONTH = "month"
"""The figure that this drawer explains; its query names the month too."""


@dataclass(frozen=True)
class Answer:
    """Query results: `billable` are the filters of the count on its day against the end of the
    month before, `changed` and `parts` what it is made of where lists of both are kept; `devices`
    the address of its list, None where none is kept; `day` the day of a running month."""

    row: MonthRow
    billable: Filters
    changed: Parts[SiteChange]
    parts: Parts[CountPart]
    site_names: Sequence[str]
    devices: str | None
    bases: BillingBases | None
    day: str
    rules: Rules


def why_month_button(row: MonthRow, filters: Filters) -> Component:
    """The button that explains every figure of a month."""
    return why_button(filters.to_query(extra={MONTH: row.month}), MONTH)


def why_month(why: Answer) -> list[Component]:
    """The answer, from the number down to the rules."""
    return folded(
        [
            answer(*_figure(why.row), change_clauses(why.changed, why.billable)),
            where_they_are(why.parts, why.billable),
            html.P([_sentence(why), " ", _state(why.row)], className="muted"),
            _list(why),
            section(_("How it adds up"), _lines(_sums(why))),
            section(_("Billing options"), _lines(_billing_bases(why.bases))),
            section(_("Based on"), snapshot_table(why.row)),
            section(_("Left out"), _lines(_left_out(why.row))),
            meanings(why.billable.basis, why.rules),
        ]
    )


def _figure(row: MonthRow) -> tuple[str, str]:
    """The number of the month, and what is said of it at the beginning."""
    before = formats.month(month_before(row.month))
    if row.billable is None:
        return _("No number"), _(": nothing was collected yet in %(month)s",
                                 month=formats.month(row.month))  # fmt: skip
    if row.figure.change is None:
        lead = _(": nothing was collected yet in %(month)s to compare with", month=before)
        return formats.number(row.billable), lead
    end = formats.short_day(month_end(month_before(row.month)))
    return formats.number(row.billable), words.than_before(row.figure.change, end)


def _sentence(why: Answer) -> str:
    values = {
        "what": words.counted(why.billable, why.site_names),
        "basis": basis_phrase(why.billable.basis),
    }
    if why.row.state == RUNNING:
        return str(_("%(what)s on %(day)s, %(basis)s.", day=why.day, **values))
    month = formats.month(why.row.month)
    return str(_("%(what)s at the end of %(month)s, %(basis)s.", month=month, **values))


def _state(row: MonthRow) -> str:
    if row.closing is not None:
        return str(
            _(
                "Closed %(when)s under rules version %(version)s. Shown as stored then.",
                when=closed_words(row.closing),
                version=row.closing.rule_version,
            )
        )
    return {
        RUNNING: _("The month is not over: it changes with every snapshot."),
        IMPORTED: _("Imported from a file: a total of that time, without a list of devices."),
    }.get(row.state) or _("The month is open: decisions can still change it.")


def _list(why: Answer) -> Component | None:
    if why.devices is None or not why.row.billable:
        return None
    text = _("Open the list of %(n)s", n=formats.number(why.row.billable))
    return dcc.Link(text, href=why.devices, className="btn btn-primary")


def _sums(why: Answer) -> list[str]:
    row, lines = why.row, []
    if row.total is not None:
        lines.append(
            _(
                "%(total)s = %(billable)s billable + %(spare)s spare",
                total=formats.number(row.total),
                billable=formats.number(row.billable),
                spare=formats.number(row.spare),
            )
        )
    return [*lines, *words.moved(row.figure)]


def _billing_bases(bases: BillingBases | None) -> list[str]:
    if bases is None or not bases.days:
        return []
    average = _(
        "Average %(average)s = %(sum)s device-days / %(days)s days",
        average=formats.decimal(bases.average, 2),
        sum=formats.number(bases.device_days),
        days=formats.number(bases.days),
    )
    peak = _(
        "Peak %(peak)s: the highest day, %(day)s",
        peak=formats.number(bases.peak),
        day=formats.day(bases.peak_day),
    )
    each = _("Each site has its own peak; averages add up across sites, peaks do not.")
    return [average, peak, each]


def _left_out(row: MonthRow) -> list[str]:
    lines = []
    if row.excluded:
        lines.append(f"{formats.number(row.excluded)} " + _("excluded: in no total"))
    if row.state not in (CLOSED, IMPORTED):
        lines += [hindrance_words(hindrance) for hindrance in row.hindrances]
    return lines


def _lines(texts: Sequence[Any]) -> Component | None:
    return html.Ul([html.Li(text) for text in texts], className="sums") if texts else None
