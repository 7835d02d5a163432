"""What all commands have in common: they read every setting and check the database before they
begin."""

import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result
from sqlalchemy import Engine, text

from cli.main import main
from db import migrate
from db.engine import writing
from tests.support.cli import CliHere

COMMANDS = (
    ("collect", "agent"), ("demo", "--once"), ("doctor",), ("import-counts", "FILE"),
    ("import-tatuscan", "FILE"), ("machine", "add", "--hostname", "anna"),
    ("machine", "delete-older"), ("machine", "set-activation", "FILE"), ("migrate",),
    ("month", "close", "2026-01"), ("month", "reopen", "2026-01", "--reason", "a late invoice"),
    ("process",), ("serve", "--port", "PORT"), ("token", "add", "--kind", "api"),
    ("token", "list"), ("token", "revoke", "abc"), ("worker",), ("grants",),
    ("user", "add", "ana", "--role", "viewer"), ("user", "disable", "ana"), ("user", "list"),
    ("user", "password", "ana"), ("user", "second-factor-reset", "ana"),
    ("user", "set", "ana", "--role", "viewer"),
)  # fmt: skip
NO_DATABASE = ("machine set-activation", "import-tatuscan", "grants")
"""They refuse their file, or SQLite, first."""


def names(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        here = (*before, name)
        yield from names(command, here) if isinstance(command, click.Group) else (here,)


def test_every_command_is_tried_here() -> None:
    tried = {
        command[: 1 + (command[0] in ("machine", "month", "token", "user"))] for command in COMMANDS
    }
    assert tried == set(names(main))


def run(cli: CliHere, folder: Path, command: tuple[str, ...], **environ: str) -> Result:
    """Give `command`, with a file and a port where it needs one."""
    (folder / "file").write_text("hostname,model\nanna,X1\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    values = {"FILE": str(folder / "file"), "PORT": str(port)}
    return cli(*(values.get(word, word) for word in command), AUTH="none", **environ)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_wrong_setting_ends_every_command_before_it_begins(
    cli: CliHere, tmp_path: Path, command: tuple[str, ...]
) -> None:
    wrong = {"MONTH_CLOSE_DAYS": "abc", "INGEST_AUTH": "maybe"}

    result = run(cli, tmp_path, command, **wrong)

    assert result.exit_code == 2, result.output
    sentence = "MONTH_CLOSE_DAYS is 'abc': set it to a whole number from 0 to 36500."
    if command == ("doctor",):
        assert result.stdout.splitlines() == [
            "FIX  INGEST_AUTH: INGEST_AUTH is 'maybe': set it to one of token, open.",
            f"FIX  MONTH_CLOSE_DAYS: {sentence}",
            "FIX  the rest: database and sources are checked once these are right.",
        ]
    else:
        assert result.stderr.splitlines() == [
            "INGEST_AUTH is 'maybe': set it to one of token, open. "
            "1 more wrong: inventory-hub doctor lists every one."
        ]
        assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "nothing was made"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses_the_database_of_a_newer_version_in_one_sentence(
    cli: CliHere, tmp_path: Path, sqlite_engine: Engine, command: tuple[str, ...]
) -> None:
    with writing(sqlite_engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    result = run(cli, tmp_path, command, DATABASE_URL=str(sqlite_engine.url))

    assert result.exit_code == 2, result.output
    if " ".join(command).startswith(NO_DATABASE):
        return
    (sentence,) = [line for line in result.output.splitlines() if "9999" in line]
    assert sentence.endswith(
        "The database is at revision 9999, which a newer version has made; this version knows "
        f"revisions up to {migrate.head()}: install the newer version again, or restore the backup "
        "from before its migration."
    )
    assert command == ("doctor",) or result.output.splitlines() == [sentence]


def test_the_database_of_an_older_version_is_not_touched_before_a_backup(
    cli: CliHere, sqlite_engine: Engine
) -> None:
    migrate.downgrade(sqlite_engine, "-1")
    before = migrate.current(sqlite_engine)
    for command in (("collect", "agent"), ("token", "list"), ("doctor",)):
        result = cli(*command, DATABASE_URL=str(sqlite_engine.url))
        assert result.exit_code == 2
        assert f"is at revision {before}, this version needs {migrate.head()}" in result.output
        assert "run inventory-hub migrate (after a backup)" in result.output
    assert migrate.current(sqlite_engine) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("collect", "--date", "0206-11-30"), ("process", "--rebuild", "0206-11-30"),
        ("month", "close", "0206-11"), ("month", "reopen", "0000-01", "--reason", "x"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_mistyped_year_exits_2_with_what_to_do(
    cli: CliHere, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    result = cli(*arguments)
    assert result.exit_code == 2, result.output
    assert "1990-01" in result.stderr
    assert list(tmp_path.iterdir()) == []
