"""THE BOTTOM: settings, engine, tables, migrations, the as-of predicate and the upsert.

`etl` writes through it and `dashboard` reads through it; it imports neither, only the standard
library, SQLAlchemy and Alembic.
"""

__version__ = "0.1.0"
