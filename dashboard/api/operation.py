"""The declaration of a route, beside its view: summary, parameters, response models, errors.

`dashboard.api.openapi` assembles the OpenAPI document from these declarations.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from dashboard.api.schema import JsonSchema

View = TypeVar("View", bound=Callable[..., Any])

BAD_PARAMETER = {400: "A parameter cannot be used; the error names it."}
BAD_BODY = {
    400: "The body cannot be read; `reason` and `fields` say why.",
    413: "The body is larger than 64 KB.",
    415: "The body is not JSON, or comes in an encoding that is not read.",
}


@dataclass(frozen=True)
class ParameterDescription:
    """One parameter of an address. `schema` is that of one value; `repeat`: it may be given
    several times."""

    name: str
    about: str
    schema: JsonSchema
    repeat: bool = False
    required: bool = False


@dataclass(frozen=True)
class File:
    """A response that is not JSON."""

    media_type: str
    schema: JsonSchema


@dataclass(frozen=True)
class Operation:
    """One method of one route. `responses`: a model or file for each status of success."""

    summary: str
    responses: Mapping[int, type[BaseModel] | File | None]
    parameters: Sequence[ParameterDescription] = ()
    errors: Mapping[int, str] = field(default_factory=dict)
    body: type[BaseModel] | None = None


def documented(
    summary: str,
    response: type[BaseModel] | File | None,
    parameters: Iterable[ParameterDescription] = (),
    *,
    errors: Mapping[int, str] = BAD_PARAMETER,
    missing: str | None = None,
    body: type[BaseModel] | None = None,
    statuses: Iterable[int] = (200,),
) -> Callable[[View], View]:
    """Declare the operation that a view serves.

    Args:
        response: the model of the JSON answer, a file, or None for JSON of any shape.
        errors: statuses with their meaning, beside 401, 403 and 503, which every route may answer.
        missing: what a 404 means; None where there is none.
        statuses: the statuses of success.
    """
    all_errors = {**errors, **({} if missing is None else {404: missing})}
    operation = Operation(
        summary, dict.fromkeys(statuses, response), tuple(parameters), all_errors, body
    )

    def declare(view: View) -> View:
        view.__dict__["operation"] = operation
        return view

    return declare


def file_of(media_type: str, columns: Iterable[str]) -> File:
    """A table to download, with its columns."""
    return File(media_type, {"type": "string", "description": "Columns: " + ", ".join(columns)})
