"""Month by month: which are closed, what did each count, and what hinders the next?"""

from typing import Any

import dash

from dashboard.base.notice import mark
from dashboard.views.list_page import filled_page
from dashboard.views.months import all_months
from dashboard.web.context import view

dash.register_page(
    __name__,
    path="/months",
    name=mark("Months"),
    order=7,
    icon="months",
    key="m",
    filters=["as_of", "basis", "site", "type", "status"],
    any_day=True,
    own_sites=True,
)


def _content(query: str | None) -> list[Any]:
    """The table of months."""
    with view(query, own_sites=True) as v:
        return all_months(v)


layout = filled_page("months-body", _content)
