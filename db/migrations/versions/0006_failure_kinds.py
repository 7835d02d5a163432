"""The kind of a job's failure as a column of its own.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("failure_kind", sa.String(16), nullable=True))
    jobs = sa.table("jobs", sa.column("state"), sa.column("error"), sa.column("failure_kind"))
    # Until now only the beginning of the error told them apart.
    died = jobs.c.error.like("The worker ended before this was done.%")
    stopped = jobs.c.error.like("The worker was stopped before this was done.%")
    kind = sa.case(
        (jobs.c.error.like("Unexpected %"), "unexpected"),
        (sa.or_(died, stopped), "interrupted"),
        else_="refused",
    )
    op.execute(sa.update(jobs).where(jobs.c.state == "failed").values(failure_kind=kind))


def downgrade() -> None:
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.drop_column("failure_kind")
