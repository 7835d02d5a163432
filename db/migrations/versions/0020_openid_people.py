"""People whom an OpenID provider signs in.

Revision: 0020
"""

import sqlalchemy as sa
from alembic import op

from db.types import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BINARY = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("subject_hash", sa.String(64)))
        batch_op.create_index("ix_users_subject_hash", ["subject_hash"], unique=True)
    with op.batch_alter_table("user_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("id_token", sa.Text))
    op.create_table(
        "used_states",
        sa.Column("state_hash", sa.String(64), primary_key=True),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        **BINARY,
    )


def downgrade() -> None:
    op.drop_table("used_states")
    with op.batch_alter_table("user_sessions", schema=None) as batch_op:
        batch_op.drop_column("id_token")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_index("ix_users_subject_hash")
        batch_op.drop_column("subject_hash")
