"""Months close, people decide: closings, jobs, the audit log, imported counts.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

import db.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "audit_log",
        sa.Column(
            "entry_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", db.types.UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column(
            "detail",
            sa.Text()
            .with_variant(mysql.LONGTEXT(), "mariadb")
            .with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_audit_log")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "count_restatements",
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("snapshot_date", sa.Date(), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_type", sa.String(length=16), nullable=False),
        sa.Column("billing_status", sa.String(length=16), nullable=False),
        sa.Column("before", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "entry_id",
            "snapshot_date",
            "basis",
            "site_id",
            "device_type",
            "billing_status",
            name=op.f("pk_count_restatements"),
        ),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "jobs",
        sa.Column(
            "job_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column(
            "arguments",
            sa.Text()
            .with_variant(mysql.LONGTEXT(), "mariadb")
            .with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=False,
        ),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("requested_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("started_at", db.types.UtcDateTime(), nullable=True),
        sa.Column("heartbeat_at", db.types.UtcDateTime(), nullable=True),
        sa.Column("finished_at", db.types.UtcDateTime(), nullable=True),
        sa.Column("progress", sa.String(length=255), nullable=True),
        sa.Column(
            "result",
            sa.Text()
            .with_variant(mysql.LONGTEXT(), "mariadb")
            .with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=True,
        ),
        sa.Column(
            "error",
            sa.Text()
            .with_variant(mysql.LONGTEXT(), "mariadb")
            .with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_state"), ["state"], unique=False)

    op.create_table(
        "month_bases",
        sa.Column("closing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("month_end", sa.Integer(), nullable=False),
        sa.Column("device_days", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("peak", sa.Integer(), nullable=False),
        sa.Column("peak_day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("closing_id", "basis", "site_id", name=op.f("pk_month_bases")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "month_changes",
        sa.Column("closing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site_then", sa.BigInteger(), nullable=True),
        sa.Column("site_now", sa.BigInteger(), nullable=True),
        sa.Column(
            "body",
            sa.LargeBinary()
            .with_variant(mysql.LONGBLOB(), "mariadb")
            .with_variant(mysql.LONGBLOB(), "mysql"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("closing_id", "basis", "entity_id", name=op.f("pk_month_changes")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "month_closing_counts",
        sa.Column("closing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_type", sa.String(length=16), nullable=False),
        sa.Column("billing_status", sa.String(length=16), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "closing_id",
            "basis",
            "site_id",
            "device_type",
            "billing_status",
            name=op.f("pk_month_closing_counts"),
        ),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "month_closings",
        sa.Column(
            "closing_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("closed_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column(
            "dates",
            sa.Text()
            .with_variant(mysql.LONGTEXT(), "mariadb")
            .with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "dates_before",
            sa.Text()
            .with_variant(mysql.LONGTEXT(), "mariadb")
            .with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=False,
        ),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("closing_id", name=op.f("pk_month_closings")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("month_closings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_month_closings_month"), ["month"], unique=False)

    op.create_table(
        "month_members",
        sa.Column("closing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("source_key", sa.String(length=128), nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.String(length=255), nullable=False),
        sa.Column("location", sa.String(length=255), nullable=True),
        sa.Column("hostname", sa.String(length=255), nullable=True),
        sa.Column("display_name", sa.String(length=255), nullable=True),
        sa.Column("device_type", sa.String(length=16), nullable=False),
        sa.Column("billing_status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("os", sa.String(length=255), nullable=True),
        sa.Column("node_class", sa.String(length=64), nullable=True),
        sa.Column("serial", sa.String(length=128), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.Column("asset_id", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("speaks", sa.Boolean(), nullable=False),
        sa.Column("asset_type", sa.String(length=16), nullable=True),
        sa.Column("sources", sa.String(length=64), nullable=True),
        sa.Column("asset_days", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("closing_id", "device_id", name=op.f("pk_month_members")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("collection_runs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("kind", sa.String(length=16), server_default="collection", nullable=False)
        )
        batch_op.add_column(sa.Column("needs_administrator", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("decided_by", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("decided_at", db.types.UtcDateTime(), nullable=True))

    with op.batch_alter_table("month_end_counts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("imported", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:

    with op.batch_alter_table(
        "month_end_counts", schema=None, table_kwargs={"sqlite_with_rowid": False}
    ) as batch_op:
        batch_op.drop_column("imported")

    with op.batch_alter_table("collection_runs", schema=None) as batch_op:
        batch_op.drop_column("decided_at")
        batch_op.drop_column("decided_by")
        batch_op.drop_column("needs_administrator")
        batch_op.drop_column("kind")

    op.drop_table("month_members")
    with op.batch_alter_table("month_closings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_month_closings_month"))

    op.drop_table("month_closings")
    op.drop_table("month_closing_counts")
    op.drop_table("month_changes")
    op.drop_table("month_bases")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_state"))

    op.drop_table("jobs")
    op.drop_table("count_restatements")
    op.drop_table("audit_log")
