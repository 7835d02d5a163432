"""The inbox: a line or two per pending decision, with the buttons that answer it; all else that is
known unfolds. It lists exactly what the number beside Settings counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
from dashboard.components.kit.count_link import count_link, filled
from dashboard.components.kit.drawn import Part, drawn
from dashboard.components.kit.pill import source_badge
from dashboard.components.settings.inbox_item import item
from dashboard.components.settings.inbox_pairs import pair_item
from dashboard.components.settings.score import score
from dashboard.queries.inbox.review import Match, NewSite, Pair, SiteQuestion
from dashboard.queries.inbox.waiting import Waiting
from dashboard.words.month_words import hindrance_words
from db.decisions import MOST_ENTRIES, ConfirmSite, MergeSites
from db.sources import source_label


@dataclass(frozen=True)
class Listed:
    """The first rows of each group.

    Attributes:
        unlike: new sites whose name resembles no other.
    """

    sites: Sequence[SiteQuestion]
    pairs: Sequence[Pair]
    unlike: Sequence[NewSite]


def inbox(
    waits: Waiting, listed: Listed, limits: Inbox, actor: Actor, now: datetime
) -> list[Component]:
    """All pending decisions in groups, or an empty state.

    Args:
        waits: how much waits in all.
        limits: how many of each group the address asks for.
        actor: whoever looks; only the decisions they may take have buttons.
    """
    if not waits.count:
        return [nothing()]
    groups = []
    if waits.runs:
        groups.append(_runs(waits))
    if waits.month:
        groups.append(_month(waits.month, waits))
    if listed.sites:
        count = len(waits.sites.similar)
        groups.append(_similar(count, listed.sites, limits.more("sites"), actor))
    if listed.pairs:
        groups.append(_pairs(waits.pairs, listed.pairs, limits.more("links"), actor, now))
    if listed.unlike:
        groups.append(_unlike(waits.sites.unlike, listed.unlike, limits.more("unlike"), actor))
    return [html.Div(groups, className="card card-body inbox")]


def nothing() -> Component:
    """The empty state."""
    return html.Section(
        [
            html.H2(_("Nothing waits for you"), className="state-title"),
            html.P(
                _(
                    "New sites, possible duplicates and runs that look wrong appear here, and "
                    "their number beside Settings above."
                )
            ),
        ],
        className="card card-body state",
    )


def _group(
    name: str, title: str, about: str, items: list[html.Li], *, more: Any = None, bulk: Any = None
) -> Component:
    head = html.Header(
        [html.H2(title, id=f"{name}-title"), html.P(about, className="muted"), bulk],
        className="inbox-group",
    )
    parts = [head, html.Ul(items, className="inbox-items"), more]
    return html.Section(drawn(html.Div(parts)), id=name, **{"aria-labelledby": f"{name}-title"})


def _more(listed: int, count: int, href: str) -> Component | None:
    if listed >= count:
        return None
    words = _("%(shown)s of %(all)s. ", shown=formats.number(listed), all=formats.number(count))
    return html.P([words, dcc.Link(_("Show more"), href=href)], className="note")


def _runs(waits: Waiting) -> Component:
    items = []
    for run in waits.runs:
        words = {"source": source_label(run.source), "day": formats.day(run.business_date)}
        see = dcc.Link(_("See the run"), href=links.run(run.run_id), className="btn btn-secondary")
        title = _("%(source)s, %(day)s", **words)
        items.append(item([source_badge(run.source), title], run.reason, [see]))
    title = ngettext("%(n)s held run", "%(n)s held runs", len(items), n=formats.number(len(items)))
    about = _("It looks wrong, so none of it counts until you accept it")
    return _group("inbox-runs", title, about, items)


def _month(month: str, waits: Waiting) -> Component:
    name = formats.month(month)
    reasons = " ".join(hindrance_words(each) for each in waits.hindrances)
    words = _("Open %(month)s", month=name)
    see = dcc.Link(words, href=f"/months/{month}", className="btn btn-secondary")
    about = _("It does not close automatically")
    return _group("inbox-month", _("1 month to close"), about, [item([name], reasons, [see])])


def _similar(count: int, asked: Sequence[SiteQuestion], href: str, actor: Actor) -> Component:
    title = ngettext(
        "%(n)s site looks like a duplicate",
        "%(n)s sites look like duplicates",
        count,
        n=formats.number(count),
    )
    about = _("Two customers have similar names. Same customer?")
    items = [_similar_item(question, actor) for question in asked]
    return _group("inbox-sites", title, about, items, more=_more(len(items), count, href))


def _similar_item(question: SiteQuestion, actor: Actor) -> html.Li:
    site = question.site
    other, others = site.likely[0], site.likely[1:]
    names = [
        *(source_badge(alias.source) for alias in site.aliases),
        *_differing(site.name, other.name),
        html.Span(" \u2194 ", className="muted"),
        *_differing(other.name, site.name),
    ]
    counts = {"one": _count(site), "other": _count(other)}
    said = [*filled(_("%(one)s and %(other)s records"), counts), f" \u00b7 {_since(site)}"]
    buttons: list[Any] = []
    merge = {"site_id": site.site_id, "into": other.site_id}
    about = _("%(one)s and %(other)s", one=site.name, other=other.name)
    buttons.append(ask_button(MergeSites, merge, _("Same"), about=about, actor=actor))
    about = _("%(one)s and %(other)s", one=site.name, other=other.name)
    keep = {"site_ids": list(question.settled)}
    buttons.append(ask_button(ConfirmSite, keep, _("Different"), about=about, actor=actor))
    unfolded: list[Any] = [
        html.Ul([_match(match) for match in (other, *others)], className="inbox-likely"),
        _aliases(site),
    ]
    words = _("Merge %(site)s into another site\u2026", site=site.name)
    unfolded.append(
        choose_button(MergeSites, {"site_id": site.site_id}, "into", SITES, words, actor=actor)
    )
    return item(names, said, buttons, unfolded=unfolded)


def _differing(name: str, other: str) -> list[Any]:
    """The words of a name, those that the other has not marked."""
    known = {word.casefold() for word in other.split()}
    parts: list[Any] = []
    for word in name.split():
        parts += [" "] if parts else []
        parts.append(word if word.casefold() in known else html.Mark(word))
    return parts


def _records(site: NewSite | Match) -> list[Part]:
    words = ngettext("%(n)s record", "%(n)s records", site.records, n="%(n)s")
    return filled(words, {"n": _count(site)})


def _count(site: NewSite | Match) -> Component:
    """How many records a site has now; it opens them."""
    return count_link(site.records, links.records_of_site(site.site_id), label=site.name)


def _since(site: NewSite) -> str:
    return str(_("new since %(day)s", day=formats.day(site.created_at.date())))


def _match(match: Match) -> html.Li:
    about = [f"{match.evidence} \u00b7 ", *_records(match)]
    return html.Li(
        [
            score(match.score),
            dcc.Link(match.name, href=f"/sites/{match.site_id}"),
            html.Span(about, className="muted"),
        ]
    )


def _aliases(site: NewSite) -> Component:
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
    return html.Div(called, className="inbox-aliases")


def _unlike(waiting: Sequence[int], sites: Sequence[NewSite], href: str, actor: Actor) -> Component:
    count = len(waiting)
    title = ngettext(
        "%(n)s new site to confirm", "%(n)s new sites to confirm", count, n=formats.number(count)
    )
    bulk = None
    if count > 1:
        arguments = {"site_ids": list(waiting[:MOST_ENTRIES])}
        bulk = ask_button(ConfirmSite, arguments, _("Keep all as they are"), actor=actor)
    return _group(
        "inbox-unlike",
        title,
        _("No other customer has such a name. Each counts already."),
        [_unlike_item(site, actor) for site in sites],
        more=_more(len(sites), count, href),
        bulk=bulk,
    )


def _unlike_item(site: NewSite, actor: Actor) -> html.Li:
    name = [
        *(source_badge(alias.source) for alias in site.aliases),
        dcc.Link(site.name, href=f"/sites/{site.site_id}"),
    ]
    buttons: list[Any] = []
    keep = {"site_ids": [site.site_id]}
    buttons.append(ask_button(ConfirmSite, keep, _("Keep"), about=site.name, actor=actor))
    merge = {"site_id": site.site_id}
    buttons.append(choose_button(MergeSites, merge, "into", SITES, _("Merge\u2026"), actor=actor))
    return item(name, [*_records(site), f" \u00b7 {_since(site)}"], buttons)


def _pairs(count: int, pairs: Sequence[Pair], href: str, actor: Actor, now: datetime) -> Component:
    title = ngettext(
        "%(n)s possible duplicate", "%(n)s possible duplicates", count, n=formats.number(count)
    )
    about = _("Two records look like one machine. Same machine?")
    items = [pair_item(pair, actor, now) for pair in pairs]
    return _group("inbox-pairs", title, about, items, more=_more(len(items), count, href))
