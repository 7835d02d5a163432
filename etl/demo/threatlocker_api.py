"""ThreatLocker's portal API, simulated: bare arrays, totals in a `Pagination` header and in every
row, a verbatim key, an empty body for an empty answer."""

import fnmatch
import itertools
import json
import math
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from etl.demo.fault_injection import inject_faults
from etl.demo.faults import Faults
from etl.demo.rows import Row, ThreatLockerRows

_ZERO = "00000000-0000-0000-0000-000000000000"
_ORDERS = {
    "computername": "computerName", "group": "group", "action": "action",
    "lastcheckin": "lastCheckin", "computerinstalldate": "dateAdded",
    "deniedcountthreedays": "denyCountThreeDays", "updatechannel": "threatLockerVersion",
    "threatlockerversion": "threatLockerVersion",
}  # fmt: skip
_ORGANIZATION_ORDERS = {
    "": "name", "name": "name", "dateadded": "dateAdded", "billingmethod": "billingMethod",
    "businessclassificationname": "businessClassificationName",
}  # fmt: skip


class _Refusal(Exception):
    """A request that the portal refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def create_app(
    rows: Callable[[], ThreatLockerRows],
    faults: Faults,
    *,
    api_key: str,
    organization_id: str,
    without_organization: str = "own",
) -> Flask:
    """ThreatLocker's portal as a Flask app, under /portalapi.

    Args:
        rows: called on every request; includes deleted computers.
        organization_id: the tenant that the key belongs to, parent of all others.
        without_organization: what a request without ManagedOrganizationId gets: "own" the key's
            tenant, "empty" an empty list.
    """
    app = Flask("simulated-threatlocker")
    app.wsgi_app = _any_case(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own idiom
    inject_faults(app, faults, _render, lambda: None)
    requests = itertools.count()

    def managed() -> str | None:
        """The tenant that the request acts in; None when it gets an empty list."""
        if request.headers.get("Authorization") != api_key:
            raise _Refusal(401, "Unauthorized")
        tenant = request.headers.get("ManagedOrganizationId")
        if tenant is None:
            return organization_id if without_organization == "own" else None
        known = {row["organizationId"].lower() for row in rows().organizations}
        if tenant == _ZERO or tenant.lower() == organization_id.lower():
            return organization_id
        if tenant.lower() not in known:
            raise _Refusal(403, "The organization is out of scope")
        return tenant.lower()

    @app.post("/portalapi/computer/computergetbyallparameters")
    def computers() -> Response:
        acting, body = managed(), _body()
        matching = [row for row in rows().computers if acting is not None]
        if not (acting == organization_id and body.get("childOrganizations")):
            matching = [row for row in matching if row.get("organizationId") == acting]
        matching = _search(matching, body)
        if body.get("showLastCheckIn") is False:
            matching = [{**row, "lastCheckin": None} for row in matching]
        order = str(body.get("orderBy") or "computername").lower()
        matching = _sorted(matching, body, _ORDERS, "computerId")
        if order == "lastcheckin" and matching:
            # Machines check in between two pages, so the order differs each time.
            shift = next(requests) * (len(matching) // 10 + 1) % len(matching)
            matching = matching[shift:] + matching[:shift]
        return _page(matching, body, total="totalRows")

    @app.post("/portalapi/organization/organizationgetchildorganizationsbyparameters")
    def organizations() -> Response:
        acting, body = managed(), _body()
        matching = rows().organizations if body.get("childOrganizations") and acting else []
        if not body.get("includeAllChildren"):
            matching = [row for row in matching if row.get("parentId") == acting]
        text = str(body.get("searchText") or "").casefold()
        matching = [row for row in matching if text in str(row.get("name")).casefold()]
        return _page(_sorted(matching, body, _ORGANIZATION_ORDERS, "organizationId"), body)

    @app.errorhandler(_Refusal)
    def refuse(error: _Refusal) -> Response:
        return _json(_render(error.status, error.message), error.status)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        return _json(_render(status, error.name), status)

    return app


def _any_case(app: Any) -> Any:
    """Lower-case the path: the portal ignores case."""

    def lowered(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = environ["PATH_INFO"].lower()
        answer: Iterable[bytes] = app(environ, start)
        return answer

    return lowered


def _body() -> Row:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise _Refusal(500, "A problem occurred with the request")
    return body


def _search(matching: list[Row], body: Row) -> list[Row]:
    if not body.get("showDeleted"):
        matching = [row for row in matching if not row.get("isDeleted")]
    for field, key in (("computerGroup", "computerGroupId"), ("computerId", "computerId")):
        value = str(body.get(field) or _ZERO).lower()
        if value != _ZERO:
            matching = [row for row in matching if str(row.get(key)).lower() == value]
    if body.get("action"):
        matching = [row for row in matching if row.get("action") == body["action"]]
    if body.get("searchText"):
        keys = {2: "username", 3: "group", 4: "lastCheckinIPAddress", 5: "organization"}
        key = keys.get(body.get("searchBy") or 1, "computerName")
        pattern = f"*{body['searchText']}*".casefold()
        matching = [
            row for row in matching if fnmatch.fnmatch(str(row.get(key)).casefold(), pattern)
        ]
    return matching


def _sorted(matching: list[Row], body: Row, orders: dict[str, str], tie: str) -> list[Row]:
    order = str(body.get("orderBy") or "").lower() or next(iter(orders))
    if order not in orders:
        raise _Refusal(417, f"Invalid order {order}")
    key = orders[order]

    def place(row: Row) -> tuple[bool, bool, Any, str]:
        value = row.get(key)
        text = value.casefold() if isinstance(value, str) else ""
        number = value if isinstance(value, int) else 0
        return value is None, isinstance(value, str), text or number, str(row.get(tie))

    return sorted(matching, key=place, reverse=body.get("isAscending") is False)


def _page(matching: list[Row], body: Row, total: str | None = None) -> Response:
    size, number = body.get("pageSize", 25), body.get("pageNumber", 1)
    if not isinstance(size, int) or not isinstance(number, int) or size < 1 or number < 1:
        raise _Refusal(417, "Invalid page")
    first = (number - 1) * size
    page = matching[first : first + size]
    if total is not None:
        page = [{**row, total: len(matching)} for row in page]
    pagination = {
        "currentPage": number, "itemsPerPage": size, "totalItems": len(matching),
        "totalPages": math.ceil(len(matching) / size), "firstItem": first + 1 if page else 0,
        "lastItem": first + len(page) if page else 0,
    }  # fmt: skip
    response = _json(page) if page else Response(b"", mimetype="application/json")
    response.headers["Pagination"] = json.dumps(pagination, separators=(",", ":"))
    return response


_logged = itertools.count(1)


def _render(status: int, message: str) -> Row:
    return {"LoggerId": f"lg-{next(_logged):06d}", "StatusCode": status, "Message": message}


def _json(body: object, status: int = 200) -> Response:
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status, mimetype="application/json")
