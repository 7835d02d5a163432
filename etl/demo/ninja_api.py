"""NinjaRMM's public API v2, simulated: tokens, entity lists paged by `after`, reports paged by a
named cursor. Unknown parameters are silently ignored, as by the vendor."""

import itertools
import json
from collections.abc import Callable

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from etl.demo.fault_injection import inject_faults
from etl.demo.faults import Faults
from etl.demo.ninja_filter import filter_devices
from etl.demo.ninja_reports import REPORTS, Cursors
from etl.demo.ninja_tokens import Tokens
from etl.demo.rows import NinjaRows, Row

_DETAILED = frozenset((
    "ipAddresses", "macAddresses", "publicIP", "notes", "deviceType", "os", "system", "memory",
    "processors", "volumes", "lastLoggedInUser",
))  # fmt: skip
"""Keys that only detailed rows have."""


def create_app(
    rows: Callable[[], NinjaRows],
    faults: Faults,
    *,
    client_id: str,
    client_secret: str,
    refresh_token: str | None = None,
    rotating: bool = True,
    max_per_page: int = 1000,
) -> Flask:
    """NinjaRMM as a Flask app.

    Args:
        rows: called on every request.
        refresh_token: the first refresh token; None allows client credentials only.
        max_per_page: maximum and default of `pageSize`.
    """
    app = Flask("simulated-ninja")
    tokens = Tokens(client_id, client_secret, refresh_token, rotating=rotating)
    app.extensions["tokens"] = tokens
    inject_faults(app, faults, _render, tokens.expire_all)

    def token() -> Response:
        status, body = tokens.grant(request.form)
        return _json(body, status)

    for path in ("/ws/oauth/token", "/oauth/token"):
        app.add_url_rule(path, path, token, methods=["POST"])

    api = _data_routes(rows, tokens, max_per_page)
    app.register_blueprint(api, url_prefix="/v2", name="v2")
    app.register_blueprint(api, url_prefix="/api/v2", name="api_v2")

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        return _json(_render(status, error.description or error.name), status)

    return app


def _data_routes(rows: Callable[[], NinjaRows], tokens: Tokens, max_per_page: int) -> Blueprint:
    api = Blueprint("data", __name__)
    cursors = Cursors()

    @api.before_request
    def check_token() -> Response | None:
        if not tokens.accepts(request.headers.get("Authorization")):
            return _json(_render(401, "Unauthorized"), 401)
        return None

    def page(items: list[Row]) -> Response:
        size, after = _page_size(max_per_page), _number("after", 0)
        rest = (row for row in sorted(items, key=_id) if _id(row) > after)
        return _json(list(itertools.islice(rest, size)))

    def devices(detailed: bool) -> list[Row]:
        selected = rows().devices
        if request.args.get("df"):
            try:
                selected = filter_devices(selected, request.args["df"])
            except ValueError as error:
                raise BadRequest(str(error)) from error
        return selected if detailed else [_basic(row) for row in selected]

    @api.get("/organizations")
    def organizations() -> Response:
        return page(rows().organizations)

    @api.get("/organizations-detailed")
    def organizations_detailed() -> Response:
        answer = rows()
        return page([_with_locations(row, answer.locations) for row in answer.organizations])

    @api.get("/locations")
    def locations() -> Response:
        return page(rows().locations)

    @api.get("/devices")
    def basic_devices() -> Response:
        return page(devices(detailed=False))

    @api.get("/devices-detailed")
    def detailed_devices() -> Response:
        return page(devices(detailed=True))

    @api.get("/organization/<int:organization_id>/devices")
    def devices_of(organization_id: int) -> Response:
        answer = rows()
        if organization_id not in {row["id"] for row in answer.organizations}:
            raise NotFound("An organization with the provided id was not found")
        mine = (row for row in answer.devices if row.get("organizationId") == organization_id)
        return page([_basic(row) for row in mine])

    @api.get("/device/<int:device_id>")
    def device(device_id: int) -> Response:
        for row in rows().devices:
            if row.get("id") == device_id:
                return _json(row)
        raise NotFound("A device with the provided nodeId was not found")

    @api.get("/roles")
    def roles() -> Response:
        return _json(rows().roles)

    @api.get("/queries/<name>")
    def report(name: str) -> Response:
        if name not in REPORTS:
            raise NotFound(f"There is no report {name}")
        cursor = request.args.get("cursor")
        if not cursor:
            selected = devices(detailed=True)
            cursor = cursors.start([line for row in selected for line in REPORTS[name](row)])
        answer = cursors.page(cursor, _page_size(max_per_page))
        if answer is None:
            raise BadRequest(f"Cursor {cursor} is unknown or has expired")
        return _json(answer)

    return api


def _page_size(maximum: int) -> int:
    return min(max(_number("pageSize", maximum), 1), maximum)


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    try:
        return int(text) if text else default
    except ValueError as error:
        raise BadRequest(f"Parameter {name} must be a whole number") from error


def _id(row: Row) -> int:
    # Corrupted test rows may have other ids; they come first.
    value = row.get("id")
    return value if isinstance(value, int) else 1


def _basic(row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in _DETAILED}


def _with_locations(organization: Row, locations: list[Row]) -> Row:
    own = [
        {key: value for key, value in row.items() if key != "organizationId"}
        for row in locations
        if row.get("organizationId") == organization.get("id")
    ]
    return {**organization, "locations": own, "policies": [], "settings": {}}


_incidents = itertools.count(1)


def _render(status: int, message: str) -> Row:
    del status  # This vendor's error body has no status.
    incident = f"inc-{next(_incidents):06d}"
    return {"resultCode": "FAILURE", "errorMessage": message, "incidentId": incident}


def _json(body: object, status: int = 200) -> Response:
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status, mimetype="application/json")
