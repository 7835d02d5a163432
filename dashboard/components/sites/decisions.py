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
from dashboard.components.kit.notice import notice_line
from dashboard.components.kit.pill import source_badge
from dashboard.components.kit.table import column_head
from dashboard.queries.sites.merges import Merge, Merges
from dashboard.queries.sites.site_profile import Alias, Profile
from dashboard.words.rule_words import sources_word
from db.decisions import ConfirmSite, ExpectSources, MergeSites, MoveAlias, Undo
from db.rules import Rules
from db.sources import source_label
from db.tables import NO_SITE_ID


def merged_line(merges: Merges, actor: Actor) -> list[Component]:
    """Under the name of a merged site: into what, when, and that its own days stay."""
    into = merges.into
    if into is None:
        return []
    link = dcc.Link(into.name, href=f"/sites/{into.site_id}")
    own = (
        _("Its own days end on %(day)s and are shown below as of that day.",
          day=formats.day(merges.own_until))
        if merges.own_until
        else _("None of its own days is kept.")
    )  # fmt: skip
    look = []
    if merges.own_until:
        words = _("Show %(day)s", day=formats.day(merges.own_until))
        look = [dcc.Link(words, href=f"?as_of={merges.own_until}", className="btn btn-link")]
    words = [
        html.Strong(_("Merged into ")),
        link,
        html.Span(_date_and_author(into)),
        html.Span(own),
    ]
    return [notice_line("info", *words, *look, *_unmerge(into, actor), kind="merged-line")]


def _date_and_author(merge: Merge) -> str:
    if merge.at is None:
        return ""
    day = formats.day(merge.at.date())
    return str(_(" on %(day)s by %(who)s. ", day=day, who=merge.author))


def _unmerge(merge: Merge, actor: Actor) -> list[Component]:
    if merge.entry_id is None:
        return []
    return [
        ask_button(Undo, {"entry_id": merge.entry_id}, _("Unmerge"), actor=actor, about=merge.name)
    ]


def site_acts(profile: Profile, actor: Actor, *, now: bool) -> list[Component]:
    """The buttons beside the name; none on a past day.

    Args:
        now: whether the newest day is shown.
    """
    if not now or profile.site_id == NO_SITE_ID or profile.merged_into is not None:
        return []
    this = {"site_id": profile.site_id}
    buttons: list[Component] = []
    if profile.needs_review:
        alone = {"site_ids": [profile.site_id]}
        buttons.append(ask_button(ConfirmSite, alone, _("Keep as its own"), actor=actor))
    words = _("Merge into\u2026")
    buttons.append(choose_button(MergeSites, this, "into", SITES, words, actor=actor))
    return buttons


def site_names(
    profile: Profile, merges: Merges, rules: Rules, actor: Actor, *, now: bool
) -> list[Component]:
    """What sources call it, what was merged into it, what it is expected to have."""
    parts: list[Component] = [_aliases(profile.aliases, actor, now=now)]
    if merges.merged:
        lines = [
            html.Li(
                [
                    dcc.Link(merge.name, href=f"/sites/{merge.site_id}"),
                    html.Span(_date_and_author(merge), className="muted"),
                    *(_unmerge(merge, actor) if now else []),
                ]
            )
            for merge in merges.merged
        ]
        parts += [html.H3(_("Merged into it")), html.Ul(lines, className="merged-sites")]
    if profile.site_id != NO_SITE_ID and profile.merged_into is None:
        parts += [html.H3(_("Expected to have")), _expected(profile, rules, actor, now=now)]
    return parts


def _expected(profile: Profile, rules: Rules, actor: Actor, *, now: bool) -> Component:
    expected = rules.expected_sources if profile.expected is None else profile.expected
    text = _("%(sources)s, the default of the rules", sources=sources_word(expected))
    if profile.expected is not None:
        text = _("%(sources)s, set for this site", sources=sources_word(expected))
    buttons: list[Component] = []
    if now:
        buttons = [_toggle(profile.site_id, source, expected, actor) for source in SOURCES]
        if profile.expected is not None:
            arguments = {"site_id": profile.site_id, "sources": None}
            words = _("Default of the rules")
            buttons.append(
                ask_button(ExpectSources, arguments, words, actor=actor, kind="btn-link")
            )
    return html.Div([html.P(text), html.Div(buttons, className="acts")], className="expected")


def _toggle(site_id: int, source: str, expected: Sequence[str], actor: Actor) -> Component:
    """A button that adds or removes an expected source."""
    rest = [name for name in SOURCES if (name in expected) != (name == source)]
    arguments = {"site_id": site_id, "sources": rest}
    words = {"source": source_label(source)}
    label = _("Expect %(source)s", **words)
    if source in expected:
        label = _("Don't expect %(source)s", **words)
    return ask_button(ExpectSources, arguments, label, actor=actor)


def _aliases(aliases: Sequence[Alias], actor: Actor, *, now: bool) -> Component:
    if not aliases:
        return html.P(_("No source has a name for this site."), className="note")
    heads = (_("Source"), _("Name there"), _("Its id there"), _("Last on"), "")
    head = html.Tr(
        [column_head(text, "alias-key" if n == 2 else "") for n, text in enumerate(heads)]
    )
    rows = [
        html.Tr(
            [
                html.Td(html.Span([source_badge(alias.source), source_label(alias.source)],
                                  className="side-head")),
                html.Td(alias.name),
                html.Td(alias.alias_key, className="muted alias-key"),
                html.Td(formats.day(alias.last_seen)),
                html.Td(_move(alias, actor) if now else None, className="doing"),
            ]
        )
        for alias in aliases
    ]  # fmt: skip
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(rows)], className="table"), className="side-scroll"
    )


def _move(alias: Alias, actor: Actor) -> Component:
    arguments = {"source": alias.source, "alias_key": alias.alias_key}
    label = _("Move\u2026")
    return choose_button(
        MoveAlias, arguments, "site_id", SITES, label, actor=actor, kind="btn-link"
    )
