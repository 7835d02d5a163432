"""The pages that there are, as their files declare them to Dash.

`dash.register_page` takes, beside Dash's own arguments:
    icon, key: a place in the navigation, with this icon, and the letter that follows "g".
    tab: its name among the pages of the settings.
    status: makes strip, chips and stamp of the page and those under its path, which then ignore
        the filters of the pages about days; takes the query string, the path and the notices that
        every page shows.
    search: whether searching stays on such a page.
    exists: of a page with a path template, whether there is something of the name in the path.
    any_day: whether it has something to show on a day without data; True: it counts no devices.
"""

import re
from typing import Any

import dash

from dashboard.base.params import browser_filters
from dashboard.web.context import current
from db.engine import DatabaseError

_NOT_FOUND = "/not-found"


def browser_addresses() -> dict[str, Any]:
    """The pages and filters for assets/js/address.js."""
    return {
        "filters": browser_filters(),
        "pages": [
            {
                "path": page["path"],
                "key": page["key"],
                "own": "status" in page,
                "search": page.get("search", False),
            }
            for page in dash.page_registry.values()
            if "key" in page
        ],
    }


def status_of(path: str) -> Any:
    """The `status` of the page at `path` or above it; None when it is about days."""
    for page in dash.page_registry.values():
        if "status" in page and (path == page["path"] or path.startswith(f"{page['path']}/")):
            return page["status"]
    return None


def counts_devices(path: str) -> bool:
    """Whether the page at `path` counts devices, and so shows nothing on a day without data."""
    for page in dash.page_registry.values():
        if page.get("any_day") and re.fullmatch(
            _pattern(page["path_template"] or page["path"]), path
        ):
            return False
    return True


def _pattern(template: str) -> str:
    return re.sub("<[a-z_]+>", "([^/]+)", template)


def is_address(path: str) -> bool:
    """Whether a page answers `path` with more than that there is nothing."""
    for page in dash.page_registry.values():
        template = page["path_template"]
        if template is None:
            if path == page["path"]:
                return bool(path != _NOT_FOUND)
            continue
        match = re.fullmatch(_pattern(template), path)
        if match:
            return _exists(page, match[1])
    return False


def _exists(page: dict[str, Any], name: str) -> bool:
    try:
        with current().reading() as connection:
            return bool(page["exists"](connection, name))
    except DatabaseError:
        return True  # Unknown now: the page says that the database cannot be read.
