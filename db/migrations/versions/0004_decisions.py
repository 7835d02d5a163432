"""Decisions restate days: links with an id and whoever began or ended them, merged sites, findings
of coverage.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coverage_exceptions",
        sa.Column(
            "exception_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("asset_id", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("other_device_id", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.String(length=800), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("expires", sa.Date(), nullable=True),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("accepted_on", sa.Date(), nullable=False),
        sa.Column("created_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_by", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("exception_id", name=op.f("pk_coverage_exceptions")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("coverage_exceptions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_coverage_exceptions_asset_id"), ["asset_id"], unique=False
        )

    op.create_table(
        "coverage_findings",
        sa.Column(
            "finding_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("asset_id", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("other_device_id", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.String(length=800), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_coverage_findings")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("coverage_findings", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_coverage_findings_asset_id"), ["asset_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_coverage_findings_until_since"), ["until", "since"], unique=False
        )

    op.create_table(
        "device_keys",
        sa.Column("device_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("device_id", "key", name=op.f("pk_device_keys")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("device_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_keys_key"), ["key"], unique=False)
    op.create_table(
        "kept_apart",
        sa.Column("decided_by", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("other_device_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "decided_by", "device_id", "other_device_id", name=op.f("pk_kept_apart")
        ),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "suggestions",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("other_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.String(length=400), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject_id", "other_id", name=op.f("pk_suggestions")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    _new_links()
    with op.batch_alter_table("audit_log", schema=None) as batch_op:
        batch_op.add_column(sa.Column("undoes", sa.BigInteger(), nullable=True))
        batch_op.create_index(batch_op.f("ix_audit_log_undoes"), ["undoes"], unique=False)

    with op.batch_alter_table("device_latest", schema=None) as batch_op:
        batch_op.add_column(sa.Column("macs", sa.String(length=255), nullable=True))

    with op.batch_alter_table("device_snapshots", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unmanaged", sa.String(length=400), nullable=True))
        batch_op.add_column(sa.Column("restated_by", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.add_column(sa.Column("merged_into", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("expected_sources", sa.String(length=64), nullable=True))
    op.execute(
        "UPDATE device_snapshots SET unmanaged = reason WHERE billing_status = 'excluded' "
        "AND reason NOT LIKE 'site % is internal'"
    )


def downgrade() -> None:

    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.drop_column("expected_sources")
        batch_op.drop_column("merged_into")

    with op.batch_alter_table("device_snapshots", schema=None) as batch_op:
        batch_op.drop_column("restated_by")
        batch_op.drop_column("unmanaged")

    with op.batch_alter_table("device_latest", schema=None) as batch_op:
        batch_op.drop_column("macs")

    with op.batch_alter_table("audit_log", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_log_undoes"))
        batch_op.drop_column("undoes")

    _old_links()
    op.drop_table("suggestions")
    op.drop_table("kept_apart")
    with op.batch_alter_table("device_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_device_keys_key"))
    op.drop_table("device_keys")
    with op.batch_alter_table("coverage_findings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_coverage_findings_until_since"))
        batch_op.drop_index(batch_op.f("ix_coverage_findings_asset_id"))

    op.drop_table("coverage_findings")
    with op.batch_alter_table("coverage_exceptions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_coverage_exceptions_asset_id"))

    op.drop_table("coverage_exceptions")
    # What the matching noted of keys that are gone.
    op.execute("DELETE FROM meta WHERE name LIKE 'matched %'")


_links = sa.table(
    "asset_links",
    sa.column("device_id", sa.BigInteger()),
    sa.column("since", sa.Date()),
    sa.column("until", sa.Date()),
    sa.column("asset_id", sa.BigInteger()),
    sa.column("other_device_id", sa.BigInteger()),
    sa.column("method", sa.String()),
    sa.column("evidence", sa.String()),
    sa.column("author", sa.String()),
    sa.column("created_at", db.types.UtcDateTime()),
    sa.column("opened_by", sa.BigInteger()),
    sa.column("closed_by", sa.BigInteger()),
)


def _new_links() -> None:
    rows = _rows(sa.select(_links))
    op.drop_table("asset_links")
    links = op.create_table(
        "asset_links",
        sa.Column(
            "link_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        *_columns(opened_by_null=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_asset_links")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("asset_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_links_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_links_device_id"), ["device_id"], unique=False)
    op.bulk_insert(links, rows)


def _old_links() -> None:
    """Links that a decision began, or that never were in force, have no place in the old table."""
    by_run = sa.column("decided_by", sa.BigInteger()).is_(None)
    in_force = _links.c.since < _links.c.until
    rows = _rows(sa.select(_links).where(by_run, in_force).order_by(sa.column("link_id")))
    op.drop_table("asset_links")
    links = op.create_table(
        "asset_links",
        *_columns(opened_by_null=False),
        sa.PrimaryKeyConstraint("device_id", "since", name=op.f("pk_asset_links")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.bulk_insert(links, list({(row["device_id"], row["since"]): row for row in rows}.values()))


def _rows(statement: sa.Select[tuple[object, ...]]) -> list[dict[str, object]]:
    return [dict(row) for row in op.get_bind().execute(statement).mappings()]


def _columns(*, opened_by_null: bool) -> list[sa.Column[object]]:
    return [
        sa.Column("device_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("asset_id", sa.BigInteger(), nullable=False),
        sa.Column("other_device_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.String(length=400), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("created_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("opened_by", sa.BigInteger(), nullable=opened_by_null),
        sa.Column("closed_by", sa.BigInteger(), nullable=True),
    ]
