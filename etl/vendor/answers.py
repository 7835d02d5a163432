"""What a vendor's answer means, in words without markup, for messages; and its raw text, for
whoever wants to see it."""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

MOST_QUOTED = 200
"""Characters of a vendor's own words in a message."""

MOST_RAW = 4096
"""Characters of a raw answer that are kept."""

MEANINGS = {
    400: "it did not understand the request",
    401: "it does not accept the credentials",
    403: "the credentials may not read this",
    404: "there is nothing at this address",
    408: "it waited too long for the request",
    429: "it takes no more requests for now",
    500: "something went wrong inside its server",
    502: "its server is not available right now",
    503: "its server is not available right now",
    504: "its server is not available right now",
    **dict.fromkeys((*range(520, 528), 530), "Cloudflare cannot reach its server"),
}
"""What a status means, after "answered 502 to ...: "."""

_HTML = re.compile(
    r"^\s*(<!--.*?-->\s*)*<(!doctype|html|head|body|title|h1|div|center)\b", re.I | re.S
)
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1\s*>", re.I | re.S)
_CHECK = re.compile(
    r"cf-chl|challenge-platform|Just a moment\.\.\.|Attention Required! \| Cloudflare"
)
_SIGN_IN = re.compile(
    r"<input[^>]+type=[\"']?password|<title[^>]*>[^<]*\b(sign|log)[ -]?in\b", re.I
)
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|</?[a-z!][^<>]*>", re.I | re.S)
_UNSEEN = re.compile(r"[\s\0-\x1f\x7f-\x9f\u2028\u2029]+")
_SAYING = ("title", "detail", "error_description", "errormessage", "message", "errordescription",
           "error", "reason", "resultcode")  # fmt: skip
"""Keys under which an error says what is wrong, in lower case: of RFC 9457, OAuth, and vendors."""


def quoted(text: str) -> str:
    """`text` on one line without markup, cut to `MOST_QUOTED` characters."""
    plain = _UNSEEN.sub(" ", html.unescape(_TAGS.sub(" ", text))).strip()
    # What was written as &lt;b&gt; is no markup of ours, but nobody wants to read it either.
    plain = _UNSEEN.sub(" ", _TAGS.sub(" ", plain)).strip()
    return plain if len(plain) <= MOST_QUOTED else plain[: MOST_QUOTED - 1] + "\u2026"


def is_html(text: str) -> bool:
    """Whether it is a web page."""
    return _HTML.search(text[:2000]) is not None


def is_browser_check(headers: Mapping[str, str], text: str) -> bool:
    """Whether a protection before the vendor's server wants a browser to prove itself."""
    return headers.get("cf-mitigated") == "challenge" or (
        is_html(text) and _CHECK.search(text) is not None
    )


def describe(headers: Mapping[str, str], text: str) -> str:
    """What came, in a few words: "a web page, “502 Bad Gateway”", "“Rate limit reached”"."""
    if not text.strip():
        return "nothing"
    if is_browser_check(headers, text):
        return "a check for browsers (Cloudflare)"
    if is_html(text):
        kind = "a sign-in page" if _SIGN_IN.search(text) else "a web page"
        title = _TITLE.search(text)
        words = quoted(title[2]) if title else ""
        return f"{kind}, “{words}”" if words else kind
    try:
        said = _saying(json.loads(text))
    except (ValueError, RecursionError):
        said = quoted(text)
    return f"“{said}”" if said else "no reason"


def raw(status: int, headers: Mapping[str, str], text: str) -> str:
    """Status, the headers that explain an answer, and its beginning."""
    named = ("Content-Type", "Location", "Server", "Retry-After", "cf-mitigated")
    head = [f"HTTP {status}", *(f"{name}: {headers[name]}" for name in named if name in headers)]
    printable = re.sub(r"[\0-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", text.replace("\r\n", "\n"))
    return "\n".join([*head, "", printable])[:MOST_RAW]


def _saying(data: Any) -> str:
    """What an error object says is wrong; "" when it does not."""
    if isinstance(data, str):
        return quoted(data)
    if not isinstance(data, dict):
        return ""
    by_key = {str(key).lower(): value for key, value in data.items()}
    said: list[str] = []
    for key in _SAYING:
        words = _saying(by_key.get(key)) if isinstance(by_key.get(key), str | dict) else ""
        if words and words not in said:
            said.append(words)
    return quoted(": ".join(said[:2]))
