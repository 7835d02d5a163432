"""NinjaRMM's OAuth2 tokens: client credentials, and refresh tokens for one use."""

import threading
import time
from collections.abc import Callable, Mapping

from etl.demo.rows import Row

TOKEN_SECONDS = 3600
_SCOPES = frozenset({"monitoring", "offline_access"})


class Tokens:
    """Issues and checks tokens for one client app.

    Args:
        refresh_token: the first refresh token; None for a machine-to-machine app, which gets none.
        rotating: each use of a refresh token issues the next one and invalidates the used one.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str | None,
        *,
        rotating: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client_id, client_secret
        self._refresh = refresh_token
        self._rotating = rotating
        self._clock = clock
        self._valid_until: dict[str, float] = {}
        self._issued = 0
        self._lock = threading.Lock()

    def grant(self, form: Mapping[str, str]) -> tuple[int, Row]:
        """The answer to a token request: status and body."""
        if (form.get("client_id"), form.get("client_secret")) != self._client:
            return _error("invalid_client", "Client credentials are not valid")
        scope = form.get("scope", "monitoring")
        if not set(scope.split()) <= _SCOPES:
            return _error("invalid_scope", f"The app may not ask for scope {scope}")
        with self._lock:
            match form.get("grant_type"):
                case "client_credentials":
                    return 200, self._issue(scope, "offline_access" in scope.split())
                case "refresh_token":
                    if self._refresh is None or form.get("refresh_token") != self._refresh:
                        return _error("invalid_token", "Refresh token is invalid or expired")
                    return 200, self._issue(scope, self._rotating)
        return _error("unsupported_grant_type", "The app does not allow this grant")

    def accepts(self, authorization: str | None) -> bool:
        """Whether an Authorization header has a valid access token."""
        if authorization is None or not authorization.startswith("Bearer "):
            return False
        until = self._valid_until.get(authorization.removeprefix("Bearer "))
        return until is not None and self._clock() < until

    def expire_all(self) -> None:
        """Expire every access token issued so far."""
        with self._lock:
            self._valid_until.clear()

    def _issue(self, scope: str, with_refresh: bool) -> Row:
        self._issued += 1
        access = f"simulated-access-{self._issued:06d}"
        self._valid_until[access] = self._clock() + TOKEN_SECONDS
        body: Row = {"access_token": access, "expires_in": TOKEN_SECONDS}
        if with_refresh and self._refresh is not None:
            self._refresh = f"simulated-refresh-{self._issued:06d}"
            body["refresh_token"] = self._refresh
        return {**body, "scope": scope, "token_type": "Bearer"}


def _error(error: str, description: str) -> tuple[int, Row]:
    return 400, {"error": error, "error_description": description, "error_code": 400}
