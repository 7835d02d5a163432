"""The form of the files in the invoice packs of a closed month.

Revision: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Months that were closed before keep the first form: their packs have the same bytes for ever.
    op.add_column(
        "month_closings", sa.Column("pack_form", sa.Integer(), nullable=False, server_default="1")
    )


def downgrade() -> None:
    with op.batch_alter_table("month_closings") as batch_op:
        batch_op.drop_column("pack_form")
