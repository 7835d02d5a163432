"""One set of migrations, on every database."""

import pytest
from sqlalchemy import Engine, inspect

from db import migrate
from db.tables import metadata


def test_migrations_go_up_down_and_up_again(bare_engine: Engine) -> None:
    assert migrate.current(bare_engine) is None
    migrate.upgrade(bare_engine)
    assert migrate.current(bare_engine) == migrate.head()
    migrate.downgrade(bare_engine, "base")
    assert set(inspect(bare_engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(bare_engine)
    assert set(inspect(bare_engine).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_a_second_upgrade_changes_nothing(engine: Engine) -> None:
    migrate.upgrade(engine)
    assert migrate.current(engine) == migrate.head()


def test_the_migrations_make_the_tables_that_the_code_declares(engine: Engine) -> None:
    migrate.check(engine)


def test_no_big_table_is_unique_without_its_device(engine: Engine) -> None:
    inspector = inspect(engine)
    for table in ("devices", "device_snapshots", "device_payloads", "device_latest"):
        assert inspector.get_pk_constraint(table)["constrained_columns"][0] == "device_id"
        assert inspector.get_foreign_keys(table) == []
        for index in inspector.get_indexes(table):
            assert not index["unique"] or index["column_names"][0] == "device_id"
        for constraint in inspector.get_unique_constraints(table):
            assert constraint["column_names"][0] == "device_id"


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_every_constraint_has_a_name(name: str) -> None:
    table = metadata.tables[name]
    for constraint in table.constraints:
        assert constraint.name, f"{name} has an unnamed constraint"
    for index in table.indexes:
        assert index.name
