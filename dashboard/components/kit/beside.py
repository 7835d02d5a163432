"""What stands beside a count: the devices in the statuses that it leaves out."""

from collections.abc import Mapping

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import linked
from dashboard.components.kit.drawn import drawn_list


def beside(uncounted: Mapping[str, int], filters: Filters) -> Component | None:
    """ "+30 spare, 4 excluded": each opens exactly those devices. None where there are none.

    Args:
        uncounted: how many, by billing status, as `counts.uncounted` counts them.
        filters: what is counted.
    """
    if not uncounted:
        return None
    parts: list[Component | str] = []
    for status, n in uncounted.items():
        words = {
            "billable": _("%(n)s billable", n=formats.number(n)),
            "spare": _("%(n)s spare", n=formats.number(n)),
            "excluded": _("%(n)s excluded", n=formats.number(n)),
        }[status]
        href = links.devices(filters.having(statuses=(status,)))
        link = linked(words if parts else f"+{words}", formats.number(n), href)
        parts += [", ", link] if parts else [link]
    about = _("Not in this count")
    return drawn_list([" ", html.Span(parts, className="uncounted", title=about)])
