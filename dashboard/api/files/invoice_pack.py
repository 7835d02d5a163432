"""The invoice pack: what an invoice for one site and month rests on, as a zip of files with their
checksums. Asked again it has the same bytes: no clock, no compression, a fixed order."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from dashboard.api import parameters
from dashboard.api.files.csv_text import BYTE_ORDER_MARK, csv_text
from dashboard.api.files.tables import disposition
from dashboard.api.operation import File, documented
from dashboard.base.params import (
    BASES,
    ID_SCHEMA,
    LARGEST_ID,
    MONTH_SCHEMA,
    Args,
    BadParameter,
    Parameter,
    allow_only,
    choice,
    month,
    number,
    single,
)
from dashboard.queries.changes import change_rows
from dashboard.queries.devices import device_list
from dashboard.queries.months.invoice import Invoice, invoice
from dashboard.queries.months.snapshots import MonthSource
from dashboard.queries.names import site_names
from dashboard.queries.own_sites import sees
from dashboard.web.context import Context
from db.tables import NO_SITE_ID

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the zip: the earliest that the format knows."""


_SITE = Parameter("site", "The site.", ID_SCHEMA, number(most=LARGEST_ID))
_MONTH = Parameter("month", "The month, like 2026-10.", MONTH_SCHEMA, month)
_BASIS = Parameter(**choice("basis", "What is counted.", BASES, repeat=False, default="assets"))
PARAMETERS = (_SITE, _MONTH, _BASIS)
_DESCRIBED = [
    replace(each, schema=each.schema | {"default": _BASIS.default})
    if each.name == "basis"
    else replace(each, required=True)
    for each in parameters.described(PARAMETERS)
]


def blueprint(context: Context) -> Blueprint:
    """The route /export/invoice-pack.zip."""
    routes = Blueprint("invoice_pack", __name__, url_prefix="/export")

    @routes.get("/invoice-pack.zip")
    @documented(
        "What an invoice for a site and month rests on: lists, changes, counts, checksums",
        File("application/zip", {"type": "string", "format": "binary"}),
        _DESCRIBED,
        missing="There is no such site.",
    )
    def pack() -> Response:
        site, month, basis = _question(request.args, context.today())
        with context.reading(own_sites=True) as connection:
            site_name = site_names(connection, [site]).get(site)
            if site_name is None or not sees(connection, site):
                raise NotFound
            evidence = invoice(connection, site, month, basis, context.today())
        if evidence is None:
            message = f"The devices of {month} are not kept: choose a month that is."
            raise BadParameter("month", message)
        response = Response(zipped(files(evidence, site_name)), mimetype="application/zip")
        name = f"invoice-pack-{site_name}-{basis}-{month}"
        response.headers["Content-Disposition"] = disposition(name, "zip")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return routes


def _question(args: Args, today: date) -> tuple[int, str, str]:
    """The site, month and basis that `args` ask for."""
    allow_only(args, [each.name for each in PARAMETERS])
    site, month = _SITE.value(args, today), _MONTH.value(args, today)
    basis = _BASIS.default if single(args, "basis") == "" else _BASIS.value(args, today)
    if month is None:
        raise BadParameter("month", "month is missing: use a month like 2026-10.")
    if site is None:
        raise BadParameter("site", "site is missing: use the id of one site.")
    if site == NO_SITE_ID:
        raise BadParameter("site", "Devices without a site are on no invoice: choose a site.")
    return site, month, basis


def files(evidence: Invoice, site_name: str) -> dict[str, bytes]:
    """The files of the pack by name, in their order; `site_name` is the current name."""
    basis = evidence.filters.basis
    columns = device_list.columns(basis)
    changed = [
        change_rows.cells(change_rows.row(item, basis, {}), basis) for item in evidence.changes
    ]
    opening = [list(row.values()) for row in evidence.opening or ()]
    closing = [list(row.values()) for row in evidence.rows]
    tables: dict[str, list[Any]] = {
        "opening.csv": [columns, *opening],
        "closing.csv": [columns, *closing],
        "changes.csv": [change_rows.columns(basis), *changed],
        "counts.csv": [("name", "value"), *_counts(evidence)],
    }
    mark = "" if evidence.pack_form == 1 else BYTE_ORDER_MARK
    encoded = {name: (mark + csv_text(rows)).encode() for name, rows in tables.items()}
    checksums = {
        name: {"rows": len(tables[name]) - 1, "sha256": sha256(content).hexdigest()}
        for name, content in encoded.items()
    }
    about = _about(evidence, site_name) | {"files": checksums}
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    return encoded | {"about.json": text.encode()}


def zipped(content: dict[str, bytes]) -> bytes:
    """The files as a zip, always with the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, body in content.items():
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            # As if made on Unix wherever it is made, readable by its owner and others.
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, body)
    return buffer.getvalue()


def _counts(evidence: Invoice) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = list(evidence.bars.items())
    bases = evidence.bases
    if bases is None:
        return rows
    average = str(bases.average)
    if evidence.pack_form == 1:
        average = f"{bases.device_days / bases.days:.4f}"
    return [
        *rows,
        ("month_end", bases.month_end),
        ("average", average),
        ("peak", bases.peak),
        ("peak_day", bases.peak_day.isoformat()),
        ("device_days", bases.device_days),
        ("days", bases.days),
    ]


def _about(evidence: Invoice, site_name: str) -> dict[str, Any]:
    closing, (before, end) = evidence.closing, evidence.days
    empty = {"not_kept": {"last_contact": "Not kept for past days: this column is empty."}}
    return {
        "made_by": "Inventory Hub",
        "what": "Opening, closing and every change of the billable devices of one site",
        "month": evidence.month,
        "state": "preliminary" if closing is None else "closed",
        "filters": {
            "site": [str(site) for site in evidence.filters.sites],
            "site_name": _name_at_closing(evidence, site_name),
            "basis": evidence.filters.basis,
            "status": list(evidence.filters.statuses),
        },
        "opening": {
            "day": before.isoformat(),
            "known": evidence.opening is not None,
            "sources": _sources(evidence.dates_before),
        },
        "closing": {"day": end.isoformat(), "sources": _sources(evidence.dates)},
        "rule_version": evidence.rule_version,
        "month_closing": None
        if closing is None
        else {
            "closing_id": str(closing.closing_id),
            "closed_at": closing.closed_at.isoformat(),
            "closed_by": closing.author,
            "hash": closing.hash,
        },
        **(empty if evidence.pack_form > 2 else {}),
        **(_from_a_file(evidence) if evidence.pack_form > 3 else {}),
    }


def _from_a_file(evidence: Invoice) -> dict[str, Any]:
    """What the month counts besides; nothing where nothing was imported."""
    devices = {source: counts.total() for source, counts in evidence.imported.items()}
    if not any(devices.values()):
        return {}
    what = "The month counts these from a file: no device of them is known, and none is in here."
    return {"not_included": {"what": what, "devices": devices}}


def _name_at_closing(evidence: Invoice, site_name: str) -> str:
    """The site's name as it was when the month was closed, if a device holds it."""
    for row in (*evidence.rows, *(evidence.opening or ())):
        return str(row["site"])
    return site_name


def _sources(dates: dict[str, MonthSource]) -> dict[str, Any]:
    return {
        source: {
            "date": snapshot.date.isoformat(),
            "finished_at": snapshot.finished_at.isoformat() if snapshot.finished_at else None,
            "run_id": str(snapshot.run_id),
            "ended": snapshot.ended,
        }
        for source, snapshot in sorted(dates.items())
    }
