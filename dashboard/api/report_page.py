"""TatuScan's report: every machine in six columns, as plain HTML that needs no script."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from itertools import chain
from typing import Any

from flask import Blueprint, Response, current_app, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape

from dashboard.api.files.streams import in_parts
from dashboard.base.machine_params import MachineFilters
from dashboard.queries.machines import latest as machines
from dashboard.web.context import Context
from dashboard.web.own_files import asset_address, own_files

NOTHING = "-"


def blueprint(context: Context) -> Blueprint:
    """The routes /report and /charts, with a slash at their ends too."""
    routes = Blueprint("report_page", __name__)

    @routes.get("/report", strict_slashes=False)
    def table() -> Response:
        column, descending = _sort()
        head = _head(context.ingest_open)

        reading = context.reading(own_sites=True)

        def written() -> Iterator[str]:
            with reading as connection:
                total = machines.count(connection, MachineFilters(), context.now())
                rows = machines.report_rows(connection, column, descending=descending)
                yield head + str(escape(_("Total: %(n)s", n=total))) + _columns(column, descending)
                for row in rows:
                    yield _row(row, context.zone)
            yield "</tbody></table></main></body></html>\n"

        # What fails, fails before anything is sent.
        parts = written()
        return Response(in_parts(chain([next(parts)], parts)), mimetype="text/html")

    @routes.get("/charts", strict_slashes=False)
    def charts() -> ResponseReturnValue:
        query = request.query_string.decode()
        return redirect(f"/machines{'?' if query else ''}{query}#charts")

    return routes


def _sort() -> tuple[str, bool]:
    column = request.args.get("sort", "")
    return (
        column if column in machines.REPORT_COLUMNS else machines.REPORT_COLUMNS[0],
        request.args.get("dir") == "desc",
    )


def _opening(title: str) -> str:
    return str(
        Markup(
            "<!DOCTYPE html>\n<html lang='{}'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            "<link rel='icon' type='image/svg+xml' href='{}'><link rel='stylesheet' href='{}'>"
            "<title>{}, Inventory Hub</title></head><body class='report'><main>"
        ).format(
            get_locale() or "en",
            asset_address("favicon.svg"),
            own_files(current_app).style.address,
            title,
        )
    )


def _head(ingest_open: bool) -> str:
    warning = Markup("<p class='report-warning' role='alert'>{}</p>").format(
        _("Anyone who can reach this server can report a machine: INGEST_AUTH is open. Set it to "
          "token and start again.")
    )  # fmt: skip
    return _opening(_("Report")) + str(
        Markup("{}<h1>{}</h1><p><a href='/machines'>{}</a></p><p>").format(
            warning if ingest_open else "", _("Report"), _("To the page of machines")
        )
    )


def _columns(column: str, descending: bool) -> str:
    heads = [_column(name, words, column, descending) for name, words in _names().items()]
    table = "</p><table class='table'><thead><tr>{}</tr></thead><tbody>\n"
    return str(Markup(table).format(Markup("").join(heads)))


def _names() -> dict[str, str]:
    return dict(
        zip(
            machines.REPORT_COLUMNS,
            (_("Hostname"), _("OS"), _("Version"), _("Created"), _("Updated"), _("Activation")),
            strict=True,
        )
    )


def _column(name: str, words: str, column: str, descending: bool) -> Markup:
    """A head that sorts by its column; again, the other way."""
    here = name == column
    arrow = ("\u25bc" if descending else "\u25b2") if here else ""
    order = {False: "ascending", True: "descending"}[descending] if here else "none"
    turn = "desc" if here and not descending else "asc"
    return Markup(
        "<th scope='col' aria-sort='{}'><a href='/report?sort={}&amp;dir={}'>{} {}</a></th>"
    ).format(order, name, turn, words, arrow)


def _row(row: Sequence[Any], zone: tzinfo) -> str:
    cells = "".join(f"<td>{_cell(value, zone)}</td>" for value in row)
    return f"<tr>{cells}</tr>\n"


def _cell(value: Any, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
    return str(escape(value or NOTHING))
