"""`user`: the people who may sign in."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, Row

from cli.database import open_database
from cli.months import actor
from cli.serve import public_address
from cli.settings import pass_settings
from dashboard.base.clock import system_clock
from db import passwords, sessions, users
from db.engine import reading, writing
from db.settings import Settings, SettingsError

_ROLE = click.Choice(users.USER_ROLES)


def _password_file(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--password-file", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE",
        help="Read the password from this file (- reads standard input) instead of printing a "
        "link with which the person chooses one.",
    )(function)  # fmt: skip


@click.group("user")
def user_command() -> None:
    """Add, change and list the people who may sign in."""


@user_command.command("add")
@click.argument("name")
@click.option("--role", type=_ROLE, required=True, help="What the person may do.")
@_password_file
@pass_settings
def add_command(settings: Settings, name: str, role: str, password_file: str | None) -> None:
    """Add a person, and print the link with which NAME chooses a password."""
    password = _read_password(password_file)
    now = system_clock()
    with _changing(settings) as connection:
        user_id = users.add(connection, name, role, actor(), now)
        user = users.by_id(connection, user_id)
        assert user is not None, "it was added a moment ago"
        _set_password_or_link(settings, connection, user, password)


@user_command.command("set")
@click.argument("name")
@click.option("--role", type=_ROLE, help="What the person may do.")
@click.option("--enabled", is_flag=True, help="Let a disabled person sign in again.")
@pass_settings
def set_command(settings: Settings, name: str, role: str | None, enabled: bool) -> None:
    """Change what NAME may do, or let NAME sign in again; it holds from the next click on."""
    if role is None and not enabled:
        raise SettingsError("Nothing to change: give --role or --enabled.")
    now = system_clock()
    with _changing(settings) as connection:
        user = _find(connection, name)
        if role is not None:
            users.set_role(connection, user, role, actor(), now)
        if enabled:
            users.set_enabled(connection, user, True, actor(), now)
    with reading(open_database(settings)) as connection:
        user = _find(connection, name)
    click.echo(f"{user.name} is {user.role}{'' if user.enabled else ', disabled'}.")


@user_command.command("disable")
@click.argument("name")
@pass_settings
def disable_command(settings: Settings, name: str) -> None:
    """Sign NAME out everywhere, at once, and let NAME sign in no more."""
    with _changing(settings) as connection:
        user = _find(connection, name)
        users.set_enabled(connection, user, False, actor(), system_clock())
    click.echo(
        f"{user.name} is disabled. To undo it: inventory-hub user set {user.name!r} --enabled"
    )


@user_command.command("password")
@click.argument("name")
@_password_file
@pass_settings
def password_command(settings: Settings, name: str, password_file: str | None) -> None:
    """Print a link with which NAME chooses a new password; the old one works until then."""
    password = _read_password(password_file)
    with _changing(settings) as connection:
        user = _find(connection, name)
        if not user.enabled:
            raise SettingsError(
                f"{user.name} is disabled: inventory-hub user set {user.name!r} --enabled first."
            )
        _set_password_or_link(settings, connection, user, password)


@user_command.command("list")
@pass_settings
def list_command(settings: Settings) -> None:
    """List the people: state, role, last use, name."""
    with reading(open_database(settings)) as connection:
        rows = users.listed(connection)
    for row in rows:
        state = "disabled" if not row.enabled else "ok" if row.password_hash else "invited"
        seen = f"{row.last_seen_at:%Y-%m-%d %H:%M}" if row.last_seen_at else "never"
        click.echo(f"{state:8}  {row.role:13}  {seen:16}  {row.name}")
    if not rows:
        click.echo(
            "Nobody can sign in yet: inventory-hub serve prints a link for the first "
            "administrator, or inventory-hub user add NAME --role administrator",
            err=True,
        )


@contextmanager
def _changing(settings: Settings) -> Iterator[Connection]:
    """A write transaction in which a change that is not possible becomes a clear error."""
    try:
        with writing(open_database(settings)) as connection:
            yield connection
    except (users.UserError, passwords.WeakPassword) as error:
        raise SettingsError(str(error)) from error


def _find(connection: Connection, name: str) -> Row[Any]:
    user = users.by_name(connection, name)
    if user is None:
        raise SettingsError(f"There is no user {name!r}: inventory-hub user list shows them all.")
    return user


def _read_password(file: str | None) -> str | None:
    if file is None:
        return None
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read ({error}): give a readable file.") from error
    return text.rstrip("\r\n")


def _set_password_or_link(
    settings: Settings, connection: Connection, user: Row[Any], password: str | None
) -> None:
    now = system_clock()
    if password is not None:
        users.set_password(connection, user, password, actor(), now)
        click.echo(f"{user.name} can sign in.")
        return
    token = sessions.new_link(connection, user.user_id, now)
    address = public_address(settings, settings.host, settings.port)
    click.echo(f"{address}/invite/{token}")
    click.echo(f"Send this link to {user.name}: it works once, for 24 hours.", err=True)
