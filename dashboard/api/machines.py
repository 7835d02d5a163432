"""Machines: what they report (TatuScan's addresses), the list, and single ones changed by hand."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Blueprint, Response, g, request

from dashboard.api.answers import answer
from dashboard.api.question import Reader, page
from dashboard.filters import BadParameter, search, single
from dashboard.ingest import body, edit
from dashboard.ingest.door import Door
from dashboard.ingest.items import item
from dashboard.ingest.refusal import Refusal
from dashboard.queries import machines
from dashboard.queries.machines import STATES, Asked
from db import machines as stored
from db.engine import reading, writing

ASKED = ("q", "state", "site", "os", "os_version", "clones", "sort")


def blueprint(reader: Reader, door: Door) -> Blueprint:
    """The routes under /api/machines, and /api/inventory."""
    routes = Blueprint("machines_api", __name__, url_prefix="/api")

    # The door stands before Flask; here it is for the table of roles, for 405, and for `Allow`.
    routes.add_url_rule("/machines", "report", lambda: door, methods=["POST"])
    routes.add_url_rule("/machines/batch", "batch", lambda: door, methods=["POST"])

    @routes.get("/machines")
    @routes.get("/inventory")
    def machine_list() -> Response:
        asked, sort, descending = question(("limit", "offset"))
        now = reader.clock()
        if "limit" not in request.args and "offset" not in request.args:
            return _all(reader, asked, sort, descending)
        limit, offset = page()
        with reading(reader.engine) as connection:
            found = machines.count(connection, asked, now)
            rows = machines.rows(
                connection, asked, now, sort=sort, descending=descending, limit=limit,
                offset=offset,
            )  # fmt: skip
            items = [_item(row, reader) for row in rows]
        return answer({"items": items, "count": found, "limit": limit, "offset": offset})

    @routes.get("/machines/<machine_id>")
    def machine(machine_id: str) -> Response:
        with reading(reader.engine) as connection:
            row = machines.find(connection, machine_id, reader.clock())
        return _missing(machine_id) if row is None else answer({"item": _item(row, reader)})

    @routes.patch("/machines/<machine_id>")
    def change(machine_id: str) -> Response:
        try:
            values = edit.read(body.parse(body.read(request.environ)), reader.zone)
        except Refusal as refusal:
            return answer(refusal.payload(), refusal.status)
        now = reader.clock()
        with writing(reader.engine) as connection:
            stored.change(connection, machine_id.lower(), values, g.actor.name, now)
            row = machines.find(connection, machine_id, now)
        if row is None:
            return _missing(machine_id)
        return answer({"item": _item(row, reader), "message": edit.message(request, "changed")})

    @routes.delete("/machines/<machine_id>")
    def delete(machine_id: str) -> Response:
        with writing(reader.engine) as connection:
            gone = stored.forget(connection, machine_id.lower(), g.actor.name, reader.clock())
        if not gone:
            return _missing(machine_id)
        return answer({"message": edit.message(request, "deleted")})

    return routes


def question(extra: tuple[str, ...] = ()) -> tuple[Asked, str, bool]:
    """Which machines the current request asks for, by which column, and whether downwards.

    Raises:
        BadParameter: it holds something that cannot be asked.
    """
    args = request.args
    for name in args:
        if name not in ASKED and name not in extra:
            known = ", ".join(sorted({*ASKED, *extra}))
            raise BadParameter(name, f"{name!r} is not a parameter here: use {known}.")
    states = tuple(dict.fromkeys(args.getlist("state")))
    for state in states:
        if state not in STATES:
            raise BadParameter("state", f"state is {state[:40]!r}: use one of {', '.join(STATES)}.")
    sort = single(args, "sort") or "hostname"
    if sort.removeprefix("-") not in machines.SORTS:
        known = ", ".join(machines.SORTS)
        raise BadParameter("sort", f"sort is {sort[:40]!r}: use one of {known}.")
    clones = single(args, "clones")
    if clones not in (None, "yes"):
        raise BadParameter("clones", "clones is asked for with clones=yes.")
    asked = Asked(
        q=search(args), states=states, sites=_texts("site"), systems=_texts("os"),
        versions=_texts("os_version"), clones=clones == "yes",
    )  # fmt: skip
    return asked, sort.removeprefix("-"), sort.startswith("-")


def _texts(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value[:255] for value in request.args.getlist(name)))


def _all(reader: Reader, asked: Asked, sort: str, descending: bool) -> Response:
    """Every machine, written while it is read: as TatuScan answered, in constant memory."""

    def written() -> Iterator[str]:
        with reading(reader.engine) as connection:
            rows = machines.rows(
                connection, asked, reader.clock(), sort=sort, descending=descending
            )
            n = 0
            yield '{"items": ['
            for n, row in enumerate(rows, 1):
                yield ("" if n == 1 else ",\n") + json.dumps(_item(row, reader), ensure_ascii=False)
            yield f'], "count": {n}}}\n'

    return Response(_in_parts(written), mimetype="application/json")


def _in_parts(written: Callable[[], Iterator[str]], size: int = 64 * 1024) -> Iterator[str]:
    """Text in parts worth sending."""
    waiting: list[str] = []
    length = 0
    for text in written():
        waiting.append(text)
        length += len(text)
        if length >= size:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)


def _item(row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    return item(row, reader.zone) | {"state": row["state"], "is_cloned": bool(row["is_cloned"])}


def _missing(machine_id: str) -> Response:
    return answer({"error": f"Inventory not found: {machine_id[:64]}", "code": 404}, 404)
