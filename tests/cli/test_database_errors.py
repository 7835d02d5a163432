"""What commands say of a database that refuses: the cause, and the variables that are in use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, text

from tests.support.cli import CliHere
from tests.support.servers import DatabaseServer

PARTS = {"host": "DB_HOST", "port": "DB_PORT", "database": "DB_NAME", "username": "DB_USER",
         "password": "DB_PASSWORD"}  # fmt: skip


def in_parts(url: URL) -> dict[str, str]:
    """The address as the `DB_` variables have it."""
    return {name: str(getattr(url, part)) for part, name in PARTS.items()}


def whole(url: URL) -> dict[str, str]:
    return {"DATABASE_URL": url.render_as_string(hide_password=False)}


@pytest.fixture
def guest(postgres_engine: Engine, postgres_server: DatabaseServer) -> Iterator[URL]:
    """The address of a migrated database with a user who may connect, and do nothing."""
    url = postgres_engine.url
    administrator = create_engine(url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text("CREATE ROLE guest LOGIN PASSWORD 'a guest'"))
    yield url.set(username="guest", password="a guest")
    with administrator.connect() as connection:
        connection.execute(text("DROP ROLE guest"))
    administrator.dispose()


def test_a_refusing_postgresql_is_told_by_its_cause_and_the_variables_in_use(
    cli: CliHere, guest: URL
) -> None:
    for change, url, part in (
        ({"password": "not it"}, "DATABASE_URL", "DB_USER and DB_PASSWORD"),
        ({"database": "no_such"}, "DATABASE_URL", "DB_NAME"),
        ({"port": 9}, "DATABASE_URL", "DB_HOST and DB_PORT"),
        ({"host": "no-such-host.invalid"}, "DATABASE_URL", "DB_HOST and DB_PORT"),
        ({}, "DATABASE_URL", "DB_USER"),
    ):
        wrong = guest.set(**change)
        expected = {
            "password": "does not let 'guest' in with this password: correct",
            "database": "Create the database 'no_such' with 'guest' as its owner, or correct",
            "port": "Start the database server of 127.0.0.1, or correct",
            "host": "Start the database server of no-such-host.invalid, or correct",
            "": "The password is right, but 'guest' may not do this: make it the owner of "
            f"'{guest.database}', or let the owner run the statements that inventory-hub grants "
            "prints, or correct",
        }[next(iter(change), "")]
        for environ, names in ((whole(wrong), url), (in_parts(wrong), part)):
            for command in ("process", "doctor"):
                done = cli(command, **environ)
                assert f"{expected} {names}." in done.output + done.stderr, (change, command)
                assert done.exit_code == (4 if command == "process" else 2)
                assert "a guest" not in done.output and "not it" not in done.output


def test_the_seeds_name_and_the_file_of_a_password_are_named(cli: CliHere, guest: URL) -> None:
    wrong = guest.set(password="not it").render_as_string(hide_password=False)
    said = cli("process", SQLALCHEMY_DATABASE_URI=wrong).stderr
    assert "correct SQLALCHEMY_DATABASE_URI." in said
    Path("password").write_text("not it")
    environ = in_parts(guest) | {"DB_PASSWORD_FILE": "password"}
    del environ["DB_PASSWORD"]
    assert "correct DB_USER and DB_PASSWORD_FILE." in cli("process", **environ).stderr


@pytest.mark.full
def test_a_refusing_mariadb_is_told_by_its_cause(cli: CliHere, mariadb_engine: Engine) -> None:
    url = mariadb_engine.url
    with mariadb_engine.connect() as connection:
        connection.execute(text("CREATE USER guest@'127.0.0.1' IDENTIFIED BY 'a guest'"))
    try:
        for wrong, expected in (
            (url.set(password="not it"), "with this password: correct DATABASE_URL."),
            (url.set(port=9), "Start the database server of 127.0.0.1, or correct DATABASE_URL."),
            (url.set(database="no_such"), "Create the database 'no_such'"),
            (url.set(username="guest", password="a guest"), "'guest' may not do this"),
        ):
            assert expected in cli("process", **whole(wrong)).stderr
    finally:
        with mariadb_engine.connect() as connection:
            connection.execute(text("DROP USER guest@'127.0.0.1'"))


def test_a_sqlite_file_that_is_none_is_told(cli: CliHere) -> None:
    Path("inventory.db").write_text("this is no database " * 100)
    said = cli("process", DATA_DIR=".").stderr
    assert "Let this user read and write" in said and said.strip().endswith("correct DATA_DIR.")
