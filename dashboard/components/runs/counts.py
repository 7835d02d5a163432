"""The numbers of a run that its devices answer for."""

from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.params import ALL_CHANGES
from dashboard.components.kit.count_link import count_link
from dashboard.components.kit.links import changes_of_source, devices_of_source
from dashboard.queries.runs.attempts import Run
from db.history.kept import KeptDays


def row_count(run: Run, kept: KeptDays | None) -> Component:
    """How many rows came, as a link to their devices where each is one that still can be listed."""
    why = _why_unlisted(run, kept)
    href = None if why else devices_of_source(run.source, run.business_date)
    return count_link(run.records, href, unlisted=why)


def moved_count(
    n: int | None, bar: str, run: Run, before: Run | None, kept: KeptDays | None
) -> Component:
    """How many devices a run added or removed, against the published run `before` it."""
    why = _why_unlisted(run, kept)
    if before is not None and not why and not _is_kept(before, kept):
        why = _("The devices of the day before are no longer kept.")
    href = None
    if before is not None and not why:
        days = (before.business_date, run.business_date)
        href = changes_of_source(run.source, *days, bar)
    return count_link(n, href, unlisted=why or _("There is no earlier day to compare with."))


def changes_between(run: Run, before: Run | None, kept: KeptDays | None) -> str | None:
    """The list of all that changed between the published run `before` and this one; None where
    their days are not kept."""
    if before is None or _why_unlisted(run, kept) or not _is_kept(before, kept):
        return None
    return changes_of_source(run.source, before.business_date, run.business_date, ALL_CHANGES)


def _why_unlisted(run: Run, kept: KeptDays | None) -> str:
    """Why the rows of a run cannot be listed as devices; empty when they can."""
    if not run.published:
        return _("This run published nothing.")
    if run.quarantined:
        return _("Some of its rows could not be read.")
    return "" if _is_kept(run, kept) else _("The devices of this day are no longer kept.")


def _is_kept(run: Run, kept: KeptDays | None) -> bool:
    return kept is not None and kept.kept_on_or_before(run.business_date) == run.business_date
