"""Work and decisions: leases, jobs, the audit log. Each comment says what a row is."""

from sqlalchemy import BigInteger, Column, Date, Double, Integer, String

from db.tables.base import NAME_LENGTH, table
from db.types import LongText, SerialId, UtcDateTime

# Task that only one process at a time may do, and its present holder.
leases = table(
    "leases",
    Column("name", String(32), primary_key=True),
    Column("token", String(36)),
    Column("holder", String(NAME_LENGTH)),
    Column("host", String(NAME_LENGTH)),
    Column("pid", Integer),
    Column("process_started", Double),
    Column("acquired_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
)

# Value that concerns the database as a whole, e.g. that it is a demo.
meta = table(
    "meta",
    Column("name", String(64), primary_key=True),
    Column("value", LongText, nullable=False),
)


# Job: what a person requested on a page and the worker does. `arguments` are JSON; `progress` says
# in words how far it is; `failure_kind` of a failed one is a `db.jobs.FailureKind`. Here and in the
# audit log `correlation_id` joins it with the request that it came from (`db.correlation`).
jobs = table(
    "jobs",
    Column("job_id", SerialId, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("arguments", LongText, nullable=False),
    Column("actor", String(NAME_LENGTH), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("heartbeat_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("progress", String(NAME_LENGTH)),
    Column("result", LongText),
    Column("error", LongText),
    Column("failure_kind", String(16)),
    Column("correlation_id", String(36)),
)

# Decision: who did what to what, when; `detail` is JSON. `undoes`: the entry that it undoes.
audit_log = table(
    "audit_log",
    Column("entry_id", SerialId, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(NAME_LENGTH), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", String(NAME_LENGTH), nullable=False),
    Column("detail", LongText, nullable=False),
    Column("undoes", BigInteger, index=True),
    Column("search_text", LongText),
    Column("correlation_id", String(36)),
)

# Count that a decision of the audit log changed: before and after.
count_restatements = table(
    "count_restatements",
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("snapshot_date", Date, primary_key=True),
    Column("basis", String(16), primary_key=True),
    Column("site_id", BigInteger, primary_key=True, autoincrement=False),
    Column("device_type", String(16), primary_key=True),
    Column("billing_status", String(16), primary_key=True),
    Column("before", Integer, nullable=False),
    Column("after", Integer, nullable=False),
)
