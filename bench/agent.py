"""The agent: a real process that reports every second to a server that accepts everything."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from bench.measurements import Measurement

ROOT = Path(__file__).parent.parent
MEMORY_LIMIT = 40.0
CORE_LIMIT = 0.5
INTERVAL = 60.0
"""Default seconds between two reports."""
_TIMEOUT = 120.0


def measure(reports: int) -> Iterator[Measurement]:
    """Measure an agent while it sends `reports` reports after its first.

    Raises:
        AssertionError: it does not report.
    """
    arrived = threading.Semaphore(0)
    server = _server(arrived)
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "INVENTORY_HUB_URL": f"http://127.0.0.1:{server.server_port}",
                "INVENTORY_HUB_INTERVAL": "1s",
                "INVENTORY_HUB_STATE_DIR": folder,
                "INVENTORY_HUB_LOG_LEVEL": "WARNING",
            },
            cwd=folder,
            stdin=subprocess.DEVNULL,
        )
        try:
            watched = psutil.Process(process.pid)
            assert arrived.acquire(timeout=_TIMEOUT), "the agent sent no report"
            before = _cpu_seconds(watched)
            for _ in range(reports):
                assert arrived.acquire(timeout=_TIMEOUT), "the agent went silent"
            seconds = (_cpu_seconds(watched) - before) / reports
            resident = watched.memory_info().rss / 1e6
        finally:
            process.terminate()
            process.wait(timeout=30)
            server.shutdown()
            server.server_close()
    yield Measurement("agent", "resident memory", "MB", resident, None, MEMORY_LIMIT)
    share = 100 * seconds / INTERVAL
    yield Measurement("agent", "of one core, at 60 s", "%", share, None, CORE_LIMIT)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _server(arrived: threading.Semaphore) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"item": {}, "message": "stored"}).encode()
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            arrived.release()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    return server
