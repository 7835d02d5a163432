"""Collection runs and their records; versions of the rules. Each comment says what a row is."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Index, Integer, String

from db.tables.base import NAME_LENGTH, table
from db.types import Blob, LongText, SerialId, UtcDateTime

# Attempt to collect one source for one business day; or, of the kind "end", the decision to end the
# source, which publishes an empty snapshot. `published` marks the one run of a source and day whose
# snapshot is stored. `hold` is the decision about a run: held (none yet), accepted, rejected,
# superseded or withdrawn. `needs_administrator`: a held run that loses so much that only an
# administrator may accept it.
collection_runs = table(
    "collection_runs",
    Column("run_id", SerialId, primary_key=True, autoincrement=True),
    Column("source", String(16), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("kind", String(16), nullable=False, server_default="collection"),
    Column("state", String(16), nullable=False),
    Column("published", Boolean, nullable=False),
    Column("hold", String(16)),
    Column("needs_administrator", Boolean),
    Column("started_at", UtcDateTime, nullable=False),
    Column("heartbeat_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("pages", Integer),
    Column("records", Integer),
    Column("promised", Integer),
    Column("organizations", Integer),
    Column("locations", Integer),
    Column("quarantined", Integer),
    Column("added", Integer),
    Column("removed", Integer),
    Column("changed", Integer),
    Column("changed_percent", Double),
    Column("changed_keys", String(NAME_LENGTH)),
    Column("reason", LongText),
    Column("rule_version", Integer),
    Column("correlation_id", String(36), nullable=False),
    Column("decided_by", String(NAME_LENGTH)),
    Column("decided_at", UtcDateTime),
    Index(None, "source", "business_date"),
)

# How a run went: its log lines, as JSON [[instant, level, text], ...], and how the vendor's raw
# answer begins that made it fail; null where none came.
run_details = table(
    "run_details",
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("answer", LongText),
    Column("log", LongText, nullable=False),
)

# Suspicious run: `db.suspicions.RunSuspicions` as JSON, as found when it was collected.
run_suspicions = table(
    "run_suspicions",
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reasons", LongText, nullable=False),
    Column("devices", LongText, nullable=False),
)

# Row of a run that could not be read as a device: the reason, and its JSON.
quarantined_records = table(
    "quarantined_records",
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("device_id", BigInteger),
    Column("source_key", String(128)),
    Column("reason", String(400), nullable=False),
    Column("body", Blob, nullable=False),
)

# Row, as fetched, of a suspicious run that is held for a decision.
held_records = table(
    "held_records",
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("body", Blob, nullable=False),
)

# Version of the thresholds, the newest of which is in force: JSON, and who saved it, when and why.
threshold_versions = table(
    "threshold_versions",
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("thresholds", LongText, nullable=False),
    Column("author", String(NAME_LENGTH), nullable=False),
    Column("reason", String(NAME_LENGTH)),
    Column("created_at", UtcDateTime, nullable=False),
)

# Version of the rules: their settings as JSON, when and by whom it was saved, and the first day
# that it applies to; null before it applies to any.
rule_versions = table(
    "rule_versions",
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("rules", LongText, nullable=False),
    Column("author", String(NAME_LENGTH), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("first_day", Date),
)
