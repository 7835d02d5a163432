"""One device's history: every stretch with what changed, and the links of its record."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import BaseModel, Field
from werkzeug.exceptions import NotFound

from dashboard.api import parameters
from dashboard.api.operation import documented
from dashboard.api.responses import json_response, midnight
from dashboard.api.schema import DecimalId, OneOf, Page, SourceName, types_of, with_fields
from dashboard.base.params import page_of
from dashboard.queries.devices import asset as machine
from dashboard.queries.devices import history
from dashboard.queries.devices.history import Device
from dashboard.queries.devices.payloads import Difference as FieldChange
from dashboard.web.context import Context


@with_fields(types_of(history.Run))
class StretchRun(BaseModel):
    """The run that opened a stretch."""


class Difference(BaseModel):
    """One field before and after, of ours or of the payload ("payload.os.name")."""

    field: str
    before: Any
    after: Any


@with_fields(dict.fromkeys(history.FIELDS, str | None))
class Stretch(BaseModel):
    """Unbroken days in which the source reported the same."""

    valid_from: date
    valid_to: Annotated[date | None, Field(description="The first day after it; or null.")]
    days: int
    stands: Annotated[bool, Field(description="Whether it holds on as_of.")]
    follows: Annotated[str, OneOf(("first", "on", "absent", "not kept"))]
    site_id: int
    rule_version: int
    asset_id: DecimalId
    run: StretchRun | None
    changes: list[Difference]


@with_fields(types_of(machine.Link))
class Link(BaseModel):
    """Why the record of a device answers to a machine, from `since` up to, not with, `until`."""

    device_id: DecimalId
    other_device_id: DecimalId
    asset_id: DecimalId


@with_fields(types_of(Device))
class History(Page):
    """One record of one source: its stretches, newest first, and its links."""

    device_id: DecimalId
    source: SourceName
    date: datetime | None
    items: list[Stretch]
    links: list[Link]


def blueprint(context: Context) -> Blueprint:
    """The route /api/devices/<device_id>/history."""
    routes = Blueprint("devices_api", __name__, url_prefix="/api/devices")

    @routes.get("/<device_id>/history")
    @documented(
        "What was said of a device, newest first, and what changed",
        History,
        [*parameters.filters("/api/devices"), *parameters.PAGE],
        missing="There is no such device.",
    )
    def device_history(device_id: str) -> Response:
        filters = context.filters(request.args, request.path, extra=("limit", "offset"))
        limit, offset = page_of(request.args)
        with context.view(filters, own_sites=True) as v:
            device = history.find(v.connection, device_id)
            if device is None:
                raise NotFound
            stretches = history.stretches(v.connection, device, v.moment.kept)
            if not stretches and v.actor.sites is not None:
                raise NotFound
            links = machine.links(v.connection, [device.device_id])
        items = [_item(stretch, v.moment.now.day) for stretch in stretches[offset : offset + limit]]
        about = {
            "date": midnight(v.moment.now.day, context.zone),
            "items": items,
            "count": len(stretches),
            "limit": limit,
            "offset": offset,
        }
        return json_response(
            _device(device) | about | {"links": [_plain(asdict(link)) for link in links]}
        )

    return routes


def _device(device: Device) -> dict[str, Any]:
    fields: dict[str, Any] = _plain(asdict(device))
    return fields


def _item(stretch: history.Stretch, day: date | None) -> dict[str, Any]:
    return {
        "valid_from": _plain(stretch.valid_from),
        "valid_to": _plain(stretch.valid_to),
        "days": stretch.days,
        "stands": day is not None and stretch.holds_on(day),
        "follows": stretch.follows,
        **_plain(stretch.state),
        "run": None if stretch.run is None else _plain(asdict(stretch.run)),
        "changes": [_change(change) for change in stretch.changes],
    }


def _change(change: FieldChange) -> dict[str, Any]:
    if change.field == "asset_id":
        change = FieldChange(change.field, str(change.before), str(change.after))
    return change._asdict()


def _plain(value: Any) -> Any:
    """A value for JSON: days and instants as ISO text, ids of devices and assets as decimal."""
    if isinstance(value, dict):
        return {
            name: str(inner) if name in _IDS else _plain(inner) for name, inner in value.items()
        }
    return value.isoformat() if isinstance(value, date | datetime) else value


_IDS = ("device_id", "other_device_id", "asset_id")
