"""Which addresses there are: those of the pages, and of what has a page of its own."""

import re
from collections.abc import Callable

import dash
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from dashboard.base.params import Filters
from dashboard.queries import moment
from dashboard.queries.devices import history
from dashboard.queries.machines import hours as machine_day
from dashboard.queries.months import table as month_table
from dashboard.queries.sites import one_site
from dashboard.web.context import current
from db.engine import reading

_NOTHING = "/not-found"


def _month(connection: Connection, name: str) -> bool:
    here = current()
    seen = moment.resolve(connection, Filters(), here.today())
    return name in month_table.shown_months(connection, seen)


_FOUND: dict[str, Callable[[Connection, str], object]] = {
    "/sites/<site_id>": one_site.find,
    "/devices/<device_id>": history.is_known,
    "/machines/<machine_id>": machine_day.is_machine,
    "/months/<month>": _month,
}
"""Pages of one thing each: what tells whether there is one of that name."""


def leads_somewhere(path: str) -> bool:
    """Whether a page answers `path`, and shows more there than that there is nothing."""
    for page in dash.page_registry.values():
        template = page["path_template"]
        if template is None:
            if path == page["path"]:
                return bool(path != _NOTHING)
            continue
        fits = re.fullmatch(re.sub("<[a-z_]+>", "([^/]+)", template), path)
        if fits:
            return _is_there(template, fits[1])
    return False


def _is_there(template: str, name: str) -> bool:
    try:
        with reading(current().engine) as connection:
            return bool(_FOUND[template](connection, name))
    except SQLAlchemyError:
        return True  # Nobody knows now: the page says that the database cannot be read.
