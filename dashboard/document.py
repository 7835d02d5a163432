"""The HTML document around every page: which files a browser loads, and when."""

import html
import json
import re
import secrets
from typing import Any

from dash import Dash
from flask import g, request
from flask_babel import get_locale

from dashboard.addresses import browser_addresses, declares
from dashboard.queries import freshness
from dashboard.web.context import current, current_actor
from dashboard.web.cross_site import FIELD, csrf_token
from dashboard.web.own_files import FONT, asset_address, own_files

_ASYNC = "/_dash-component-suites/dash/dcc/async-{}.js"
_GRID = "/dash_ag_grid/"
_TABLE = "/dash_table/"

_DOCUMENT = """<!DOCTYPE html>
<html lang="{language}">
  <head>
    {metas}
    <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
    <title>{title}</title>
    <meta name="addresses" content="{addresses}">
    <link rel="icon" type="image/svg+xml" href="{icon}">
    <link rel="preload" href="{font}" as="font" type="font/woff2" crossorigin>
    {preloads}
    <link rel="stylesheet" href="{style}">
    {css}
    <script src="{script}" nonce="{nonce}" data-plotly="{plotly}" data-grid="{grid}"></script>
  </head>
  <body>
    <input type="hidden" name="{token_field}" value="{token}">
    {app_entry}
    <footer>{config}{scripts}{renderer}</footer>
  </body>
</html>"""


def style_nonce() -> str:
    """What style elements of this request's answer need; another one for each request."""
    if "style_nonce" not in g:
        g.style_nonce = secrets.token_urlsafe(16)
    nonce: str = g.style_nonce
    return nonce


class Hub(Dash):
    """Dash with a document of ours. It carries the secret that requests repeat, and loads each
    library where it is used: what a page's charts and grids need comes with the document, not after
    it; AG Grid is no script of the other pages (assets/js/libraries.js), Dash's table of none."""

    def interpolate_index(self, *_: Any, **parts: Any) -> str:
        """The document, from the parts that Dash made."""
        with current().reading(own_sites=True) as connection:
            # Fails here, where a page can say so, and not in each part of a page that is empty.
            freshness.freshness(connection, current().clock())
        scripts = parts.pop("scripts").splitlines()
        grid = "".join(re.findall(r'src="([^"]+)"', "".join(s for s in scripts if _GRID in s)))
        files = own_files(self.server)
        path = request.path.rstrip("/") or "/"
        soon = []
        if declares(path, "charts"):
            soon += [_ASYNC.format("graph"), files.plotly.address]
        if declares(path, "grid"):
            soon += [grid, re.sub("[^/]+$", "async-community.js", grid)]
        return _DOCUMENT.format(
            **parts,
            language=get_locale() or "en",
            nonce=style_nonce(),
            token_field=FIELD,
            token=csrf_token() if current_actor().is_person else "",
            scripts="\n".join(s for s in scripts if _GRID not in s and _TABLE not in s),
            preloads="\n".join(f'<link rel="preload" href="{src}" as="script">' for src in soon),
            addresses=html.escape(json.dumps(browser_addresses())),
            icon=asset_address("favicon.svg"),
            font=asset_address(FONT),
            style=files.style.address,
            script=files.script.address,
            plotly=files.plotly.address,
            grid=grid,
        )
