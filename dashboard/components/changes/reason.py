"""Why a number moved, in lines of which each number opens its devices."""

from datetime import date

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import count_link, filled, linked
from dashboard.components.kit.drawn import Part
from dashboard.queries.changes.bars import ARRIVALS, DEPARTURES, Bars
from dashboard.words import sentences


def reason_line(
    figure: Change, bars: Bars, filters: Filters, then: date, every: str | None = None
) -> list[Part]:
    """ "+12 since 31 Oct: 9 added, 3 became billable".

    Args:
        every: what the change itself opens; None where it stands on that page.
    """
    start = sentences.moved(figure, bars, then)
    parts: list[Part] = [start]
    if every is not None and figure.change:
        parts = [linked(start, formats.signed(figure.change), every)]
    for place, (bar, n, words) in enumerate(sentences.moves(bars, filters)):
        parts.append(", " if place else ": ")
        parts.append(linked(words, formats.number(n), links.changes(filters, bar)))
    return parts


def balance_line(bars: Bars, filters: Filters, then: date) -> list[Part]:
    """Arrivals and departures in total: "31 in, 21 out since 31 Oct"."""
    day = formats.short_day(then)
    if bars.opening is None:
        return [_("No count for %(day)s", day=day)]
    numbers = {
        name: count_link(
            sum(getattr(bars, bar) or 0 for bar in moved), links.changes(filters, *moved)
        )
        for name, moved in (("came", ARRIVALS), ("went", DEPARTURES))
    }
    return filled(_("%(came)s in, %(went)s out since %(day)s"), {**numbers, "day": day})
