"""JSON types and models that the responses of several routes share.

A route's response model is declared in the route's file. It documents the response and tests
validate what is served against it; production builds its JSON without it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, create_model

from dashboard.base.params import BASES, SOURCES, STATUSES, TYPES
from dashboard.queries.devices.device_list import COLUMNS

JsonSchema = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)


class OneOf:
    """Annotates text that is one of some words, which the JSON Schema then lists."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> Any:
        return handler.generate_schema(Literal[self.words])

    def __get_pydantic_json_schema__(
        self, _core: Any, _handler: GetJsonSchemaHandler
    ) -> JsonSchema:
        return {"type": "string", "enum": list(self.words)}


DecimalId = Annotated[str, Field(pattern="^[0-9]+$")]
"""A 63-bit id as decimal text: JavaScript's numbers would lose its last digits."""

Month = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}$", examples=["2026-10"])]
SourceName = Annotated[str, OneOf(SOURCES)]
Basis = Annotated[str, OneOf(BASES)]
Percent = float | None
Dates = dict[str, datetime]
"""The start of each source's business day."""


def with_fields(columns: Mapping[str, Any]) -> Callable[[type[Model]], type[Model]]:
    """A class decorator that adds the fields of `columns` (name to type) that the model does not
    declare itself."""

    def extend(model: type[Model]) -> type[Model]:
        missing: Any = {
            name: (kind, ...) for name, kind in columns.items() if name not in model.model_fields
        }
        extended: Any = create_model(
            model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__,
            **missing,
        )  # fmt: skip
        return extended  # type: ignore[no-any-return]

    return extend


def types_of(row: type) -> dict[str, Any]:
    """The fields of a dataclass or a model with their types, as `with_fields` takes them."""
    if issubclass(row, BaseModel):
        return {name: field.rebuild_annotation() for name, field in row.model_fields.items()}
    return get_type_hints(row)


class Error(BaseModel):
    """What every error answers. `parameter` names the one that cannot be used; `reason` and
    `fields` say why a report was refused."""

    error: str
    code: int
    parameter: str = ""
    reason: str = ""
    fields: list[str] = []


class Page(BaseModel):
    """A part of a list: at most `limit` items from `offset` on, of `count` in all."""

    count: int
    limit: int
    offset: int


class DayPage(Page):
    """A page of a list of one day, counted by `basis`."""

    date: datetime | None
    basis: Basis


@with_fields(dict.fromkeys(COLUMNS, str | None))
class Device(BaseModel):
    """A device of one source, or in the assets basis a machine."""

    device_id: DecimalId
    asset_id: DecimalId
    site_id: int
    source: SourceName
    device_type: Annotated[str, OneOf(TYPES)]
    billing_status: Annotated[str, OneOf(STATUSES)]
    last_contact: datetime | None
    first_seen: date
    sources: Annotated[str, Field(description="Only in the assets basis.")] = ""
