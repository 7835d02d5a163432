"""Why a run is suspicious, reason by reason, and the devices that it would add, remove or change.

Reasons of earlier runs lose the sentence about what waits: a run may have been decided since.

Revision: 0016
"""

import sqlalchemy as sa
from alembic import op

from db.types import LongText

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_WAITS = ". The earlier numbers stay in use until someone decides."


def upgrade() -> None:
    op.create_table(
        "run_suspicions",
        sa.Column("run_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reasons", LongText, nullable=False),
        sa.Column("devices", LongText, nullable=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    runs = sa.table("collection_runs", sa.column("reason"))
    op.execute(
        sa.update(runs)
        .where(runs.c.reason.like(f"%{_WAITS}"))
        .values(reason=sa.func.replace(runs.c.reason, _WAITS, "."))
    )


def downgrade() -> None:
    op.drop_table("run_suspicions")
