"""A machine added by hand has no report.

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIMES = ("received_at", "reported_at")


def upgrade() -> None:
    with op.batch_alter_table("inventory", schema=None) as batch_op:
        for name in _TIMES:
            batch_op.alter_column(name, existing_type=db.types.UtcDateTime(), nullable=True)
    with op.batch_alter_table("device_snapshots", schema=None) as batch_op:
        batch_op.add_column(sa.Column("added_by_hand", sa.Boolean(), nullable=True))
    # What `machine add` made counted as reported when it was added. It has not reported since if
    # nothing says that it did.
    machines = _machines()
    log = sa.table("audit_log", sa.column("action", sa.String()), sa.column("subject", sa.String()))
    bind = op.get_bind()
    subjects = bind.scalars(sa.select(log.c.subject).where(log.c.action == "machine_add"))
    for subject in sorted({subject.removeprefix("machine ") for subject in subjects}):
        bind.execute(
            sa.update(machines)
            .where(
                machines.c.machine_id == subject,
                machines.c.updated_at.is_(None),
                machines.c.stream.is_(None),
                machines.c.cpu_percent.is_(None),
                machines.c.received_at == machines.c.created_at,
            )
            .values(dict.fromkeys(_TIMES))
        )


def downgrade() -> None:
    machines = _machines()
    for name in _TIMES:
        op.execute(
            sa.update(machines)
            .where(machines.c[name].is_(None))
            .values({name: machines.c.created_at})
        )
    with op.batch_alter_table("device_snapshots", schema=None) as batch_op:
        batch_op.drop_column("added_by_hand")
    with op.batch_alter_table("inventory", schema=None) as batch_op:
        for name in _TIMES:
            batch_op.alter_column(name, existing_type=db.types.UtcDateTime(), nullable=False)


def _machines() -> sa.TableClause:
    times = (sa.column(name, db.types.UtcDateTime()) for name in ("created_at", *_TIMES))
    return sa.table(
        "inventory",
        sa.column("machine_id", sa.String()),
        sa.column("updated_at"),
        sa.column("stream"),
        sa.column("cpu_percent"),
        *times,
    )
