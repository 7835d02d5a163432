"""What machines run and how old they are, as ranked bars: each opens its machines."""

from dataclasses import replace

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.machine_params import BUCKETS, FUTURE, TOPS, UNKNOWN, MachineList
from dashboard.components.kit.card import card
from dashboard.components.kit.count_link import linked
from dashboard.components.kit.drawn import drawn, drawn_list
from dashboard.queries.machines.ages import Ages
from dashboard.queries.machines.shares import Shares
from dashboard.words.machine_words import bucket_word, months, named_system, percent

_FIELDS = {"os": ("systems", "other_systems"), "os_version": ("versions", "other_versions")}
"""What narrows to one value, and what to the others."""


def system_card(values: Shares, page: MachineList) -> html.Section:
    """Operating systems."""
    return card(
        "machines-os",
        _ranked(values, page, "os"),
        title=_leader(values, _("No machine, no operating system")),
        subtitle=_("Machines by operating system, as reported"),
    )


def version_card(values: Shares, page: MachineList) -> html.Section:
    """Versions, and how many of them are shown."""
    return card(
        "machines-version",
        _ranked(values, page, "os_version"),
        title=_leader(values, _("No machine, no version")),
        subtitle=ngettext(
            "Machines by version, %(n)s in all", "Machines by version, %(n)s in all", values.kinds,
            n=formats.number(values.kinds),
        ),
        actions=_tops(page),
    )  # fmt: skip


def age_card(ages: Ages, page: MachineList) -> html.Section:
    """Ages, in months since each machine was put to work."""
    if ages.mean is None or ages.median is None:
        title = _("Age unknown")
        hint = _("Set the dates with inventory-hub machine set-activation")
    else:
        title = _("Half of the machines are older than %(n)s months", n=months(ages.median))
        hint = ngettext(
            "Mean %(mean)s, median %(median)s months, of %(n)s machine with a date",
            "Mean %(mean)s, median %(median)s months, of %(n)s machines with a date",
            ages.known,
            mean=months(ages.mean), median=months(ages.median), n=formats.number(ages.known),
        )  # fmt: skip
    named_buckets = [
        bucket for bucket in BUCKETS if ages.counts[bucket] or bucket not in (FUTURE, UNKNOWN)
    ]
    most, total = max(ages.counts.values()), sum(ages.counts.values())
    bars = [
        _bar(bucket_word(name), ages.counts[name], total, most, page.having(ages=(name,)),
             "aside" if name in (FUTURE, UNKNOWN) else "")
        for name in named_buckets
    ]  # fmt: skip
    return card(
        "machines-age", drawn(html.Ul(bars, className="ranked")), title=title, subtitle=hint
    )


def _leader(values: Shares, nothing: str) -> str:
    """The finding: what most machines run."""
    if not values.top:
        return nothing
    value, n = values.top[0]
    name = named_system(value)[:48]
    if n == values.total:
        return _("All machines run %(name)s", name=name)
    share = percent(100 * n / values.total)
    return _("%(name)s runs on %(share)s of the machines", name=name, share=share)


def _ranked(values: Shares, page: MachineList, column: str) -> Component:
    field, rest = _FIELDS[column]
    most = max([n for _name, n in values.top] + [values.others], default=0)
    bars = [
        _bar(named_system(name), n, values.total, most, page.having(**{field: (name,), rest: ()}))
        for name, n in values.top
    ]
    if values.others:
        kinds = formats.number(values.kinds - len(values.top))
        without = tuple({*getattr(page.filters, rest), *(name for name, _n in values.top)})
        others = page.having(**{rest: tuple(sorted(without))})
        words = _("others (%(kinds)s)", kinds=kinds)
        bars.append(_bar(words, values.others, values.total, most, others, "aside"))
    return drawn(html.Ul(bars, className="ranked"))


def _bar(words: str, n: int, total: int, most: int, page: MachineList, kind: str = "") -> html.Li:
    """A bar from zero with its name and number; the whole line opens the machines."""
    share = percent(100 * n / total) if total else formats.NOTHING
    line = [
        html.Span(words, className="ranked-name", title=words),
        html.Span(
            html.Span(className="ranked-bar", style={"width": f"{100 * n / max(most, 1):.2f}%"}),
            className="ranked-track",
        ),
        html.Span(formats.number(n), className="ranked-n"),
        html.Span(share, className="ranked-share"),
    ]
    if not n:
        return html.Li(html.Span(line, className="ranked-line none"))
    look = f"ranked-line {kind}".strip()
    return html.Li(linked(line, formats.number(n), page.address(), look))


def _tops(page: MachineList) -> Component:
    """How many bars there are before the rest is one."""
    choices = [
        html.Span(str(n), className="top-choice here", **{"aria-current": "true"})
        if n == page.top
        else dcc.Link(str(n), href=replace(page, top=n).address(), className="top-choice")
        for n in TOPS
    ]
    return drawn_list([html.Span(_("Top"), className="muted"), *choices])
