"""The card of a site's coverage findings."""

from typing import Any

from dash import html
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import linked
from dashboard.components.kit.drawn import drawn
from dashboard.queries.coverage.findings import Counts, count_to_do
from dashboard.words.coverage_words import kind_name
from db.coverage import KINDS
from db.sources import source_label


def parts(here: Filters, counted: Counts, expected: tuple[str, ...]) -> tuple[Any, Any, Any]:
    """Title, subtitle, and a line per kind with open findings, which links to their list."""
    n = count_to_do(counted)
    title = _("Coverage: nothing to look at")
    if n:
        title = ngettext(
            "Coverage: %(n)s finding to look at", "Coverage: %(n)s findings to look at", n,
            n=formats.number(n),
        )  # fmt: skip
    names = ", ".join(source_label(source) for source in expected)
    subtitle = _("Expected here: %(sources)s", sources=names or _("no source"))
    sums = {kind: sum(n for (_s, k, _st), n in counted.items() if k == kind) for kind in KINDS}
    lines = [
        html.Li(
            linked(
                [html.Span(kind_name(kind)), html.Strong(formats.number(total))],
                formats.number(total),
                links.coverage(here, (kind,)),
            )
        )
        for kind, total in sums.items()
        if total
    ]
    if not lines:
        return title, subtitle, html.P(_("The sources agree about its machines."), className="note")
    return title, subtitle, drawn(html.Ul(lines, className="site-gaps"))
