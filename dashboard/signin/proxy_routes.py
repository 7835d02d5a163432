"""`/login` where a proxy signs people in: a page whose answer was 401 comes here."""

from collections.abc import Callable

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from dashboard.base.access import SIGN_IN, Actor
from dashboard.signin.next_page import safe_next


def blueprint(identify: Callable[[], Actor]) -> Blueprint:
    """The route; `identify` tells who sends the current request, and refuses strangers."""
    routes = Blueprint("signin", __name__, template_folder="templates")

    @routes.get(SIGN_IN)
    def signed_in_by_proxy() -> ResponseReturnValue:
        identify()
        return redirect(safe_next(request.args.get("next")), 303)

    return routes
