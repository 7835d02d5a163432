"""JSON client for one vendor during one run; retries transient failures for 110 s.

A request is tried up to five times with growing random pauses, but a vendor that keeps failing
ends the run within two minutes. Every failure is a `CollectionError`, never an empty list.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine

from db.setting_types import SettingsError, SourceSettings
from etl.records.record import FetchStats
from etl.runtime.stopping import waiting
from etl.vendor.responses import (
    CollectionError,
    JsonResponse,
    Response,
    UnreadableResponse,
    redacted,
)
from etl.vendor.transport import (
    MAX_ATTEMPTS,
    CertificateError,
    HttpTransport,
    RetryBudget,
    TransportError,
)

__all__ = ["Response", "CollectionError", "JsonResponse", "Session", "Auth"]

LOCK_SECONDS = 9.0
"""Longer than a successful token request; short enough that a failing run ends within 120 s."""
_NO_DEFAULT = object()
Model = TypeVar("Model", bound=SourceSettings)
_log = logging.getLogger(__name__)


class Auth(Protocol):
    """How requests to a vendor are authenticated."""

    def headers(self) -> Mapping[str, str]:
        """The headers that every request carries; may fetch a token first."""

    def renew(self) -> bool:
        """Drop the credential that was refused with 401; False when there is no other to try."""

    def advice(self, status: int) -> str:
        """What a person can do about a 401 or a 403, in a sentence."""


class Session:
    """The client that a source's `fetch` gets; the source sets `auth` before its first request.

    Attributes:
        auth: set by the source before its first request.
        prefixes: path prefixes to try in turn; the first that is not answered with 404 is used
            from then on.
        lock_seconds: how long to wait for another process that is requesting a token.
        settings: the source's settings, an instance of the model that it declares.
        zone: of the business days.
        stats: counts of the run, updated by the pagers.
        data_dir: the folder for tokens that the vendor replaces.
    """

    def __init__(
        self,
        source_label: str,
        base_url: str,
        settings: SourceSettings,
        stats: FetchStats,
        data_dir: Path,
        *,
        address_name: str = "its base URL",
        zone: tzinfo = UTC,
        engine: Engine | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """
        Args:
            address_name: the setting that holds `base_url`, named in errors.
            engine: our own database, for a source that reads what machines reported to us.
            clock: monotonic seconds.
            jitter: a random number between two bounds.
        """
        self.label = source_label
        self.base_url = base_url.rstrip("/")
        self.settings = settings
        self.stats = stats
        self.data_dir = data_dir
        self.address_name = address_name
        self.zone = zone
        self._engine = engine
        self.clock = clock
        self.sleep = sleep
        self.lock_seconds = LOCK_SECONDS
        self.auth: Auth | None = None
        self.prefixes: tuple[str, ...] = ("",)
        self.retry_budget = RetryBudget(clock, jitter)
        self._secrets: frozenset[str] = frozenset()
        self._transport = HttpTransport()

    def settings_as(self, model: type[Model]) -> Model:
        """The source's settings, which are of the model that it declares."""
        assert isinstance(self.settings, model), f"{self.label} declares {model.__name__}"
        return self.settings

    def database(self) -> Engine:
        """Our own database.

        Raises:
            SettingsError: this session was opened without one.
        """
        if self._engine is None:
            raise SettingsError(f"{self.label} is read from our own database: give the session it.")
        return self._engine

    def redact(self, *secrets: str | None) -> None:
        """Keep `secrets` out of every message, should the vendor send them back."""
        # Replacing a text of three letters would garble every message.
        self._secrets |= {secret for secret in secrets if secret and len(secret) > 3}

    def get(self, path: str, params: Mapping[str, str | int]) -> JsonResponse:
        """GET `path`.

        Raises:
            CollectionError: no usable response came.
        """
        return self._request("GET", path, _NO_DEFAULT, params=params)

    def post(
        self, path: str, body: Mapping[str, Any], *, empty: object = _NO_DEFAULT
    ) -> JsonResponse:
        """POST `body` as JSON; `empty` is the data of a response with an empty body.

        Raises:
            CollectionError: no usable response came.
        """
        return self._request("POST", path, empty, json=body)

    def post_form(self, path: str, fields: Mapping[str, str]) -> Response:
        """POST a form without `auth`; the response may have any status that is not retried.

        Raises:
            CollectionError: the vendor kept failing.
        """
        headers = {"Accept": "application/json"}
        return self._send_with_retries("POST", path, headers=headers, data=dict(fields))

    def failure(
        self,
        problem: str,
        advice: str,
        permanent: bool = False,
        answer: str | None = None,
        request: str | None = None,
    ) -> CollectionError:
        """An error whose text names the vendor, says what happened and what to do.

        Args:
            answer: how the vendor's raw answer begins, if one came.
            request: which request failed: for the log, no text that people read first.
        """
        text = f"{self.label} {problem.rstrip('. ')}. {advice}"
        if answer is not None:
            answer = redacted(answer, self._secrets)
        if request is not None:
            request = redacted(request, self._secrets)
        return CollectionError(redacted(text, self._secrets), permanent, answer, request)

    def close(self) -> None:
        self._transport.close()

    def _request(self, method: str, path: str, empty: object, **content: Any) -> JsonResponse:
        auth, renewed = self.auth, False
        if auth is None:
            raise ValueError("set the session's auth before its first request")
        while True:
            full_path = self.prefixes[0] + path
            headers = {"Accept": "application/json", **auth.headers()}
            response = self._send_with_retries(method, full_path, headers=headers, **content)
            if response.status == 401 and not renewed and auth.renew():
                renewed = True
            elif response.status == 404 and len(self.prefixes) > 1:
                self.prefixes = self.prefixes[1:]
            else:
                break
        if response.status not in (200, 203, 204):
            raise self._refusal(response, f"{method} {full_path}", auth)
        # This prefix works: from now on a 404 is an error.
        self.prefixes = self.prefixes[:1]
        if empty is not _NO_DEFAULT and not response.body.strip():
            return JsonResponse(empty, response.headers)
        try:
            return JsonResponse(response.json(), response.headers)
        except UnreadableResponse as error:
            request = f"{method} {full_path}, answered with {response.status}"
            raise self._unreadable(request, error) from error

    def _send_with_retries(self, method: str, path: str, **content: Any) -> Response:
        request = f"{method} {path}"
        self.retry_budget.start()
        for attempt in range(1, MAX_ATTEMPTS + 1):
            headers: Mapping[str, str] | None = None
            answer: str | None = None
            try:
                seconds = max(self.retry_budget.remaining(), 1.0)
                with waiting():
                    response = self._transport.send(method, self.base_url + path, seconds, content)
                response = replace(response, secrets=self._secrets)
                if response.status < 500 and response.status not in (408, 429):
                    self.retry_budget.reset()
                    return response
                headers = response.headers
                problem, answer = response.problem(), response.raw()
            except UnreadableResponse as error:
                raise self._unreadable(request, error) from error
            except CertificateError as error:
                advice = f"Check {self.address_name}; somebody between may be reading along."
                raise self.failure(
                    f"{error} ({self.base_url})", advice, permanent=True, request=request
                ) from error
            except TransportError as error:
                problem = str(error)
            pause = self.retry_budget.pause(attempt, headers)
            if attempt == MAX_ATTEMPTS or pause > self.retry_budget.remaining():
                break
            advice = f"Trying again in {pause:.1f} s."
            failure = self.failure(problem, advice, request=request)
            _log.warning("%s (%s)", failure, failure.request)
            with waiting():
                self.sleep(pause)
        raise self.failure(
            f"{problem.rstrip('. ')} (tries: {attempt}, in {self.retry_budget.spent():.0f} s)",
            f"Collect again later; if this stays so, check {self.address_name} and the network.",
            answer=answer,
            request=request,
        )

    def _unreadable(self, request: str, error: UnreadableResponse) -> CollectionError:
        advice = f"Collect again later; if this stays so, check {self.address_name}."
        return self.failure(f"answered with {error}", advice, answer=error.answer, request=request)

    def _refusal(self, response: Response, request: str, auth: Auth) -> CollectionError:
        problem = response.problem()
        if response.is_browser_check():
            advice = f"Ask {self.label} to let this server's address through."
        elif response.status in (401, 403):
            advice = auth.advice(response.status)
        elif 300 <= response.status < 400:
            problem = f"answered {response.status}, a redirect"
            advice = f"Set {self.address_name} to the address where the API itself answers."
        elif response.status in (404, 405):
            advice = f"Check {self.address_name}: the API is not at {self.base_url}."
        else:
            advice = "Report this: the vendor may have changed its API."
        return self.failure(problem, advice, permanent=True, answer=response.raw(), request=request)
