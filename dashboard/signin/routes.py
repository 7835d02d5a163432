"""The routes of signing in: `/login`, `/logout`, `/invite/<token>`, `/account`."""

import time
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Connection, Row

from dashboard.base.access import ACCOUNT_SECOND_FACTOR, SIGN_IN, SIGN_OUT
from dashboard.base.formats import instant
from dashboard.base.i18n import languages, translate_error
from dashboard.signin.attempts import FailedAttempts
from dashboard.signin.next_page import safe_next
from dashboard.signin.oidc import OidcSignIn
from dashboard.signin.pages import note, note_refusal, page
from dashboard.signin.second_step import VALID_FOR, SecondStep
from dashboard.web.context import Context, sender_address
from dashboard.web.cross_site import repeats_token
from dashboard.web.sign_in import LANGUAGE_COOKIE, current_session, sign_in, sign_out
from dashboard.words.roles import browser_name, role_name
from db import passwords, second_factors, sessions, users
from db.roles import ADMINISTRATOR
from db.settings import Settings
from db.vault import Vault

LARGEST_FORM = 64 * 1024
YEAR_SECONDS = 365 * 24 * 3600
_CONFIRMED = "confirmed"


def blueprint(context: Context, settings: Settings) -> Blueprint:
    """The routes; the access table says who may use them."""
    routes = Blueprint("signin", __name__)
    attempts = FailedAttempts(time.monotonic)
    vault = Vault.of(settings)
    second_step = SecondStep(context, settings, vault)
    second_step.add_routes(routes)
    oidc = OidcSignIn(context, settings, vault) if settings.auth == "oidc" else None
    if oidc is not None:
        oidc.add_routes(routes)

    @routes.before_request
    def _limit() -> None:
        request.max_content_length = LARGEST_FORM

    @routes.get(SIGN_IN)
    def form() -> ResponseReturnValue:
        if oidc is None or (oidc.local and "local" in request.args):
            return _sign_in_page()
        return oidc.form()

    @routes.post(SIGN_IN)
    def signed_in() -> ResponseReturnValue:
        name = request.form.get("username", "")[: users.LONGEST_NAME]
        password = request.form.get("password", "")[: passwords.LONGEST + 1]
        if not repeats_token():
            note_refusal(context, name, "form")
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
        may = user is not None and user.enabled and (oidc is None or oidc.lets_in_locally(user))
        stored = user.password_hash if user is not None and may else None
        if not passwords.verify_password(stored, password) or user is None:
            attempts.count(address, key)
            note_refusal(context, name, "password")
            return _sign_in_page(_("Name or password is wrong."), 401)
        if passwords.needs_rehash(user.password_hash):
            with context.writing(own_sites=True) as connection:
                users.store_rehashed(connection, user.user_id, password)
        return second_step.let_in(user, safe_next(request.form.get("next")))

    @routes.post(SIGN_OUT)
    def signed_out() -> ResponseReturnValue:
        here, id_token = current_session(), None
        if here is not None:
            with context.writing(own_sites=True) as connection:
                id_token = sessions.id_token_of(connection, here.session_id)
                note(context, connection, here.name, "sign_out")
        sign_out(context.engine)
        onward = None if oidc is None else oidc.signed_out(id_token)
        if onward is not None:
            return onward
        return redirect(SIGN_IN, 303)

    def is_usable(connection: Connection, link: Any, user: Any) -> bool:
        if oidc is not None and not (oidc.local if user is None else oidc.lets_in_locally(user)):
            return False
        return _is_usable(connection, link, user)

    @routes.get("/invite/<token>")
    def invited(token: str) -> ResponseReturnValue:
        with context.reading(own_sites=True) as connection:
            link = sessions.open_link(connection, token, context.clock())
            user = None if link is None else _user_of(connection, link)
            usable = link is not None and is_usable(connection, link, user)
        return _invitation(user) if usable else _gone()

    @routes.post("/invite/<token>")
    def accepted(token: str) -> ResponseReturnValue:
        now = context.clock()
        name, password = request.form.get("username", ""), request.form.get("password", "")
        try:
            with context.writing(own_sites=True) as connection:
                link = sessions.open_link(connection, token, now)
                user = None if link is None else _user_of(connection, link)
                if link is None or not is_usable(connection, link, user):
                    return _gone()
                if not repeats_token():
                    return _invitation(user, _("This page was open for too long. Try again."), 401)
                passwords.check_strength(password, [user.name if user else name])
                if password != request.form.get("again"):
                    return _invitation(user, _("The two passwords are not the same."), 400, name)
                if not sessions.use_link(connection, token, now):
                    return _gone()
                if user is None:
                    added = users.add(
                        connection, name, ADMINISTRATOR, "first sign-in", now, _from_here()
                    )
                    user = users.by_id(connection, added)
                assert user is not None, "it was read or added in this transaction"
                users.set_password(connection, user, password, user.name, now, _from_here())
                user = users.by_id(connection, user.user_id)
                assert user is not None, "it was read in this transaction"
        except (passwords.WeakPassword, users.UserError) as error:
            with context.reading(own_sites=True) as connection:
                link = sessions.open_link(connection, token, now)
                user = None if link is None else _user_of(connection, link)
            return _invitation(user, translate_error(error), 400, name)
        return second_step.let_in(user, "/")

    @routes.get("/account")
    def account() -> ResponseReturnValue:
        return _account_page(context)

    @routes.post("/account/language")
    def language() -> ResponseReturnValue:
        here, wanted = current_session(), request.form.get("language", "")
        back = redirect(safe_next(request.form.get("next")), 303)
        if wanted not in languages():
            return back
        if here is not None:
            with context.writing(own_sites=True) as connection:
                users.set_language(connection, here.user_id, wanted)
        back.set_cookie(
            LANGUAGE_COOKIE, wanted, max_age=YEAR_SECONDS, httponly=True, samesite="Lax",
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        )  # fmt: skip
        return back

    @routes.post("/account/password")
    def new_password() -> ResponseReturnValue:
        here, now = current_session(), context.clock()
        if here is None:
            return _account_page(context)
        password = request.form.get("password", "")
        user = confirmed_by_password(here.user_id)
        if not isinstance(user, Row):
            return user
        if password != request.form.get("again"):
            return _account_page(context, _("The two passwords are not the same."), 400)
        try:
            with context.writing(own_sites=True) as connection:
                users.set_password(connection, user, password, user.name, now, _from_here())
        except passwords.WeakPassword as error:
            return _account_page(context, translate_error(error), 400)
        sign_in(context.engine, user.user_id, now)  # This session ended with all the others.
        return redirect("/account?changed=", 303)

    def confirmed_by_password(user_id: int) -> Row[Any] | Response:
        """The user, if the form has the current password; else the answer that refuses."""
        with context.reading(own_sites=True) as connection:
            user = users.by_id(connection, user_id)
        assert user is not None, "whoever is signed in is a user"
        address, key = request.remote_addr or "", user.name_key
        wait = attempts.wait_seconds(address, key, is_known=True)
        if wait is not None:
            return _account_page(context, _("Too many attempts. Wait a minute and try again."), 429)
        if not passwords.verify_password(user.password_hash, request.form.get("current", "")):
            attempts.count(address, key)
            note_refusal(context, user.name, "password")
            return _account_page(context, _("Your current password is wrong."), 400)
        return user

    @routes.post(ACCOUNT_SECOND_FACTOR)
    def second_factor_asked() -> ResponseReturnValue:
        here = current_session()
        user = _account_page(context) if here is None else confirmed_by_password(here.user_id)
        if not isinstance(user, Row):
            return user
        session[_CONFIRMED] = context.clock().timestamp()
        return redirect(ACCOUNT_SECOND_FACTOR, 303)

    def confirmed() -> Row[Any] | None:
        """Who is signed in and gave the password again a moment ago."""
        here, at = current_session(), session.get(_CONFIRMED)
        if here is None or at is None:
            return None
        if context.clock() - datetime.fromtimestamp(at, UTC) > VALID_FOR:
            return None
        with context.reading(own_sites=True) as connection:
            return users.by_id(connection, here.user_id)

    @routes.get(ACCOUNT_SECOND_FACTOR)
    def second_factor_offered() -> ResponseReturnValue:
        user = confirmed()
        if user is None:
            return redirect("/account", 303)
        return second_step.offer(user, action=f"{ACCOUNT_SECOND_FACTOR}/add")

    @routes.post(f"{ACCOUNT_SECOND_FACTOR}/add")
    def second_factor_added() -> ResponseReturnValue:
        user = confirmed()
        if user is None:
            return redirect("/account", 303)
        return second_step.add(user, "/account", f"{ACCOUNT_SECOND_FACTOR}/add")

    @routes.post(f"{ACCOUNT_SECOND_FACTOR}/remove")
    def second_factor_removed() -> ResponseReturnValue:
        here, now = current_session(), context.clock()
        user = _account_page(context) if here is None else confirmed_by_password(here.user_id)
        if not isinstance(user, Row):
            return user
        if second_factors.is_required(settings, user):
            refused = _("Your account needs a second factor: you can replace it, not remove it.")
            return _account_page(context, refused, 403)
        with context.writing(own_sites=True) as connection:
            second_factors.remove(connection, user, user.name, now, _from_here())
        sign_in(context.engine, user.user_id, now)  # This session ended with all the others.
        return redirect("/account", 303)

    @routes.post(f"{ACCOUNT_SECOND_FACTOR}/recovery-codes")
    def new_recovery_codes() -> ResponseReturnValue:
        here = current_session()
        user = _account_page(context) if here is None else confirmed_by_password(here.user_id)
        if not isinstance(user, Row):
            return user
        with context.writing(own_sites=True) as connection:
            if not second_factors.is_added(connection, user.user_id):
                return redirect("/account", 303)
            codes = second_factors.renew_codes(connection, user, context.clock(), _from_here())
        return page("recovery_codes", codes=codes, next="/account")

    @routes.post("/account/sessions/<int:session_id>/end")
    def ended(session_id: int) -> ResponseReturnValue:
        here = current_session()
        if here is not None:
            with context.writing(own_sites=True) as connection:
                if sessions.end(connection, here.user_id, session_id):
                    note(context, connection, here.name, "sign_out")
        return redirect("/account", 303)

    return routes


def _from_here() -> dict[str, str]:
    """What an entry of the audit log says besides the change itself."""
    return {"address": sender_address()}


def _user_of(connection: Connection, link: Any) -> Any:
    return None if link.user_id is None else users.by_id(connection, link.user_id)


def _is_usable(connection: Connection, link: Any, user: Any) -> bool:
    """A link for a disabled user, or for the first one when there is one already, is none."""
    return not users.exist(connection) if link.user_id is None else bool(user and user.enabled)


def _sign_in_page(error: str = "", status: int = 200) -> Response:
    return page(
        "login", status, error=error, next=safe_next(request.values.get("next")),
        username=request.form.get("username", "")[: users.LONGEST_NAME],
    )  # fmt: skip


def _invitation(user: Any, error: str = "", status: int = 200, name: str = "") -> Response:
    return page(
        "invite", status, error=error, user=user, shortest=passwords.SHORTEST,
        username=name[: users.LONGEST_NAME],
    )  # fmt: skip


def _gone() -> Response:
    return page("gone", 410)


def _account_page(context: Context, error: str = "", status: int = 200) -> Response:
    here = current_session()
    listed: list[Row[Any]] = []
    has_second_factor, codes_left, has_password = False, 0, True
    if here is not None:
        with context.reading(own_sites=True) as connection:
            listed = sessions.of_user(connection, here.user_id)
            has_second_factor = second_factors.is_added(connection, here.user_id)
            codes_left = second_factors.codes_left(connection, here.user_id)
            user = users.by_id(connection, here.user_id)
            has_password = user is not None and user.password_hash is not None
    return page(
        "account", status, here=here, sessions=listed, instant=instant, error=error,
        changed="changed" in request.args, shortest=passwords.SHORTEST,
        role_name=role_name, browser_name=browser_name, second_factor=ACCOUNT_SECOND_FACTOR,
        has_second_factor=has_second_factor, codes_left=codes_left, has_password=has_password,
    )  # fmt: skip
