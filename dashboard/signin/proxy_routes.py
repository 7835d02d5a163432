"""`/login` and `/logout` where a proxy signs people in: a page whose answer was 401 comes here, and
whoever signs out is led to the proxy."""

from collections.abc import Callable

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from dashboard.base.access import SIGN_IN, SIGN_OUT, Actor
from dashboard.signin.next_page import safe_next
from dashboard.signin.pages import page


def blueprint(identify: Callable[[], Actor], sign_out_url: str | None) -> Blueprint:
    """The routes.

    Args:
        identify: tells who sends the current request, and refuses strangers.
        sign_out_url: where the proxy signs people out; None: it does not.
    """
    routes = Blueprint("signin", __name__, template_folder="templates")

    @routes.get(SIGN_IN)
    def signed_in_by_proxy() -> ResponseReturnValue:
        identify()
        return redirect(safe_next(request.args.get("next")), 303)

    if sign_out_url is not None:

        @routes.post(SIGN_OUT)
        def signed_out_by_proxy() -> ResponseReturnValue:
            # A redirect would be held up by form-action where the proxy signs out elsewhere.
            return page("sign_out_at_proxy", address=sign_out_url)

    return routes
