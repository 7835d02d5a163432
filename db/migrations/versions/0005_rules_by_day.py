"""From which day on each version of the rules counts.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rule_versions", sa.Column("first_day", sa.Date(), nullable=True))
    # The first day of which anything was said by a version is the first one that it counted.
    versions = sa.table("rule_versions", sa.column("version"), sa.column("first_day"))
    said = sa.table("device_snapshots", sa.column("rule_version"), sa.column("valid_from"))
    first = (
        sa.select(sa.func.min(said.c.valid_from))
        .where(said.c.rule_version == versions.c.version)
        .scalar_subquery()
    )
    op.execute(sa.update(versions).values(first_day=first))


def downgrade() -> None:
    with op.batch_alter_table("rule_versions") as batch_op:
        batch_op.drop_column("first_day")
