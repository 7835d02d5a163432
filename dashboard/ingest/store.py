"""Many machines' reports in one transaction: their rows, their hours, their keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from operator import itemgetter
from typing import Any

from sqlalchemy import ARRAY, Connection, Engine, Row, String, any_, bindparam, select, update

from dashboard.base.clock import Clock
from dashboard.ingest import credentials, hours
from dashboard.ingest.credentials import Credential
from dashboard.ingest.merge import is_known, merged, moment
from dashboard.ingest.refusal import Refusal
from dashboard.ingest.report import Report
from db import tokens
from db.bulk import accumulate, insert_many, update_many, upsert
from db.engine import writing
from db.machines import blank_machine
from db.tables import agent_hours, api_tokens, inventory, report_days

_COLUMNS = tuple(inventory.c.keys())
_KEY = ("public_id", "secret_hash", "revoked_at", "expires_at", "report_id", "last_used_at")
_RESTLESS = (
    "cpu_percent", "memory_used_mb", "disk_used_mb", "updated_at", "received_at", "reported_at",
    "clock_skew_seconds", "recent_reports",
)  # fmt: skip
"""What nearly every report changes: most write nothing else, and that is a third of the work."""
_lasting = itemgetter(*(name for name in _COLUMNS if name not in _RESTLESS))

# Made once: to put a statement of so many columns together takes longer than to carry it out.
_HELD = (
    select(inventory, *(api_tokens.c[name] for name in _KEY))
    .select_from(inventory.outerjoin(api_tokens, api_tokens.c.machine_id == inventory.c.machine_id))
    .order_by(inventory.c.machine_id)
    .with_for_update(of=inventory)
)
_ID = inventory.c.machine_id
_LOCKED = _HELD.where(_ID.in_(bindparam("ids", expanding=True)))
_LOCKED_BY_ARRAY = _HELD.where(any_(bindparam("ids", type_=ARRAY(String))) == _ID)


@dataclass(frozen=True)
class Entry:
    """What one request brings of one machine, oldest report first."""

    credential: Credential | None
    machine_id: str
    reports: tuple[Report, ...]
    live: bool


@dataclass
class Stored:
    """What became of an entry. `machine` is its row now; `key` its new key, if it got one."""

    machine: Mapping[str, Any]
    is_new: bool
    key: str | None = None
    known: list[bool] = field(default_factory=list)


class Store:
    """Writes entries. One at a time: `Queue` calls it from its own thread."""

    def __init__(self, engine: Engine, clock: Clock, zone: tzinfo) -> None:
        self._engine = engine
        self._clock = clock
        self._zone = zone
        self._day: date | None = None

    def __call__(self, entries: Sequence[Entry]) -> Sequence[Stored | Exception]:
        """Store `entries` in one committed transaction; what became of each, in order."""
        now = self._clock()
        day = now.astimezone(self._zone).date()
        with writing(self._engine) as connection:
            machines = _locked(connection, {entry.machine_id for entry in entries})
            enrolling = _enrolling(connection, entries)
            batch = _Batch(now, machines, enrolling)
            outcomes = [batch.outcome(entry) for entry in entries]
            batch.write(connection)
            if day != self._day and batch.touched:
                upsert(connection, report_days, [{"day": day}])
        if batch.touched:
            self._day = day
        return outcomes


class _Batch:
    def __init__(
        self, now: datetime, machines: dict[str, Row[Any]], enrolling: dict[str, Row[Any]]
    ) -> None:
        self.now = now
        self.before = {
            machine_id: dict(zip(_COLUMNS, row, strict=False))
            for machine_id, row in machines.items()
        }
        self.rows = dict(self.before)
        self.keys: dict[str, dict[str, Any]] = {
            machine_id: dict(zip(_KEY, row[len(_COLUMNS) :], strict=True))
            for machine_id, row in machines.items()
            if row.public_id is not None
        }
        self.replaced = frozenset(self.keys)
        self.enrolling = enrolling
        self.touched: set[str] = set()
        self.issued: dict[str, dict[str, Any]] = {}
        self.used: set[str] = set()
        self.hours = hours.Hours()

    def outcome(self, entry: Entry) -> Stored | Exception:
        try:
            return self._stored(entry)
        except Refusal as refusal:
            return refusal

    def _stored(self, entry: Entry) -> Stored:
        machine_id = entry.machine_id
        row = self.rows.get(machine_id)
        key = self._admit(entry)
        is_new = row is None
        row = blank_machine(machine_id, self.now) if row is None else row
        site = None if entry.credential is None else entry.credential.site
        known, is_first = [], is_new
        for report in entry.reports:
            known.append(is_known(row, report))
            if known[-1]:
                continue
            at = self.now if entry.live else moment(report, self.now)
            row = merged(row, report, self.now, live=entry.live, site=site, is_new=is_first)
            is_first = False
            self.hours.add(row["device_id"], at, report)
        self.rows[machine_id] = row
        self.touched.add(machine_id)
        return Stored(row, is_new, key, known)

    def _admit(self, entry: Entry) -> str | None:
        """Let the entry in or not; a new key for its machine when it enrols."""
        credential, held = entry.credential, self.keys.get(entry.machine_id)
        if credential is not None and credential.kind == tokens.MACHINE:
            self._check_key(credential, entry.machine_id, held)
            return None
        if held is not None and held["revoked_at"] is not None:
            raise credentials.revoked()
        if credential is None:
            if held is not None:
                raise credentials.missing()
            return None
        token = self.enrolling.get(credential.public_id)
        if token is None:
            raise credentials.unknown()
        if tokens.is_inactive(token, self.now):
            raise credentials.revoked()
        if held is not None and not self._same_enrolment(entry, held):
            raise Refusal(
                403, "already_enrolled",
                "This machine has its own key already. If it lost it, an administrator deletes "
                "the machine (DELETE /api/machines/<id>), and it enrols again.",
            )  # fmt: skip
        return self._issue(entry, token)

    def _check_key(
        self, credential: Credential, machine_id: str, held: Mapping[str, Any] | None
    ) -> None:
        if credential.machine_id != machine_id:
            raise Refusal(403, "wrong_machine", "This key belongs to another machine.")
        if held is None or held["public_id"] != credential.public_id:
            raise credentials.unknown()
        if held["revoked_at"] is not None:
            raise credentials.revoked()
        if held["last_used_at"] is None:
            self.used.add(credential.public_id)

    def _same_enrolment(self, entry: Entry, held: Mapping[str, Any]) -> bool:
        """Whether this is the enrolling report again: its answer, and so the key, was lost."""
        first = entry.reports[0].report_id
        return first is not None and first == held["report_id"] and held["last_used_at"] is None

    def _issue(self, entry: Entry, token: Row[Any]) -> str:
        text, row = tokens.new_credential(tokens.MACHINE)
        self.used.add(token.public_id)
        values = {
            **row, "name": entry.reports[-1].hostname or entry.machine_id[:12],
            "site": token.site, "machine_id": entry.machine_id,
            "report_id": entry.reports[0].report_id, "created_at": self.now,
            "created_by": f"token {token.name}"[:255],
        }  # fmt: skip
        self.issued[entry.machine_id] = values
        self.keys[entry.machine_id] = dict.fromkeys(_KEY) | values
        return text

    def write(self, connection: Connection) -> None:
        """Everything that changed, in statements of many rows."""
        new, restless, others = [], [], []
        for machine_id in sorted(self.touched):
            row, before = self.rows[machine_id], self.before.get(machine_id)
            if before is None:
                new.append(row)
            elif _lasting(row) == _lasting(before):
                restless.append(row)
            else:
                others.append(row)
        # Inserted, not upserted: when another process took the same machine in, we must look again.
        insert_many(connection, inventory, new)
        upsert(connection, inventory, others)
        update_many(connection, inventory, _RESTLESS, restless)
        accumulate(connection, agent_hours, self.hours.rows(), hours.SUMS, hours.PEAKS)
        for machine_id, row in self.issued.items():
            if machine_id in self.replaced:
                of_machine = api_tokens.c.machine_id == machine_id
                connection.execute(update(api_tokens).where(of_machine).values(row))
            else:
                connection.execute(api_tokens.insert().values(row))
        if self.used:
            connection.execute(
                update(api_tokens)
                .where(api_tokens.c.public_id.in_(self.used))
                .values(last_used_at=self.now)
            )


def _locked(connection: Connection, machine_ids: Iterable[str]) -> dict[str, Row[Any]]:
    """The rows of those machines, each with its key, and nobody else's until we are done."""
    has_arrays = connection.dialect.name == "postgresql"
    statement = _LOCKED_BY_ARRAY if has_arrays else _LOCKED
    return {row[0]: row for row in connection.execute(statement, {"ids": sorted(machine_ids)})}


def _enrolling(connection: Connection, entries: Sequence[Entry]) -> dict[str, Row[Any]]:
    """The enrolment tokens that these entries came with, as they are now."""
    shown = {
        entry.credential.public_id
        for entry in entries
        if entry.credential is not None and entry.credential.kind == tokens.ENROL
    }
    return tokens.rows_by_public_id(connection, sorted(shown)) if shown else {}
