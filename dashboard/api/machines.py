"""Machines: what they report (TatuScan's addresses), the list, and single ones changed by hand."""

import json
from collections.abc import Iterator

from flask import Blueprint, Response, g, request

from dashboard.api.answers import answer
from dashboard.api.files.streams import in_parts
from dashboard.base.machine_params import Shown, parse
from dashboard.base.params import page_of
from dashboard.ingest import body, edit
from dashboard.ingest.door import Door
from dashboard.ingest.items import told
from dashboard.ingest.refusal import Refusal
from dashboard.queries.machines import latest as machines
from dashboard.web.context import Context
from db import machines as stored
from db.engine import reading, writing


def blueprint(context: Context, door: Door) -> Blueprint:
    """The routes under /api/machines, and /api/inventory."""
    routes = Blueprint("machines_api", __name__, url_prefix="/api")

    # The door stands before Flask; here it is for the table of roles, for 405, and for `Allow`.
    routes.add_url_rule("/machines", "report", lambda: door, methods=["POST"])
    routes.add_url_rule("/machines/batch", "batch", lambda: door, methods=["POST"])

    @routes.get("/machines")
    @routes.get("/inventory")
    def machine_list() -> Response:
        shown = parse(request.args, extra=("limit", "offset"))
        if "limit" not in request.args and "offset" not in request.args:
            return _all(context, shown)
        limit, offset = page_of(request.args)
        now = context.now()
        with reading(context.engine) as connection:
            found = machines.count(connection, shown.asked, now)
            rows = machines.rows(
                connection, shown.asked, now, sort=shown.sort, descending=shown.descending,
                limit=limit, offset=offset,
            )  # fmt: skip
            items = [told(row, context.zone) for row in rows]
        return answer({"items": items, "count": found, "limit": limit, "offset": offset})

    @routes.get("/machines/<machine_id>")
    def machine(machine_id: str) -> Response:
        with reading(context.engine) as connection:
            row = machines.find(connection, machine_id, context.now())
        return _missing(machine_id) if row is None else answer({"item": told(row, context.zone)})

    @routes.patch("/machines/<machine_id>")
    def change(machine_id: str) -> Response:
        try:
            values = edit.read(body.parse(body.read(request.environ)), context.zone)
        except Refusal as refusal:
            return answer(refusal.payload(), refusal.status)
        now = context.now()
        with writing(context.engine) as connection:
            stored.change(connection, machine_id.lower(), values, g.actor.name, now)
            row = machines.find(connection, machine_id, now)
        if row is None:
            return _missing(machine_id)
        return answer(
            {"item": told(row, context.zone), "message": edit.message(request, "changed")}
        )

    @routes.delete("/machines/<machine_id>")
    def delete(machine_id: str) -> Response:
        with writing(context.engine) as connection:
            gone = stored.remove(connection, machine_id.lower(), g.actor.name, context.clock())
        if not gone:
            return _missing(machine_id)
        return answer({"message": edit.message(request, "deleted")})

    return routes


def _all(context: Context, shown: Shown) -> Response:
    """Every machine, written while it is read: as TatuScan answered, in constant memory."""

    def written() -> Iterator[str]:
        with reading(context.engine) as connection:
            rows = machines.rows(
                connection, shown.asked, context.now(), sort=shown.sort,
                descending=shown.descending,
            )  # fmt: skip
            n = 0
            yield '{"items": ['
            for n, row in enumerate(rows, 1):
                yield ("" if n == 1 else ",\n") + json.dumps(
                    told(row, context.zone), ensure_ascii=False
                )
            yield f'], "count": {n}}}\n'

    return Response(in_parts(written()), mimetype="application/json")


def _missing(machine_id: str) -> Response:
    return answer({"error": f"Inventory not found: {machine_id[:64]}", "code": 404}, 404)
