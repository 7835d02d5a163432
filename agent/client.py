"""HTTP client for the server: one complete answer in time, or the reason why there is none."""

import gzip
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase

from agent import __version__, systems

TIMEOUT = (10.0, 20.0)
"""Seconds to connect, and to the next byte."""
EXCHANGE_SECONDS = 60.0
"""For the whole exchange: `TIMEOUT` limits neither name resolution nor a trickling response."""
_MAX_RESPONSE_BYTES = 2**20
REPORT_PATH = "/api/machines"
BATCH_PATH = "/api/machines/batch"


class Undelivered(Exception):
    """No usable answer; the text is a sentence."""


class Stopped(Exception):
    """The agent was stopped before the answer came."""


@dataclass(frozen=True)
class Answer:
    """The server's response; `data` is {} when its body is no JSON object."""

    status: int
    data: Mapping[str, Any]
    retry_after: float | None = None
    location: str = ""

    @property
    def reason(self) -> str:
        """Our server's machine-readable reason of a refusal; "" from another server."""
        reason = self.data.get("reason")
        return reason if isinstance(reason, str) else ""

    @property
    def error(self) -> str:
        """The error message, on one line."""
        return " ".join(str(self.data.get("error") or "").split())[:300]


class Bearer(AuthBase):
    """Sends a credential, or none; without it requests would take one from .netrc."""

    def __init__(self, credential: str | None) -> None:
        self._credential = credential

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._credential is not None:
            request.headers["Authorization"] = f"Bearer {self._credential}"
        return request


class Client:
    """Sends reports to one server."""

    def __init__(
        self,
        url: str,
        stop: threading.Event,
        ca_file: Path | None = None,
        proxies: bool = True,
        total_seconds: float = EXCHANGE_SECONDS,
    ) -> None:
        """
        Args:
            stop: aborts the wait for an answer.
            ca_file: certificates to trust instead of the usual ones.
            proxies: whether the proxies of the environment are used.
            total_seconds: that one exchange may take.
        """
        self._url = url
        self._stop = stop
        self._ca_file = ca_file
        self._proxies = proxies
        self._total_seconds = total_seconds

    def post(self, body: str, credential: str | None) -> Answer:
        """Send one live report.

        Raises:
            Undelivered: no usable answer came.
            Stopped: the agent was stopped before the answer.
        """
        return self._exchange(REPORT_PATH, body.encode(), {}, credential)

    def post_batch(self, body: bytes, credential: str | None) -> Answer:
        """Send the body that `pack_batch` made; raises as `post` does."""
        return self._exchange(BATCH_PATH, body, {"Content-Encoding": "gzip"}, credential)

    def _exchange(
        self, path: str, body: bytes, headers: Mapping[str, str], credential: str | None
    ) -> Answer:
        outcome: list[Answer | Exception] = []

        def send() -> None:
            try:
                outcome.append(self._request(self._url + path, body, headers, credential))
            except OSError as error:  # Includes requests.RequestException.
                outcome.append(error)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        waited = 0.0
        while thread.is_alive() and waited < self._total_seconds:
            thread.join(0.25)
            waited += 0.25
            if self._stop.is_set() and thread.is_alive():
                raise Stopped
        if not outcome:
            raise Undelivered(f"{self._url} did not finish its answer.")
        if isinstance(outcome[0], Exception):
            raise Undelivered(_explain(self._url, outcome[0])) from outcome[0]
        return outcome[0]

    def _request(
        self, url: str, body: bytes, headers: Mapping[str, str], credential: str | None
    ) -> Answer:
        with requests.Session() as session:
            session.trust_env = self._proxies
            session.headers.update(
                {
                    "User-Agent": f"inventory-agent/{__version__} ({systems.os_name()})",
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                    **headers,
                }
            )
            with session.post(
                url,
                data=body,
                auth=Bearer(credential),
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
                verify=True if self._ca_file is None else str(self._ca_file),
            ) as response:
                content = b""
                for chunk in response.iter_content(65536):
                    content += chunk
                    if len(content) > _MAX_RESPONSE_BYTES:
                        break
                return Answer(
                    response.status_code,
                    _json_object(content),
                    _retry_after(response.headers),
                    response.headers.get("Location", ""),
                )


def pack_batch(bodies: list[str]) -> bytes:
    """The gzipped body of a batch."""
    return gzip.compress(f'{{"reports":[{",".join(bodies)}]}}'.encode(), 6)


def _json_object(content: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds; the header may also be a date."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        # Compared with the server's clock, in case this machine's is wrong.
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _explain(url: str, error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"{url} shows a certificate that nobody vouches for ({_root_cause(error)}): correct "
            "it, or set INVENTORY_HUB_CA_FILE to the authority that issued it."
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return f"The proxy on the way to {url} refused ({_root_cause(error)}): check HTTPS_PROXY."
    if isinstance(error, requests.Timeout):
        return f"{url} did not answer in time."
    return f"{url} cannot be reached ({_root_cause(error)})."


def _root_cause(error: BaseException) -> str:
    """The text of the innermost error that requests and urllib3 wrapped."""
    while inner := next(
        (
            candidate
            for candidate in (getattr(error, "reason", None), *error.args, error.__cause__)
            if isinstance(candidate, BaseException)
        ),
        None,
    ):
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
