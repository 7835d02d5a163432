"""What tokens may: scopes, sites, addresses; and the pepper of their hashes.

Tokens of today keep what they may: those of programs read, and decide where their role does.

Revision: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_COLUMNS = ("pepper_id", "scopes", "limited", "addresses")


def upgrade() -> None:
    limited = sa.Column("limited", sa.Boolean(), server_default=sa.false(), nullable=False)
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pepper_id", sa.String(8)))
        batch_op.add_column(sa.Column("scopes", sa.String(32)))
        batch_op.add_column(limited)
        batch_op.add_column(sa.Column("addresses", sa.String(255)))
    token = sa.table(
        "api_tokens", sa.column("kind"), sa.column("role"), sa.column("scopes")
    )  # fmt: skip
    of_programs = token.c.kind == "api"
    op.execute(sa.update(token).where(of_programs).values(scopes="read"))
    decides = token.c.role.in_(("manager", "administrator"))
    op.execute(sa.update(token).where(of_programs, decides).values(scopes="read decide"))
    op.create_table(
        "token_sites",
        sa.Column("token_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("site_id", sa.BigInteger, primary_key=True, autoincrement=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def downgrade() -> None:
    op.drop_table("token_sites")
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        for name in _COLUMNS:
            batch_op.drop_column(name)
