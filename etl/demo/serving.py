"""Serves a Flask app on a free loopback port, from a thread, with HTTP/1.1 keep-alive: Flask's own
server closes each connection, which doubles the time of a collection."""

import io
import threading
from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app


class ServedApp:
    """Serves an app until `stop`."""

    def __init__(self, app: Flask) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=app.name, daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Close the port; open connections get no more answers."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(WSGIRequestHandler):
    """Handles one connection, without logging."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        if self.server.socket.fileno() == -1:
            self.close_connection = True  # Stopped.
            return
        # The whole body is read first, or the rest would be parsed as the next request.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(body)
        chunks, status, headers = run_wsgi_app(self.server.app, environ)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        promised = headers.get("Content-Length")
        if promised is None:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = self._send(chunks, chunked=promised is None)
        if promised is not None and sent != int(promised):
            self.close_connection = True

    def _send(self, chunks: Iterable[bytes], *, chunked: bool) -> int:
        sent = 0
        for chunk in filter(None, chunks):
            sent += len(chunk)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        return sent

    def log(self, type: str, message: str, *args: Any) -> None:  # the base's name
        """Discard the message."""
