"""Versions of the thresholds, saved in Settings.

Revision: 0018
"""

import sqlalchemy as sa
from alembic import op

from db.types import LongText, UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "threshold_versions",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("thresholds", LongText, nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(255)),
        sa.Column("created_at", UtcDateTime, nullable=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def downgrade() -> None:
    op.drop_table("threshold_versions")
