"""What waits for a person: one card for each kind, and a line for each thing to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.settings_params import Inbox
from dashboard.components.ask.dialog import ask_button
from dashboard.components.ask.picker import SITES, choose_button
from dashboard.components.kit import links
from dashboard.components.kit.card import card
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import source_badge
from dashboard.components.settings.inbox_pairs import pair_item
from dashboard.components.settings.score import score
from dashboard.queries.audit.review import Match, NewSite, Pair
from dashboard.queries.audit.waiting import Waiting
from dashboard.web.asking import may
from dashboard.words.month_words import hindrance_words
from db import jobs
from db.sources import source_label


@dataclass(frozen=True)
class Found:
    """The first of what waits; `unlike`: new sites that are called like no other."""

    sites: Sequence[NewSite]
    pairs: Sequence[Pair]
    unlike: Sequence[NewSite]


def inbox(waits: Waiting, found: Found, shown: Inbox) -> list[Component]:
    """Everything that waits; or that nothing does."""
    parts = [] if waits.count else [nothing()]
    if waits.runs or waits.month:
        parts.append(_collected(waits))
    if found.sites:
        parts.append(_sites(waits.sites, found.sites, shown))
    if found.pairs:
        parts.append(_pairs(waits.pairs, found.pairs, shown))
    if found.unlike:
        parts.append(_unlike(waits.unlike, found.unlike, shown))
    return parts


def nothing() -> Component:
    """That all is decided."""
    return html.Section(
        [
            html.H2(_("Nothing waits for you"), className="state-title"),
            html.P(_("New sites, records that may be one machine and runs that look wrong appear "
                     "here, and their number beside Settings above.")),
        ],
        className="card state",
    )  # fmt: skip


def _collected(waits: Waiting) -> Component:
    lines = [
        html.Li(
            [
                html.Span(
                    [source_badge(run.source), source_label(run.source)], className="named-source"
                ),
                html.Strong(_("The run of %(day)s is held", day=formats.day(run.business_date))),
                html.Span(run.reason, className="muted grow"),
                dcc.Link(_("See the run"), href=links.run(run.run_id), className="button"),
            ]
        )
        for run in waits.runs
    ]
    if waits.month:
        said = " ".join(hindrance_words(one) for one in waits.hindrances)
        name = formats.month(waits.month)
        lines.append(
            html.Li(
                [
                    html.Strong(_("%(month)s waits to be closed", month=name)),
                    html.Span(said, className="muted grow"),
                    dcc.Link(
                        _("Open %(month)s", month=name),
                        href=f"/months/{waits.month}",
                        className="button",
                    ),
                ]
            )
        )
    title = ngettext("%(n)s run or month", "%(n)s runs and months", len(lines),
                     n=formats.number(len(lines)))  # fmt: skip
    about = _("Collected, but not counted; over, but not closed")
    body = drawn(html.Ul(lines, className="inbox-lines"))
    return card("inbox-collected", body, title=title, subtitle=about)


def _sites(count: int, sites: Sequence[NewSite], shown: Inbox) -> Component:
    title = ngettext(
        "%(n)s new site may be one that is there", "%(n)s new sites may be ones that are there",
        count, n=formats.number(count),
    )  # fmt: skip
    about = _("A source names a customer by a name that nearly is another's: the same one?")
    body: list[Any] = [
        drawn(html.Ul([_site(one) for one in sites], className="inbox-list new-sites"))
    ]
    body += _more(len(sites), count, shown.more("sites"))
    return card("inbox-sites", body, title=title, subtitle=about)


def _site(one: NewSite) -> html.Li:
    likely = html.Ul([_match(match) for match in one.likely], className="inbox-likely")
    about = html.Div([*_about(one), likely], className="inbox-about")
    return html.Li([about, _acts(one)], **{"aria-label": one.name})


def _unlike(count: int, sites: Sequence[NewSite], shown: Inbox) -> Component:
    title = ngettext("%(n)s new site is called like no other",
                     "%(n)s new sites are called like no other", count,
                     n=formats.number(count))  # fmt: skip
    about = _("Each counts as a customer of its own already; say so, or merge it by hand")
    items = [
        html.Li(
            [html.Div(_about(one), className="inbox-about"), _acts(one)], **{"aria-label": one.name}
        )
        for one in sites
    ]
    body: list[Any] = [drawn(html.Ul(items, className="inbox-list new-sites unlike"))]
    body += _more(len(sites), count, shown.more("unlike"))
    return card("inbox-unlike", body, title=title, subtitle=about)


def _about(one: NewSite) -> list[Component]:
    """Its name, and what each source calls it."""
    words = ngettext("%(n)s record", "%(n)s records", one.records, n=formats.number(one.records))
    since = _("since %(day)s", day=formats.day(one.created_at.date()))
    head = html.Div(
        [
            dcc.Link(one.name, href=f"/sites/{one.site_id}", className="inbox-name"),
            html.Span(f"{words}, {since}", className="muted"),
        ],
        className="inbox-head",
    )
    called = [
        html.Span(
            [source_badge(alias.source), html.Span(alias.name),
             html.Span(alias.alias_key, className="muted cut-key", title=alias.alias_key)],
            className="inbox-alias",
        )
        for alias in one.aliases
    ]  # fmt: skip
    return [head, html.Div(called, className="inbox-aliases")]


def _match(match: Match) -> html.Li:
    words = ngettext(
        "%(n)s record", "%(n)s records", match.records, n=formats.number(match.records)
    )
    return html.Li(
        [
            score(match.score),
            dcc.Link(match.name, href=f"/sites/{match.site_id}"),
            html.Span(f"{match.evidence} \u00b7 {words}", className="muted"),
        ]
    )


def _acts(one: NewSite) -> Component:
    this = {"site_id": one.site_id}
    acts: list[Any] = []
    if may(jobs.MERGE_SITES):
        if one.likely:
            best = one.likely[0]
            acts.append(
                ask_button(jobs.MERGE_SITES, {**this, "into": best.site_id},
                           _("Merge into %(site)s", site=best.name), kind="filled cut-button")
            )  # fmt: skip
        words = _("Choose another\u2026") if one.likely else _("Merge\u2026")
        acts.append(choose_button(jobs.MERGE_SITES, this, "into", SITES, words))
    if may(jobs.CONFIRM_SITE):
        acts.append(
            ask_button(jobs.CONFIRM_SITE, this, _("Keep as its own"),
                       about=_("Keep %(site)s as its own", site=one.name))
        )  # fmt: skip
    return html.Div(acts, className="acts")


def _pairs(count: int, pairs: Sequence[Pair], shown: Inbox) -> Component:
    title = ngettext("%(n)s pair of records may be one machine",
                     "%(n)s pairs of records may be one machine each", count,
                     n=formats.number(count))  # fmt: skip
    about = _("The rules find no proof either way. What differs is marked.")
    body: list[Any] = [drawn(html.Ul([pair_item(one) for one in pairs], className="inbox-list"))]
    body += _more(len(pairs), count, shown.more("links"))
    return card("inbox-pairs", body, title=title, subtitle=about)


def _more(shown: int, count: int, href: str) -> list[Component]:
    if shown >= count:
        return []
    words = _("%(shown)s of %(all)s. ", shown=formats.number(shown), all=formats.number(count))
    return [html.P([words, dcc.Link(_("Show more"), href=href)], className="note")]
