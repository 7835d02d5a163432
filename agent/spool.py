"""Reports that are not delivered yet: on disk before they are sent, in order, and not for ever.

A torn write or a killed process costs at most the report that was being written; a file that
cannot be read is set aside; a full disk makes the reports wait in memory.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Found = TypeVar("Found")

_LAYOUT = 1
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_IN_MEMORY = 60
"""Most reports that wait in memory while the disk takes none."""
_MIDDLES = """
    SELECT seq, size FROM (
        SELECT seq, size, min(seq) OVER of_day AS first, max(seq) OVER of_day AS last
        FROM reports WINDOW of_day AS (PARTITION BY day)
    ) WHERE seq NOT IN (first, last) ORDER BY seq
"""
_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """A report that waits."""

    report_id: str
    body: str


class Spool:
    """The file `spool.db` in a folder, for one thread."""

    def __init__(
        self,
        folder: Path,
        most_bytes: int,
        most_days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            most_bytes: of all waiting reports together.
            most_days: how long one waits.
        """
        self.path = folder / "spool.db"
        self._most_bytes = most_bytes
        self._most_days = most_days
        self._clock = clock
        self._memory: list[Kept] = []
        self._delivered: set[str] = set()
        self._connection: sqlite3.Connection | None = None
        self._complained = False
        self._count = self._attempt(lambda c: int(_one(c, "SELECT count(*) FROM reports")), 0)

    def __len__(self) -> int:
        return self._count + len(self._memory)

    def put(self, report: dict[str, Any]) -> None:
        """Keep a report; when there are too many or too old ones, drop some."""
        if self._complained:
            self._renew()
        kept = Kept(report["report_id"], json.dumps(report, separators=(",", ":")))
        if not self._attempt(
            lambda connection: self._insert(connection, [*self._memory, kept]), False
        ):
            self._memory = [*self._memory, kept][-_IN_MEMORY:]
            return
        self._count += len(self._memory) + 1
        self._memory.clear()
        self._complained = False
        self._attempt(self._trim, None)

    def oldest(self, count: int) -> list[Kept]:
        """The first `count` of those that wait, oldest first."""
        sql = "SELECT report_id, body FROM reports ORDER BY seq LIMIT ?"
        wanted = count + len(self._delivered)
        rows: list[tuple[str, str]] = self._attempt(
            lambda connection: connection.execute(sql, (wanted,)).fetchall(), []
        )
        on_disk = [Kept(*row) for row in rows if row[0] not in self._delivered]
        return [*on_disk, *self._memory][:count]

    def remove(self, report_ids: Iterable[str]) -> None:
        """Forget reports: they were delivered, or nobody will ever take them."""
        gone = set(report_ids) | self._delivered
        in_memory = {kept.report_id for kept in self._memory}
        self._memory = [kept for kept in self._memory if kept.report_id not in gone]
        # What the disk will not let go is at least not sent again.
        self._delivered = gone - in_memory
        if self._attempt(self._delete, False):
            self._delivered.clear()

    def keep_only(self, machine_id: str) -> None:
        """Drop what was reported under another id: no server takes it from this machine any more,
        and it would stand in the way."""
        begins = f'{{"machine_id":"{machine_id}"'
        before = self._count
        self._attempt(lambda connection: self._drop_others(connection, begins), None)
        if self._count < before:
            _log.warning(
                "Dropped %d reports of a machine id that is not known any more.",
                before - self._count,
            )

    def close(self) -> None:
        """Let the file go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _insert(self, connection: sqlite3.Connection, reports: list[Kept]) -> bool:
        now = self._clock()
        with connection:
            connection.executemany(
                "INSERT INTO reports (report_id, day, created, size, body) VALUES (?, ?, ?, ?, ?)",
                [
                    (kept.report_id, int(now // 86400), now, len(kept.body), kept.body)
                    for kept in reports
                ],
            )
        return True

    def _delete(self, connection: sqlite3.Connection) -> bool:
        with connection:
            connection.executemany(
                "DELETE FROM reports WHERE report_id = ?", [(one,) for one in self._delivered]
            )
        self._count = _one(connection, "SELECT count(*) FROM reports")
        return True

    def _drop_others(self, connection: sqlite3.Connection, begins: str) -> None:
        with connection:
            connection.execute(
                "DELETE FROM reports WHERE substr(body, 1, ?) <> ?", (len(begins), begins)
            )
        self._count = _one(connection, "SELECT count(*) FROM reports")

    def _trim(self, connection: sqlite3.Connection) -> None:
        """Drop what is too old; then, oldest first, what is too much: the first and the last
        report of a day go only when nothing else is left."""
        oldest = self._clock() - self._most_days * 86400
        with connection:
            connection.execute("DELETE FROM reports WHERE created < ?", (oldest,))
            over = _one(connection, "SELECT coalesce(sum(size), 0) FROM reports") - self._most_bytes
            for sql in (_MIDDLES, "SELECT seq, size FROM reports ORDER BY seq"):
                if over <= 0:
                    break
                dropped = []
                for seq, size in connection.execute(sql):
                    dropped.append((seq,))
                    over -= size
                    if over <= 0:
                        break
                connection.executemany("DELETE FROM reports WHERE seq = ?", dropped)
        left = _one(connection, "SELECT count(*) FROM reports")
        if left < self._count:
            _log.warning("Dropped %d old reports: the spool is full.", self._count - left)
        self._count = left

    def _attempt(self, work: Callable[[sqlite3.Connection], Found], otherwise: Found) -> Found:
        """What `work` finds on the file; `otherwise` when the file cannot be used now."""
        for _ in range(2):
            try:
                if self._connection is None:
                    self._connection = self._opened()
                return work(self._connection)
            except sqlite3.DatabaseError as error:
                # After any other trouble the connection is kept: what it cannot write any more, as
                # on a full disk, it can still read.
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _CORRUPT:
                    if not self._complained:
                        _log.error(
                            "%s cannot be used: %s. Reports wait in memory.", self.path, error
                        )
                    self._complained = True
                    break
                self.close()
                self._set_aside(error)
        return otherwise

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=5)
        try:
            with suppress(OSError):
                self.path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 1000000")
            version = _one(connection, "PRAGMA user_version")
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
            if version not in (0, _LAYOUT) or _one(connection, "PRAGMA quick_check") != "ok":
                damaged = sqlite3.DatabaseError("it is damaged, or another version's")
                damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damaged
        except BaseException:
            connection.close()
            raise
        return connection

    def _renew(self) -> None:
        """Open the file anew, when that is possible: it may be another one by now."""
        with suppress(sqlite3.DatabaseError):
            fresh = self._opened()
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


def waiting(folder: Path) -> int | None:
    """How many reports wait in `folder`; None for somebody who may not look."""
    path = folder / "spool.db"
    if not path.exists():
        return 0 if folder.exists() else None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return int(_one(connection, "SELECT count(*) FROM reports"))
    except sqlite3.Error:
        return None


def _one(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]
