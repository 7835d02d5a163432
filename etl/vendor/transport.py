"""One HTTP exchange, once: a whole answer in time, or the trouble."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3

from etl.vendor.answers import Answer, Garbled, read_answer

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 30.0
"""Longest wait for the next byte."""
ANSWER_SECONDS = 60.0
"""Longest wait for one whole answer: a byte now and then is no answer."""


class Trouble(Exception):
    """No whole answer came; the text is the rest of a sentence: "did not answer"."""


class Untrusted(Trouble):
    """The other side shows a certificate that nobody vouches for."""


class Wire:
    """The connection to one vendor."""

    def __init__(self) -> None:
        self._http = _connection()

    def send(self, method: str, url: str, seconds: float, content: Mapping[str, Any]) -> Answer:
        """The answer to one request, whatever its status.

        Args:
            seconds: time for all of it, at most `ANSWER_SECONDS`.
            content: what `requests` takes: headers, params, json, data.

        Raises:
            Trouble: none came.
            Garbled: one came that cannot be read.
        """
        seconds = min(seconds, ANSWER_SECONDS)
        outcome: list[Answer | requests.RequestException | urllib3.exceptions.HTTPError | Garbled]
        outcome = []

        def exchange(http: requests.Session) -> None:
            try:
                with http.request(
                    method,
                    url,
                    timeout=(min(CONNECT_SECONDS, seconds), min(SILENCE_SECONDS, seconds)),
                    allow_redirects=False,
                    stream=True,
                    **content,
                ) as response:
                    outcome.append(read_answer(response))
            except (requests.RequestException, urllib3.exceptions.HTTPError, Garbled) as error:
                outcome.append(error)

        # In a thread of its own: neither a name server nor a header that comes byte by byte
        # respects the time-outs of a socket.
        thread = threading.Thread(target=exchange, args=(self._http,), daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self._http = _connection()
            raise Trouble(f"did not finish its answer within {seconds:.0f} s")
        if not outcome:
            raise RuntimeError(f"{method} {url} broke down: see the traceback of its thread")
        result = outcome[0]
        if isinstance(result, Answer):
            return result
        if isinstance(result, Garbled):
            raise result
        raise _trouble(result) from result

    def close(self) -> None:
        self._http.close()


def _connection() -> requests.Session:
    http = requests.Session()
    # From the environment requests would take proxies that see our keys, and from ~/.netrc a
    # password that replaces our Authorization header. We talk to the vendor alone.
    http.trust_env = False
    http.headers.update({"User-Agent": "inventory-hub", "Accept-Encoding": "gzip, deflate"})
    return http


def _trouble(error: Exception) -> Trouble:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Untrusted("shows a certificate that is not trusted")
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return Trouble("did not answer in time")
    if "resolve" in str(error):
        return Trouble("has no address: its host name is unknown")
    if "refused" in str(error):
        return Trouble("refused the connection")
    return Trouble("broke the connection")


TRIES = 5
"""Of one exchange."""
FAILING_SECONDS = 110.0
"""Time without a usable answer after which the run ends: 120 s with the work around it."""
LONGEST_PAUSE = 60.0
LONGEST_ASKED_PAUSE = 90.0
"""A longer Retry-After is cut to this: one more try must fit in."""


class Patience:
    """One run's patience with one vendor. Each usable answer restores it."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[float, float], float]) -> None:
        """
        Args:
            clock: seconds that never go back.
            jitter: a random number between two.
        """
        self._clock = clock
        self._jitter = jitter
        self._failing_since: float | None = None

    def begin(self) -> None:
        """An exchange begins. Time between exchanges is ours, not the vendor's."""
        if self._failing_since is None:
            self._failing_since = self._clock()

    def restore(self) -> None:
        """The vendor gave a usable answer."""
        self._failing_since = None

    def failing(self) -> float:
        """Seconds since the vendor began to fail."""
        return 0.0 if self._failing_since is None else self._clock() - self._failing_since

    def left(self) -> float:
        """Seconds until we give up; negative when overdue."""
        return FAILING_SECONDS - self.failing()

    def pause(self, attempt: int, headers: Mapping[str, str] | None) -> float:
        """Seconds to wait after the try number `attempt`, whose answer had `headers`."""
        asked = asked_pause(headers) if headers is not None else None
        if asked is not None and asked > 0:
            return min(asked, LONGEST_ASKED_PAUSE)
        # Full jitter: clients that failed together do not come back together.
        return self._jitter(0.0, min(LONGEST_PAUSE, 2.0 ** (attempt - 1)))


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, given as seconds or as a date; None when it does not."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        # The vendor's own clock, when it shows it, is the one its date was read from.
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return (until - now).total_seconds()
    except (ValueError, TypeError):
        return None
