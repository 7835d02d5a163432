"""Did last night's runs complete?"""

from typing import Any

import dash

from dashboard.base.notice import mark
from dashboard.base.params import arguments
from dashboard.base.run_params import PAGE, RUN, parse_runs_page
from dashboard.views.list_page import filled_page
from dashboard.views.runs import collected
from dashboard.web.context import view

dash.register_page(
    __name__,
    path=PAGE,
    name=mark("Collections"),
    order=8,
    icon="collections",
    key="r",
    any_day=True,
    filters=[],
    own_sites=True,
    details=[RUN.name],
)


def _content(query: str | None) -> list[Any]:
    """Sources, calendar and list; or one run."""
    with view(query, own_sites=True) as v:
        return collected(v, parse_runs_page(arguments(query), today=v.today))


layout = filled_page("collections-body", _content)
