"""The correlation id of the request that a job and an entry of the audit log came from.

Revision: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("jobs", "audit_log"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.add_column(sa.Column("correlation_id", sa.String(36)))


def downgrade() -> None:
    for name in ("audit_log", "jobs"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_column("correlation_id")
