"""`user`: the people who may sign in."""

import difflib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, Row, select

from cli.database import open_database
from cli.months import actor
from cli.serve import public_address
from cli.settings import pass_settings
from dashboard.base.clock import system_clock
from db import passwords, second_factors, sessions, users
from db.engine import reading, writing
from db.plurals import plural
from db.roles import USER_ROLES
from db.settings import Settings, SettingsError
from db.tables import sites

_ROLE = click.Choice(USER_ROLES)


def _password_file(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--password-file", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE",
        help="Read the password from this file (- reads standard input) instead of printing a "
        "link with which the person chooses one.",
    )(function)  # fmt: skip


_sites = click.option(
    "--site", multiple=True, metavar="NAME",
    help="A site that the person sees, by its name or id; several times for several. Without it "
    "the person sees every site.",
)  # fmt: skip


@click.group("user")
def user_command() -> None:
    """Add, change and list the people who may sign in."""


@user_command.command("add")
@click.argument("name")
@click.option("--role", type=_ROLE, required=True, help="What the person may do.")
@_sites
@_password_file
@pass_settings
def add_command(
    settings: Settings, name: str, role: str, site: tuple[str, ...], password_file: str | None
) -> None:
    """Add a person, and print the link with which NAME chooses a password."""
    password = read_password(password_file)
    now = system_clock()
    with _changing(settings) as connection:
        user_id = users.add(connection, name, role, actor(), now)
        user = users.by_id(connection, user_id)
        assert user is not None, "it was added a moment ago"
        if site:
            users.set_sites(connection, user, site_ids(connection, site), actor(), now)
        _set_password_or_link(settings, connection, user, password, is_new=True)


@user_command.command("set")
@click.argument("name")
@click.option("--role", type=_ROLE, help="What the person may do.")
@_sites
@click.option("--all-sites", is_flag=True, help="Let a limited person see every site.")
@click.option("--enabled", is_flag=True, help="Let a disabled person sign in again.")
@click.option(
    "--no-password",
    is_flag=True,
    help="Take the password away, so that an OpenID provider or a new link lets the person in.",
)
@click.option(
    "--second-factor",
    type=click.Choice(("required", "optional")),
    help="Whether the person needs a code from a phone beside the password.",
)
@pass_settings
def set_command(
    settings: Settings, name: str, role: str | None, site: tuple[str, ...], all_sites: bool,
    enabled: bool, second_factor: str | None, no_password: bool,
) -> None:  # fmt: skip
    """Change what NAME may do and see, or let NAME sign in again; it holds from the next click."""
    if not (role or enabled or site or all_sites or second_factor or no_password):
        raise SettingsError(
            "Nothing to change: give --role, --site, --all-sites, --second-factor, --no-password "
            "or --enabled."
        )
    if site and all_sites:
        raise SettingsError("--site and --all-sites contradict each other: give one of them.")
    now = system_clock()
    with _changing(settings) as connection:
        user = _find(connection, name)
        if all_sites:
            users.set_sites(connection, user, None, actor(), now)
            user = _find(connection, name)
        if role is not None:
            users.set_role(connection, user, role, actor(), now)
            user = _find(connection, name)
        if site:
            users.set_sites(connection, user, site_ids(connection, site), actor(), now)
        if second_factor is not None:
            needed = second_factor == "required"
            second_factors.set_required(connection, user, needed, actor(), now)
        if no_password:
            users.remove_password(connection, user, actor(), now)
        if enabled:
            users.set_enabled(connection, user, True, actor(), now)
    with reading(open_database(settings)) as connection:
        user = _find(connection, name)
        seen = users.sites_of(connection, user)
    limits = "" if seen is None else f", sees {plural(len(seen), 'site')}"
    needs = ", needs a second factor" if second_factors.is_required(settings, user) else ""
    disabled = "" if user.enabled else ", disabled"
    click.echo(f"{user.name} is {user.role}{limits}{needs}{disabled}.")


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
    password = read_password(password_file)
    with _changing(settings) as connection:
        user = _find(connection, name)
        if not user.enabled:
            raise SettingsError(
                f"{user.name} is disabled: inventory-hub user set {user.name!r} --enabled first."
            )
        _set_password_or_link(settings, connection, user, password)


@user_command.command("second-factor-reset")
@click.argument("name")
@pass_settings
def second_factor_reset_command(settings: Settings, name: str) -> None:
    """Take away the second factor of NAME, who lost the phone and every recovery code; signs NAME
    out everywhere."""
    with _changing(settings) as connection:
        user = _find(connection, name)
        if not second_factors.remove(connection, user, actor(), system_clock()):
            raise SettingsError(f"{user.name} has no second factor: there is nothing to reset.")
    needed = second_factors.is_required(settings, user)
    then = "adds a new one" if needed else "signs in with the password alone"
    click.echo(f"{user.name} has no second factor any more and next {then}.")


@user_command.command("list")
@pass_settings
def list_command(settings: Settings) -> None:
    """List the people: state, role, sites, second factor, last use, name."""
    with reading(open_database(settings)) as connection:
        rows = users.listed(connection)
        having = second_factors.having_one(connection)
    for row in rows:
        is_ready = row.password_hash is not None or settings.auth in ("proxy", "oidc")
        state = "disabled" if not row.enabled else "ok" if is_ready else "invited"
        limits = "some sites" if row.limited else "all sites"
        needs = "adds second" if second_factors.is_required(settings, row) else "one factor"
        factor = "two factors" if row.user_id in having else needs
        seen = f"{row.last_seen_at:%Y-%m-%d %H:%M}" if row.last_seen_at else "never"
        click.echo(f"{state:8}  {row.role:13}  {limits:10}  {factor:12}  {seen:16}  {row.name}")
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


def site_ids(connection: Connection, names: Sequence[str]) -> set[int]:
    """The ids of sites that are named by name or id.

    Raises:
        SettingsError: there is no such site.
    """
    rows = connection.execute(
        select(sites.c.site_id, sites.c.name).where(sites.c.merged_into.is_(None))
    ).all()
    known = {row.name.casefold(): row.site_id for row in rows}
    spelt = {name.casefold(): name for _site_id, name in rows}
    ids = {str(site_id): site_id for site_id in known.values()}
    chosen = set()
    for name in names:
        site_id = known.get(name.strip().casefold(), ids.get(name.strip()))
        if site_id is None:
            like = [spelt[key] for key in difflib.get_close_matches(name.casefold(), spelt, 3)]
            hint = f" Did you mean {' or '.join(map(repr, like))}?" if like else ""
            raise SettingsError(
                f"There is no site {name!r}: give a name as on the page Sites, or its id.{hint}"
            )
        chosen.add(site_id)
    return chosen


def read_password(file: str | None) -> str | None:
    """The password in `file`, or from standard input for "-"; None without a file.

    Raises:
        SettingsError: it cannot be read.
    """
    if file is None:
        return None
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read ({error}): give a readable file.") from error
    return text.rstrip("\r\n")


def _set_password_or_link(
    settings: Settings, connection: Connection, user: Row[Any], password: str | None,
    *, is_new: bool = False,
) -> None:  # fmt: skip
    now = system_clock()
    if password is not None:
        users.set_password(connection, user, password, actor(), now)
        click.echo(f"{user.name} can sign in.")
        return
    if settings.auth in ("proxy", "oidc") and is_new:
        who = "the proxy" if settings.auth == "proxy" else settings.oidc_name
        click.echo(f"{user.name} is let in by {who} (AUTH={settings.auth}).")
        return
    token = sessions.invite(connection, user, actor(), now)
    address = public_address(settings, settings.host, settings.port)
    click.echo(f"{address}/invite/{token}")
    click.echo(f"Send this link to {user.name}: it works once, for 24 hours.", err=True)
