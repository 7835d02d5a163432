"""What the writer and the reader share: settings, engine, tables, migrations, queries by date.

`etl` writes through it and `dashboard` reads through it. It imports neither, only the standard
library, SQLAlchemy and Alembic.
"""

__version__ = "0.1.0"
