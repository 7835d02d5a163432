"""What every table is made with."""

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Column, MetaData, Table

OPEN_END = date(9999, 12, 31)
"""`valid_to` of a stretch that still lasts."""

NO_SITE_ID = 0
"""The site of a machine whose source names none; it has no row in `sites`."""

MATCH_NAME_LENGTH = NAME_LENGTH = 255
ALIAS_KEY_LENGTH = 128

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, *items: Any, **options: Any) -> Table:
    """A table of `metadata`, the same on every database."""
    # Binary collation: MySQL would otherwise take 'a1' for 'A1' in keys, joins and groups.
    options |= {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
    return Table(name, metadata, *items, **options)


def id_column(name: str) -> Column[int]:
    """An id in a key that is not made by the database."""
    return Column(name, BigInteger, primary_key=True, autoincrement=False)
