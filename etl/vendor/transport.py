"""One HTTP request, sent once with a deadline, and the time budget for sending it again."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3

from etl.vendor.responses import Response, UnreadableResponse, read_response

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 30.0
"""Longest wait for the next byte."""
RESPONSE_TIMEOUT_SECONDS = 60.0
"""Longest wait for one complete response, however steadily its bytes trickle in."""


class TransportError(Exception):
    """No complete response came; the text is a predicate: "did not answer in time"."""


class CertificateError(TransportError):
    """The server's certificate could not be verified."""


class HttpTransport:
    """Sends requests to one vendor over a kept-alive connection."""

    def __init__(self) -> None:
        self._http = _connection()

    def send(self, method: str, url: str, seconds: float, content: Mapping[str, Any]) -> Response:
        """The response to one request, whatever its status.

        Args:
            seconds: deadline for all of it, at most `RESPONSE_TIMEOUT_SECONDS`.
            content: arguments of `requests.request`: headers, params, json, data.

        Raises:
            TransportError: no complete response came.
            UnreadableResponse: one came that cannot be read.
        """
        seconds = min(seconds, RESPONSE_TIMEOUT_SECONDS)
        outcome: list[
            Response | requests.RequestException | urllib3.exceptions.HTTPError | UnreadableResponse
        ]
        outcome = []

        def send(http: requests.Session) -> None:
            try:
                with http.request(
                    method,
                    url,
                    timeout=(
                        min(CONNECT_TIMEOUT_SECONDS, seconds),
                        min(READ_TIMEOUT_SECONDS, seconds),
                    ),
                    allow_redirects=False,
                    stream=True,
                    **content,
                ) as response:
                    outcome.append(read_response(response))
            except (
                requests.RequestException,
                urllib3.exceptions.HTTPError,
                UnreadableResponse,
            ) as error:
                outcome.append(error)

        # In a thread of its own, because socket timeouts cover neither name resolution nor
        # headers that arrive byte by byte.
        thread = threading.Thread(target=send, args=(self._http,), daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self._http = _connection()
            raise TransportError(f"did not finish its answer within {seconds:.0f} s")
        if not outcome:
            raise RuntimeError(f"{method} {url} broke down: see the traceback of its thread")
        result = outcome[0]
        if isinstance(result, Response):
            return result
        if isinstance(result, UnreadableResponse):
            raise result
        raise _transport_error(result) from result

    def close(self) -> None:
        self._http.close()


def _connection() -> requests.Session:
    http = requests.Session()
    # requests would take proxies from the environment, which would see our keys, and a password
    # from ~/.netrc, which would replace our Authorization header.
    http.trust_env = False
    http.headers.update({"User-Agent": "inventory-hub", "Accept-Encoding": "gzip, deflate"})
    return http


def _transport_error(error: Exception) -> TransportError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return CertificateError("shows a certificate that is not trusted")
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return TransportError("did not answer in time")
    if "resolve" in str(error):
        return TransportError("has no address: its host name is unknown")
    if "refused" in str(error):
        return TransportError("refused the connection")
    return TransportError("broke the connection")


MAX_ATTEMPTS = 5
"""For one request."""
RETRY_BUDGET_SECONDS = 110.0
"""Time without a usable response after which the run fails: 120 s with the work around it."""
MAX_PAUSE_SECONDS = 60.0
MAX_RETRY_AFTER_SECONDS = 90.0
"""A longer Retry-After is cut to this, so that one more attempt fits into the budget."""


class RetryBudget:
    """The time that one run may spend on a vendor that keeps failing; every usable response resets
    it."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[float, float], float]) -> None:
        """
        Args:
            clock: seconds that never go back.
            jitter: a random number between two.
        """
        self._clock = clock
        self._jitter = jitter
        self._failing_since: float | None = None

    def start(self) -> None:
        """A request begins: the time runs from here if it is not running yet. Time between
        requests is not charged to the vendor."""
        if self._failing_since is None:
            self._failing_since = self._clock()

    def reset(self) -> None:
        """A usable response came."""
        self._failing_since = None

    def spent(self) -> float:
        """Seconds since the first failure in a row began."""
        return 0.0 if self._failing_since is None else self._clock() - self._failing_since

    def remaining(self) -> float:
        """Seconds until the run gives up; negative when overdue."""
        return RETRY_BUDGET_SECONDS - self.spent()

    def pause(self, attempt: int, headers: Mapping[str, str] | None) -> float:
        """Seconds to wait after attempt number `attempt`, whose response had `headers`."""
        retry_after = retry_after_seconds(headers) if headers is not None else None
        if retry_after is not None and retry_after > 0:
            return min(retry_after, MAX_RETRY_AFTER_SECONDS)
        # Full jitter, so that clients that failed together do not come back together.
        return self._jitter(0.0, min(MAX_PAUSE_SECONDS, 2.0 ** (attempt - 1)))


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The Retry-After header in seconds, whether it holds seconds or a date; None without one."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        # Measured on the vendor's own clock where the response has a Date.
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return (until - now).total_seconds()
    except (ValueError, TypeError):
        return None
