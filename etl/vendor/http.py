"""One run's conversation with one vendor over HTTP: patient with its bad moments, strict with
its answers.

An exchange is tried up to five times with growing random pauses, but a vendor that keeps failing
ends the run within two minutes. Every disappointment is a `CollectionError`, never an empty list.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine

from db.settings import Setting, SettingsError, env_int
from etl.records.record import Tally
from etl.runtime.stopping import waiting
from etl.vendor.answers import Answer, CollectionError, Garbled, Reply, without_secrets
from etl.vendor.transport import TRIES, Patience, Trouble, Untrusted, Wire

__all__ = ["Answer", "CollectionError", "Reply", "Session", "Signer"]

_NOTHING = object()
_log = logging.getLogger(__name__)


class Signer(Protocol):
    """How a vendor recognises us."""

    def headers(self) -> Mapping[str, str]:
        """The headers that every request carries."""

    def renew(self) -> bool:
        """Forget what was refused with 401; False when there is nothing newer to offer."""

    def advice(self, status: int) -> str:
        """What to do about a 401 or a 403, in a sentence."""


class Session:
    """The conversation. `fetch` of a source gets one, signs it, and asks.

    Attributes:
        signer: set by the source before its first request.
        prefixes: path prefixes under which the vendor may serve its data; the first that is
            not answered with 404 is used from then on.
        settings: the source's settings by name.
        tally: what the run has seen; the pagers count in it.
        data_dir: the folder for tokens that the vendor replaces.
    """

    def __init__(
        self,
        source_label: str,
        base_url: str,
        settings: Mapping[str, str | None],
        tally: Tally,
        data_dir: Path,
        *,
        address_name: str = "its base URL",
        engine: Engine | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """
        Args:
            address_name: the setting that holds `base_url`, for the errors.
            engine: our own database, for a source that reads what machines reported to us.
            clock: seconds that never go back.
            jitter: a random number between two.
        """
        self.label = source_label
        self.base_url = base_url.rstrip("/")
        self.settings = settings
        self.tally = tally
        self.data_dir = data_dir
        self.address_name = address_name
        self._engine = engine
        self.clock = clock
        self.sleep = sleep
        self.signer: Signer | None = None
        self.prefixes: tuple[str, ...] = ("",)
        self.patience = Patience(clock, jitter)
        self._secrets: frozenset[str] = frozenset()
        self._wire = Wire()

    def required(self, setting: Setting) -> str:
        """The value of a setting that the source needs."""
        value = self.settings[setting.name]
        if value is None:
            raise SettingsError(f"{setting.name} is not set: set it ({setting.help}).")
        return value

    def whole(self, setting: Setting, *, least: int, most: int) -> int:
        """The whole number in a setting, between `least` and `most`."""
        value = self.settings[setting.name]
        return env_int(setting, {setting.name: value or ""}, least=least, most=most)

    def database(self) -> Engine:
        """Our own database.

        Raises:
            SettingsError: this session was opened without one.
        """
        if self._engine is None:
            raise SettingsError(f"{self.label} is read from our own database: give the session it.")
        return self._engine

    def conceal(self, *secrets: str | None) -> None:
        """Keep `secrets` out of every message, should the vendor send them back."""
        # A secret of three letters would hide half of every sentence, and is none.
        self._secrets |= {secret for secret in secrets if secret and len(secret) > 3}

    def get(self, path: str, params: Mapping[str, str | int]) -> Reply:
        """The JSON at `path`.

        Raises:
            CollectionError: there is none to be had.
        """
        return self._ask("GET", path, _NOTHING, params=params)

    def post(self, path: str, body: Mapping[str, Any], *, empty: object = _NOTHING) -> Reply:
        """The JSON that answers `body`; `empty` stands for a body of zero bytes.

        Raises:
            CollectionError: there is none to be had.
        """
        return self._ask("POST", path, empty, json=body)

    def post_form(self, path: str, fields: Mapping[str, str]) -> Answer:
        """The answer to an unsigned form, whatever its status, unless it is a passing failure.

        Raises:
            CollectionError: the vendor kept failing.
        """
        headers = {"Accept": "application/json"}
        return self._exchange("POST", path, headers=headers, data=dict(fields))

    def failure(self, happened: str, advice: str, permanent: bool = False) -> CollectionError:
        """The error that says what this vendor did and what to do about it."""
        text = f"{self.label} {happened.rstrip('. ')}. {advice}"
        return CollectionError(without_secrets(text, self._secrets), permanent)

    def close(self) -> None:
        """Give the connection back."""
        self._wire.close()

    def _ask(self, method: str, path: str, empty: object, **content: Any) -> Reply:
        signer, renewed = self.signer, False
        if signer is None:
            raise ValueError("set the session's signer before its first request")
        while True:
            full_path = self.prefixes[0] + path
            headers = {"Accept": "application/json", **signer.headers()}
            answer = self._exchange(method, full_path, headers=headers, **content)
            if answer.status == 401 and not renewed and signer.renew():
                renewed = True
            elif answer.status == 404 and len(self.prefixes) > 1:
                self.prefixes = self.prefixes[1:]
            else:
                break
        if answer.status not in (200, 203, 204):
            raise self._refusal(answer, f"{method} {full_path}", signer)
        # Under this prefix the vendor lives: a 404 from now on means what it says.
        self.prefixes = self.prefixes[:1]
        if empty is not _NOTHING and not answer.body.strip():
            return Reply(empty, answer.headers)
        try:
            return Reply(answer.json(), answer.headers)
        except Garbled as error:
            raise self._unreadable(f"{method} {full_path} with {answer.status}", error) from error

    def _exchange(self, method: str, path: str, **content: Any) -> Answer:
        request = f"{method} {path}"
        self.patience.begin()
        for attempt in range(1, TRIES + 1):
            headers: Mapping[str, str] | None = None
            try:
                seconds = max(self.patience.left(), 1.0)
                with waiting():
                    answer = self._wire.send(method, self.base_url + path, seconds, content)
                answer = replace(answer, secrets=self._secrets)
                if answer.status < 500 and answer.status not in (408, 429):
                    self.patience.restore()
                    return answer
                headers = answer.headers
                happened = f"answered {answer.status} to {request}: {answer.excerpt()}"
            except Garbled as error:
                raise self._unreadable(request, error) from error
            except Untrusted as error:
                advice = f"Check {self.address_name}; somebody between may be reading along."
                raise self.failure(f"{error} ({self.base_url})", advice, permanent=True) from error
            except Trouble as error:
                happened = f"{error} ({request})"
            pause = self.patience.pause(attempt, headers)
            if attempt == TRIES or pause > self.patience.left():
                break
            _log.warning("%s", self.failure(happened, f"Trying again in {pause:.1f} s."))
            with waiting():
                self.sleep(pause)
        raise self.failure(
            f"{happened.rstrip('. ')} (tries: {attempt}, in {self.patience.failing():.0f} s)",
            f"Collect again later; if this stays so, check {self.address_name} and the network.",
        )

    def _unreadable(self, request: str, error: Garbled) -> CollectionError:
        advice = f"Collect again later; if this stays so, check {self.address_name}."
        return self.failure(f"answered {request}: {error}", advice)

    def _refusal(self, answer: Answer, request: str, signer: Signer) -> CollectionError:
        happened = f"answered {answer.status} to {request}: {answer.excerpt()}"
        if answer.status in (401, 403):
            advice = signer.advice(answer.status)
        elif 300 <= answer.status < 400:
            happened = f"answered {answer.status}, a redirect, to {request}"
            advice = f"Set {self.address_name} to the address where the API itself answers."
        elif answer.status in (404, 405):
            advice = f"Check {self.address_name}: the API is not at {self.base_url}."
        else:
            advice = "Report this: the vendor may have changed its API."
        return self.failure(happened, advice, permanent=True)
