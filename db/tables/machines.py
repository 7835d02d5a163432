"""Machines that report themselves, and credentials. Each comment says what a row is."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Integer,
    LargeBinary,
    String,
    Text,
    false,
)

from db.tables.base import NAME_LENGTH, id_column, table
from db.types import SerialId, UtcDateTime

# Machine as of its newest report. TatuScan's table and names; `updated_at` is its second
# and later reports, `received_at` the newest of all by our clock, `reported_at` by the machine's;
# these two are null while it never reported: it was added by hand. `product_type`, `chassis`,
# `default_target` and `has_desktop` tell its role (`etl.rules.device_type`).
# `recent_reports` holds 8 bytes of each of its newest report ids, newest last.
# `stream` is the process that reported last, `other_stream` the one before it: when that one comes
# back, two live machines share this id.
inventory = table(
    "inventory",
    Column("machine_id", String(64), primary_key=True),
    Column("device_id", BigInteger, nullable=False),
    Column("hostname", String(100)),
    Column("ip", String(45)),
    Column("os", String(100)),
    Column("os_version", String(100)),
    Column("cpu_percent", Double),
    Column("memory_total_mb", BigInteger),
    Column("memory_used_mb", BigInteger),
    Column("computer_model", String(100)),
    Column("computer_activation", UtcDateTime),
    Column("activation_days", Integer),
    Column("agent_version", String(32)),
    Column("boot_time", UtcDateTime),
    Column("serial", String(100)),
    Column("manufacturer", String(100)),
    Column("mac_addresses", Text),
    Column("disk_total_mb", BigInteger),
    Column("disk_used_mb", BigInteger),
    Column("logged_in_user", String(100)),
    Column("product_type", String(32)),
    Column("chassis", String(32)),
    Column("default_target", String(100)),
    Column("has_desktop", Boolean),
    Column("site", String(NAME_LENGTH)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime),
    Column("received_at", UtcDateTime),
    Column("reported_at", UtcDateTime),
    Column("clock_skew_seconds", Integer),
    Column("recent_reports", LargeBinary(1024), nullable=False),
    Column("stream", String(36)),
    Column("other_stream", String(36)),
    Column("stream_since", UtcDateTime),
    Column("clone_seen_at", UtcDateTime),
    Column("search_text", Text),
    # Room beside each row for its next version: no index has to learn of it.
    postgresql_with={"fillfactor": "60"},
)

# One hour of a machine: its reports, and the sums and peaks of CPU and memory in percent. `cpu_n`
# and `memory_n` count the reports that contained them.
agent_hours = table(
    "agent_hours",
    id_column("device_id"),
    Column("hour", UtcDateTime, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("cpu_n", Integer, nullable=False),
    Column("cpu_sum", Double, nullable=False),
    Column("cpu_max", Double, nullable=False),
    Column("memory_n", Integer, nullable=False),
    Column("memory_sum", Double, nullable=False),
    Column("memory_max", Double, nullable=False),
    postgresql_with={"fillfactor": "60"},
)

# Business day on which any machine reported at all.
report_days = table("report_days", Column("day", Date, primary_key=True))

# Credential. `kind` enrol lets new machines in, machine is one machine's own key, api is another
# program's. Only a hash of the secret is kept, and which pepper it was made with (null: none);
# `public_id` is the part that finds the row. `scopes` are words of `db.tokens.SCOPES` (null:
# ingest), `addresses` the networks that it works from (null: all). `site` is that of the machines
# which it lets in; `limited`: it reads only the sites in `token_sites`. `report_id` is the report
# that was answered with a machine's key.
api_tokens = table(
    "api_tokens",
    Column("token_id", SerialId, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False, index=True),
    Column("public_id", String(16), nullable=False, unique=True),
    Column("secret_hash", String(64), nullable=False),
    Column("pepper_id", String(8)),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("site", String(NAME_LENGTH)),
    Column("role", String(16)),
    Column("scopes", String(32)),
    Column("limited", Boolean, nullable=False, server_default=false()),
    Column("addresses", String(255)),
    Column("machine_id", String(64), unique=True),
    Column("report_id", String(36)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(NAME_LENGTH), nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

# Site that a limited token reads.
token_sites = table("token_sites", id_column("token_id"), id_column("site_id"))
