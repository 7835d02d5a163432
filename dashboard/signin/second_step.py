"""The second step of signing in: after the password the code of a second factor, or adding one
where it is required. Until then the browser has no session, only a signed note of whose password it
gave."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import segno
from flask import Blueprint, Response, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import Row

from dashboard.base.access import SIGN_IN, SIGN_IN_CODE, SIGN_IN_SECOND_FACTOR
from dashboard.signin.attempts import CODES_FOR_NAME_AN_HOUR, CODES_FROM_ADDRESS, FailedAttempts
from dashboard.signin.next_page import safe_next
from dashboard.signin.pages import note, note_refusal, page
from dashboard.web.context import Context, sender_address
from dashboard.web.cross_site import repeats_token
from dashboard.web.sign_in import sign_in
from db import second_factors, sessions, users
from db.settings import Settings
from db.vault import Vault

VALID_FOR = timedelta(minutes=10)
_PENDING, _OFFERED = "pending", "offered"
_HOUR = 3600.0


class SecondStep:
    """What happens between a right password and the session."""

    def __init__(self, context: Context, settings: Settings, vault: Vault) -> None:
        self._context, self._settings, self.vault = context, settings, vault
        self._attempts = FailedAttempts(
            time.monotonic, CODES_FROM_ADDRESS, CODES_FOR_NAME_AN_HOUR, _HOUR
        )

    def let_in(self, user: Row[Any], next_page: str) -> ResponseReturnValue:
        """Sign a person in who gave the password, or ask for what is still missing."""
        context, now = self._context, self._context.clock()
        with context.reading(own_sites=True) as connection:
            is_added = second_factors.is_added(connection, user.user_id)
        if is_added or second_factors.is_required(self._settings, user):
            session.clear()
            session[_PENDING] = [user.user_id, _at(now), _version(user), next_page]
            return redirect(SIGN_IN_CODE if is_added else SIGN_IN_SECOND_FACTOR, 303)
        return self._signed_in(user, next_page)

    def add_routes(self, routes: Blueprint) -> None:
        """Add the pages of the second step."""

        @routes.get(SIGN_IN_CODE)
        def code_form() -> ResponseReturnValue:
            user, _next = self._pending()
            return page("code") if user is not None else redirect(SIGN_IN, 303)

        @routes.post(SIGN_IN_CODE)
        def code_given() -> ResponseReturnValue:
            user, next_page = self._pending()
            if user is None:
                return _too_late()
            if not repeats_token():
                return page("code", 401, error=_("This page was open for too long. Try again."))
            if (answer := self.throttled(user, "code")) is not None:
                return answer
            with self._context.writing(own_sites=True) as connection:
                used = second_factors.use(
                    connection, user.user_id, _code(), self.vault, self._context.clock()
                )
            if used is None:
                return self.wrong_code(user, "code", 401)
            return self._signed_in(user, next_page, used)

        @routes.get(SIGN_IN_SECOND_FACTOR)
        def required() -> ResponseReturnValue:
            user, _next = self._pending()
            if user is None or self._has_one(user):
                return redirect(SIGN_IN, 303)
            return self.offer(user, action=SIGN_IN_SECOND_FACTOR)

        @routes.post(SIGN_IN_SECOND_FACTOR)
        def added() -> ResponseReturnValue:
            user, next_page = self._pending()
            # Whoever has one gives its code: the password alone does not replace it.
            if user is None or self._has_one(user):
                return _too_late()
            if not repeats_token():
                error = _("This page was open for too long. Try again.")
                return self.offer(user, error, 401, action=SIGN_IN_SECOND_FACTOR)
            return self.add(user, next_page, SIGN_IN_SECOND_FACTOR)

    def offer(
        self, user: Row[Any], error: str = "", status: int = 200, *, action: str
    ) -> ResponseReturnValue:
        """The page with the QR code of a secret; the same one until it is added."""
        secret = self.vault.decrypt(session.get(_OFFERED, ""))
        if secret is None:
            secret = second_factors.new_secret()
            session[_OFFERED] = self.vault.encrypt(secret)
        code = segno.make(second_factors.address(secret, user.name), error="m", micro=False)
        key = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return page(
            "second_factor", status, error=error, action=action, key=key,
            qr=Markup(code.svg_inline(border=4, omitsize=True, dark="#000", light="#fff")),
        )  # fmt: skip

    def add(self, user: Row[Any], next_page: str, action: str) -> ResponseReturnValue:
        """Add the secret that was offered, sign in, and show the recovery codes."""
        context, now = self._context, self._context.clock()
        secret = self.vault.decrypt(session.get(_OFFERED, ""))
        if secret is None:
            return redirect(action, 303)
        with context.writing(own_sites=True) as connection:
            codes = second_factors.add(
                connection, user, secret, _code(), self.vault, now, {"address": sender_address()}
            )
        if codes is None:
            error = _("This code is wrong. See that the phone's clock is right, and try again.")
            return self.offer(user, error, 400, action=action)
        self._signed_in(user, next_page, "app")
        return page("recovery_codes", codes=codes, next=next_page)

    def throttled(self, user: Row[Any], template: str) -> Response | None:
        """The answer to whoever tried too many codes."""
        address = request.remote_addr or ""
        with self._context.reading(own_sites=True) as connection:
            is_known = sessions.had_from(connection, user.user_id, address)
        wait = self._attempts.wait_seconds(address, user.name_key, is_known=is_known)
        if wait is None:
            return None
        minutes = -(-wait // 60)
        error = _("Too many wrong codes. Try again in %(n)s min.", n=minutes)
        answer = page(template, 429, error=error)
        answer.headers["Retry-After"] = str(wait)
        return answer

    def wrong_code(self, user: Row[Any], template: str, status: int) -> Response:
        """The answer to a wrong code, which counts."""
        self._attempts.count(request.remote_addr or "", user.name_key)
        note_refusal(self._context, user.name, "second factor")
        return page(
            template,
            status,
            error=_("This code is wrong, or was used already: wait for the next one."),
        )

    def _signed_in(self, user: Row[Any], next_page: str, by: str = "") -> ResponseReturnValue:
        context = self._context
        with context.writing(own_sites=True) as connection:
            detail = {"second factor": by} if by else {}
            note(context, connection, user.name, "sign_in", detail)
        sign_in(context.engine, user.user_id, context.clock())
        return redirect(next_page, 303)

    def _pending(self) -> tuple[Row[Any] | None, str]:
        """Who gave the password in this browser a moment ago, and where they are going."""
        noted = session.get(_PENDING)
        if noted is None:
            return None, "/"
        user_id, at, version, next_page = noted
        now = self._context.clock()
        if not timedelta() <= now - datetime.fromtimestamp(at, UTC) <= VALID_FOR:
            return None, "/"
        with self._context.reading(own_sites=True) as connection:
            user = users.by_id(connection, user_id)
        is_same = user is not None and user.enabled and _version(user) == version
        return (user if is_same else None), safe_next(next_page)

    def _has_one(self, user: Row[Any]) -> bool:
        with self._context.reading(own_sites=True) as connection:
            return second_factors.is_added(connection, user.user_id)


def _too_late() -> ResponseReturnValue:
    return redirect(SIGN_IN, 303)


def _code() -> str:
    return request.form.get("code", "")[:100]


def _at(moment: datetime) -> float:
    return moment.timestamp()


def _version(user: Row[Any]) -> float:
    """Changes with the password."""
    return _at(user.password_changed_at) if user.password_changed_at else 0.0
