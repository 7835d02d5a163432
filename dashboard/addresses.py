"""The pages that there are, as their files declare them to Dash.

`dash.register_page` takes, beside Dash's own arguments:
    icon, key: a place in the navigation, with this icon, and the letter that follows "g".
    tab: its name among the pages of the settings.
    status: makes strip, chips and stamp of the page and those under its path, which then ignore
        the filters of the pages about days; takes the query string, the path and the notices that
        every page shows.
    search: whether searching stays on such a page.
    charts, grid: whether it has any, so that their library is loaded at once.
    role, doing: the least role of a page that viewers may not open, and what is done on it.
    own_sites: whether people who see only some sites may open it; it shows nothing of the others.
    exists: of a page with a path template, whether there is something of the name in the path.
    any_day: whether it has something to show on a day without data; True: it counts no devices.
    called: of such a page, what that is called; a name of `exists` that is not the path's own.
    filters: the filters of the bar that the page heeds; all of them unless given.
    details: parameters of its address that open something else in its place, as another page would.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import dash
from werkzeug.exceptions import Forbidden

from dashboard.base.access import Actor
from dashboard.base.i18n import translate
from dashboard.base.notice import mark
from dashboard.base.params import browser_filters
from dashboard.base.refusals import Refusal
from dashboard.web.context import current, current_actor
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
                "details": page.get("details", []),
            }
            for page in dash.page_registry.values()
            if "key" in page
        ],
        "fields": {
            _without_name(page): page["filters"]
            for page in dash.page_registry.values()
            if "filters" in page
        },
        "named": [
            _without_name(page) for page in dash.page_registry.values() if page["path_template"]
        ],
    }


def _without_name(page: dict[str, Any]) -> str:
    """The path of a page; of one with a path template, what stands before the name."""
    return re.sub("<[a-z_]+>", "", page["path_template"] or page["path"])


def name_tabs() -> None:
    """Give every page the title of its browser tab: "Pelican Freight, Sites, Inventory Hub"."""
    for page in dash.page_registry.values():
        page["title"] = partial(_tab_title, page)


def _tab_title(page: dict[str, Any], **names: str) -> str:
    parts = [_called(page, name) for name in names.values()]
    lists = [each for each in dash.page_registry.values() if "key" in each]
    above = [each for each in lists if str(page["path"]).startswith(f"{each['path']}/")]
    if not names:
        parts.append(translate(page["name"] if page in lists else page.get("tab", page["name"])))
    return ", ".join([*parts, *(translate(each["name"]) for each in above), "Inventory Hub"])


def _called(page: dict[str, Any], name: str) -> str:
    """What the thing of this name is called; the name itself where nothing else is known."""
    if "called" not in page:
        return name
    try:
        with current().reading(own_sites=bool(page.get("own_sites"))) as connection:
            return page["called"](connection, name) or name
    except DatabaseError:
        return name
    except Forbidden:
        return name  # The page itself says why it is not shown.


def status_of(path: str) -> Any:
    """The `status` of the page at `path` or above it; None when it is about days."""
    for page in dash.page_registry.values():
        if "status" in page and (path == page["path"] or path.startswith(f"{page['path']}/")):
            return page["status"]
    return None


def declares(path: str, name: str) -> bool:
    """Whether the page at `path` declares `charts`, `grid` or `any_day`."""
    page, _in_path = _page_at(path)
    return bool(page and page.get(name))


def refusal_at(path: str, actor: Actor) -> Refusal | None:
    """Why the actor may not open the page at `path`; None when they may."""
    page, _in_path = _page_at(path)
    return None if page is None else _refusal(page, actor)


def explain_refusals(instead: Callable[[dict[str, Any], Refusal], Any]) -> None:
    """Let every page that somebody may not open say why.

    Args:
        instead: makes what stands in the place of a page.
    """
    for page in dash.page_registry.values():
        page["layout"] = partial(_layout_or_refusal, page, page["layout"], instead)


def _layout_or_refusal(
    page: dict[str, Any], layout: Any, instead: Callable[[dict[str, Any], Refusal], Any], /,
    **names: str,
) -> Any:  # fmt: skip
    refusal = _refusal(page, current_actor())
    if refusal is not None:
        return instead(page, refusal)
    with current().reading(own_sites=True):
        # Fails here, where the whole page can say so, and not in each part of it.
        pass
    return layout(**names) if callable(layout) else layout


def _refusal(page: dict[str, Any], actor: Actor) -> Refusal | None:
    doing = page.get("doing", mark("This page"))
    if "role" in page and page["role"] not in actor.roles:
        return Refusal(doing, page["role"])
    closed = actor.sites is not None and not page.get("own_sites") and page["path"] != _NOT_FOUND
    return Refusal(doing, of_every_site=page["path"].startswith("/settings")) if closed else None


def counts_devices(path: str) -> bool:
    """Whether the page at `path` counts devices, and so shows nothing on a day without data."""
    return not declares(path, "any_day")


def is_address(path: str) -> bool:
    """Whether a page answers `path` with more than that there is nothing."""
    page, name = _page_at(path)
    if page is None:
        return False
    return path != _NOT_FOUND if name is None else _exists(page, name)


def _page_at(path: str) -> tuple[dict[str, Any] | None, str | None]:
    """The page that answers `path`, and the name in its path template."""
    for page in dash.page_registry.values():
        template = page["path_template"]
        if template is None:
            if path == page["path"]:
                return page, None
            continue
        match = re.fullmatch(re.sub("<[a-z_]+>", "([^/]+)", template), path)
        if match:
            return page, match[1]
    return None, None


def _exists(page: dict[str, Any], name: str) -> bool:
    try:
        with current().reading(own_sites=True) as connection:
            return bool(page["exists"](connection, name))
    except DatabaseError:
        return True  # Unknown now: the page says that the database cannot be read.
