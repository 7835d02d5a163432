"""The dashboard, and the page that it is measured against: one graph and one button. Both on the
same kind of server, which says in each answer when it began and how long it took."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, dcc, html
from flask import Flask, Response, g, request, request_finished, request_started
from flask_compress import Compress

from bench.publishing import LAST_DAY
from dashboard import serving
from dashboard.base.theme import ASSETS
from dashboard.ingest.gate import App, Message
from db.settings import load, use

COMMANDS = tuple(
    ("-m", "bench.page_servers", make)
    for make in ("make_dashboard", "make_empty_page", "make_slim_page")
)
"""What starts each server, as arguments of Python: the dashboard, the empty page, and the same with
the dashboard's chart library."""

PLOTLY = "plotly-basic.min.js"
NOW = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 9, 30, tzinfo=UTC)


def make_dashboard() -> App:
    """The dashboard on the configured database, some hours after the fleet's last collection."""
    settings = load()
    use(settings)
    _say_processor_time()
    return _timed(serving.make_server(settings, clock=lambda: NOW))


def make_empty_page() -> App:
    """A Dash page with a button, whose callback gives the graph beside it new bars."""
    return _timed(serving.threaded(_empty_page().server.wsgi_app))


def make_slim_page() -> App:
    """The same with the dashboard's chart library, compressed like the dashboard."""
    app = _empty_page()
    app.server.config |= {"COMPRESS_ALGORITHM": ["br"], "COMPRESS_BR_LEVEL": 5}
    Compress(app.server)
    chooser, plotly = app.get_asset_url("js/libraries.js"), app.get_asset_url(f"vendor/{PLOTLY}")
    script = f'<script src="{chooser}" data-plotly="{plotly}"></script>'
    app.index_string = app.index_string.replace("{%metas%}", "{%metas%}" + script)
    return _timed(serving.threaded(app.server.wsgi_app))


def _empty_page() -> Dash:
    app = Dash("empty", title="Empty", assets_folder=str(ASSETS), assets_ignore=".*")
    button, graph = html.Button("Show", id="button"), dcc.Graph(id="graph", figure=_bars(0))
    app.layout = html.Div([button, graph])
    clicks = Input("button", "n_clicks")
    app.callback(Output("graph", "figure"), clicks, prevent_initial_call=True)(_bars)
    return app


def _bars(clicks: int) -> dict[str, Any]:
    heights = [(month * 7 + clicks * 3) % 14 + 1 for month in range(14)]
    return {
        "data": [{"type": "bar", "x": list(range(14)), "y": heights}],
        "layout": {"height": 264},
    }


def _timed(app: App) -> App:
    """`app`, with a header Server-Timing: when a request came (`desc`, milliseconds since 1970) and
    how long it took until its answer began (`dur`, milliseconds)."""

    async def timed(scope: Message, receive: Any, send: Callable[[Message], Any]) -> None:
        came, begun = time.time() * 1000, time.perf_counter()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = (time.perf_counter() - begun) * 1000
                value = f'app;dur={took:.1f};desc="{came:.1f}"'.encode()
                message = {**message, "headers": [*message["headers"], (b"server-timing", value)]}
            await send(message)

        await app(scope, receive, send_timed)

    return timed


def _say_processor_time() -> None:
    """Let each answer say in Server-Timing how long the server's processor worked on it (`cpu`,
    milliseconds), with what it filled."""

    def begin(_sender: Flask, **_more: object) -> None:
        g.begun = time.thread_time()

    def end(_sender: Flask, response: Response, **_more: object) -> None:
        took = (time.thread_time() - g.begun) * 1000
        body = request.get_json(silent=True) if request.method == "POST" else None
        what = (body or {}).get("output", request.path)[:40].replace('"', "")
        response.headers.add("Server-Timing", f'cpu;dur={took:.1f};desc="{what}"')

    request_started.connect(begin, weak=False)
    request_finished.connect(end, weak=False)


if __name__ == "__main__":
    serving.serve("127.0.0.1", int(sys.argv[2]), f"bench.page_servers:{sys.argv[1]}")
