"""Machines, at TatuScan's addresses: their reports, the list, single ones changed or deleted.

`dashboard.ingest.gate` answers the single reports of known machines before they come here, with
the same bytes.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Annotated, Any

from flask import Blueprint, Response, g, request
from pydantic import BaseModel, Field

from dashboard.api import parameters
from dashboard.api.files.streams import in_parts
from dashboard.api.operation import BAD_BODY, documented
from dashboard.api.responses import json_response
from dashboard.api.schema import OneOf, with_fields
from dashboard.base.machine_params import STATES, MachineList, parse_machines
from dashboard.base.params import page_of
from dashboard.ingest import body
from dashboard.ingest.items import KEYS, listed_item
from dashboard.ingest.reception import LARGEST_BATCH, Answer, Reception, language
from dashboard.ingest.refusal import Refusal, malformed
from dashboard.ingest.report import Report, checked_activation
from dashboard.queries.machines import latest as machines
from dashboard.web.context import Context
from db import machines as stored


@with_fields(dict.fromkeys(KEYS, str | None))
class ReportedMachine(BaseModel):
    """A machine as it last reported; null for what it never sent. `received_at`: its last report,
    null while it was only added by hand."""

    machine_id: str
    cpu_percent: float | None
    memory_total_mb: int | None
    memory_used_mb: int | None
    disk_total_mb: int | None
    disk_used_mb: int | None
    activation_days: int | None
    clock_skew_seconds: int | None
    computer_activation: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    boot_time: datetime | None
    received_at: datetime | None
    mac_addresses: list[str] | None
    has_desktop: bool | None


class Machine(ReportedMachine):
    """A machine as it last reported. `is_cloned`: two machines report under its id."""

    state: Annotated[str, OneOf(STATES)]
    is_cloned: bool


class Machines(BaseModel):
    """Machines; `limit` and `offset` only when a page was asked for."""

    items: list[Machine]
    count: int
    limit: int = 0
    offset: int = 0


class MachineItem(BaseModel):
    """One machine."""

    item: Machine


class MachineTaken(BaseModel):
    """The machine as stored; `key`: its own key from now on, when it enrolled."""

    item: ReportedMachine
    message: str
    key: str = ""


class MachineChanged(BaseModel):
    """The machine after the change."""

    item: Machine
    message: str


class MachineDeleted(BaseModel):
    """The machine is forgotten."""

    message: str


class Batch(BaseModel):
    """Reports of one machine that could not be sent when they were made."""

    reports: Annotated[list[Report], Field(min_length=1, max_length=LARGEST_BATCH)]


class BatchItem(BaseModel):
    """What became of one report of a batch; `error` when it was refused."""

    report_id: str | None
    status: int
    reason: str
    error: str = ""


class BatchTaken(BaseModel):
    """What became of each report, in their order; `key` as in MachineTaken."""

    items: list[BatchItem]
    count: int
    key: str = ""


class MachineChange(BaseModel):
    """When a machine was put to work: a time as reports send it, and days since."""

    model_config = {"json_schema_extra": {"minProperties": 1}}

    computer_activation: str | float | None = None
    activation_days: int | None = None


_CHANGEABLE = ("computer_activation", "activation_days")
_MESSAGES = {
    "en": {"changed": "Inventory updated", "deleted": "Inventory removed"},
    "pt": {"changed": "Inventário atualizado", "deleted": "Inventário removido"},
}
_NO_MACHINE = "There is no such machine."
_REPORTING = {
    **BAD_BODY,
    403: "Revoked, or another machine's.",
    429: "Too often; Retry-After says how long to wait.",
    503: "It could not be stored; Retry-After says when to send it again.",
}


def blueprint(context: Context, reception: Reception) -> Blueprint:
    """The routes under /api/machines, and /api/inventory."""
    routes = Blueprint("machines_api", __name__, url_prefix="/api")

    @routes.post("/machines")
    @documented(
        "A machine reports what it is now",
        MachineTaken,
        errors=_REPORTING,
        body=Report,
        statuses=(200, 201),
    )
    def report() -> Response:
        return _response(reception.report(request.environ))

    @routes.post("/machines/batch")
    @documented(
        "A machine reports what it could not tell when it was so",
        BatchTaken,
        errors=_REPORTING,
        body=Batch,
    )
    def batch() -> Response:
        return _response(reception.batch(request.environ))

    @routes.get("/machines")
    @routes.get("/inventory")
    @documented(
        "Machines as they last reported; all of them, streamed, unless limit or offset is given",
        Machines,
        [*parameters.MACHINES, *parameters.PAGE],
    )
    def machine_list() -> Response:
        listed = parse_machines(request.args, extra=("limit", "offset"))
        if "limit" not in request.args and "offset" not in request.args:
            return _all(context, listed)
        limit, offset = page_of(request.args)
        now = context.now()
        with context.reading(own_sites=True) as connection:
            count = machines.count(connection, listed.filters, now)
            rows = machines.rows(
                connection, listed.filters, now, sort=listed.sort, limit=limit, offset=offset
            )
            items = [listed_item(row, context.zone) for row in rows]
        return json_response({"items": items, "count": count, "limit": limit, "offset": offset})

    @routes.get("/machines/<machine_id>")
    @documented("One machine", MachineItem, errors={}, missing=_NO_MACHINE)
    def machine(machine_id: str) -> Response:
        with context.reading(own_sites=True) as connection:
            row = machines.find(connection, machine_id, context.now())
        return (
            _missing(machine_id)
            if row is None
            else json_response({"item": listed_item(row, context.zone)})
        )

    @routes.patch("/machines/<machine_id>")
    @documented(
        "Set when a machine was put to work",
        MachineChanged,
        errors=BAD_BODY,
        missing=_NO_MACHINE,
        body=MachineChange,
    )
    def change(machine_id: str) -> Response:
        try:
            values = _changes(body.parse(body.read(request.environ)), context.zone)
        except Refusal as refusal:
            return json_response(refusal.payload(), refusal.status)
        now = context.now()
        with context.writing() as connection:
            stored.change(connection, machine_id.lower(), values, g.actor.name, now)
            row = machines.find(connection, machine_id, now)
        if row is None:
            return _missing(machine_id)
        return json_response(
            {"item": listed_item(row, context.zone), "message": _message("changed")}
        )

    @routes.delete("/machines/<machine_id>")
    @documented("Forget a machine and its key", MachineDeleted, errors={}, missing=_NO_MACHINE)
    def delete(machine_id: str) -> Response:
        with context.writing() as connection:
            gone = stored.remove(connection, machine_id.lower(), g.actor.name, context.clock())
        if not gone:
            return _missing(machine_id)
        return json_response({"message": _message("deleted")})

    return routes


def _all(context: Context, page: MachineList) -> Response:
    """Every machine, written while it is read: as TatuScan answered, in constant memory."""
    reading = context.reading(own_sites=True)

    def written() -> Iterator[str]:
        with reading as connection:
            rows = machines.rows(connection, page.filters, context.now(), sort=page.sort)
            n = 0
            yield '{"items": ['
            for n, row in enumerate(rows, 1):
                yield ("" if n == 1 else ",\n") + json.dumps(
                    listed_item(row, context.zone), ensure_ascii=False
                )
            yield f'], "count": {n}}}\n'

    return Response(in_parts(written()), mimetype="application/json")


def _missing(machine_id: str) -> Response:
    return json_response({"error": f"Inventory not found: {machine_id[:64]}", "code": 404}, 404)


def _response(report_answer: Answer) -> Response:
    content = report_answer.encoded()
    return Response(content, report_answer.status, report_answer.headers(len(content)))


def _changes(content: Any, zone: tzinfo) -> dict[str, Any]:
    """The columns that the body of a PATCH changes.

    Raises:
        Refusal: 400.
    """
    if not isinstance(content, Mapping):
        raise malformed("A change is a JSON object.")
    values = {name: content[name] for name in _CHANGEABLE if name in content}
    if not values:
        raise malformed("No valid fields provided for update", list(_CHANGEABLE))
    if "computer_activation" in values:
        values["computer_activation"] = checked_activation(values["computer_activation"], zone)
    days = values.get("activation_days")
    if days is not None and (type(days) is not int or not -(2**31) <= days < 2**31):
        raise malformed("activation_days is a whole number of days.", ["activation_days"])
    return values


def _message(event: str) -> str:
    return _MESSAGES[language(request.headers.get("Accept-Language", ""))][event]
