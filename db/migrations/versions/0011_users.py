"""People who sign in, their sessions and their links.

Revision: 0011
"""

import sqlalchemy as sa
from alembic import op

from db.types import SerialId, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BINARY = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", SerialId, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("name_key", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("password_changed_at", UtcDateTime),
        sa.UniqueConstraint("name_key", name="uq_users_name_key"),
        **BINARY,
    )
    op.create_table(
        "user_sessions",
        sa.Column("session_id", SerialId, primary_key=True, autoincrement=True),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("last_seen_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("browser", sa.String(255), nullable=False),
        sa.UniqueConstraint("token_hash", name="uq_user_sessions_token_hash"),
        **BINARY,
    )
    op.create_index("ix_user_sessions_user_id", "user_sessions", ["user_id"])
    op.create_table(
        "user_links",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.BigInteger),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        **BINARY,
    )
    op.create_index("ix_user_links_user_id", "user_links", ["user_id"])


def downgrade() -> None:
    for name in ("user_links", "user_sessions", "users"):
        op.drop_table(name)
