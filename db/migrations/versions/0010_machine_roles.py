"""What a machine reports about its role.

Revision: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COLUMNS = {
    "product_type": sa.String(length=32),
    "chassis": sa.String(length=32),
    "default_target": sa.String(length=100),
    "has_desktop": sa.Boolean(),
}


def upgrade() -> None:
    with op.batch_alter_table("inventory", schema=None) as batch_op:
        for name, kind in _COLUMNS.items():
            batch_op.add_column(sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("inventory", schema=None) as batch_op:
        for name in reversed(_COLUMNS):
            batch_op.drop_column(name)
