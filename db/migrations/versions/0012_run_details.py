"""Log lines of a run, and the raw answer that made it fail.

Reasons of earlier runs that quote a web page keep its words; the page goes to the raw answer.

Revision: 0012
"""

import re

import sqlalchemy as sa
from alembic import op

from db.types import LongText

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TAG = re.compile(r"<(!doctype|/?[a-z][a-z0-9]*)\b[^<>]*>?", re.I)


def upgrade() -> None:
    op.create_table(
        "run_details",
        sa.Column("run_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("answer", LongText),
        sa.Column("log", LongText, nullable=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    if not op.get_context().as_sql:
        _take_markup_out(op.get_bind())


def _take_markup_out(connection: sa.Connection) -> None:
    runs = sa.table("collection_runs", sa.column("run_id"), sa.column("reason"))
    details = sa.table("run_details", *(sa.column(name) for name in ("run_id", "answer", "log")))
    quoting = sa.select(runs.c.run_id, runs.c.reason).where(runs.c.reason.like("%<%"))
    for run_id, reason in connection.execute(quoting).all():
        plain = re.sub(r"\s+", " ", _TAG.sub(" ", reason)).strip()
        if plain != reason:
            connection.execute(sa.update(runs).where(runs.c.run_id == run_id).values(reason=plain))
            connection.execute(sa.insert(details).values(run_id=run_id, answer=reason, log="[]"))


def downgrade() -> None:
    op.drop_table("run_details")
