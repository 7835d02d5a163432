"""Machines report themselves: their rows, hours, and the credentials that let them in.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_hours",
        sa.Column("device_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", db.types.UtcDateTime(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("cpu_n", sa.Integer(), nullable=False),
        sa.Column("cpu_sum", sa.Double(), nullable=False),
        sa.Column("cpu_max", sa.Double(), nullable=False),
        sa.Column("memory_n", sa.Integer(), nullable=False),
        sa.Column("memory_sum", sa.Double(), nullable=False),
        sa.Column("memory_max", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "hour", name=op.f("pk_agent_hours")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        postgresql_with={"fillfactor": "60"},
    )
    op.create_table(
        "api_tokens",
        sa.Column(
            "token_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("site", sa.String(length=255), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=True),
        sa.Column("machine_id", sa.String(length=64), nullable=True),
        sa.Column("report_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("expires_at", db.types.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", db.types.UtcDateTime(), nullable=True),
        sa.Column("last_used_at", db.types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("machine_id", name=op.f("uq_api_tokens_machine_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_tokens_public_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_tokens_kind"), ["kind"], unique=False)

    op.create_table(
        "inventory",
        sa.Column("machine_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("hostname", sa.String(length=100), nullable=True),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("os", sa.String(length=100), nullable=True),
        sa.Column("os_version", sa.String(length=100), nullable=True),
        sa.Column("cpu_percent", sa.Double(), nullable=True),
        sa.Column("memory_total_mb", sa.BigInteger(), nullable=True),
        sa.Column("memory_used_mb", sa.BigInteger(), nullable=True),
        sa.Column("computer_model", sa.String(length=100), nullable=True),
        sa.Column("computer_activation", db.types.UtcDateTime(), nullable=True),
        sa.Column("activation_days", sa.Integer(), nullable=True),
        sa.Column("agent_version", sa.String(length=32), nullable=True),
        sa.Column("boot_time", db.types.UtcDateTime(), nullable=True),
        sa.Column("serial", sa.String(length=100), nullable=True),
        sa.Column("manufacturer", sa.String(length=100), nullable=True),
        sa.Column("mac_addresses", sa.Text(), nullable=True),
        sa.Column("disk_total_mb", sa.BigInteger(), nullable=True),
        sa.Column("disk_used_mb", sa.BigInteger(), nullable=True),
        sa.Column("logged_in_user", sa.String(length=100), nullable=True),
        sa.Column("site", sa.String(length=255), nullable=True),
        sa.Column("created_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", db.types.UtcDateTime(), nullable=True),
        sa.Column("received_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("reported_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("clock_skew_seconds", sa.Integer(), nullable=True),
        sa.Column("recent_reports", sa.LargeBinary(length=1024), nullable=False),
        sa.Column("stream", sa.String(length=36), nullable=True),
        sa.Column("other_stream", sa.String(length=36), nullable=True),
        sa.Column("stream_since", db.types.UtcDateTime(), nullable=True),
        sa.Column("clone_seen_at", db.types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("machine_id", name=op.f("pk_inventory")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        postgresql_with={"fillfactor": "60"},
    )
    op.create_table(
        "report_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_report_days")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def downgrade() -> None:
    op.drop_table("report_days")
    op.drop_table("inventory")
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_tokens_kind"))

    op.drop_table("api_tokens")
    op.drop_table("agent_hours")
