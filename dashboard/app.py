"""The dashboard: Dash on its own Flask server, with the API and the exports beside the pages."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dash
from dash import Dash, ctx
from dash.exceptions import DependencyException, PreventUpdate
from flask import Flask, Response, request
from flask_babel import gettext as _
from flask_compress import Compress
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException

from dashboard import api
from dashboard.addresses import explain_refusals, is_address, name_tabs, refusal_at
from dashboard.base import access
from dashboard.base.clock import Clock, system_clock
from dashboard.base.i18n import init_babel
from dashboard.base.metrics import Metrics
from dashboard.base.params import BadParameter
from dashboard.base.refusals import Refusal
from dashboard.base.theme import ASSETS
from dashboard.components.kit.states import refused_page
from dashboard.components.shell.frame import shell
from dashboard.decisions.dialog import register_decisions
from dashboard.decisions.picker import register_picking
from dashboard.decisions.preview import register_previews
from dashboard.document import Hub, style_nonce
from dashboard.queries import freshness
from dashboard.queries.sites import site_table
from dashboard.shell_callbacks import register_callbacks, show_status
from dashboard.signin import proxy_routes
from dashboard.signin import routes as sign_in_routes
from dashboard.signin.pages import refused_page as proxy_refused
from dashboard.views import settings as settings_views
from dashboard.web.access_log import log_requests
from dashboard.web.context import Context, attach, current_actor
from dashboard.web.cross_site import refuse_cross_site
from dashboard.web.https_address import send_to_https
from dashboard.web.identity import identifier
from dashboard.web.own_files import FOR_A_YEAR, serve_own_files
from dashboard.web.sign_in import attach_sign_in, chosen_language
from db.engine import DatabaseError
from db.roles import MACHINE
from db.settings import Settings, active_settings

METRICS = "inventory_hub_metrics"
"""The extension of the server that holds what it counts."""

log = logging.getLogger(__name__)


def create_app(
    engine: Engine, *, clock: Clock = system_clock, settings: Settings | None = None
) -> Dash:
    """The dashboard on `engine`."""
    settings = active_settings(settings)
    # The pages without Dash: signing in, and errors.
    server = Flask("dashboard", template_folder="signin/templates")
    server.extensions[METRICS] = metrics = Metrics()
    log_requests(server, metrics)
    context = Context(engine, clock, settings.timezone, settings.ingest_auth == "open", settings)
    attach(server, context)
    init_babel(server, context.zone, chosen_language)
    attach_sign_in(server, engine, clock, settings)
    identify = identifier(engine, clock, settings, proxy_refused)
    public_url = settings.public_url or ""
    if settings.auth != "none" and public_url.startswith("https://"):
        send_to_https(server, public_url)
    access.guard(server, identify)
    refuse_cross_site(server, settings.public_url)
    _compress(server)
    serve_own_files(server)
    if settings.auth == "proxy":
        server.register_blueprint(proxy_routes.blueprint(identify, settings.proxy_sign_out_url))
    elif settings.auth != "none":
        server.register_blueprint(sign_in_routes.blueprint(context, settings))
    server.register_error_handler(
        DependencyException, lambda _error: ("There is no such file.", 404)
    )
    app = Hub(
        "dashboard",
        server=server,
        use_pages=True,
        pages_folder=str(Path(__file__).parent / "pages"),
        assets_folder=str(ASSETS),
        include_assets_files=False,
        title="Inventory Hub",
        update_title="",
        suppress_callback_exceptions=True,
        on_error=_failed,
    )
    name_tabs()
    explain_refusals(_refused)
    api.register(server, context, settings, metrics)
    app.layout = partial(_layout, context)
    register_callbacks(app)
    register_decisions(app)
    register_previews(app)
    register_picking(app)
    server.after_request(_headers(app))
    return app


def _layout(context: Context) -> Any:
    with context.reading(own_sites=True) as connection:
        fresh = freshness.freshness(connection, context.clock())
        sites = site_table.site_options(connection)
    # The page that asks for its layout: Dash does not say which.
    page = urlsplit(request.referrer or "")
    status = show_status(page.query, fresh.version, None, page.path)
    settings = context.settings
    signs_out = settings.auth != "proxy" or settings.proxy_sign_out_url is not None
    return shell(sites, fresh.version, current_actor(), status, signs_out=signs_out)


def _refused(page: dict[str, Any], refusal: Refusal) -> Any:
    """What stands in the place of a page that its reader may not open."""
    if "tab" in page and current_actor().sites is None:
        return settings_views.refused(page["path"], refusal)
    return refused_page(refusal)


def _failed(error: Exception) -> None:
    """Handle an error in a callback: the page stays as it is, and a message is shown."""
    if isinstance(error, PreventUpdate | HTTPException | DatabaseError):
        # An HTTP error is a response, such as 403; of a database that cannot be read it is 503.
        raise error
    if isinstance(error, BadParameter):
        # The strip under the filters says which parameter and why.
        raise PreventUpdate
    log.error("callback failed", exc_info=error)
    if ctx.triggered_id == "decision-do":
        text = _("The request failed. Try again; if it fails again, see the server's log.")
        dash.set_props("decision-wrong", {"children": text})
        return
    # To raise PreventUpdate here would keep everything as it is, this too.
    dash.set_props("trouble", {"is_open": True})


def _compress(server: Flask) -> None:
    server.config["COMPRESS_ALGORITHM"] = ["br", "gzip"]
    server.config["COMPRESS_BR_LEVEL"] = 5
    # A file is streamed as it is; and nothing is cached, so that no answer reaches a stranger.
    server.config["COMPRESS_MIMETYPES"] = [
        "text/html", "text/css", "text/javascript", "application/javascript", "application/json",
        "image/svg+xml",
    ]  # fmt: skip
    server.config["COMPRESS_REGISTER"] = False
    compress = Compress(server)

    @server.after_request
    def _compress_for_browsers(response: Response) -> Response:
        return response if _answers_report() else compress.after_request(response)


def _answers_report() -> bool:
    """Whether this request is a machine's report, whose answer must equal the ASGI gate's."""
    rule = request.url_rule
    return rule is not None and access.required_role(rule.rule, request.method) == MACHINE


def _headers(app: Dash) -> Callable[[Response], Response]:
    rest = (
        "img-src 'self' data: blob:; font-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )

    def add(response: Response) -> Response:
        if _answers_report():
            return response
        rule = request.url_rule.rule if request.url_rule else None
        path = request.path.rstrip("/") or "/"
        if rule == "/<path:path>" and response.status_code == 200 and not is_address(path):
            # Dash answers its page for every path; the page then says that there is nothing.
            response.status_code = 404
        elif rule == "/<path:path>" and response.status_code == 200:
            # The page then says why.
            refusal = refusal_at(path, current_actor())
            response.status_code = 200 if refusal is None else 403
        # Dash writes its own small scripts into the page; each is allowed by its hash.
        page = response.mimetype == "text/html"
        own = " ".join(app.csp_hashes()) if page else ""
        style = f"'nonce-{style_nonce()}'" if page else ""
        policy = f"default-src 'self'; script-src 'self' {own}; style-src 'self' {style}; {rest}"
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if app.server.config["SESSION_COOKIE_SECURE"]:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        fingerprinted = (
            response.status_code in (200, 304)
            and request.path.startswith("/assets/")
            and "v" in request.args
        )
        if fingerprinted:
            response.headers["Cache-Control"] = FOR_A_YEAR
        elif not request.path.startswith(("/assets/", "/_dash-component-suites/")):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return add
