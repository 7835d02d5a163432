"""JSON responses, and errors: in JSON for every path under /api and /export, else as a page."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from threading import Lock
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect

from dashboard.base.access import API, answers_json
from dashboard.base.params import BadParameter
from dashboard.web.error_page import error_page, no_database_page
from db.engine import DatabaseError


def json_response(payload: Mapping[str, Any], status: int = 200) -> Response:
    """`payload` as JSON in its own order, never stored by a cache."""
    body = json.dumps(payload, ensure_ascii=False, allow_nan=False)
    response = Response(body + "\n", status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def error_response(message: str, code: int) -> Response:
    """An error response, as `schema.Error` describes it."""
    return json_response({"error": message, "code": code}, code)


def midnight(day: date | None, zone: tzinfo) -> str | None:
    """The start of a business day in its zone: "2026-11-22T00:00:00-06:00"."""
    return None if day is None else datetime.combine(day, time.min, zone).isoformat()


def midnights(days: Mapping[str, date], zone: tzinfo) -> dict[str, str | None]:
    """The start of each source's business day."""
    return {source: midnight(day, zone) for source, day in days.items()}


def number(value: Decimal | None) -> float | None:
    """A percentage as a JSON number."""
    return None if value is None else float(value)


def register_errors(server: Flask) -> None:
    """Answer errors under `API` in JSON, and unknown paths there with 404 or 405: Dash has a
    page for every path. Elsewhere a person reads them, on a page."""
    api_map: Map | None = None
    # Rules are compiled to Python: Python 3.11 fails when several threads do that at once.
    compiling = Lock()

    @server.before_request
    def _match_api_routes() -> None:
        nonlocal api_map
        if not _is_api_path(request.path) or isinstance(request.routing_exception, RequestRedirect):
            return
        with compiling:
            if api_map is None:
                rules = server.url_map.iter_rules()
                api_rules = [rule.empty() for rule in rules if _is_api_path(rule.rule)]
                api_map = Map(api_rules, merge_slashes=False)
        api_map.bind("localhost").match(request.path, request.method)

    def _http(error: HTTPException) -> Response | HTTPException:
        # A redirect is an answer, not an error.
        if isinstance(error, RequestRedirect):
            return error
        code = error.code or 500
        if answers_json(request.path):
            response = error_response(_message(error), code)
        else:
            response = error_page(code, error.description or error.name)
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After"):
                response.headers[name] = value
        return response

    def _bad_parameter(error: BadParameter) -> Response:
        answer = {"error": error.message, "code": error.code, "parameter": error.name}
        return json_response(answer, error.code)

    def _database(error: DatabaseError) -> Response:
        server.logger.error("The database did not answer %s", request.path, exc_info=error)
        message = "The database cannot be read now. Run `inventory-hub doctor` to see why."
        of_a_page = not answers_json(request.path)
        response = no_database_page() if of_a_page else error_response(message, 503)
        response.headers["Retry-After"] = "30"
        return response

    server.register_error_handler(HTTPException, _http)
    server.register_error_handler(BadParameter, _bad_parameter)
    server.register_error_handler(DatabaseError, _database)


def _is_api_path(path: str) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in API)


def _message(error: HTTPException) -> str:
    if error.code == 404:
        return f"There is nothing at {request.path}: see /api/openapi.json for what there is."
    if error.code == 405:
        return f"{request.method} is not allowed at {request.path}."
    return error.description or error.name
