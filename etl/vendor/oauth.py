"""Authentication: a fixed key, or OAuth 2 tokens whose refresh token the vendor may rotate.

After a rotation the new refresh token is the only valid one, so it is written to disk durably
before anything else happens, and only one process at a time may use it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from etl.vendor.http import CollectionError, Response, Session
from etl.vendor.responses import UnreadableResponse

TOKEN_PATHS = ("/ws/oauth/token", "/oauth/token")
"""Both are in use; the first that is not answered with 404 is taken."""
RENEW_EARLY_SECONDS = 90.0
"""How long before its expiry an access token is no longer used."""
DEFAULT_LIFETIME_SECONDS = 3600.0


class ApiKeyAuth:
    """Authentication by headers that never change."""

    def __init__(self, headers: Mapping[str, str], advice: Mapping[int, str]) -> None:
        """
        Args:
            advice: what a person can do about 401 and 403.
        """
        self._headers = headers
        self._advice = advice

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def renew(self) -> bool:
        return False

    def advice(self, status: int) -> str:
        return self._advice[status]


class OAuth2Auth:
    """Authentication by access tokens: from the refresh token if one is configured, else by the
    client credentials grant."""

    def __init__(
        self,
        session: Session,
        *,
        client_id: str,
        client_secret: str,
        refresh_token: str | None,
        scope: str,
        store: str,
        advice: Mapping[int | str, str],
    ) -> None:
        """
        Args:
            refresh_token: the configured one; its successor in the store takes precedence.
            store: name of the file in the session's data folder.
            advice: what a person can do about 401, 403 and each OAuth error ("invalid_client").
        """
        session.redact(client_secret, refresh_token)
        self._session = session
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._configured_refresh_token = refresh_token
        self._scope = scope
        self._store = TokenStore(session.data_dir / store)
        self._advice = advice
        self._paths: tuple[str, ...] = TOKEN_PATHS
        self._access: str | None = None
        self._good_until = 0.0

    def headers(self) -> Mapping[str, str]:
        if self._access is None or self._session.clock() >= self._good_until:
            self._access = (
                self._refresh(self._configured_refresh_token)
                if self._configured_refresh_token
                else self._from_client_credentials()
            )
        return {"Authorization": f"Bearer {self._access}"}

    def renew(self) -> bool:
        self._access = None
        return True

    def advice(self, status: int) -> str:
        return self._advice[status]

    def _from_client_credentials(self) -> str:
        return self._request_token({"grant_type": "client_credentials", "scope": self._scope})[0]

    def _refresh(self, configured: str) -> str:
        """A new access token by the refresh token, whose successor is stored first."""
        session, store = self._session, self._store
        lock_file = store.path.with_suffix(".lock")
        try:
            # Opening the lock also proves that the folder is writable before the vendor rotates a
            # token that could then not be stored.
            with FileLock(
                lock_file,
                timeout=session.lock_seconds,
                mode=0o600,
                poll_interval=0.2,
                # If it were deleted, two processes could lock two different files of that name.
                preserve_lock_file=True,
            ):
                current = store.read(configured)
                session.redact(current)
                access, successor = self._request_token(
                    {"grant_type": "refresh_token", "refresh_token": current}
                )
                store.write(configured, successor or current)
        except TimeoutError as error:
            raise session.failure(
                "gives one token at a time, and another process is asking for it "
                f"({lock_file} has been held for {session.lock_seconds:.0f} s)",
                "Collect again when that process has ended.",
            ) from error
        except OSError as error:
            raise session.failure(
                f"gives tokens that must be kept, but {error.filename or store.path} cannot be "
                f"written ({error.strerror or error})",
                "Make DATA_DIR a folder that this program can write; if the vendor then refuses "
                "the refresh token, set a new one.",
                permanent=True,
            ) from error
        return access

    def _request_token(self, grant: Mapping[str, str]) -> tuple[str, str | None]:
        """The access token and, if the vendor sent one, the new refresh token."""
        response = self._session.post_form(self._paths[0], {**grant, **self._client})
        if response.status == 404 and len(self._paths) > 1:
            self._paths = self._paths[1:]
            return self._request_token(grant)
        try:
            data = response.json()
        except UnreadableResponse as error:
            if response.status == 200:
                raise self._unusable(str(error), error.answer) from error
            raise self._refusal(response, "") from error
        if response.status != 200 or not isinstance(data, dict) or "error" in data:
            code = data.get("error") if isinstance(data, dict) else None
            raise self._refusal(response, code if isinstance(code, str) else "")
        access, refresh = _token(data.get("access_token")), _token(data.get("refresh_token"))
        self._session.redact(access, refresh)
        if access is None:
            raise self._unusable("no access token that could be sent back")
        self._good_until = self._session.clock() + _useful_seconds(data.get("expires_in"))
        return access, refresh

    def _refusal(self, response: Response, code: str) -> CollectionError:
        fallback = f"Check {self._session.address_name} and the client's credentials."
        return self._session.failure(
            f"gave no access token: it answered {response.status} with {response.summary()}",
            self._advice.get(code, fallback),
            permanent=True,
            answer=response.raw(),
        )

    def _unusable(self, what: str, answer: str | None = None) -> CollectionError:
        return self._session.failure(
            f"answered the request for a token with {what}",
            f"Check {self._session.address_name} if this stays so, else collect again later.",
            answer=answer,
        )


class TokenStore:
    """The file with the newest refresh token, and a hash of the configured one it descends from."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, configured: str) -> str:
        """The newest descendant of `configured`; `configured` itself when it was never used.

        Raises:
            OSError: there is a file, but it cannot be read.
        """
        try:
            stored = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):
            return configured
        # A newly configured token replaces whatever was stored for the old one.
        if not isinstance(stored, dict) or stored.get("seed") != _fingerprint(configured):
            return configured
        return _token(stored.get("refresh_token")) or configured

    def write(self, configured: str, token: str) -> None:
        """Store `token` durably (fsync)."""
        if self.read(configured) == token:
            return
        body = json.dumps({"seed": _fingerprint(configured), "refresh_token": token}).encode()
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        if os.name == "posix":  # elsewhere a folder cannot be opened, nor need it be
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _token(value: object) -> str | None:
    """`value` when it can be sent in a header, else None."""
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return value.strip() or None
    return None


def _useful_seconds(expires_in: object) -> float:
    seconds = DEFAULT_LIFETIME_SECONDS
    if isinstance(expires_in, int | float) and 0 < expires_in < 10**9:
        seconds = float(expires_in)
    return max(seconds - RENEW_EARLY_SECONDS, seconds / 2)
