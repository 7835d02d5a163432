"""The pages in the navigation, as their files declare them to Dash."""

from typing import NamedTuple

import dash

from dashboard.base.access import Actor
from dashboard.base.i18n import translate


class PageLink(NamedTuple):
    """A page in the navigation, in the reader's language; `key` follows "g"."""

    path: str
    name: str
    icon: str
    key: str


def page_links(actor: Actor) -> list[PageLink]:
    """The pages that declare a key and that the actor may open, in their order."""
    return [
        PageLink(page["path"], translate(page["name"]), page["icon"], page["key"])
        for page in dash.page_registry.values()
        if "key" in page and (actor.sites is None or page.get("own_sites"))
    ]
