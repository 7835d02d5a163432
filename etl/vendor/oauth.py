"""How vendors recognise us: a fixed key, or OAuth tokens that the vendor may replace on each use.

A replaced refresh token is the only valid one, and it exists nowhere but in the answer just read.
So it is on disk, durably, before anything else happens; one process at a time may trade it in.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from etl.vendor.answers import Garbled
from etl.vendor.file_lock import FileLock
from etl.vendor.http import Answer, CollectionError, Session

TOKEN_PATHS = ("/ws/oauth/token", "/oauth/token")
"""Both are in use; the first that is not answered with 404 serves."""
EARLY_SECONDS = 90.0
"""How long before its end an access token is no longer used."""
USUAL_SECONDS = 3600.0


class FixedKey:
    """A signer with headers that never change."""

    def __init__(self, headers: Mapping[str, str], advice: Mapping[int, str]) -> None:
        """
        Args:
            advice: what to do about 401 and 403.
        """
        self._headers = headers
        self._advice = advice

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def renew(self) -> bool:
        return False

    def advice(self, status: int) -> str:
        return self._advice[status]


class OAuthTokens:
    """A signer with access tokens: by the refresh token when one was ever given, else by the
    client's own credentials."""

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
            refresh_token: the one from the settings; a newer one in the store goes before it.
            store: name of the file in the session's data folder.
            advice: what to do about 401, 403 and each OAuth error ("invalid_client").
        """
        session.conceal(client_secret, refresh_token)
        self._session = session
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._seed = refresh_token
        self._scope = scope
        self._store = TokenStore(session.data_dir / store)
        self._advice = advice
        self._paths: tuple[str, ...] = TOKEN_PATHS
        self._access: str | None = None
        self._good_until = 0.0

    def headers(self) -> Mapping[str, str]:
        if self._access is None or self._session.clock() >= self._good_until:
            self._access = self._trade(self._seed) if self._seed else self._own()
        return {"Authorization": f"Bearer {self._access}"}

    def renew(self) -> bool:
        self._access = None
        return True

    def advice(self, status: int) -> str:
        return self._advice[status]

    def _own(self) -> str:
        return self._ask({"grant_type": "client_credentials", "scope": self._scope})[0]

    def _trade(self, seed: str) -> str:
        """An access token for the refresh token, whose successor is stored first."""
        session, store = self._session, self._store
        try:
            # Opening the lock also proves that the folder can be written, before the vendor is
            # asked for a token that could then not be kept.
            with FileLock(store.path.with_suffix(".lock"), session.sleep):
                current = store.read(seed)
                session.conceal(current)
                access, successor = self._ask(
                    {"grant_type": "refresh_token", "refresh_token": current}
                )
                store.write(seed, successor or current)
        except TimeoutError as error:
            raise session.failure(
                f"gives one token at a time, and another process is asking for it ({error})",
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

    def _ask(self, grant: Mapping[str, str]) -> tuple[str, str | None]:
        """Access token and, when the vendor sent one, refresh token."""
        answer = self._session.post_form(self._paths[0], {**grant, **self._client})
        if answer.status == 404 and len(self._paths) > 1:
            self._paths = self._paths[1:]
            return self._ask(grant)
        try:
            data = answer.json()
        except Garbled as error:
            if answer.status == 200:
                raise self._strange(str(error)) from error
            raise self._refused(answer, "") from error
        if answer.status != 200 or not isinstance(data, dict) or "error" in data:
            code = data.get("error") if isinstance(data, dict) else None
            raise self._refused(answer, code if isinstance(code, str) else "")
        access, refresh = _token(data.get("access_token")), _token(data.get("refresh_token"))
        self._session.conceal(access, refresh)
        if access is None:
            raise self._strange("no access token that could be sent back")
        self._good_until = self._session.clock() + _useful_seconds(data.get("expires_in"))
        return access, refresh

    def _refused(self, answer: Answer, code: str) -> CollectionError:
        fallback = f"Check {self._session.address_name} and the client's credentials."
        return self._session.failure(
            f"gave no access token: {answer.status} {answer.excerpt()}",
            self._advice.get(code, fallback),
            permanent=True,
        )

    def _strange(self, what: str) -> CollectionError:
        return self._session.failure(
            f"answered the request for a token with {what}",
            f"Check {self._session.address_name} if this stays so, else collect again later.",
        )


class TokenStore:
    """The file with the newest refresh token, and a hash of the configured token it came from."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, seed: str) -> str:
        """The newest descendant of `seed`; `seed` itself when it was never traded in.

        Raises:
            OSError: there is a file, but it cannot be read.
        """
        try:
            stored = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):
            return seed
        # A person who sets a new token means it, whatever was stored for the old one.
        if not isinstance(stored, dict) or stored.get("seed") != _fingerprint(seed):
            return seed
        return _token(stored.get("refresh_token")) or seed

    def write(self, seed: str, token: str) -> None:
        """Store `token`; when this returns it survives a power cut."""
        if self.read(seed) == token:
            return
        body = json.dumps({"seed": _fingerprint(seed), "refresh_token": token}).encode()
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
    """`value` when it is text that can be sent in a header."""
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return value.strip() or None
    return None


def _useful_seconds(expires_in: object) -> float:
    seconds = USUAL_SECONDS
    if isinstance(expires_in, int | float) and 0 < expires_in < 10**9:
        seconds = float(expires_in)
    return max(seconds - EARLY_SECONDS, seconds / 2)
