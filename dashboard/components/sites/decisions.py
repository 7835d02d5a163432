"""What is decided about one site: what sources call it, what it was merged with, what it is
expected to have; and the buttons that decide it."""

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.params import SOURCES
from dashboard.components.ask.dialog import ask_button
from dashboard.components.ask.picker import SITES, choose_button
from dashboard.components.kit.pill import source_badge
from dashboard.queries.sites.merges import Merge, Merges
from dashboard.queries.sites.one_site import Alias, Profile
from dashboard.words.rule_words import sources_word
from db.decisions import ConfirmSite, ExpectSources, MergeSites, MoveAlias, Undo
from db.rules import Rules
from db.sources import source_label
from db.tables import NO_SITE_ID


def merged_line(found: Merges, actor: Actor) -> list[Component]:
    """Under the name of a merged site: into what, when, and that its own days stay."""
    into = found.into
    if into is None:
        return []
    link = dcc.Link(into.name, href=f"/sites/{into.site_id}")
    own = (
        _("Its own days end on %(day)s; they are shown below as of then.",
          day=formats.day(found.own_until))
        if found.own_until
        else _("No day of its own is kept.")
    )  # fmt: skip
    look = []
    if found.own_until:
        words = _("Show %(day)s", day=formats.day(found.own_until))
        look = [dcc.Link(words, href=f"?as_of={found.own_until}", className="button quiet")]
    words = [
        html.Strong(_("Merged into ")),
        link,
        html.Span(_date_and_author(into)),
        html.Span(own),
    ]
    return [html.P([*words, *look, *_unmerge(into, actor)], className="run-said info merged-line")]


def _date_and_author(one: Merge) -> str:
    if one.at is None:
        return ""
    day = formats.day(one.at.date())
    return str(_(" on %(day)s by %(who)s. ", day=day, who=one.author))


def _unmerge(one: Merge, actor: Actor) -> list[Component]:
    if one.entry_id is None or not actor.may_start(Undo):
        return []
    words = _("Unmerge")
    about = _("Unmerge %(site)s", site=one.name)
    return [ask_button(Undo, {"entry_id": one.entry_id}, words, about=about)]


def site_acts(profile: Profile, actor: Actor, *, now: bool) -> list[Component]:
    """The buttons beside the name; none on a past day.

    Args:
        now: whether the newest day is shown.
    """
    if not now or profile.site_id == NO_SITE_ID or profile.merged_into is not None:
        return []
    this = {"site_id": profile.site_id}
    acts: list[Component] = []
    if profile.needs_review and actor.may_start(ConfirmSite):
        acts.append(ask_button(ConfirmSite, this, _("Keep as its own")))
    if actor.may_start(MergeSites):
        words = _("Merge into\u2026")
        acts.append(choose_button(MergeSites, this, "into", SITES, words))
    return acts


def site_names(
    profile: Profile, found: Merges, rules: Rules, actor: Actor, *, now: bool
) -> list[Component]:
    """What sources call it, what was merged into it, what it is expected to have."""
    parts: list[Component] = [_aliases(profile.aliases, actor, now=now)]
    if found.merged:
        lines = [
            html.Li(
                [
                    dcc.Link(one.name, href=f"/sites/{one.site_id}"),
                    html.Span(_date_and_author(one), className="muted"),
                    *(_unmerge(one, actor) if now else []),
                ]
            )
            for one in found.merged
        ]
        parts += [html.H3(_("Merged into it")), html.Ul(lines, className="merged-sites")]
    if profile.site_id != NO_SITE_ID and profile.merged_into is None:
        parts += [html.H3(_("Expected to have")), _expected(profile, rules, actor, now=now)]
    return parts


def _expected(profile: Profile, rules: Rules, actor: Actor, *, now: bool) -> Component:
    wanted = rules.expected_sources if profile.expected is None else profile.expected
    said = _("%(sources)s, as the rules say", sources=sources_word(wanted))
    if profile.expected is not None:
        said = _("%(sources)s, set for this site", sources=sources_word(wanted))
    acts: list[Component] = []
    if now and actor.may_start(ExpectSources):
        acts = [_toggle(profile.site_id, source, wanted) for source in SOURCES]
        if profile.expected is not None:
            asked = {"site_id": profile.site_id, "sources": None}
            words = _("As the rules say")
            acts.append(ask_button(ExpectSources, asked, words, kind="quiet"))
    return html.Div([html.P(said), html.Div(acts, className="acts")], className="expected")


def _toggle(site_id: int, source: str, wanted: Sequence[str]) -> Component:
    """Expect a source, or no longer."""
    rest = [one for one in SOURCES if (one in wanted) != (one == source)]
    asked = {"site_id": site_id, "sources": rest}
    words = {"source": source_label(source)}
    if source in wanted:
        return ask_button(ExpectSources, asked, _("Not %(source)s", **words))
    return ask_button(ExpectSources, asked, _("Expect %(source)s", **words))


def _aliases(found: Sequence[Alias], actor: Actor, *, now: bool) -> Component:
    if not found:
        return html.P(_("No source names this site."), className="note")
    heads = (_("Source"), _("Calls it"), _("Its id there"), _("Last on"), "")
    head = html.Tr([html.Th(text, scope="col") for text in heads])
    rows = [
        html.Tr(
            [
                html.Td(html.Span([source_badge(one.source), source_label(one.source)],
                                  className="side-head")),
                html.Td(one.name),
                html.Td(one.alias_key, className="muted"),
                html.Td(formats.day(one.last_seen)),
                html.Td(_move(one, actor) if now else None, className="doing"),
            ]
        )
        for one in found
    ]  # fmt: skip
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(rows)], className="table"), className="side-scroll"
    )


def _move(one: Alias, actor: Actor) -> Component | None:
    if not actor.may_start(MoveAlias):
        return None
    asked = {"source": one.source, "alias_key": one.alias_key}
    return choose_button(MoveAlias, asked, "site_id", SITES, _("Move\u2026"), kind="quiet")
