"""What a vendor answered: read within limits, shown safely, parsed, or refused with the reason."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import requests

LARGEST_ANSWER = 32 * 2**20
"""Bytes of one answer after decompression; 1,000 large device rows are about 5 MB."""

DEEPEST_NESTING = 64
"""Levels of lists and objects in one answer; real rows have four. What is read must also be
written again, and Python's JSON writer gives up a little earlier than its reader."""

_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
_CHUNK = 65_536
_EXCERPT = 200


class CollectionError(Exception):
    """A source did not tell the whole truth: nothing of this run may be published.

    The text names the vendor, says what happened and what to do.

        CollectionError
        ├── permanent=False: it may pass by itself, collect again later
        │   ├── no connection, no answer in time, 408, 429 or 5xx through every try
        │   ├── an answer that is no JSON, too large, or of another shape than agreed
        │   └── a list that does not add up: rows missing, a page that repeats
        └── permanent=True: somebody must act first
            ├── the key, the client or the refresh token is refused
            ├── a right is missing (403)
            ├── the address is wrong (404, a redirect, an untrusted certificate)
            └── a rotated token cannot be stored
    """

    def __init__(self, message: str, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Garbled(Exception):
    """An answer cannot be read; the text is the rest of a sentence: "answered ..."."""


class Reply(NamedTuple):
    """A good answer: its JSON and its headers (names in any case)."""

    data: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, whole. Its `secrets` are left out of what it shows."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    secrets: frozenset[str] = frozenset()

    def excerpt(self) -> str:
        """The first 200 characters on one line, fit for a log."""
        text = self.body[:_CHUNK].decode("utf-8", errors="replace")
        # Hidden before it is cut: half a secret is one, too.
        text = without_secrets(text, self.secrets)
        text = re.sub(r"[\s\0-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()
        return text[:_EXCERPT] or "(nothing)"

    def json(self) -> Any:
        """The body as JSON, exactly as sent.

        Raises:
            Garbled: it is no JSON.
        """
        if not self.body.strip():
            raise Garbled("an empty body instead of JSON")
        text = _decoded(self.body)
        try:
            data = _parsed(text)
        except RecursionError as error:
            raise Garbled(f"JSON nested deeper than {DEEPEST_NESTING} levels") from error
        except ValueError as error:
            what = "HTML" if text.lstrip().startswith("<") else f"text that is no JSON ({error})"
            raise Garbled(f"{what}: {self.excerpt()}") from error
        if _is_deep(data):
            raise Garbled(f"JSON nested deeper than {DEEPEST_NESTING} levels")
        return data


def read_answer(response: requests.Response) -> Answer:
    """The whole of a streamed response, decompressed, within `LARGEST_ANSWER`.

    Raises:
        Garbled: it is too large, or packed in a way that was not asked for.
        urllib3.exceptions.HTTPError: the connection broke off or fell silent.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise Garbled(f"in the encoding {encoding[:40]!r}, which was not asked for")
    body = bytearray()
    # One small piece at a time: each is unpacked only as far as it fits, so a bomb ends early.
    while piece := response.raw.read1(_CHUNK, decode_content=True):
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise Garbled(f"more than {LARGEST_ANSWER // 2**20} MB at once")
    return Answer(response.status_code, response.headers, bytes(body))


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret in it, plain or as a form would send it, made unreadable."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "(secret)").replace(quote_plus(secret), "(secret)")
    return text


def _decoded(body: bytes) -> str:
    try:
        # Half a surrogate pair sent as raw bytes is one bad name, not a bad answer.
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
    for _ in range(DEEPEST_NESTING):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
