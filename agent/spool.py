"""The queue of undelivered reports: on disk, in order, bounded in size and age.

A killed process loses at most the report that was being written; an unreadable file is set aside;
with a full disk the reports wait in memory.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")

_LAYOUT = 1
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_MAX_IN_MEMORY = 60
"""Reports kept in memory while the disk cannot be written."""
_EXCEPT_FIRST_AND_LAST_OF_DAY = """
    SELECT seq, size FROM (
        SELECT seq, size, min(seq) OVER of_day AS first, max(seq) OVER of_day AS last
        FROM reports WINDOW of_day AS (PARTITION BY day)
    ) WHERE seq NOT IN (first, last) ORDER BY seq
"""
_log = logging.getLogger(__name__)


class SpooledReport(NamedTuple):
    """A report as JSON."""

    report_id: str
    body: str


class Spool:
    """The file `spool.db` in a folder. For one thread."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        max_days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            max_bytes: of all reports together.
            max_days: age at which a report is dropped.
        """
        self.path = folder / "spool.db"
        self._max_bytes = max_bytes
        self._max_days = max_days
        self._clock = clock
        self._memory: list[SpooledReport] = []
        self._delivered: set[str] = set()
        self._connection: sqlite3.Connection | None = None
        self._is_failing = False
        self.dropped = 0
        """Reports that were given up: too old, too many, or another machine's."""
        self._count = self._try(lambda c: int(_scalar(c, "SELECT count(*) FROM reports")), 0)

    def __len__(self) -> int:
        return self._count + len(self._memory)

    def put(self, report: dict[str, Any]) -> None:
        """Add a report; drop old ones if the limits are exceeded."""
        if self._is_failing:
            self._reopen()
        entry = SpooledReport(report["report_id"], json.dumps(report, separators=(",", ":")))
        if not self._try(
            lambda connection: self._insert(connection, [*self._memory, entry]), False
        ):
            self._memory = [*self._memory, entry]
            self.dropped += max(len(self._memory) - _MAX_IN_MEMORY, 0)
            self._memory = self._memory[-_MAX_IN_MEMORY:]
            return
        self._count += len(self._memory) + 1
        self._memory.clear()
        self._is_failing = False
        self._try(self._trim, None)

    def oldest(self, count: int) -> list[SpooledReport]:
        """The oldest `count` reports, oldest first."""
        sql = "SELECT report_id, body FROM reports ORDER BY seq LIMIT ?"
        limit = count + len(self._delivered)
        rows: list[tuple[str, str]] = self._try(
            lambda connection: connection.execute(sql, (limit,)).fetchall(), []
        )
        on_disk = [SpooledReport(*row) for row in rows if row[0] not in self._delivered]
        return [*on_disk, *self._memory][:count]

    def remove(self, report_ids: Iterable[str]) -> None:
        """Delete reports that were delivered or will never be accepted."""
        gone = set(report_ids) | self._delivered
        in_memory = {report.report_id for report in self._memory}
        self._memory = [report for report in self._memory if report.report_id not in gone]
        # What cannot be deleted from the disk is at least not sent again.
        self._delivered = gone - in_memory
        if self._try(self._delete, False):
            self._delivered.clear()

    def drop_other_machines(self, machine_id: str) -> None:
        """Drop reports of any other machine id: the server would refuse them forever."""
        prefix = f'{{"machine_id":"{machine_id}"'
        before = self._count
        self._try(lambda connection: self._drop_others(connection, prefix), None)
        if self._count < before:
            self.dropped += before - self._count
            _log.warning(
                "Dropped %d reports of a machine id that is not known any more.",
                before - self._count,
            )

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _insert(self, connection: sqlite3.Connection, reports: list[SpooledReport]) -> bool:
        now = self._clock()
        with connection:
            connection.executemany(
                "INSERT INTO reports (report_id, day, created, size, body) VALUES (?, ?, ?, ?, ?)",
                [
                    (report.report_id, int(now // 86400), now, len(report.body), report.body)
                    for report in reports
                ],
            )
        return True

    def _delete(self, connection: sqlite3.Connection) -> bool:
        with connection:
            connection.executemany(
                "DELETE FROM reports WHERE report_id = ?",
                [(report_id,) for report_id in self._delivered],
            )
        self._count = _scalar(connection, "SELECT count(*) FROM reports")
        return True

    def _drop_others(self, connection: sqlite3.Connection, prefix: str) -> None:
        with connection:
            connection.execute(
                "DELETE FROM reports WHERE substr(body, 1, ?) <> ?", (len(prefix), prefix)
            )
        self._count = _scalar(connection, "SELECT count(*) FROM reports")

    def _trim(self, connection: sqlite3.Connection) -> None:
        """Drop reports that are too old, then the oldest until the rest fits.

        The first and the last report of a day go only when nothing else is left.
        """
        oldest = self._clock() - self._max_days * 86400
        with connection:
            connection.execute("DELETE FROM reports WHERE created < ?", (oldest,))
            over = (
                _scalar(connection, "SELECT coalesce(sum(size), 0) FROM reports") - self._max_bytes
            )
            for sql in (
                _EXCEPT_FIRST_AND_LAST_OF_DAY,
                "SELECT seq, size FROM reports ORDER BY seq",
            ):
                if over <= 0:
                    break
                dropped = []
                for seq, size in connection.execute(sql):
                    dropped.append((seq,))
                    over -= size
                    if over <= 0:
                        break
                connection.executemany("DELETE FROM reports WHERE seq = ?", dropped)
        left = _scalar(connection, "SELECT count(*) FROM reports")
        if left < self._count:
            self.dropped += self._count - left
            _log.warning("Dropped %d old reports: the spool is full.", self._count - left)
        self._count = left

    def _try(self, work: Callable[[sqlite3.Connection], Result], default: Result) -> Result:
        """Run `work` on the file; `default` when the file cannot be used now."""
        for _ in range(2):
            try:
                if self._connection is None:
                    self._connection = self._open()
                return work(self._connection)
            except sqlite3.DatabaseError as error:
                # After other errors the connection is kept: on a full disk it can still read.
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _CORRUPT:
                    if not self._is_failing:
                        _log.error(
                            "%s cannot be used: %s. Reports wait in memory.", self.path, error
                        )
                    self._is_failing = True
                    break
                self.close()
                self._set_aside(error)
        return default

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=5)
        try:
            with suppress(OSError):
                self.path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 1000000")
            version = _scalar(connection, "PRAGMA user_version")
            if version == 0:
                connection.executescript(
                    f"""
                    BEGIN;
                    CREATE TABLE reports (
                        seq INTEGER PRIMARY KEY AUTOINCREMENT,
                        report_id TEXT NOT NULL UNIQUE,
                        day INTEGER NOT NULL,
                        created REAL NOT NULL,
                        size INTEGER NOT NULL,
                        body TEXT NOT NULL
                    );
                    CREATE INDEX reports_by_day ON reports (day, seq, size);
                    PRAGMA user_version = {_LAYOUT};
                    COMMIT;
                    """
                )
            if version not in (0, _LAYOUT) or _scalar(connection, "PRAGMA quick_check") != "ok":
                damaged = sqlite3.DatabaseError("it is damaged, or another version's")
                damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damaged
        except BaseException:
            connection.close()
            raise
        return connection

    def _reopen(self) -> None:
        """Reopen the file if possible; it may have been replaced."""
        with suppress(sqlite3.DatabaseError):
            fresh = self._open()
            self.close()
            self._connection = fresh

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        aside = self.path.with_suffix(".damaged")
        _log.error(
            "spool_corrupt=1: %s cannot be read (%s). It is set aside as %s; what waited in it is "
            "not delivered.", self.path, error, aside.name,
        )  # fmt: skip
        with suppress(OSError):
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            self.path.replace(aside)
        self._count = 0


def count_waiting(folder: Path) -> int | None:
    """The number of reports in `folder`; None if this user may not read it."""
    path = folder / "spool.db"
    if not path.exists():
        return 0 if folder.exists() else None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return int(_scalar(connection, "SELECT count(*) FROM reports"))
    except sqlite3.Error:
        return None


def _scalar(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]
