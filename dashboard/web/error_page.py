"""The page of an error: what a person gets in place of a page that cannot be shown."""

from flask import Response, current_app, make_response, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _

from dashboard.base.access import STRANGER
from dashboard.base.page_links import page_links
from dashboard.web.own_files import asset_address, own_files


def error_page(code: int, said: str) -> Response:
    """A page of its own, because what every other page needs may be what fails.

    Args:
        code: the HTTP status.
        said: what is wrong and what to do, for the errors that have no words here.
    """
    words = {
        404: _("There is nothing at this address. The link may be old or mistyped."),
        405: _("A page is opened by its address or a link, not by a form. Open it again."),
        413: _("What you sent is too large. Send less of it."),
        500: _("Something failed on the server. Try again; if it fails again, ask the person who "
               "runs it to see its log."),
    }  # fmt: skip
    page = render_template(
        "signin/error.html", said=words.get(code, said), get_locale=get_locale,
        files=own_files(current_app), asset_address=asset_address,
    )  # fmt: skip
    return make_response(page, code)


def no_database_page() -> Response:
    """In place of every page while the database cannot be read: the frame with its links, and that
    the page opens by itself when it can. It shows nothing of anybody: who asks is not known."""
    page = render_template(
        "signin/no_database.html", links=page_links(STRANGER), path=request.path,
        get_locale=get_locale, files=own_files(current_app), asset_address=asset_address,
    )  # fmt: skip
    return make_response(page, 503)
