"""The full CSV export: the route, read to its end, against a cursor into csv.writer."""

import csv
import gc
import multiprocessing
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, time

import psutil
from flask import Flask
from sqlalchemy import URL, Engine

from bench import handwritten_sql
from bench.handwritten_sql import RawConnection
from bench.measurements import Measurement, interleaved
from bench.publishing import LAST_DAY
from bench.stores import Store
from dashboard.api import register
from dashboard.base import access
from dashboard.web.context import Context
from db.engine import open_engine
from db.settings import Settings

LIMIT = 1.5
MEMORY_LIMIT = 30.0

_FILES = (("records", handwritten_sql.FILE_OF_RECORDS), ("assets", handwritten_sql.FILE_OF_ASSETS))


def measure(store: Store, runs: int) -> Iterator[Measurement]:
    """Measure exports of `store`.

    Raises:
        AssertionError: the file and the cursor have different numbers of lines.
    """
    server = _server(store.ours)
    with RawConnection(store.ours) as raw:
        for basis, sql in _FILES:

            def ours(basis: str = basis) -> int:
                return _count_lines(
                    server, f"/export/devices.csv?basis={basis}&status=billable&status=spare"
                )

            def floor(sql: str = sql) -> int:
                return _write_rows(raw, sql)

            assert ours() == floor(), f"the file of {basis} has not as many lines as it should"
            pair = interleaved(ours, floor, runs)
            name = f"the full CSV, {basis}"
            yield Measurement(store.kind, name, "ms", pair.ours * 1000, pair.floor * 1000, LIMIT)
    # In a fresh process: here, memory freed earlier would be reused without being counted.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        grown = process.submit(_memory_growth, store.ours.url).result(timeout=300)
    yield Measurement(store.kind, "the full CSV, memory it takes", "MB", grown, None, MEMORY_LIMIT)


def _server(engine: Engine) -> Flask:
    server = Flask("bench")
    moment = datetime.combine(LAST_DAY, time(12), UTC)
    register(server, Context(engine, lambda: moment, UTC), Settings())
    access.guard(server, lambda: access.LOCAL)
    return server


def _count_lines(server: Flask, address: str) -> int:
    with closing(server.test_client().get(address, buffered=False)) as response:
        assert response.status_code == 200, response.get_data(as_text=True)
        return sum(piece.count(b"\n") for piece in response.iter_encoded())


def _write_rows(raw: RawConnection, sql: str) -> int:
    with (
        tempfile.TemporaryFile("w", newline="", encoding="utf-8") as file,
        closing(raw.cursor(sql, {"now": LAST_DAY.isoformat()})) as cursor,
    ):
        lines = 1
        writer = csv.writer(file)
        writer.writerow(column[0] for column in cursor.description)
        while rows := cursor.fetchmany(1000):
            writer.writerows(rows)
            lines += len(rows)
        return lines


def _memory_growth(url: URL) -> float:
    """MB by which this process's resident memory grows at most during a full export."""
    engine = open_engine(url)
    server = _server(engine)
    # The first request loads things once that do not belong to the export.
    _count_lines(server, "/export/devices.csv?basis=records&site=1")
    gc.collect()
    process, done = psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _count_lines(server, "/export/devices.csv?basis=records")
    done.set()
    watcher.join()
    engine.dispose()
    return (max(peak, process.memory_info().rss) - before) / 1e6
