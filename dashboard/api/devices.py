"""One device's history: every stretch with what changed, and the links of its record."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from dashboard.api.answers import answer, midnight
from dashboard.base.params import page_of
from dashboard.queries.devices import asset as machine
from dashboard.queries.devices import history
from dashboard.queries.devices.history import Device, Stretch
from dashboard.queries.devices.payloads import Difference
from dashboard.web.context import Context


def blueprint(context: Context) -> Blueprint:
    """The route /api/devices/<device_id>/history."""
    routes = Blueprint("devices_api", __name__, url_prefix="/api/devices")

    @routes.get("/<device_id>/history")
    def device_history(device_id: str) -> Response:
        filters = context.filters(request.args, extra=("limit", "offset"))
        limit, offset = page_of(request.args)
        with context.view(filters) as v:
            device = history.find(v.connection, device_id)
            if device is None:
                raise NotFound
            found = history.stretches(v.connection, device, v.moment.kept)
            links = machine.links(v.connection, [device.device_id])
        items = [_item(stretch, v.moment.now.day) for stretch in found[offset : offset + limit]]
        about = {
            "date": midnight(v.moment.now.day, context.zone),
            "items": items,
            "count": len(found),
            "limit": limit,
            "offset": offset,
        }
        return answer(_device(device) | about | {"links": [_plain(asdict(one)) for one in links]})

    return routes


def _device(device: Device) -> dict[str, Any]:
    said: dict[str, Any] = _plain(asdict(device))
    return said


def _item(stretch: Stretch, day: date | None) -> dict[str, Any]:
    return {
        "valid_from": _plain(stretch.valid_from),
        "valid_to": _plain(stretch.valid_to),
        "days": stretch.days,
        "stands": day is not None and stretch.holds_on(day),
        "follows": stretch.follows,
        **_plain(stretch.said),
        "run": None if stretch.run is None else _plain(asdict(stretch.run)),
        "changes": [_change(change) for change in stretch.changes],
    }


def _change(change: Difference) -> dict[str, Any]:
    if change.field == "asset_id":
        change = Difference(change.field, str(change.before), str(change.after))
    return change._asdict()


def _plain(value: Any) -> Any:
    """A value for JSON: days and instants as ISO text, ids of devices and assets as decimal."""
    if isinstance(value, dict):
        return {
            name: str(inner) if name in _IDS else _plain(inner) for name, inner in value.items()
        }
    return value.isoformat() if isinstance(value, date | datetime) else value


_IDS = ("device_id", "other_device_id", "asset_id")
