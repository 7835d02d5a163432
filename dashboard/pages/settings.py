"""What waits for me to decide?"""

from typing import Any

import dash

from dashboard.base.notice import mark
from dashboard.base.settings_params import PAGE
from dashboard.views import settings as settings_views
from dashboard.views.list_page import filled_page

dash.register_page(
    __name__,
    path=PAGE,
    name=mark("Settings"),
    order=9,
    icon="settings",
    key="e",
    tab=mark("Waiting for you"),
    status=settings_views.status,
)


def _content(query: str | None) -> list[Any]:
    """Everything that waits."""
    with settings_views.view(query) as v:
        return settings_views.inbox_page(v)


layout = filled_page("settings-body", _content, class_name="settings")
