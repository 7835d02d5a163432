"""The OpenAPI 3.1 document, assembled from the declarations of the routes."""

import re
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from dashboard.api.operation import File, Operation, ParameterDescription, documented
from dashboard.api.parameters import PATH
from dashboard.api.responses import json_response
from dashboard.api.schema import Error, JsonSchema
from dashboard.base.access import API
from dashboard.base.params import allow_only
from dashboard.web.context import Context
from db import __version__

_NAME = "openapi"
_JSON = "application/json"
_REFERENCE = "#/components/schemas/{model}"
_EVERYWHERE = {
    401: "No credential, or one that is not known here.",
    403: "The credential does not allow this.",
    503: "The database cannot be read.",
}


def blueprint(_context: Context) -> Blueprint:
    """The route /api/openapi.json."""
    routes = Blueprint("openapi", __name__, url_prefix="/api")

    @routes.get("/openapi.json")
    @documented("This document", None)
    def openapi() -> Response:
        allow_only(request.args, ())
        if _NAME not in current_app.extensions:
            current_app.extensions[_NAME] = document(current_app)
        return json_response(current_app.extensions[_NAME])

    return routes


def operations(server: Flask) -> dict[tuple[str, str], Operation]:
    """The declared operations of the API and the files, by rule and method.

    Raises:
        KeyError: a route declares nothing.
    """
    by_route: dict[tuple[str, str], Operation] = {}
    for rule in server.url_map.iter_rules():
        if rule.rule.startswith(tuple(f"{prefix}/" for prefix in API)):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                declared = server.view_functions[rule.endpoint].__dict__["operation"]
                by_route[rule.rule, method] = declared
    return dict(sorted(by_route.items()))


def document(server: Flask) -> JsonSchema:
    """The document of `server`'s routes."""
    declared = operations(server)
    paths: JsonSchema = {}
    for (rule, method), operation in declared.items():
        path = re.sub("<([a-z_]+)>", r"{\1}", rule)
        described = _operation(operation, re.findall("<([a-z_]+)>", rule))
        paths.setdefault(path, {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Inventory Hub",
            "version": __version__,
            "description": "How many devices there are, at which site, and what changed.",
        },
        "paths": paths,
        "components": {"schemas": _schemas(_models(declared.values()))},
    }


def _models(declared: Iterable[Operation]) -> set[type[BaseModel]]:
    models: set[type[BaseModel]] = {Error}
    for operation in declared:
        used = (operation.body, *operation.responses.values())
        models |= {model for model in used if model is not None and not isinstance(model, File)}
    return models


class _Generator(GenerateJsonSchema):
    """Without titles, which repeat the names, and without defaults: a field that has one may be
    absent, and means nothing then."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> JsonSchema:
        return self.generate_inner(schema["schema"])


def _schemas(models: Iterable[type[BaseModel]]) -> JsonSchema:
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in ordered],
        ref_template=_REFERENCE,
        schema_generator=_Generator,
    )
    definitions: JsonSchema = schemas["$defs"]
    return dict(sorted(definitions.items()))


def _operation(operation: Operation, in_path: Iterable[str]) -> JsonSchema:
    path = [{"name": n, "in": "path", "required": True, "schema": PATH[n]} for n in in_path]
    responses = {
        str(status): {"description": operation.summary, "content": _content(response)}
        for status, response in operation.responses.items()
    }
    for status, about in sorted({**_EVERYWHERE, **operation.errors}.items()):
        responses[str(status)] = {"description": about, "content": _content(Error)}
    described: JsonSchema = {
        "summary": operation.summary,
        "parameters": [*path, *map(_parameter, operation.parameters)],
        "responses": responses,
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body)}
    return described


def _parameter(parameter: ParameterDescription) -> JsonSchema:
    schema = parameter.schema
    if parameter.repeat:
        schema = {"type": "array", "items": schema}
    described = {
        "name": parameter.name, "in": "query", "description": parameter.about, "schema": schema,
    }  # fmt: skip
    return described | ({"required": True} if parameter.required else {})


def _content(response: type[BaseModel] | File | None) -> JsonSchema:
    if isinstance(response, File):
        return {response.media_type: {"schema": response.schema}}
    if response is None:
        return {_JSON: {"schema": {"type": "object"}}}
    return {_JSON: {"schema": {"$ref": _REFERENCE.format(model=response.__name__)}}}
