"""Our stylesheets and scripts as browsers get them: one file each, at an address that names its
content, so that it may be kept for a year. Their sources stay apart in assets/, one per subject."""

import hashlib
import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, abort

from dashboard.base.theme import ASSETS, source_styles

FOR_A_YEAR = "max-age=31536000, immutable"
FONT = "fonts/inter-latin-wght-normal.woff2"
"""What the first screen is written in."""

_EXTENSION = "inventory_hub_files"
_URL = re.compile(r'url\("/assets/([^"]+)"\)')


@dataclass(frozen=True)
class OwnFile:
    """A file of ours, in memory."""

    name: str
    content: bytes

    @cached_property
    def address(self) -> str:
        """Where it is served; another content has another address."""
        stem, suffix = self.name.rsplit(".", 1)
        return f"/own/{stem}.{_version(self.content)}.{suffix}"


@dataclass(frozen=True)
class OwnFiles:
    """The stylesheet and the script of every page, and the library that draws charts."""

    style: OwnFile
    script: OwnFile
    plotly: OwnFile


def own_files(server: Flask) -> OwnFiles:
    """The files of ours that `server` serves."""
    files: OwnFiles = server.extensions[_EXTENSION]
    return files


def serve_own_files(server: Flask) -> None:
    """Join them and serve them from now on."""
    library = ASSETS / "vendor" / "plotly-basic.min.js"
    files = OwnFiles(
        OwnFile("hub.css", _style().encode()),
        OwnFile("hub.js", _joined(sorted((ASSETS / "js").glob("*.js")), ";\n").encode()),
        OwnFile(library.name, library.read_bytes()),
    )
    server.extensions[_EXTENSION] = files
    served = {each.address: each for each in (files.style, files.script, files.plotly)}

    @server.get("/own/<name>")
    def own_file(name: str) -> Response:
        file = served.get(f"/own/{name}") or abort(404)
        kind, _encoding = mimetypes.guess_type(file.name)
        return Response(file.content, mimetype=kind, headers={"Cache-Control": FOR_A_YEAR})


@cache
def asset_address(name: str) -> str:
    """The address of a file in assets/ that is served by itself, with its version."""
    return f"/assets/{name}?v={_version((ASSETS / name).read_bytes())}"


def _style() -> str:
    """Bootstrap's rules, ours, and the colours of the sources. Pictures stand in it, because each
    is smaller than a request for it."""
    sheets = [ASSETS / "vendor" / "bootstrap.min.css", *sorted((ASSETS / "css").glob("*.css"))]
    return _URL.sub(lambda found: f'url("{_inlined(found[1])}")', _joined(sheets) + source_styles())


def _inlined(name: str) -> str:
    if name.endswith(".svg"):
        return f"data:image/svg+xml,{quote((ASSETS / name).read_text('utf-8'))}"
    return asset_address(name)


def _joined(files: Iterable[Path], between: str = "\n") -> str:
    return "".join(file.read_text("utf-8") + between for file in files)


def _version(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()
