"""Imported counts in a table of their own, so that the first snapshot of a source takes none away.

Revision: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported_counts",
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("basis", sa.String(16), primary_key=True),
        sa.Column("site_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("device_type", sa.String(16), primary_key=True),
        sa.Column("billing_status", sa.String(16), primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO imported_counts (month, basis, site_id, device_type, billing_status, n) "
        "SELECT month, basis, site_id, device_type, billing_status, n FROM month_end_counts "
        "WHERE imported"
    )


def downgrade() -> None:
    op.drop_table("imported_counts")
