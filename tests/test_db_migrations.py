"""One set of migrations, on every database."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from db import migrate
from db.tables import metadata
from tests.conftest import COMMAND


def test_migrations_go_up_down_and_up_again(bare_engine: Engine) -> None:
    assert migrate.current(bare_engine) is None
    migrate.upgrade(bare_engine)
    assert migrate.current(bare_engine) == migrate.head()
    migrate.downgrade(bare_engine, "base")
    assert set(inspect(bare_engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(bare_engine)
    assert set(inspect(bare_engine).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_several_processes_that_migrate_at_the_same_time_do_it_once(
    bare_engine: Engine, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    address = bare_engine.url.render_as_string(hide_password=False)
    several = [
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, "migrate"],
            env=cli_environment | {"DATABASE_URL": address}, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in several]
    assert [process.returncode for process in several] == [0, 0, 0], said
    assert migrate.current(bare_engine) == migrate.head()


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
