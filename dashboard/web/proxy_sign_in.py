"""Sign-in by a proxy (AUTH=proxy): it says in a header who sends a request. The header counts only
on a connection from an address of TRUSTED_PROXIES."""

from flask import request
from sqlalchemy import Engine

from dashboard.base.access import Actor, roles_up_to
from dashboard.base.clock import Clock
from dashboard.base.i18n import translate_error
from dashboard.web.refusals import Refusals
from db import outside, users
from db.engine import reading, writing
from db.settings import Settings

VIA_PROXY = "hub.via_proxy"
"""In the scope of an ASGI connection that came from a trusted proxy."""


class Refused(Exception):
    """The request names nobody who is let in; the text says why."""


class ProxySignIn:
    """Tells who sends the current request."""

    def __init__(self, engine: Engine, clock: Clock, settings: Settings) -> None:
        self._engine, self._clock = engine, clock
        self._user_header = settings.proxy_user_header
        self._groups_header = settings.proxy_groups_header
        self._roles, self._unknown = settings.proxy_roles, settings.unknown_users
        self._refusals = Refusals(engine, clock)

    def __call__(self) -> Actor:
        """The person whom the proxy names.

        Raises:
            Refused: the proxy did not send the request, or names nobody who has an account here.
        """
        scope = request.environ.get("asgi.scope", {})
        named = _values(scope, self._user_header)
        if not scope.get(VIA_PROXY):
            if named:
                self._refusals.note("sign_in_refused", "user ?", "header not from a trusted proxy")
            raise Refused(
                "Open the dashboard through the proxy that signs people in: this connection does "
                "not come from it (TRUSTED_PROXIES)."
            )
        name = " ".join(named[0].split()) if len(named) == 1 else ""
        if not name:
            how = "more than once" if len(named) > 1 else "without a name"
            raise Refused(f"The proxy sent the header {self._user_header} {how}: see its settings.")
        headers = _values(scope, self._groups_header) if self._groups_header else []
        groups = [each.strip() for text in headers for each in text.split(",") if each.strip()]
        with reading(self._engine) as connection:
            user = users.by_name(connection, name)
            sites = None if user is None else users.sites_of(connection, user)
        if not outside.is_settled(user, groups, self._roles):
            try:
                with writing(self._engine) as connection:
                    user = outside.admit(
                        connection, users.by_name(connection, name), name, groups, self._roles,
                        self._unknown, "proxy", self._clock(),
                        {"address": request.remote_addr or ""},
                    )  # fmt: skip
                    sites = users.sites_of(connection, user)
            except outside.NotLetIn as error:
                self._refusals.note("sign_in_refused", f"user {name}", "not let in")
                raise Refused(translate_error(error)) from error
        assert user is not None, "it was found or let in"
        return Actor(user.name, roles_up_to(user.role), "proxy", sites)


def _values(scope: dict[str, object], header: str) -> list[str]:
    """The values of a header as it was sent: WSGI would join several, and take `_` for `-`."""
    headers = scope.get("headers")
    pairs = list(headers) if isinstance(headers, list | tuple) else []
    wanted = header.lower().encode()
    return [_text(value) for name, value in pairs if bytes(name).lower() == wanted]


def _text(value: bytes) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return bytes(value).decode("latin-1")
