"""What a person or another program asks to change of one machine, and what it is told."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from flask import Request

from dashboard.ingest.receive import language
from dashboard.ingest.refusal import malformed
from dashboard.ingest.report import read_activation

CHANGEABLE = ("computer_activation", "activation_days")
_MESSAGES = {
    "en": {"changed": "Inventory updated", "deleted": "Inventory removed"},
    "pt": {"changed": "Inventário atualizado", "deleted": "Inventário removido"},
}


def message(request: Request, done: str) -> str:
    """What a client is told of what was done, in its language."""
    return _MESSAGES[language(request.headers.get("Accept-Language", ""))][done]


def read(found: Any, zone: tzinfo) -> dict[str, Any]:
    """What a PATCH asks for.

    Raises:
        Refusal: nothing that may be changed, or a value that cannot be.
    """
    if not isinstance(found, Mapping):
        raise malformed("A change is a JSON object.")
    values = {name: found[name] for name in CHANGEABLE if name in found}
    if not values:
        raise malformed("No valid fields provided for update", list(CHANGEABLE))
    if "computer_activation" in values:
        values["computer_activation"] = read_activation(values["computer_activation"], zone)
    days = values.get("activation_days")
    if days is not None and (type(days) is not int or not -(2**31) <= days < 2**31):
        raise malformed("activation_days is a whole number of days.", ["activation_days"])
    return values
