"""The parameters of the API's and files' addresses, described for the OpenAPI document."""

from collections.abc import Iterable

from dashboard.api.operation import Parameter
from dashboard.api.schema import JsonSchema
from dashboard.base.params import (
    ALL_CHANGES,
    BARS,
    BASES,
    DEFAULT_LIMIT,
    MOST,
    SEARCH_LENGTH,
    SOURCES,
    STATUSES,
    TYPES,
)
from dashboard.base.run_params import CHOICES
from dashboard.queries.machines.ages import BUCKETS
from dashboard.queries.machines.latest import SORTS as MACHINE_SORTS
from dashboard.queries.machines.latest import STATES as MACHINE_STATES
from db.coverage import KINDS, STATES
from db.tables.base import NAME_LENGTH

DAY: JsonSchema = {"type": "string", "format": "date"}
ID: JsonSchema = {"type": "string", "pattern": "^[0-9]+$"}
MONTH: JsonSchema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}
TEXT: JsonSchema = {"type": "string"}

PATH: dict[str, JsonSchema] = {
    "device_id": ID,
    "machine_id": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "month": MONTH,
}
"""The parameters inside paths, by name."""


def _one_of(words: Iterable[str], **more: str) -> JsonSchema:
    return {"type": "string", "enum": list(words), **more}


def filters(
    basis: str = "assets", statuses: str = "billable and spare", *, stored: bool = False
) -> list[Parameter]:
    """The filters that most addresses share.

    Args:
        basis: the one counted unless another is asked for.
        statuses: the billing statuses taken unless others are asked for, in words.
        stored: without those that months, which are stored as counts, cannot be filtered by.
    """
    described = [
        Parameter("as_of", "The day to show; today unless given.", DAY),
        Parameter("compare_to", "The day to compare with; the month-end before.", DAY),
        Parameter("basis", "What is counted.", _one_of(BASES, default=basis)),
        Parameter("site", "Only these sites.", ID, repeat=True),
        Parameter(
            "location",
            "Only these locations, by their exact names; nothing (location=) asks for devices "
            "without one.",
            {"type": "string", "maxLength": NAME_LENGTH},
            repeat=True,
        ),
        Parameter("type", "Only these device types.", _one_of(TYPES), repeat=True),
        Parameter(
            "status",
            f"Only these billing statuses; {statuses} unless given.",
            _one_of(STATUSES),
            repeat=True,
        ),
        Parameter(
            "q",
            "Only what has this text in a name, serial number, operating system, class or site.",
            {"type": "string", "maxLength": SEARCH_LENGTH},
        ),
    ]
    return [one for one in described if not (stored and one.name in ("q", "location"))]


PAGE = [
    Parameter(
        "limit",
        "How many rows at most.",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT},
    ),
    Parameter(
        "offset",
        "How many rows to leave out first.",
        {"type": "integer", "minimum": 0, "default": 0},
    ),
]
SOURCE = Parameter("source", "Only records of these sources.", _one_of(SOURCES), repeat=True)
MANAGED_BY = Parameter(
    "managed_by",
    "Only machines that each of these sources manages; with basis=assets alone.",
    _one_of(SOURCES),
    repeat=True,
)
CHANGE = Parameter(
    "change",
    "Only the devices in these bars; all bars unless given. With all also what changed and stands "
    "in none.",
    _one_of((*BARS, ALL_CHANGES)),
    repeat=True,
)
FINDINGS = [
    Parameter("kind", "Only findings of these kinds.", _one_of(KINDS), repeat=True),
    Parameter(
        "state",
        "Only findings in these states; all that stand unless given. With fixed what ended in "
        "the 30 days before.",
        _one_of(STATES),
        repeat=True,
    ),
]
RUNS = [
    Parameter("source", "Only runs of these sources.", _one_of(SOURCES), repeat=True),
    Parameter(
        "state",
        "Only runs in these states, or of which this was decided.",
        _one_of(CHOICES),
        repeat=True,
    ),
    Parameter("from", "Only of this business day and later.", DAY),
    Parameter("to", "Only of this business day and earlier.", DAY),
    Parameter("as_of", "The same as `to`; the earlier one counts.", DAY),
]
AUDIT = [
    Parameter("actor", "Only what these people decided.", TEXT, repeat=True),
    Parameter("action", "Only decisions of these kinds.", TEXT, repeat=True),
    Parameter("q", "Only entries that hold this text.", TEXT),
    Parameter("from", "Only of this day and later.", DAY),
    Parameter("to", "Only of this day and earlier.", DAY),
]
INVOICE_PACK = [
    Parameter("site", "The site.", ID, required=True),
    Parameter("month", "The month, like 2026-10.", MONTH, required=True),
    Parameter("basis", "What is counted.", _one_of(BASES, default="assets")),
]


def sort(columns: Iterable[str], first: str | None = None) -> Parameter:
    """The parameter that sorts by one of `columns`; by `first`, or the first of them, unless
    given."""
    names = list(columns)
    choices = [f"{sign}{column}" for column in names for sign in ("", "-")]
    about = f"The column to sort by, with - before it downwards; default {first or names[0]}."
    return Parameter("sort", about, _one_of(choices))


MACHINES = [
    Parameter("q", "Only machines with this text in a name, address or serial.", TEXT),
    Parameter("state", "Only machines in these states.", _one_of(MACHINE_STATES), repeat=True),
    Parameter("site", "Only machines that name one of these sites.", TEXT, repeat=True),
    Parameter("os", "Only these operating systems.", TEXT, repeat=True),
    Parameter("os_version", "Only these versions.", TEXT, repeat=True),
    Parameter("os_not", "All but these operating systems.", TEXT, repeat=True),
    Parameter("os_version_not", "All but these versions.", TEXT, repeat=True),
    Parameter(
        "age",
        "Only machines put to work so many months ago.",
        _one_of(BUCKETS),
        repeat=True,
    ),
    Parameter("clones", "Only machines that seem to be two.", _one_of(["yes"])),
    sort(MACHINE_SORTS, "hostname"),
]
