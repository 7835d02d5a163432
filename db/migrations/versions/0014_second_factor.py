"""Second factors of people, and their recovery codes.

Revision: 0014
"""

import sqlalchemy as sa
from alembic import op

from db.types import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BINARY = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    required = sa.Column(
        "second_factor_required", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(required)
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("secret", sa.String(512), nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
        **BINARY,
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("code_hash", sa.String(64), primary_key=True),
        **BINARY,
    )


def downgrade() -> None:
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("second_factor_required")
