"""Search: texts in the form in which they are compared, stored beside what they are made of.

Databases fold case differently (SQLite only ASCII, PostgreSQL what its locale knows), so it is done
here, before texts are stored and before they are searched for.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement

DEVICE_TEXTS = ("hostname", "display_name", "serial", "os", "node_class")
"""The columns of `device_snapshots` that its `search_text` is made of."""

MACHINE_TEXTS = (
    "hostname", "ip", "os", "os_version", "serial", "computer_model", "manufacturer",
    "logged_in_user", "site",
)  # fmt: skip
"""The columns of `inventory` that its `search_text` is made of, with `mac_addresses`."""

_SEPARATED_MAC = re.compile("[0-9a-f]{2}([:-][0-9a-f]{2})+|[0-9a-f]{4}([.][0-9a-f]{4})+")


def fold(text: str) -> str:
    """`text` without differences of case in any script ("ß" is "ss"; "I", "İ", "ı" and "i" are one
    letter), of composition, and without invisible characters."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = folded.replace("i\N{COMBINING DOT ABOVE}", "i").replace("ı", "i")
    visible = (letter for letter in folded if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFC", "".join(visible))


def search_text(*texts: str | None) -> str:
    """The texts folded, one a line, so that a search matches within one of them."""
    return "\n".join(fold(text) for text in texts if text)


def device_search_text(stretch: Any) -> str:
    """`search_text` of an object with the columns of `device_snapshots` as attributes."""
    return search_text(*(getattr(stretch, name) for name in DEVICE_TEXTS))


def latest_search_text(ip: str | None, macs: str | None, user: str | None) -> str:
    """`search_text` of `device_latest`. Its hardware addresses are without separators."""
    return search_text(ip, macs, user)


def machine_search_text(machine: Mapping[str, Any]) -> str:
    """`search_text` of a row of `inventory`."""
    addresses = machine["mac_addresses"]
    macs = None if addresses is None else re.sub("[^0-9a-f,]", "", fold(addresses))
    return search_text(*(machine[name] for name in MACHINE_TEXTS), macs)


def audit_search_text(subject: str, detail: str) -> str:
    """`search_text` of an entry of the audit log, whose detail is JSON with escaped letters."""
    return search_text(subject, json.dumps(json.loads(detail), ensure_ascii=False))


def contains(folded: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether a folded column contains `text`, folded."""
    return folded.contains(fold(text), autoescape=True)


def contains_text_or_mac(folded: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether a folded column contains `text`; a hardware address in any usual form."""
    sought = fold(text)
    condition = contains(folded, text)
    if _SEPARATED_MAC.fullmatch(sought):
        condition |= contains(folded, re.sub("[:.-]", "", sought))
    return condition
