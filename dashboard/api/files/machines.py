"""The file of machines: exactly those of the list, from its query."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from itertools import islice
from typing import Any

from flask import Blueprint, Response, request

from dashboard.api import parameters
from dashboard.api.files.tables import FORMATS, table_file
from dashboard.api.operation import documented, file_of
from dashboard.base.machine_params import MACHINES, MachineList, parse_machines
from dashboard.ingest.items import LISTED_KEYS, listed_item
from dashboard.queries.machines import latest as machines
from dashboard.web.context import Context
from db import __version__

CHUNK = 1000
_YES_OR_NO = {True: "yes", False: "no", None: None}
_WORDS = {
    "state": "States", "site": "Sites", "os": "Operating systems", "os_version": "Versions",
    "os_not": "All operating systems but", "os_version_not": "All versions but",
    "age": "Months since they were put to work",
}  # fmt: skip


def blueprint(context: Context) -> Blueprint:
    """The routes /export/machines.csv and .xlsx."""
    routes = Blueprint("machine_files", __name__, url_prefix="/export")
    for form, media_type in FORMATS.items():
        file = file_of(media_type, LISTED_KEYS)
        declare = documented("Every machine that matches", file, parameters.MACHINES)
        view = declare(partial(_answer, context, form))
        routes.add_url_rule(f"/machines.{form}", f"machines_{form}", view)
    return routes


def _answer(context: Context, form: str) -> Response:
    machine_list, now = parse_machines(request.args), context.now()
    with context.reading(own_sites=True) as connection:
        rows = machines.rows(connection, machine_list.filters, now, sort=machine_list.sort)
        return table_file(
            f"machines-{now:%Y-%m-%d-%H%M}", LISTED_KEYS, _chunks(rows, context.zone),
            [("As of", now.isoformat(timespec="seconds")), *about(machine_list)], form,
        )  # fmt: skip


def _chunks(rows: Iterator[Mapping[str, Any]], zone: tzinfo) -> Iterator[Iterable[Sequence[Any]]]:
    while part := list(islice(rows, CHUNK)):
        yield [_cells(listed_item(row, zone)) for row in part]


def _cells(item: dict[str, Any]) -> list[Any]:
    macs = item["mac_addresses"]
    values = item | {
        "mac_addresses": None if macs is None else ", ".join(macs),
        "is_cloned": _YES_OR_NO[item["is_cloned"]],
        "has_desktop": _YES_OR_NO[item["has_desktop"]],
    }
    return [values[name] for name in LISTED_KEYS]


def about(machine_list: MachineList) -> list[tuple[str, str]]:
    """Two columns: what, and what of it."""
    filters, sort = machine_list.filters, machine_list.sort
    chosen = {each.name: getattr(filters, each.field) for each in MACHINES if each.repeat}
    return [
        ("Made by", f"Inventory Hub {__version__}"),
        ("Search", filters.q or "none"),
        *(
            (_WORDS[name], "; ".join(value or "(none)" for value in values) or "all")
            for name, values in chosen.items()
            if values or not name.endswith("_not")
        ),
        ("Clones", "only ids that two machines report under" if filters.clones else "all machines"),
        (
            "Sorted by",
            f"{sort.column}, {'downwards' if sort.descending else 'upwards'}",
        ),
        (
            "State",
            "online: reported to this server in the last 3 minutes; late: in the last 15; offline: "
            "longer ago; added_by_hand: no agent ever reported it. By this server's clock, now: no "
            "date of other pages applies.",
        ),
    ]
