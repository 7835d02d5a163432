"""The routes of signing in: `/login`, `/logout`, `/invite/<token>`, `/account`."""

import time
from collections.abc import Mapping
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base.access import SIGN_IN
from dashboard.signin.attempts import FailedAttempts
from dashboard.signin.next_page import safe_next
from dashboard.web.context import Context
from dashboard.web.cross_site import FIELD, csrf_token, repeats_token
from dashboard.web.own_files import asset_address, own_files
from dashboard.web.sign_in import current_session, sign_in, sign_out
from dashboard.words.roles import browser_name, role_name
from db import audit, passwords, sessions, users
from db.roles import ADMINISTRATOR

LARGEST_FORM = 64 * 1024


def blueprint(context: Context) -> Blueprint:
    """The routes; the access table says who may use them."""
    routes = Blueprint("signin", __name__, template_folder="templates")
    attempts = FailedAttempts(time.monotonic)

    @routes.before_request
    def _limit() -> None:
        request.max_content_length = LARGEST_FORM

    @routes.get(SIGN_IN)
    def form() -> ResponseReturnValue:
        return _sign_in_page()

    @routes.post(SIGN_IN)
    def signed_in() -> ResponseReturnValue:
        name = request.form.get("username", "")[: users.LONGEST_NAME]
        password = request.form.get("password", "")[: passwords.LONGEST + 1]
        if not repeats_token():
            _refused(context, name, "form")
            return _sign_in_page(_("This page was open for too long. Sign in again."), 401)
        address, key = request.remote_addr or "", users.name_key(name)
        with context.reading(own_sites=True) as connection:
            user = users.by_name(connection, name)
            is_known = user is not None and sessions.had_from(connection, user.user_id, address)
        wait = attempts.wait_seconds(address, key, is_known=is_known)
        if wait is not None:
            page = _sign_in_page(_("Too many attempts. Wait a minute and try again."), 429)
            page.headers["Retry-After"] = str(wait)
            return page
        stored = user.password_hash if user is not None and user.enabled else None
        if not passwords.verify_password(stored, password) or user is None:
            attempts.count(address, key)
            _refused(context, name, "password")
            return _sign_in_page(_("Name or password is wrong."), 401)
        with context.writing(own_sites=True) as connection:
            if passwords.needs_rehash(user.password_hash):
                users.store_rehashed(connection, user.user_id, password)
            _audit(context, connection, user.name, "sign_in")
        sign_in(context.engine, user.user_id, context.clock())
        return redirect(safe_next(request.form.get("next")), 303)

    @routes.post("/logout")
    def signed_out() -> ResponseReturnValue:
        here = current_session()
        if here is not None:
            with context.writing(own_sites=True) as connection:
                _audit(context, connection, here.name, "sign_out")
        sign_out(context.engine)
        return redirect(SIGN_IN, 303)

    @routes.get("/invite/<token>")
    def invited(token: str) -> ResponseReturnValue:
        with context.reading(own_sites=True) as connection:
            link = sessions.open_link(connection, token, context.clock())
            user = None if link is None else _user_of(connection, link)
            usable = link is not None and _is_usable(connection, link, user)
        return _invitation(user) if usable else _gone()

    @routes.post("/invite/<token>")
    def accepted(token: str) -> ResponseReturnValue:
        now = context.clock()
        name, password = request.form.get("username", ""), request.form.get("password", "")
        try:
            with context.writing(own_sites=True) as connection:
                link = sessions.open_link(connection, token, now)
                user = None if link is None else _user_of(connection, link)
                if link is None or not _is_usable(connection, link, user):
                    return _gone()
                if not repeats_token():
                    return _invitation(user, _("This page was open for too long. Try again."), 401)
                passwords.check_strength(password, [user.name if user else name])
                if password != request.form.get("again"):
                    return _invitation(user, _("The two passwords are not the same."), 400, name)
                if not sessions.use_link(connection, token, now):
                    return _gone()
                if user is None:
                    added = users.add(connection, name, ADMINISTRATOR, "first sign-in", now)
                    user = users.by_id(connection, added)
                assert user is not None, "it was read or added in this transaction"
                users.set_password(connection, user, password, user.name, now)
                _audit(context, connection, user.name, "sign_in")
        except (passwords.WeakPassword, users.UserError) as error:
            with context.reading(own_sites=True) as connection:
                link = sessions.open_link(connection, token, now)
                user = None if link is None else _user_of(connection, link)
            return _invitation(user, str(error), 400, name)
        sign_in(context.engine, user.user_id, now)
        return redirect("/", 303)

    @routes.get("/account")
    def account() -> ResponseReturnValue:
        return _account_page(context)

    @routes.post("/account/password")
    def new_password() -> ResponseReturnValue:
        here, now = current_session(), context.clock()
        if here is None:
            return _account_page(context)
        password = request.form.get("password", "")
        with context.reading(own_sites=True) as connection:
            user = users.by_id(connection, here.user_id)
        assert user is not None, "whoever is signed in is a user"
        address, key = request.remote_addr or "", user.name_key
        wait = attempts.wait_seconds(address, key, is_known=True)
        if wait is not None:
            return _account_page(context, _("Too many attempts. Wait a minute and try again."), 429)
        if not passwords.verify_password(user.password_hash, request.form.get("current", "")):
            attempts.count(address, key)
            _refused(context, user.name, "password")
            return _account_page(context, _("Your current password is wrong."), 400)
        if password != request.form.get("again"):
            return _account_page(context, _("The two passwords are not the same."), 400)
        try:
            with context.writing(own_sites=True) as connection:
                users.set_password(connection, user, password, user.name, now)
        except passwords.WeakPassword as error:
            return _account_page(context, str(error), 400)
        sign_in(context.engine, user.user_id, now)  # This session ended with all the others.
        return redirect("/account?changed=", 303)

    @routes.post("/account/sessions/<int:session_id>/end")
    def ended(session_id: int) -> ResponseReturnValue:
        here = current_session()
        if here is not None:
            with context.writing(own_sites=True) as connection:
                if sessions.end(connection, here.user_id, session_id):
                    _audit(context, connection, here.name, "sign_out")
        return redirect("/account", 303)

    return routes


def _user_of(connection: Connection, link: Any) -> Any:
    return None if link.user_id is None else users.by_id(connection, link.user_id)


def _is_usable(connection: Connection, link: Any, user: Any) -> bool:
    """A link for a disabled user, or for the first one when there is one already, is none."""
    return not users.exist(connection) if link.user_id is None else bool(user and user.enabled)


def _refused(context: Context, name: str, reason: str) -> None:
    with context.writing(own_sites=True) as connection:
        _audit(context, connection, name, "sign_in_refused", {"reason": reason})


def _audit(
    context: Context, connection: Connection, name: str, action: str,
    detail: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    shown = " ".join(name.split()) or "?"
    actor = "stranger" if action == "sign_in_refused" else shown
    about = {"address": request.remote_addr or "", **(detail or {})}
    audit.write_entry(connection, actor, action, f"user {shown}", context.clock(), about)


def _page(template: str, status: int = 200, **values: Any) -> Response:
    page = render_template(
        f"signin/{template}.html", csrf_field=FIELD, csrf_token=csrf_token(),
        get_locale=get_locale, files=own_files(current_app), asset_address=asset_address, **values,
    )  # fmt: skip
    return make_response(page, status)


def _sign_in_page(error: str = "", status: int = 200) -> Response:
    return _page(
        "login", status, error=error, next=safe_next(request.values.get("next")),
        username=request.form.get("username", "")[: users.LONGEST_NAME],
    )  # fmt: skip


def _invitation(user: Any, error: str = "", status: int = 200, name: str = "") -> Response:
    return _page(
        "invite", status, error=error, user=user, shortest=passwords.SHORTEST,
        username=name[: users.LONGEST_NAME],
    )  # fmt: skip


def limited_page() -> Response:
    """That a page shows every site, to somebody who sees only some."""
    return _page("limited", 403)


def _gone() -> Response:
    return _page("gone", 410)


def _account_page(context: Context, error: str = "", status: int = 200) -> Response:
    here = current_session()
    listed = []
    if here is not None:
        with context.reading(own_sites=True) as connection:
            listed = sessions.of_user(connection, here.user_id)
    return _page(
        "account", status, here=here, sessions=listed, zone=context.zone, error=error,
        changed="changed" in request.args, shortest=passwords.SHORTEST,
        role_name=role_name, browser_name=browser_name,
    )  # fmt: skip
