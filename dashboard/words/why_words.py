"""The sentences and sums of the drawer: what was counted, in plain words and with its numbers."""

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.formats import MINUS
from dashboard.base.params import FILTERS, Filters
from dashboard.queries import collection_days
from dashboard.queries.collection_days import Gap
from dashboard.queries.explain.contributions import CountPart, SiteChange
from dashboard.queries.explain.figure import BARS, COUNT_FIGURES, RECORDS, Explanation, LeftOut
from dashboard.words import sentences
from dashboard.words.filter_words import filter_name, status_word, value_words
from dashboard.words.terms import basis_phrase, counted_name, counted_type
from db.names import NO_SITE
from db.rules import Rules
from db.sources import source_label

_MOST_SITES = 3
_NAMED_FIRST = ("site", "type", "status")
"""Filters that the beginning of the sentence names."""


def figure(why: Explanation) -> str:
    """The figure itself: "412", "+12", "3 removed"."""
    if why.value is None:
        return _("No number")
    if why.figure in BARS:
        return bar_clause(why.figure, why.value, why.filters)
    if why.figure in COUNT_FIGURES:
        return formats.number(why.value)
    return formats.signed(why.value)


def lead(why: Explanation) -> str:
    """What follows the figure at the beginning of the answer: ", 10 more than on 31 Oct"."""
    words = {"day": formats.short_day(why.days[0])}
    if why.value is None and why.figure in COUNT_FIGURES:
        return _(": nothing was collected yet on %(day)s", day=formats.short_day(why.days[1]))
    if why.count.change is None:
        return _(": nothing was collected yet on %(day)s to compare with", **words)
    if why.figure not in COUNT_FIGURES:
        return " " + _("since %(day)s", **words)
    return than_before(why.count.change, words["day"])


def than_before(change: int, day: str) -> str:
    """A change after its figure: ", 10 more than on 31 Oct"."""
    words = {"n": formats.number(abs(change)), "day": day}
    if not change:
        return _(", as many as on %(day)s", day=day)
    if change > 0:
        return ngettext(
            ", %(n)s more than on %(day)s", ", %(n)s more than on %(day)s", change, **words
        )
    return ngettext(
        ", %(n)s fewer than on %(day)s", ", %(n)s fewer than on %(day)s", -change, **words
    )


def since_then(change: int) -> str:
    """ "3 more since then", "2 fewer since then"."""
    n = formats.number(abs(change))
    if change > 0:
        return ngettext("%(n)s more since then", "%(n)s more since then", change, n=n)
    return ngettext("%(n)s fewer since then", "%(n)s fewer since then", -change, n=n)


def bar_clause(bar: str, n: int, filters: Filters, became: str | None = None) -> str:
    """The devices of one bar: "12 removed", "3 became spare"."""
    values = {"n": formats.number(n)}
    if bar == "reclassified_out" and became == "spare":
        return ngettext("%(n)s became spare", "%(n)s became spare", n, **values)
    if bar == "reclassified_out" and became == "excluded":
        return ngettext("%(n)s became excluded", "%(n)s became excluded", n, **values)
    return sentences.bar_clause(bar, n, filters)


def site_clause(part: SiteChange, filters: Filters) -> str:
    """What a site adds to a change, without its reasons: "19 added at Bayou Dental" when they are
    all of one bar, else "15 fewer at Pelican Freight"."""
    if len(part.bars) == 1:
        ((bar, n),) = part.bars.items()
        clause = bar_clause(bar, n, filters, part.became)
    else:
        n = abs(part.net)
        values = {"n": formats.number(n)}
        clause = (
            ngettext("%(n)s more", "%(n)s more", n, **values)
            if part.net > 0
            else ngettext("%(n)s fewer", "%(n)s fewer", n, **values)
        )
    return at_site(clause, part.site)


def at_site(clause: str, site: str) -> str:
    """ "12 removed at Pelican Freight"."""
    if site == NO_SITE:
        return _("%(what)s without a site", what=clause)
    return _("%(what)s at %(site)s", what=clause, site=site)


def more_sites(count: int, n: str) -> str:
    """The sites that are not named, with their sum: "and 6 more sites: +4"."""
    return ngettext(
        "and %(n)s more site: %(sum)s", "and %(n)s more sites: %(sum)s", count,
        n=formats.number(count), sum=n,
    )  # fmt: skip


def more_types(count: int, n: str) -> str:
    """The types that are not named, with their sum: "and 2 more types: 14"."""
    return ngettext(
        "and %(n)s more type: %(sum)s", "and %(n)s more types: %(sum)s", count,
        n=formats.number(count), sum=n,
    )  # fmt: skip


def count_clause(part: CountPart) -> str:
    """A part of a count: "60 at Bayou Dental", "12 servers", "3 spare"."""
    n = formats.number(part.n)
    if part.dimension == "site":
        return at_site(n, part.name)
    if part.dimension == "type":
        return counted_type(part.name, part.n)
    return f"{n} {status_word(part.name).lower()}"


def predicate(why: Explanation) -> str:
    """What was counted: "Billable devices at Harbor Dental on 22 Nov 2026, unique machines"."""
    then, now = (formats.day(day) for day in why.days)
    words = {
        "what": counted(why.filters, why.site_names),
        "basis": basis_phrase(why.filters.basis),
        "day": now,
    }
    if why.figure in COUNT_FIGURES:
        return _("%(what)s on %(day)s, %(basis)s.", **words)
    if why.figure in ("change", "bars"):
        return _("%(what)s: %(day)s against %(then)s, %(basis)s.", **words, then=then)
    return f"{_bar(why.figure)} " + _(
        "%(what)s: %(then)s to %(day)s, %(basis)s.", **words, then=then
    )


def counted(filters: Filters, site_names: Sequence[str]) -> str:
    """What the filters count and where: "Billable devices at Harbor Dental"."""
    what = counted_name(filters)
    if filters.sites:
        names = ", ".join(site_names[:_MOST_SITES])
        more = len(site_names) - _MOST_SITES
        if more > 0:
            names = _("%(sites)s and %(n)s more sites", sites=names, n=formats.number(more))
        what = _("%(what)s at %(sites)s", what=what, sites=names)
    narrower = [
        ": ".join(filter(None, (filter_name(each.name), value_words(each.name, filters, {}))))
        for each in FILTERS
        if each.narrows and each.name not in _NAMED_FIRST and getattr(filters, each.field)
    ]
    return f"{what} ({'; '.join(narrower)})" if narrower else what


def _bar(bar: str) -> str:
    return {
        "added": _("Counted now; not there before."),
        "removed": _("Counted before; not there now."),
        "moved_in": _("Counted now; before, at a site outside the filter."),
        "moved_out": _("Counted before; now at a site outside the filter."),
        "reclassified_in": _("Counted now; there before, but outside the other filters."),
        "reclassified_out": _("Counted before; there now, but outside the other filters."),
    }[bar]


def sums(why: Explanation) -> list[str]:
    """The arithmetic, each line with its numbers."""
    total = why.count.current
    lines = _shares(why, total) if why.figure in COUNT_FIGURES and total else []
    if why.bars is not None and why.bars.opening is not None:
        lines.append(_balance(why))
    return lines if why.figure in BARS else [*lines, *moved(why.count)]


def moved(figure: Change) -> list[str]:
    """A change and its share, each with its numbers: "+12 = 412 - 400"."""
    if figure.current is None or figure.previous is None:
        return []
    change, then = formats.signed(figure.change), formats.number(figure.previous)
    lines = [f"{change} = {formats.number(figure.current)} {MINUS} {then}"]
    if figure.percent is not None:
        lines.append(f"{formats.percent_change(figure)} = {change} / {then}")
    return lines


def _shares(why: Explanation, total: int) -> list[str]:
    """The count by status, by type, and by source."""
    shares = [
        [f"{formats.number(n)} {status_word(name).lower()}" for name, n in why.statuses.items()],
        [counted_type(name, n) for name, n in why.types.items()],
        [
            _("%(n)s by %(source)s", n=formats.number(n), source=source_label(name))
            for name, n in why.sources.items()
        ],
    ]
    return [f"{formats.number(total)} = {' + '.join(parts)}" for parts in shares if len(parts) > 1]


def _balance(why: Explanation) -> str:
    bars = why.bars
    assert bars is not None
    names = (
        (bars.added, "+", _("added")),
        (bars.removed, MINUS, _("removed")),
        (bars.moved_in, "+", _("moved in")),
        (bars.moved_out, MINUS, _("moved out")),
        (bars.reclassified_in, "+", sentences.bar_word("reclassified_in", why.filters).lower()),
        (bars.reclassified_out, MINUS, sentences.bar_word("reclassified_out", why.filters).lower()),
    )
    steps = [f"{sign} {formats.number(n)} {name}" for n, sign, name in names if n]
    return " ".join([formats.number(bars.opening), *steps, "=", formats.number(bars.closing)])


def meanings(basis: str, rules: Rules) -> list[tuple[str, str]]:
    """The terms of the counting predicate, each with its definition."""
    entries = []
    if basis == "assets":
        order = _(", then ").join(source_label(source) for source in rules.source_order)
        entries.append((
            _("Unique machines"),
            _("Records of the same machine count once. The first source that has it decides its "
              "site and status: %(order)s.", order=order),
        ))  # fmt: skip
    elif basis == "records":
        entries.append(
            (
                _("Records"),
                _("Each source's record counts, so one machine may count more than once."),
            )
        )
    words = ", ".join(f"“{word}”" for word in rules.spare_words)
    classes = ", ".join(rules.spare_node_classes)
    entries += [
        (
            _("Spare"),
            _("The display name or the location contains %(words)s, or the class is %(classes)s.",
              words=words or "–", classes=classes or "–"),
        ),
        (
            _("Excluded"),
            _("Its source says that it is not managed now, or its site is internal. Excluded "
              "devices are in no total."),
        ),
        (_("Billable"), _("Every other device: total = billable + spare.")),
    ]  # fmt: skip
    return entries


def left_out(part: LeftOut, filters: Filters) -> str:
    """The label of the devices that one of `filters` excludes; the number comes before it."""
    if part.name == RECORDS:
        return _("records of all sources match; those of one machine count once")
    name = filter_name(part.name) or value_words(part.name, filters, {})
    if not part.values:
        return _("left out by the filter “%(filter)s”", filter=name)
    values = value_words(part.name, filters, {}, part.values)
    return _("%(values)s: left out by the filter “%(filter)s”", filter=name, values=values)


def gap(missing: Gap) -> str:
    """A day without a snapshot, in words."""
    words = {
        "source": missing.label,
        "day": formats.day(missing.day),
        "reason": missing.reason or "",
    }
    return {
        collection_days.MISSING: _(
            "%(source)s, %(day)s: not collected; the snapshot before it still counts.", **words
        ),
        collection_days.WITHDRAWN: _(
            "%(source)s, %(day)s: withdrawn; the snapshot before it still counts.", **words
        ),
        collection_days.HELD: _("%(source)s, %(day)s: waiting for a decision: %(reason)s", **words),
        collection_days.SUSPICIOUS: _(
            "%(source)s, %(day)s: suspicious, not shown: %(reason)s", **words
        ),
        collection_days.FAILED: _("%(source)s, %(day)s: failed: %(reason)s", **words),
    }[missing.state]
