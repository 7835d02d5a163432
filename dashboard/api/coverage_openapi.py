"""The routes and files of coverage, described for programs."""

from typing import Any

from dashboard.api.coverage import FIELDS
from dashboard.api.schemas import DAY, ID, Schema, one_of, reference
from dashboard.base.params import SOURCES
from dashboard.queries.devices.matching import COLUMNS
from db.coverage import KINDS, STATES

_TEXT = {"type": ["string", "null"]}
_NUMBER = {"type": "integer"}
_MOMENT = {"type": ["string", "null"], "format": "date-time"}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _listed(properties: Schema) -> Schema:
    return {"type": "array", "items": _object(properties)}


def parameters(parameter: Any) -> list[Schema]:
    """The parameters of findings, made by `parameter` (name, about, schema, repeat)."""
    return [
        parameter("kind", "Only findings of these kinds.", one_of(KINDS), repeat=True),
        parameter(
            "state",
            "Only findings in these states; all that stand unless given. With fixed what ended in "
            "the 30 days before.",
            one_of(STATES),
            repeat=True,
        ),
    ]


_STATES = _object(dict.fromkeys((*STATES, "to_do", "previous"), _NUMBER))
_BY_KIND = _object(dict.fromkeys(KINDS, _NUMBER))
_ACCEPTED = _object(
    {
        "by": {"type": "string"}, "reason": {"type": "string"},
        "expires": {"type": ["string", "null"], "format": "date"}, "exception_id": ID,
    }
) | {"type": ["object", "null"]}  # fmt: skip

SCHEMAS: Schema = {
    "Finding": _object(
        {name: _TEXT for name in FIELDS if name not in COLUMNS}
        | {
            "kind": one_of(KINDS),
            "state": one_of(STATES),
            "first_seen": DAY,
            "first_ever": DAY,
            "age_days": _NUMBER,
            "facts": {"type": "string", "description": "What does not agree, in words."},
            "finding_id": ID,
            "accepted": _ACCEPTED,
            **dict.fromkeys((n for n in COLUMNS if n != "first_seen"), _TEXT),
            **dict.fromkeys(("device_id", "asset_id"), ID),
            "source": one_of(SOURCES),
            "site_id": _NUMBER,
        }
    ),
    "Coverage": _object(
        {
            "date": _MOMENT,
            "items": {"type": "array", "items": reference("Finding")},
            **dict.fromkeys(("count", "limit", "offset"), _NUMBER),
            "notices": {"type": "array", "items": {"type": "string"}},
        }
    ),
    "CoverageMatrix": _object(
        {
            "date": _MOMENT,
            "compared_with": _MOMENT,
            "kinds": _object(dict.fromkeys(KINDS, _STATES)),
            "matrix": _listed(
                {
                    **dict.fromkeys(("source", "other"), one_of(SOURCES)),
                    **dict.fromkeys(("machines", "both"), _NUMBER),
                    "kind": {"enum": [*KINDS, None]},
                    "missing": {"type": ["integer", "null"]},
                }
            ),
            "sites": _listed(
                {
                    "site_id": _NUMBER, "name": {"type": "string"},
                    "expected": {"type": "array", "items": one_of(SOURCES)}, "kinds": _BY_KIND,
                }
            ),
            "trend": _object(
                {
                    "days": {"type": "array", "items": DAY},
                    "to_do": {
                        "type": "object",
                        "additionalProperties": {"type": "array", "items": _NUMBER},
                    },
                }
            ),
        }
    ),
}  # fmt: skip
