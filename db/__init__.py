"""What the writer and the reader share: settings, engine, tables, migrations, queries by date.

`etl` writes snapshots and counts through it; `dashboard` reads, and writes reports and requests. It
imports neither of them, only the standard library, SQLAlchemy, Alembic and pydantic.
"""

__version__ = "1.0.0"
