"""The parameters of the API's and files' addresses, as the OpenAPI document describes them."""

from collections.abc import Iterable
from dataclasses import replace

from dashboard.api.operation import ParameterDescription
from dashboard.api.schema import JsonSchema
from dashboard.base import machine_params, params, run_params, settings_params
from dashboard.base.params import FILTERS, ID_SCHEMA, LIMIT, MONTH_SCHEMA, OFFSET, Filter

MONTH: JsonSchema = dict(MONTH_SCHEMA)
PATH: dict[str, JsonSchema] = {
    "device_id": dict(ID_SCHEMA),
    "machine_id": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "month": MONTH,
}
"""The parameters inside paths, by name."""


def described(table: Iterable[params.Parameter]) -> list[ParameterDescription]:
    """The parameters of a table."""
    return [
        ParameterDescription(each.name, each.about, dict(each.schema), each.repeat)
        for each in table
    ]


def filters(path: str, *, stored: bool = False) -> list[ParameterDescription]:
    """The filters that all addresses about days share, as the one with this path takes them.

    Args:
        stored: without those that months, which are stored as counts, cannot be filtered by.
    """
    shared = [each for each in FILTERS if each.shared and (each.stored or not stored)]
    return [_described_at(path, *each) for each in zip(shared, described(shared), strict=True)]


def _described_at(path: str, each: Filter, about: ParameterDescription) -> ParameterDescription:
    default = each.default_at(path)
    if not default:
        return about
    if each.repeat:
        return replace(about, about=about.about.format(usual=" and ".join(default)))
    return replace(about, schema=about.schema | {"default": default})


def sort(columns: Iterable[str], first: str | None = None) -> ParameterDescription:
    """The parameter that sorts by one of `columns`; by `first`, or the first of them, unless
    given."""
    names = list(columns)
    choices = [f"{sign}{column}" for column in names for sign in ("", "-")]
    about = f"The column to sort by, with - before it downwards; default {first or names[0]}."
    return ParameterDescription("sort", about, {"type": "string", "enum": choices})


_FILTERS = {each.name: each for each in described(FILTERS)}
SOURCE, MANAGED_BY, CHANGE = (_FILTERS[name] for name in ("source", "managed_by", "change"))
FINDINGS = [_FILTERS[name] for name in ("kind", "state", "compared")]
PAGE = described((LIMIT, OFFSET))
RUNS = described(run_params.RUNS)
AUDIT = described(settings_params.ENTRIES)
MACHINES = [*described(machine_params.MACHINES), sort(machine_params.SORTS, "hostname")]
