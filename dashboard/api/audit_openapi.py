"""The audit log in the description of the API."""

from collections.abc import Callable
from typing import Any

from dashboard.api import audit
from dashboard.api.files.tables import FORMATS
from dashboard.api.schemas import DAY, Schema, reference


def paths(get: Callable[..., Schema], parameter: Callable[..., Schema], page: list[Any]) -> Schema:
    """The route and the files."""
    asked = [
        parameter("actor", "Only what these people decided.", {"type": "string"}, repeat=True),
        parameter("action", "Only decisions of these kinds.", {"type": "string"}, repeat=True),
        parameter("q", "Only entries that hold this text.", {"type": "string"}),
        parameter("from", "Only of this day and later.", DAY),
        parameter("to", "Only of this day and earlier.", DAY),
    ]
    about = "Who decided what, the newest first"
    columns = {"type": "string", "description": "Columns: " + ", ".join(audit.COLUMNS)}
    return {
        "/api/audit": get(about, [*asked, *page], reference("Audit"), "application/json"),
        **{
            f"/export/audit.{form}": get(about, asked, columns, kind)
            for form, kind in FORMATS.items()
        },
    }
