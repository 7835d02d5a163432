"""The inbox: a card per subject, with a line and buttons per pending decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.settings_params import Inbox
from dashboard.components.ask.dialog import ask_button
from dashboard.components.ask.picker import SITES, choose_button
from dashboard.components.kit import links
from dashboard.components.kit.card import card
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import source_badge
from dashboard.components.settings.inbox_pairs import pair_item
from dashboard.components.settings.score import score
from dashboard.queries.inbox.review import Match, NewSite, Pair
from dashboard.queries.inbox.waiting import Waiting
from dashboard.words.month_words import hindrance_words
from db.decisions import ConfirmSite, MergeSites
from db.sources import source_label


@dataclass(frozen=True)
class Listed:
    """The first rows of each card.

    Attributes:
        unlike: new sites whose name resembles no other.
    """

    sites: Sequence[NewSite]
    pairs: Sequence[Pair]
    unlike: Sequence[NewSite]


def inbox(waits: Waiting, listed: Listed, limits: Inbox, actor: Actor) -> list[Component]:
    """The cards of all pending decisions, or an empty state.

    Args:
        waits: how much waits in all.
        shown: how many rows of each card the address asks for.
        actor: whoever looks; only the decisions they may take have buttons.
    """
    parts = [] if waits.count else [nothing()]
    if waits.runs or waits.month:
        parts.append(_collected(waits))
    if listed.sites:
        parts.append(_sites(waits.sites, listed.sites, limits, actor))
    if listed.pairs:
        parts.append(_pairs(waits.pairs, listed.pairs, limits, actor))
    if listed.unlike:
        parts.append(_unlike(waits.unlike, listed.unlike, limits, actor))
    return parts


def nothing() -> Component:
    """The empty state."""
    return html.Section(
        [
            html.H2(_("Nothing waits for you"), className="state-title"),
            html.P(
                _(
                    "New sites, records that may be one machine and runs that look wrong appear "
                    "here, and their number beside Settings above."
                )
            ),
        ],
        className="card card-body state",
    )


def _collected(waits: Waiting) -> Component:
    lines = [
        html.Li(
            [
                html.Span(
                    [source_badge(run.source), source_label(run.source)], className="named-source"
                ),
                html.Strong(_("The run of %(day)s is held", day=formats.day(run.business_date))),
                html.Span(run.reason, className="muted grow"),
                dcc.Link(
                    _("See the run"), href=links.run(run.run_id), className="btn btn-secondary"
                ),
            ]
        )
        for run in waits.runs
    ]
    if waits.month:
        reasons = " ".join(hindrance_words(each) for each in waits.hindrances)
        name = formats.month(waits.month)
        lines.append(
            html.Li(
                [
                    html.Strong(_("%(month)s waits to be closed", month=name)),
                    html.Span(reasons, className="muted grow"),
                    dcc.Link(
                        _("Open %(month)s", month=name),
                        href=f"/months/{waits.month}",
                        className="btn btn-secondary",
                    ),
                ]
            )
        )
    title = ngettext(
        "%(n)s run or month", "%(n)s runs and months", len(lines), n=formats.number(len(lines))
    )
    about = _("Collected, but not counted; over, but not closed")
    body = drawn(html.Ul(lines, className="inbox-lines"))
    return card("inbox-collected", body, title=title, subtitle=about)


def _sites(count: int, sites: Sequence[NewSite], limits: Inbox, actor: Actor) -> Component:
    title = ngettext(
        "%(n)s new site may be one that is there",
        "%(n)s new sites may be ones that are there",
        count,
        n=formats.number(count),
    )
    about = _("A source names a customer by a name that nearly is another's: the same one?")
    body: list[Any] = [
        drawn(html.Ul([_site(site, actor) for site in sites], className="inbox-list new-sites"))
    ]
    body += _more(len(sites), count, limits.more("sites"))
    return card("inbox-sites", body, title=title, subtitle=about)


def _site(site: NewSite, actor: Actor) -> html.Li:
    likely = html.Ul([_match(match) for match in site.likely], className="inbox-likely")
    about = html.Div([*_about(site), likely], className="inbox-about")
    return html.Li([about, _acts(site, actor)], **{"aria-label": site.name})


def _unlike(count: int, sites: Sequence[NewSite], limits: Inbox, actor: Actor) -> Component:
    title = ngettext(
        "%(n)s new site is called like no other",
        "%(n)s new sites are called like no other",
        count,
        n=formats.number(count),
    )
    about = _("Each counts as a customer of its own already; say so, or merge it by hand")
    items = [
        html.Li(
            [html.Div(_about(site), className="inbox-about"), _acts(site, actor)],
            **{"aria-label": site.name},
        )
        for site in sites
    ]
    body: list[Any] = [drawn(html.Ul(items, className="inbox-list new-sites unlike"))]
    body += _more(len(sites), count, limits.more("unlike"))
    return card("inbox-unlike", body, title=title, subtitle=about)


def _about(site: NewSite) -> list[Component]:
    """Its name, and what each source calls it."""
    words = ngettext("%(n)s record", "%(n)s records", site.records, n=formats.number(site.records))
    since = _("since %(day)s", day=formats.day(site.created_at.date()))
    head = html.Div(
        [
            dcc.Link(site.name, href=f"/sites/{site.site_id}", className="inbox-name"),
            html.Span(f"{words}, {since}", className="muted"),
        ],
        className="inbox-head",
    )
    called = [
        html.Span(
            [
                source_badge(alias.source),
                html.Span(alias.name),
                html.Span(alias.alias_key, className="muted cut-key", title=alias.alias_key),
            ],
            className="inbox-alias",
        )
        for alias in site.aliases
    ]
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


def _acts(site: NewSite, actor: Actor) -> Component:
    this = {"site_id": site.site_id}
    buttons: list[Any] = []
    if actor.may_start(MergeSites):
        if site.likely:
            best = site.likely[0]
            buttons.append(
                ask_button(
                    MergeSites,
                    {**this, "into": best.site_id},
                    _("Merge into %(site)s", site=best.name),
                    kind="btn-primary cut-button",
                )
            )
        words = _("Choose another\u2026") if site.likely else _("Merge\u2026")
        buttons.append(choose_button(MergeSites, this, "into", SITES, words))
    if actor.may_start(ConfirmSite):
        buttons.append(
            ask_button(
                ConfirmSite,
                this,
                _("Keep as its own"),
                about=_("Keep %(site)s as its own", site=site.name),
            )
        )
    return html.Div(buttons, className="acts")


def _pairs(count: int, pairs: Sequence[Pair], limits: Inbox, actor: Actor) -> Component:
    title = ngettext(
        "%(n)s pair of records may be one machine",
        "%(n)s pairs of records may be one machine each",
        count,
        n=formats.number(count),
    )
    about = _("The rules find no proof either way. What differs is marked.")
    body: list[Any] = [
        drawn(html.Ul([pair_item(pair, actor) for pair in pairs], className="inbox-list"))
    ]
    body += _more(len(pairs), count, limits.more("links"))
    return card("inbox-pairs", body, title=title, subtitle=about)


def _more(listed: int, count: int, href: str) -> list[Component]:
    if listed >= count:
        return []
    words = _("%(shown)s of %(all)s. ", shown=formats.number(listed), all=formats.number(count))
    return [html.P([words, dcc.Link(_("Show more"), href=href)], className="note")]
