"""Titles and subtitles that state what the numbers show."""

from collections.abc import Sequence
from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.params import ALL_CHANGES, BARS, STATUSES, Filters
from dashboard.queries.changes.bars import Bars, Mover, signed_change
from dashboard.queries.moment import Moment
from dashboard.queries.months.month_ends import MonthEnd
from dashboard.queries.sites.site_table import Site
from dashboard.words.terms import basis_phrase, counted_name


def finding(figure: Change, filters: Filters, then: date) -> str:
    """The title of a figure that moved: "Billable devices grew 1.1% since 31 Oct"."""
    words = {"what": counted_name(filters), "day": formats.short_day(then)}
    if figure.change is None:
        return _("%(what)s: nothing to compare with on %(day)s", **words)
    if figure.change == 0:
        return _("%(what)s: unchanged since %(day)s", **words)
    if figure.percent is None:
        return _("%(what)s: first counted since %(day)s", **words)
    words["percent"] = formats.percent_change(figure).lstrip(f"+{formats.MINUS}")
    if figure.change > 0:
        return _("%(what)s grew %(percent)s since %(day)s", **words)
    return _("%(what)s fell %(percent)s since %(day)s", **words)


def months_subtitle(moment: Moment, filters: Filters, months: list[MonthEnd]) -> str:
    """Basis, dates, and the incomplete months of the months chart."""
    words = {
        "basis": basis_phrase(filters.basis),
        "first": formats.month(months[0].month),
        "day": formats.day(moment.now.day),
    }
    text = _("By type, %(basis)s: month-ends from %(first)s, and %(day)s (outlined: open)", **words)
    gaps = [formats.month(month.month) for month in months if month.gaps]
    if gaps:
        text += ". " + _("Incomplete: %(months)s", months=", ".join(gaps))
    return text


def compared(moment: Moment, filters: Filters) -> str:
    """Both dates and the basis."""
    return _(
        "%(then)s to %(now)s, %(basis)s",
        then=formats.day(moment.then.day or moment.then.requested),
        now=formats.day(moment.now.day),
        basis=basis_phrase(filters.basis),
    )


def waterfall_subtitle(moment: Moment, filters: Filters, axis_start: int) -> str:
    """Both dates and the basis, and the start of the axis unless it is zero."""
    text = compared(moment, filters)
    if not axis_start:
        return text
    return f"{text}, " + _("axis starts at %(count)s", count=formats.number(axis_start))


def moved(figure: Change, bars: Bars, then: date) -> str:
    """How far the figure moved: "+12 since 31 Oct"."""
    day = formats.short_day(then)
    if figure.change is None or bars.opening is None:
        return _("No count for %(day)s", day=day)
    if not figure.change:
        return _("unchanged since %(day)s", day=day)
    return _("%(change)s since %(day)s", change=formats.signed(figure.change), day=day)


def most_moved(movers: Sequence[Mover], figure: Change, then: date) -> str:
    """Which site moved most: "Bayou Dental Group moved most: +14"; `figure` is the whole."""
    if figure.change is None:
        return _("No count for %(day)s", day=formats.short_day(then))
    if not movers:
        return _("No site moved")
    first = movers[0]
    site = first.site if len(first.site) <= 40 else first.site[:39] + "\u2026"
    change = formats.signed(first.figure.change)
    return _("%(site)s moved most: %(change)s", site=site, change=change)


def bar_names(moment: Moment, filters: Filters) -> dict[str, str]:
    """The label of each bar: a day for the first and the last one, else the kind of change."""
    return {
        "opening": formats.short_day(moment.then.day or moment.then.requested),
        **{bar: bar_word(bar, filters) for bar in BARS},
        "closing": formats.short_day(moment.now.day or moment.now.requested),
    }


def bar_word(bar: str, filters: Filters) -> str:
    """The label of a bar between the first and the last one, or of "all" changes."""
    return {
        "added": _("Added"),
        "removed": _("Removed"),
        "moved_in": _("Moved in"),
        "moved_out": _("Moved out"),
        ALL_CHANGES: _("Every change"),
        **_reclassified(filters),
    }[bar]


def _reclassified(filters: Filters) -> dict[str, str]:
    """The labels of what came into the filters, or left them, without being new, gone or moved."""
    became = {
        "billable": _("Became billable"),
        "spare": _("Became spare"),
        "excluded": _("Became excluded"),
        None: _("Now matches"),
    }
    no_longer = {
        "billable": _("No longer billable"),
        "spare": _("No longer spare"),
        "excluded": _("No longer excluded"),
        None: _("No longer matches"),
    }
    status, inside = _border(filters)
    came, went = (became, no_longer) if inside else (no_longer, became)
    return {"reclassified_in": came[status], "reclassified_out": went[status]}


def _border(filters: Filters) -> tuple[str | None, bool]:
    """The one billing status whose border a reclassified device crosses, and whether it is the one
    that is counted, not the one left out; None where other filters reclassify devices too."""
    others = [status for status in STATUSES if status not in filters.statuses]
    if not others or filters.types or not filters.are_stored:
        return None, True
    inside = len(filters.statuses) == 1
    return (filters.statuses[0] if inside else others[0]), inside


def moves(bars: Bars, filters: Filters) -> list[tuple[str, int, str]]:
    """Each bar that is not zero with its words ("9 added"), arrivals first."""
    return [
        (bar, n, bar_clause(bar, n, filters))
        for bar in _ARRIVALS_FIRST
        if (n := getattr(bars, bar))
    ]


_ARRIVALS_FIRST = (
    "added", "reclassified_in", "moved_in", "removed", "reclassified_out", "moved_out",
)  # fmt: skip


def chosen_bars(bars: Bars, filters: Filters, count: int, then: date) -> str:
    """The bars that the filters choose, and how many devices they list: "+9 added: 9 devices since
    31 Oct"."""
    words = ngettext("%(n)s device", "%(n)s devices", count, n=formats.number(count))
    day = formats.short_day(then)
    clauses = []
    for bar in (name for name in filters.changes if name != ALL_CHANGES):
        change = signed_change(bar, n := getattr(bars, bar) or 0)
        clauses.append(bar_clause(bar, n, filters, shown=formats.signed(change)))
    if not clauses:
        return str(_("%(devices)s changed since %(day)s", devices=words, day=day))
    named = ", ".join(clauses)
    return str(_("%(bars)s: %(devices)s since %(day)s", bars=named, devices=words, day=day))


def bar_clause(bar: str, n: int, filters: Filters, *, shown: str | None = None) -> str:
    """The devices of one bar inside a sentence: "12 removed", "3 became billable".

    Args:
        shown: how `n` is written; as a plain number unless given.
    """
    values = {"n": shown or formats.number(n)}
    if bar.startswith("reclassified"):
        status, inside = _border(filters)
        became = (bar == "reclassified_in") == inside
        return {
            ("billable", True): ngettext(
                "%(n)s became billable", "%(n)s became billable", n, **values
            ),
            ("billable", False): ngettext(
                "%(n)s no longer billable", "%(n)s no longer billable", n, **values
            ),
            ("spare", True): ngettext("%(n)s became spare", "%(n)s became spare", n, **values),
            ("spare", False): ngettext(
                "%(n)s no longer spare", "%(n)s no longer spare", n, **values
            ),
            ("excluded", True): ngettext(
                "%(n)s became excluded", "%(n)s became excluded", n, **values
            ),
            ("excluded", False): ngettext(
                "%(n)s no longer excluded", "%(n)s no longer excluded", n, **values
            ),
            (None, True): ngettext("%(n)s now matches", "%(n)s now match", n, **values),
            (None, False): ngettext(
                "%(n)s no longer matches", "%(n)s no longer match", n, **values
            ),
        }[status, became]
    return {
        "added": ngettext("%(n)s added", "%(n)s added", n, **values),
        "removed": ngettext("%(n)s removed", "%(n)s removed", n, **values),
        "moved_in": ngettext("%(n)s moved in", "%(n)s moved in", n, **values),
        "moved_out": ngettext("%(n)s moved out", "%(n)s moved out", n, **values),
    }[bar]


def devices_match(count: int) -> str:
    """ "412 devices match"."""
    return ngettext("%(n)s device matches", "%(n)s devices match", count, n=formats.number(count))


def devices_changed(count: int) -> str:
    """ "12 devices changed"."""
    return ngettext("%(n)s device changed", "%(n)s devices changed", count, n=formats.number(count))


def site_totals(sites: Sequence[Site], filters: Filters) -> str:
    """ "412 devices at 13 sites, +12": the sum of a table of sites."""
    figures = [site.figure for site in sites]
    total = sum(figure.current or 0 for figure in figures)
    return ngettext(
        "%(what)s: %(total)s at %(n)s site", "%(what)s: %(total)s at %(n)s sites", len(figures),
        what=counted_name(filters), total=formats.number(total), n=formats.number(len(figures)),
    )  # fmt: skip


def list_subtitle(moment: Moment, filters: Filters) -> str:
    """Basis and date of a list."""
    day = formats.day(moment.now.day or moment.now.requested)
    basis = basis_phrase(filters.basis)
    return _("%(basis)s, %(day)s", basis=basis[:1].upper() + basis[1:], day=day)
