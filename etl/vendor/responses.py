"""A vendor's responses: read within limits, parsed as JSON, quoted in messages without secrets."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import requests

from etl.vendor.answers import MEANINGS, describe, is_browser_check, is_html, raw

MAX_RESPONSE_BYTES = 32 * 2**20
"""Of one response after decompression; 1,000 large device rows are about 5 MB."""

MAX_JSON_DEPTH = 64
"""Levels of lists and objects in one response; real rows have four. Python's JSON writer, which
stores what was read, has a lower limit than its reader."""

_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
_CHUNK = 65_536


class CollectionError(Exception):
    """A source could not be read completely: nothing of this run may be published.

    The text names the vendor, says what happened and what to do.

        CollectionError
        ├── permanent=False: it may pass by itself, collect again later
        │   ├── no connection, no answer in time, 408, 429 or 5xx in every attempt
        │   ├── a response that is no JSON, too large, or of another shape than documented
        │   └── a list that does not add up: rows missing, a page that repeats
        └── permanent=True: somebody must act first
            ├── the key, the client or the refresh token is refused
            ├── a right is missing (403)
            ├── the address is wrong (404, a redirect, an untrusted certificate)
            └── a rotated token cannot be stored
    """

    def __init__(
        self,
        message: str,
        permanent: bool = False,
        answer: str | None = None,
        request: str | None = None,
    ) -> None:
        """
        Args:
            answer: the beginning of the vendor's raw answer, if one came; the message never
                quotes markup.
            request: the request that failed, "GET /v2/devices"; the message never names paths.
        """
        super().__init__(message)
        self.permanent = permanent
        self.answer = answer
        self.request = request


class UnreadableResponse(Exception):
    """A response cannot be read; the text completes "answered with ...", `answer` is its start."""

    def __init__(self, message: str, answer: str | None = None) -> None:
        super().__init__(message)
        self.answer = answer


class JsonResponse(NamedTuple):
    """The JSON of a successful response and its headers (case-insensitive names)."""

    data: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Response:
    """One complete HTTP response. `secrets` are replaced in what is quoted of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    secrets: frozenset[str] = frozenset()

    def text(self) -> str:
        """How the body begins, without secrets."""
        # Redacted before it is cut, or half a secret could remain.
        return redacted(self.body[:_CHUNK].decode("utf-8", errors="replace"), self.secrets)

    def summary(self) -> str:
        """What came, in a few words without markup."""
        return describe(self.headers, self.text())

    def is_browser_check(self) -> bool:
        """Whether a protection before the vendor's server wants a browser to prove itself."""
        return is_browser_check(self.headers, self.text())

    def raw(self) -> str:
        """Its status, some headers and how the body begins."""
        return redacted(raw(self.status, self.headers, self.text()), self.secrets)

    def problem(self) -> str:
        """That it is no usable answer, and what that means."""
        problem = f"answered {self.status} with {self.summary()}"
        if self.is_browser_check():
            return f"{problem}: its protection lets no program through"
        meaning = MEANINGS.get(self.status)
        return f"{problem}: {meaning}" if meaning else problem

    def json(self) -> Any:
        """The body parsed as JSON, numbers of any size included.

        Raises:
            UnreadableResponse: it is no JSON.
        """
        if not self.body.strip():
            raise UnreadableResponse("an empty body instead of JSON", self.raw())
        text = _decoded(self.body)
        try:
            data = _parsed(text)
        except RecursionError as error:
            what = f"JSON nested deeper than {MAX_JSON_DEPTH} levels"
            raise UnreadableResponse(what, self.raw()) from error
        except ValueError as error:
            what = f"{self.summary()} instead of data"
            if not is_html(text):
                what = f"text that is no JSON ({error}), {self.summary()}"
            raise UnreadableResponse(what, self.raw()) from error
        if _is_deep(data):
            what = f"JSON nested deeper than {MAX_JSON_DEPTH} levels"
            raise UnreadableResponse(what, self.raw())
        return data


def read_response(response: requests.Response) -> Response:
    """A streamed response read to its end and decompressed, within `MAX_RESPONSE_BYTES`.

    Raises:
        UnreadableResponse: it is too large, or packed in a way that was not asked for.
        urllib3.exceptions.HTTPError: the connection broke off or fell silent.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise UnreadableResponse(f"in the encoding {encoding[:40]!r}, which was not asked for")
    body = bytearray()
    # In small pieces, so that a decompression bomb is noticed early.
    while piece := response.raw.read1(_CHUNK, decode_content=True):
        body += piece
        if len(body) > MAX_RESPONSE_BYTES:
            raise UnreadableResponse(f"more than {MAX_RESPONSE_BYTES // 2**20} MB at once")
    return Response(response.status_code, response.headers, bytes(body))


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret in it, plain or form-encoded, replaced."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "(secret)").replace(quote_plus(secret), "(secret)")
    return text


def _decoded(body: bytes) -> str:
    try:
        # A lone surrogate sent as raw bytes spoils one name, not the whole response.
        return body.decode("utf-8", errors="surrogatepass").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return body.decode("utf-8", errors="replace").removeprefix("\ufeff")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # A number of more than 4,300 digits, which Python refuses to convert: keep its digits.
        return json.loads(text, parse_int=_number)


def _number(digits: str) -> int | str:
    return int(digits) if len(digits) < 4_000 else digits


def _is_deep(data: Any) -> bool:
    level: list[Any] = [[data]]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
