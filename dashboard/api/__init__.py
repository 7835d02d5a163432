"""The JSON API and the exports, as Flask blueprints on the server that Dash runs on."""

from flask import Flask

from dashboard.api import (
    audit,
    changes,
    coverage,
    dashboard,
    devices,
    health,
    machines,
    metrics,
    month_bases,
    months,
    openapi,
    report_page,
    runs,
    search,
    sites,
)
from dashboard.api.files import exports, invoice_pack
from dashboard.api.files import machines as machine_files
from dashboard.api.files.limit import limit_files
from dashboard.api.responses import register_errors
from dashboard.base.metrics import Metrics
from dashboard.ingest import make_reception
from dashboard.web.context import Context
from db.settings import Settings


def register(
    server: Flask,
    context: Context,
    settings: Settings | None = None,
    counted: Metrics | None = None,
) -> None:
    """Add every API and export route to `server`, answered from `context`; `counted`: what the
    server counts, for /metrics.

    Who may ask is not decided here: `dashboard.base.access.guard` does that for the whole server.
    """
    register_errors(server)
    limit_files(server)
    parts = (
        health, dashboard, changes, coverage, devices, exports, invoice_pack, machine_files,
        months, month_bases, runs, sites, search, audit, openapi,
    )  # fmt: skip
    for part in parts:
        server.register_blueprint(part.blueprint(context))
    server.extensions["reception"] = reception = make_reception(
        context.engine, context.clock, settings, counted := counted or Metrics()
    )
    counted.registry.register(metrics.DatabaseMetrics(context))
    if context.settings.metrics_token is not None:
        server.register_blueprint(metrics.blueprint(counted, context.settings.metrics_token))
    server.register_blueprint(machines.blueprint(context, reception))
    server.register_blueprint(report_page.blueprint(context))
