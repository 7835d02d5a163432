"""The sentences and sums of the drawer: what was counted, in plain words and with its numbers."""

from collections.abc import Sequence

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.formats import MINUS
from dashboard.base.params import Filters
from dashboard.queries import collection_days
from dashboard.queries.collection_days import Gap
from dashboard.queries.explain.figure import BARS, COUNT_FIGURES, Explanation, LeftOut
from dashboard.words.filter_words import location_word, status_word
from dashboard.words.terms import basis_phrase, counted_name, type_names
from db.rules import Rules
from db.sources import source_label

_MOST_SITES = 3


def title(why: Explanation) -> str:
    """The figure itself: "Why 412?"."""
    if why.value is None:
        return _("Why no number?")
    value = (
        formats.number(why.value)
        if why.figure in (*COUNT_FIGURES, *BARS)
        else formats.signed(why.value)
    )
    return _("Why %(value)s?", value=value)


def predicate(why: Explanation) -> str:
    """What was counted: "Billable devices at Harbor Dental on 22 Nov 2026, each machine once"."""
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
    if filters.locations:
        names = ", ".join(location_word(name) for name in filters.locations)
        what = _("%(what)s, location %(places)s", what=what, places=names)
    if filters.q:
        what = _("%(what)s with “%(q)s” in a name, serial, OS, class or site", what=what,
                 q=filters.q)  # fmt: skip
    if filters.sources:
        sources = ", ".join(source_label(source) for source in filters.sources)
        what = _("%(what)s for which %(sources)s speaks", what=what, sources=sources)
    if filters.managed_by:
        sources = _(" and ").join(source_label(source) for source in filters.managed_by)
        what = _("%(what)s managed by %(sources)s", what=what, sources=sources)
    return what


def _bar(bar: str) -> str:
    return {
        "added": _("Counted now, and not there at all before."),
        "removed": _("Counted before, and not there at all now."),
        "moved_in": _("Counted now, and before at a site outside the filter."),
        "moved_out": _("Counted before, and now at a site outside the filter."),
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
        lines.append(f"{formats.percent(figure)} = {change} / {then}")
    return lines


def _shares(why: Explanation, total: int) -> list[str]:
    """The count by status, by type, and by source."""
    shares = [
        {status_word(name).lower(): n for name, n in why.statuses.items()},
        {lowered(type_names(name)): n for name, n in why.types.items()},
        {_("by %(source)s", source=source_label(name)): n for name, n in why.sources.items()},
    ]
    return [_sum(total, parts) for parts in shares if len(parts) > 1]


def lowered(name: str) -> str:
    """A name inside a sentence; "VM guests" stays as it is."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _sum(total: int, parts: dict[str, int]) -> str:
    summands = " + ".join(f"{formats.number(n)} {name}" for name, n in parts.items())
    return f"{formats.number(total)} = {summands}"


def _balance(why: Explanation) -> str:
    bars = why.bars
    assert bars is not None
    names = (
        (bars.added, "+", _("added")),
        (bars.removed, MINUS, _("removed")),
        (bars.moved_in, "+", _("moved in")),
        (bars.moved_out, MINUS, _("moved out")),
        (bars.reclassified_in, "+", _("reclassified in")),
        (bars.reclassified_out, MINUS, _("reclassified out")),
    )
    steps = [f"{sign} {formats.number(n)} {name}" for n, sign, name in names if n]
    return " ".join([formats.number(bars.opening), *steps, "=", formats.number(bars.closing)])


def meanings(basis: str, rules: Rules) -> list[tuple[str, str]]:
    """The terms of the counting predicate, each with its definition."""
    entries = []
    if basis == "assets":
        order = _(", then ").join(source_label(source) for source in rules.source_order)
        entries.append((
            _("Each machine once"),
            _("The records of all sources that are the same machine count as one. Who speaks for "
              "it decides its site and status: %(order)s.", order=order),
        ))  # fmt: skip
    elif basis == "records":
        entries.append(
            (_("Records"), _("Each source's record counts, the same machine twice too."))
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


def left_out(part: LeftOut) -> str:
    """The label of the devices that a filter excludes; the number comes before it."""
    return {
        "billable": _("billable: the status filter leaves them out"),
        "spare": _("spare: the status filter leaves them out"),
        "excluded": _("excluded: in no total"),
        "types": _("of other types"),
        "sites": _("at other sites"),
        "locations": _("at other locations"),
        "search": _("without the searched text"),
        "sources": _("for which another source speaks"),
        "managed_by": _("not managed by all of these sources"),
        "records": _("records of all sources match; those of one machine count once"),
    }[part.kind]


def gap(missing: Gap) -> str:
    """A day without a snapshot, in words."""
    words = {
        "source": missing.label,
        "day": formats.day(missing.day),
        "reason": missing.reason or "",
    }
    return {
        collection_days.MISSING: _(
            "%(source)s, %(day)s: not collected; the state before stands.", **words
        ),
        collection_days.WITHDRAWN: _(
            "%(source)s, %(day)s: withdrawn; the state before stands.", **words
        ),
        collection_days.HELD: _(
            "%(source)s, %(day)s: held until somebody decides: %(reason)s", **words
        ),
        collection_days.SUSPICIOUS: _(
            "%(source)s, %(day)s: suspicious, not shown: %(reason)s", **words
        ),
        collection_days.FAILED: _("%(source)s, %(day)s: failed: %(reason)s", **words),
    }[missing.state]
