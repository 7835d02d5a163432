"""The dialogs of decisions about sites."""

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.components.ask.dialog import Proposal
from dashboard.decisions.proposals.registry import (
    blocked,
    can_be_undone,
    from_which_day,
    proposes,
)
from dashboard.queries.audit import rule_versions
from dashboard.queries.names import alias_name, site_names
from dashboard.queries.sites import site_profile
from dashboard.words.rule_words import sources_word
from db.decisions import ExpectSources, MergeSites, MoveAlias
from db.sources import source_label


@proposes(MergeSites)
def _merge(connection: Connection, decision: MergeSites) -> Proposal:
    site, into = (site_profile.profile(connection, id) for id in (decision.site_id, decision.into))
    if site is None or into is None or not site.site_id or not into.site_id:
        return blocked(_("Nothing to merge"), _("One of the two sites is not there any more."))
    if site.merged_into or into.merged_into or site.site_id == into.site_id:
        return blocked(_("Nothing to merge"), _("The two are one site already."))
    words = {"site": site.name, "into": into.name}
    return Proposal(
        _("Merge %(site)s into %(into)s?", **words),
        [
            _("What sources call %(site)s becomes %(into)s.", **words),
            from_which_day(connection),
            _("%(site)s keeps its own days up to then. ", **words) + can_be_undone(),
        ],
        _("Merge"),
    )


@proposes(MoveAlias)
def _move_alias(connection: Connection, decision: MoveAlias) -> Proposal:
    source, to = decision.source, decision.site_id
    alias = alias_name(connection, source, decision.alias_key)
    into = site_profile.profile(connection, to) if to else None
    if alias is None or (to and into is None):
        return blocked(_("Nothing to move"), _("The name or the site is not there any more."))
    words = {"alias": alias, "source": source_label(source), "into": into.name if into else ""}
    title = (
        _("Move %(alias)s of %(source)s to %(into)s?", **words)
        if into
        else _("Make %(alias)s of %(source)s a separate site?", **words)
    )
    lines = [from_which_day(connection), can_be_undone()]
    return Proposal(title, lines, _("Move") if into else _("Make a separate site"))


@proposes(ExpectSources)
def _expect(connection: Connection, decision: ExpectSources) -> Proposal:
    site = site_names(connection, [decision.site_id]).get(decision.site_id, str(decision.site_id))
    expected: Sequence[str] | None = decision.sources
    if expected is None:
        expected = rule_versions.current(connection).expected_sources
        title = _("Expect the default sources at %(site)s?", site=site)
    else:
        title = _("Change what %(site)s is expected to have?", site=site)
    return Proposal(
        title,
        [
            _("Expected: %(sources)s.", sources=sources_word(expected)),
            _("Coverage lists machines missing from one of these. No count changes. ")
            + can_be_undone(),
        ],
        _("Save"),
    )
