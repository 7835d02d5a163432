"""People who see only some sites.

Revision: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    limited = sa.Column("limited", sa.Boolean(), server_default=sa.false(), nullable=False)
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(limited)
    op.create_table(
        "user_sites",
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("site_id", sa.BigInteger, primary_key=True, autoincrement=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def downgrade() -> None:
    op.drop_table("user_sites")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("limited")
