"""Stores the reports of many machines in one transaction: rows, hourly figures and keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from operator import itemgetter
from typing import Any

from sqlalchemy import ARRAY, Connection, Engine, Row, String, any_, bindparam, select, update

from dashboard.base.clock import Clock
from dashboard.ingest.credentials import (
    Credential,
    missing_credential,
    revoked_credential,
    unknown_credential,
)
from dashboard.ingest.merge import is_duplicate, merge_report, report_time
from dashboard.ingest.refusal import Refusal
from dashboard.ingest.report import Report
from db import tokens
from db.bulk import accumulate, insert_many, update_many, upsert
from db.engine import writing
from db.machines import blank_machine, with_search_text
from db.tables import agent_hours, api_tokens, inventory, report_days

_COLUMNS = tuple(inventory.c.keys())
_KEY_COLUMNS = ("public_id", "secret_hash", "revoked_at", "expires_at", "report_id", "last_used_at")
_VOLATILE_COLUMNS = (
    "cpu_percent", "memory_used_mb", "disk_used_mb", "updated_at", "received_at", "reported_at",
    "clock_skew_seconds", "recent_reports",
)  # fmt: skip
"""What nearly every report changes. Most change nothing else; to write only these is a third of the
work."""
_stable_values = itemgetter(*(name for name in _COLUMNS if name not in _VOLATILE_COLUMNS))

_SUMS = ("n", "cpu_n", "cpu_sum", "memory_n", "memory_sum")
_PEAKS = ("cpu_max", "memory_max")

# Built once: to build a statement of so many columns takes longer than to execute it.
_MACHINES_WITH_KEYS = (
    select(inventory, *(api_tokens.c[name] for name in _KEY_COLUMNS))
    .select_from(inventory.outerjoin(api_tokens, api_tokens.c.machine_id == inventory.c.machine_id))
    .order_by(inventory.c.machine_id)
    .with_for_update(of=inventory)
)
_ID = inventory.c.machine_id
_BY_IDS = _MACHINES_WITH_KEYS.where(_ID.in_(bindparam("ids", expanding=True)))
_BY_ID_ARRAY = _MACHINES_WITH_KEYS.where(any_(bindparam("ids", type_=ARRAY(String))) == _ID)


@dataclass(frozen=True)
class Entry:
    """One request's reports of one machine, oldest first. `live`: it describes the present."""

    credential: Credential | None
    machine_id: str
    reports: tuple[Report, ...]
    live: bool


@dataclass
class StoredEntry:
    """The result of an entry: the machine's row now, its new key if it enrolled, and whether each
    report had been received before."""

    machine: Mapping[str, Any]
    is_new: bool
    key: str | None = None
    duplicates: list[bool] = field(default_factory=list)


class Store:
    """Writes entries. Not thread-safe: only the committing thread of `CommitQueue` calls it."""

    def __init__(self, engine: Engine, clock: Clock, zone: tzinfo, peppers: tokens.Peppers) -> None:
        self._engine = engine
        self._peppers = peppers
        self._clock = clock
        self._zone = zone
        self._day: date | None = None

    def __call__(self, entries: Sequence[Entry]) -> Sequence[StoredEntry | Exception]:
        """Store `entries` in one committed transaction; the outcome of each, in order."""
        now = self._clock()
        day = now.astimezone(self._zone).date()
        with writing(self._engine) as connection:
            machines = _locked_machines(connection, {entry.machine_id for entry in entries})
            enrolment_tokens = _read_enrolment_tokens(connection, entries)
            batch = _Batch(now, machines, enrolment_tokens, self._peppers)
            outcomes = [batch.outcome(entry) for entry in entries]
            batch.write(connection)
            if day != self._day and batch.changed_ids:
                upsert(connection, report_days, [{"day": day}])
        if batch.changed_ids:
            self._day = day
        return outcomes


class _Batch:
    def __init__(
        self, now: datetime, machines: dict[str, Row[Any]], enrolment_tokens: dict[str, Row[Any]],
        peppers: tokens.Peppers,
    ) -> None:  # fmt: skip
        self.now = now
        self.peppers = peppers
        self.before = {
            machine_id: dict(zip(_COLUMNS, row, strict=False))
            for machine_id, row in machines.items()
        }
        self.rows = dict(self.before)
        self.keys: dict[str, dict[str, Any]] = {
            machine_id: dict(zip(_KEY_COLUMNS, row[len(_COLUMNS) :], strict=True))
            for machine_id, row in machines.items()
            if row.public_id is not None
        }
        self.replaced = frozenset(self.keys)
        self.enrolment_tokens = enrolment_tokens
        self.changed_ids: set[str] = set()
        self.issued: dict[str, dict[str, Any]] = {}
        self.used_keys: set[str] = set()
        self.hours = HourlyFigures()

    def outcome(self, entry: Entry) -> StoredEntry | Exception:
        try:
            return self._apply(entry)
        except Refusal as refusal:
            return refusal

    def _apply(self, entry: Entry) -> StoredEntry:
        machine_id = entry.machine_id
        row = self.rows.get(machine_id)
        key = self._authorize(entry)
        is_new = row is None
        row = blank_machine(machine_id, self.now) if row is None else row
        site = None if entry.credential is None else entry.credential.site
        duplicates, is_first = [], is_new
        for report in entry.reports:
            duplicates.append(is_duplicate(row, report))
            if duplicates[-1]:
                continue
            at = self.now if entry.live else report_time(report, self.now)
            row = merge_report(row, report, self.now, live=entry.live, site=site, is_new=is_first)
            is_first = False
            self.hours.add(row["device_id"], at, report)
        self.rows[machine_id] = row
        self.changed_ids.add(machine_id)
        return StoredEntry(row, is_new, key, duplicates)

    def _authorize(self, entry: Entry) -> str | None:
        """Check the entry's credential against the database; a new key if the machine enrols.

        Raises:
            Refusal: the credential is not good any more, or not for this machine.
        """
        credential, current = entry.credential, self.keys.get(entry.machine_id)
        if credential is not None and credential.kind == tokens.MACHINE:
            self._check_key(credential, entry.machine_id, current)
            return None
        if current is not None and current["revoked_at"] is not None:
            raise revoked_credential()
        if credential is None:
            if current is not None:
                raise missing_credential()
            return None
        token = self.enrolment_tokens.get(credential.public_id)
        if token is None:
            raise unknown_credential()
        if tokens.is_inactive(token, self.now):
            raise revoked_credential()
        if current is not None and not self._is_repeated_enrolment(entry, current):
            raise Refusal(
                403, "already_enrolled",
                "This machine has its own key already. If it lost it, an administrator deletes "
                "the machine (DELETE /api/machines/<id>), and it enrols again.",
            )  # fmt: skip
        return self._issue(entry, token)

    def _check_key(
        self, credential: Credential, machine_id: str, current: Mapping[str, Any] | None
    ) -> None:
        if credential.machine_id != machine_id:
            raise Refusal(403, "wrong_machine", "This key belongs to another machine.")
        if current is None or current["public_id"] != credential.public_id:
            raise unknown_credential()
        if current["revoked_at"] is not None:
            raise revoked_credential()
        if current["last_used_at"] is None:
            self.used_keys.add(credential.public_id)

    def _is_repeated_enrolment(self, entry: Entry, current: Mapping[str, Any]) -> bool:
        """Whether the enrolling report is sent again because its answer, with the key, was lost."""
        first = entry.reports[0].report_id
        return (
            first is not None and first == current["report_id"] and current["last_used_at"] is None
        )

    def _issue(self, entry: Entry, token: Row[Any]) -> str:
        text, row = tokens.new_credential(tokens.MACHINE, self.peppers)
        self.used_keys.add(token.public_id)
        values = {
            **row, "name": entry.reports[-1].hostname or entry.machine_id[:12],
            "site": token.site, "limited": False, "machine_id": entry.machine_id,
            "report_id": entry.reports[0].report_id, "created_at": self.now,
            "created_by": f"token {token.name}"[:255],
        }  # fmt: skip
        self.issued[entry.machine_id] = values
        self.keys[entry.machine_id] = dict.fromkeys(_KEY_COLUMNS) | values
        return text

    def write(self, connection: Connection) -> None:
        """Write everything that changed, in bulk statements."""
        new, volatile, changed = [], [], []
        for machine_id in sorted(self.changed_ids):
            row, before = self.rows[machine_id], self.before.get(machine_id)
            if before is None:
                new.append(with_search_text(row))
            elif _stable_values(row) == _stable_values(before):
                volatile.append(row)
            else:
                changed.append(with_search_text(row))
        # Inserted, not upserted: if another process inserts the same machine, the queue retries.
        insert_many(connection, inventory, new)
        upsert(connection, inventory, changed)
        update_many(connection, inventory, _VOLATILE_COLUMNS, volatile)
        accumulate(connection, agent_hours, self.hours.rows(), _SUMS, _PEAKS)
        for machine_id, row in self.issued.items():
            if machine_id in self.replaced:
                of_machine = api_tokens.c.machine_id == machine_id
                connection.execute(update(api_tokens).where(of_machine).values(row))
            else:
                connection.execute(api_tokens.insert().values(row))
        if self.used_keys:
            connection.execute(
                update(api_tokens)
                .where(api_tokens.c.public_id.in_(self.used_keys))
                .values(last_used_at=self.now)
            )


def _locked_machines(connection: Connection, machine_ids: Iterable[str]) -> dict[str, Row[Any]]:
    """Those machines' rows with their keys, locked until the transaction ends."""
    has_arrays = connection.dialect.name == "postgresql"
    statement = _BY_ID_ARRAY if has_arrays else _BY_IDS
    return {row[0]: row for row in connection.execute(statement, {"ids": sorted(machine_ids)})}


def _read_enrolment_tokens(connection: Connection, entries: Sequence[Entry]) -> dict[str, Row[Any]]:
    """The current rows of the enrolment tokens that the entries were sent with."""
    public_ids = {
        entry.credential.public_id
        for entry in entries
        if entry.credential is not None and entry.credential.kind != tokens.MACHINE
    }
    return tokens.rows_by_public_id(connection, sorted(public_ids)) if public_ids else {}


class HourlyFigures:
    """The rows of `agent_hours` that one transaction adds."""

    def __init__(self) -> None:
        self._hours: dict[tuple[int, datetime], dict[str, Any]] = {}

    def add(self, device_id: int, at: datetime, report: Report) -> None:
        """Add `report`, made at `at`."""
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        row: dict[str, Any] | None = self._hours.get((device_id, hour))
        if row is None:
            row = {"device_id": device_id, "hour": hour, **dict.fromkeys((*_SUMS, *_PEAKS), 0)}
            self._hours[device_id, hour] = row
        row["n"] += 1
        _add_percent(row, "cpu", report.cpu_percent)
        _add_percent(row, "memory", _memory_percent(report.memory_used_mb, report.memory_total_mb))

    def rows(self) -> list[dict[str, Any]]:
        """A row of `agent_hours` for each machine and hour."""
        return list(self._hours.values())


def _memory_percent(used: int | None, total: int | None) -> float | None:
    return None if used is None or not total else min(100.0, 100.0 * used / total)


def _add_percent(row: dict[str, Any], name: str, percent: float | None) -> None:
    if percent is not None:
        row[f"{name}_n"] += 1
        row[f"{name}_sum"] += percent
        row[f"{name}_max"] = max(row[f"{name}_max"], percent)
