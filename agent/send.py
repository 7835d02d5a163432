"""One HTTP exchange with the server: a whole answer in time, or the reason why there is none."""

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
"""Of all of it: neither a name server nor a header that comes byte by byte respects `TIMEOUT`."""
_LONGEST_ANSWER = 2**20
LIVE = "/api/machines"
BATCH = "/api/machines/batch"


class Undelivered(Exception):
    """No usable answer came; the text is a sentence."""


class Stopped(Exception):
    """This process was told to stop meanwhile."""


@dataclass(frozen=True)
class Answer:
    """What the server said; `data` is {} when that was no JSON object."""

    status: int
    data: Mapping[str, Any]
    retry_after: float | None = None
    location: str = ""

    @property
    def reason(self) -> str:
        """Our server's word for a refusal; "" from another one."""
        reason = self.data.get("reason")
        return reason if isinstance(reason, str) else ""

    @property
    def error(self) -> str:
        """What it says about a refusal, on one line."""
        return " ".join(str(self.data.get("error") or "").split())[:300]


class Bearer(AuthBase):
    """Our credential, or none; being there keeps requests from taking one from .netrc."""

    def __init__(self, credential: str | None) -> None:
        self._credential = credential

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._credential is not None:
            request.headers["Authorization"] = f"Bearer {self._credential}"
        return request


class Wire:
    """The way to one server."""

    def __init__(
        self,
        url: str,
        stop: threading.Event,
        ca_file: Path | None = None,
        proxies: bool = True,
        longest: float = EXCHANGE_SECONDS,
    ) -> None:
        """
        Args:
            stop: ends the wait for an answer.
            ca_file: certificates to trust instead of the usual ones.
            proxies: whether the proxies of the environment are used.
            longest: seconds that one exchange may take.
        """
        self._url = url
        self._stop = stop
        self._ca_file = ca_file
        self._proxies = proxies
        self._longest = longest

    def post(self, body: str, credential: str | None) -> Answer:
        """One report, live.

        Raises:
            Undelivered: there was no answer.
            Stopped: nobody waited for it.
        """
        return self._exchange(LIVE, body.encode(), {}, credential)

    def post_batch(self, body: bytes, credential: str | None) -> Answer:
        """A packed backlog; raises as `post` does."""
        return self._exchange(BATCH, body, {"Content-Encoding": "gzip"}, credential)

    def _exchange(
        self, path: str, body: bytes, headers: Mapping[str, str], credential: str | None
    ) -> Answer:
        outcome: list[Answer | Exception] = []

        def ask() -> None:
            try:
                outcome.append(self._ask(self._url + path, body, headers, credential))
            except OSError as error:  # what requests raises is one, too
                outcome.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        waited = 0.0
        while thread.is_alive() and waited < self._longest:
            thread.join(0.25)
            waited += 0.25
            if self._stop.is_set() and thread.is_alive():
                raise Stopped
        if not outcome:
            raise Undelivered(f"{self._url} did not finish its answer.")
        if isinstance(outcome[0], Exception):
            raise Undelivered(_sentence(self._url, outcome[0])) from outcome[0]
        return outcome[0]

    def _ask(
        self, url: str, body: bytes, headers: Mapping[str, str], credential: str | None
    ) -> Answer:
        with requests.Session() as session:
            session.trust_env = self._proxies
            session.headers.update(
                {
                    "User-Agent": f"inventory-agent/{__version__} ({systems.name()})",
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
                    if len(content) > _LONGEST_ANSWER:
                        break
                return Answer(
                    response.status_code,
                    _object(content),
                    _asked_pause(response.headers),
                    response.headers.get("Location", ""),
                )


def packed(bodies: list[str]) -> bytes:
    """The body of a batch."""
    return gzip.compress(f'{{"reports":[{",".join(bodies)}]}}'.encode(), 6)


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, given as seconds or as a date."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        # The server's own clock, when it shows it, is the one its date was read from.
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _sentence(url: str, error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"{url} shows a certificate that nobody vouches for ({_root(error)}): correct it, or "
            "set INVENTORY_HUB_CA_FILE to the authority that issued it."
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return f"The proxy on the way to {url} refused ({_root(error)}): check HTTPS_PROXY."
    if isinstance(error, requests.Timeout):
        return f"{url} did not answer in time."
    return f"{url} cannot be reached ({_root(error)})."


def _root(error: BaseException) -> str:
    """What lies at the bottom of what requests and urllib3 wrap around it."""
    while inner := next(
        (
            one
            for one in (getattr(error, "reason", None), *error.args, error.__cause__)
            if isinstance(one, BaseException)
        ),
        None,
    ):
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
