"""Sign-in with an OpenID provider (AUTH=oidc): the authorization code flow with PKCE,
state and nonce."""

import logging
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Row

from dashboard.base.access import OIDC, OIDC_CALLBACK, SIGN_IN
from dashboard.base.i18n import translate_error
from dashboard.signin.next_page import safe_next
from dashboard.signin.pages import note, page
from dashboard.web.context import Context, sender_address
from dashboard.web.openid_provider import NotProven, OpenIdProvider, Proven, ProviderDown
from dashboard.web.refusals import Refusals
from dashboard.web.sign_in import sign_in
from db import outside, sessions, users
from db.settings import Settings
from db.vault import Vault

log = logging.getLogger(__name__)

_FLOWS = "oidc"
_MOST_FLOWS = 3
"""So many tabs may be on their way at once: the cookie has little room."""
_VALID_FOR = timedelta(minutes=10)


class OidcSignIn:
    """The routes, and the way out at the provider."""

    def __init__(self, context: Context, settings: Settings, vault: Vault) -> None:
        self._context, self._settings, self._vault = context, settings, vault
        self._provider = OpenIdProvider(settings, context.clock)
        self._refusals = Refusals(context.engine, context.clock)

    def add_routes(self, routes: Blueprint) -> None:
        """Add what the button on `/login` opens, and what the provider comes back to."""

        @routes.get(OIDC)
        def leave() -> ResponseReturnValue:
            state, nonce, verifier = (secrets.token_urlsafe(32) for _each in range(3))
            try:
                address = self._provider.authorization_address(
                    self._redirect_uri(), state, nonce, verifier
                )
            except ProviderDown as error:
                return self._down(error)
            at, wanted = self._context.clock().timestamp(), safe_next(request.args.get("next"))
            flows = session.get(_FLOWS, [])[1 - _MOST_FLOWS :]
            session[_FLOWS] = [*flows, [state, nonce, verifier, at, wanted[:500]]]
            return redirect(address, 303)

        @routes.get(OIDC_CALLBACK)
        def come_back() -> ResponseReturnValue:
            state = request.args.get("state", "")
            flows = session.get(_FLOWS, [])
            flow = next((each for each in flows if each[0] == state), None)
            if flow is None:
                return self._refuse("state that this browser did not send")
            session[_FLOWS] = [each for each in flows if each is not flow]
            _state, nonce, verifier, at, wanted = flow
            now = self._context.clock()
            if not timedelta() <= now - datetime.fromtimestamp(at, UTC) <= _VALID_FOR:
                return self._refuse("state that has expired")
            with self._context.writing(own_sites=True) as connection:
                is_first = sessions.use_state(connection, state, now, _VALID_FOR)
            if not is_first:
                return self._refuse("state that was used before")
            if "error" in request.args:
                log.warning("the provider refused a sign-in: %r", request.args["error"][:100])
                return self._refuse("error from the provider", _("%(name)s did not let you in.",
                                                                 name=self.name))  # fmt: skip
            try:
                person = self._provider.person(
                    request.args.get("code", ""), self._redirect_uri(), nonce, verifier,
                    request.args.get("iss"),
                )  # fmt: skip
            except ProviderDown as error:
                return self._down(error)
            except NotProven as error:
                log.warning("a sign-in was refused: %s", error)
                return self._refuse(str(error))
            return self._signed_in(person, safe_next(wanted))

    @property
    def name(self) -> str:
        """What the button calls the provider."""
        return self._settings.oidc_name

    def signed_out(self, encrypted: str | None) -> Response | None:
        """The page that leads on to the provider's own way out, after our session has ended; a
        redirect would be held up by form-action."""
        id_token = self._vault.decrypt(encrypted) if encrypted else None
        if id_token is None:
            return None
        back_to = f"{self._origin()}{SIGN_IN}"
        address = self._provider.logout_address(id_token, back_to)
        return None if address is None else page("signed_out", address=address, name=self.name)

    def _signed_in(self, person: Proven, wanted: str) -> ResponseReturnValue:
        context, now, settings = self._context, self._context.clock(), self._settings
        by, about = "openid provider", {"address": sender_address()}
        try:
            with context.writing(own_sites=True) as connection:
                user = outside.known(connection, person.issuer, person.subject, person.name)
                user = outside.admit(
                    connection, user, person.name, person.groups, settings.oidc_roles,
                    settings.unknown_users, by, now, about,
                )  # fmt: skip
                outside.give_sites(
                    connection, user, person.groups, settings.oidc_sites, by, now, about
                )
                outside.remember(connection, user.user_id, person.issuer, person.subject)
                note(context, connection, user.name, "sign_in", {"by": by})
        except outside.NotLetIn as error:
            if error.user_id is not None:
                with context.writing(own_sites=True) as connection:
                    users.end_sessions_and_links(connection, error.user_id)
            sentence = translate_error(error)
            return self._refuse("no account or role here", sentence, f"user {person.name}")
        sign_in(context.engine, user.user_id, now, self._vault.encrypt(person.id_token))
        return redirect(wanted, 303)

    def _refuse(self, reason: str, sentence: str = "", subject: str = "user ?") -> Response:
        self._refusals.note("sign_in_refused", subject, f"provider: {reason}"[:200])
        again = _("This sign-in is not valid, was used already or took too long. Sign in again.")
        return self.form(sentence or again, 401)

    def _down(self, error: ProviderDown) -> Response:
        log.error("the OpenID provider at %s: %s", self._settings.oidc_issuer, error)
        sentence = _("%(name)s does not answer. Try again in a minute.", name=self.name)
        return self.form(sentence, 503)

    @property
    def local(self) -> bool:
        """Whether anybody may sign in with a password too."""
        return self._settings.oidc_local_sign_in != "nobody"

    def lets_in_locally(self, user: Row[Any]) -> bool:
        """Whether that user may sign in with a password too."""
        return users.may_use_password(self._settings, user.role)

    def form(self, error: str = "", status: int = 200) -> Response:
        """The sign-in page with the provider's button."""
        return page(
            "oidc", status, error=error, name=self.name, start=OIDC, local=self.local,
            next=safe_next(request.args.get("next")),
        )  # fmt: skip

    def _redirect_uri(self) -> str:
        return f"{self._origin()}{OIDC_CALLBACK}"

    def _origin(self) -> str:
        return self._settings.public_url or request.host_url.rstrip("/")
