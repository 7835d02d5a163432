"""Coverage findings, and suggestions of what may be the same. Each comment says what a row is."""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, String

from db.tables.base import NAME_LENGTH, table
from db.types import SerialId, UtcDateTime

# Stretch of days, `since` up to but without `until`, in which a coverage finding was in force with
# the same facts (JSON; when they change, an acceptance ends): about machine `asset_id`, its record
# `device_id`, and for kinds that compare two records `other_device_id`.
coverage_findings = table(
    "coverage_findings",
    Column("finding_id", SerialId, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("asset_id", BigInteger, nullable=False, index=True),
    Column("device_id", BigInteger, nullable=False),
    Column("other_device_id", BigInteger),
    Column("facts", String(800), nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Index(None, "until", "since"),
)

# Acceptance of a finding, with the reason and the last day on which it is in force (null: until its
# facts change). `withdrawn_by`: the entry of the audit log that withdrew it.
coverage_exceptions = table(
    "coverage_exceptions",
    Column("exception_id", SerialId, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("asset_id", BigInteger, nullable=False, index=True),
    Column("device_id", BigInteger, nullable=False),
    Column("other_device_id", BigInteger),
    Column("facts", String(800), nullable=False),
    Column("reason", String(400), nullable=False),
    Column("expires", Date),
    Column("author", String(NAME_LENGTH), nullable=False),
    Column("accepted_on", Date, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("decided_by", BigInteger, nullable=False),
    Column("withdrawn_by", BigInteger),
    Column("withdrawn_on", Date),
)

# Pair that may be the same, for a person to decide; computed again after every collection. Of kind
# "site": a site to be reviewed, and the site that it may be; of kind "link": two devices. `score`:
# similarity, 0 to 100; `evidence`: the reason, and for links why no rule links them.
suggestions = table(
    "suggestions",
    Column("kind", String(8), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True, autoincrement=False),
    Column("other_id", BigInteger, primary_key=True, autoincrement=False),
    Column("score", Integer, nullable=False),
    Column("evidence", String(400), nullable=False),
    Column("since", Date, nullable=False),
)
