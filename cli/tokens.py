"""`token`: the credentials of machines and other programs."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import click

from cli.database import open_database
from cli.months import actor
from cli.settings import pass_settings
from cli.users import site_ids
from dashboard.base.clock import system_clock
from db import tokens
from db.engine import reading, writing
from db.settings import Settings, SettingsError


@click.group("token")
def token_command() -> None:
    """Add, list and revoke the credentials of machines and other programs."""


@token_command.command("add")
@click.option(
    "--kind", type=click.Choice([tokens.ENROL, tokens.API]), required=True,
    help="enrol lets new machines in; api lets another program ask.",
)  # fmt: skip
@click.option("--name", help="What it is for; its kind and site unless given.")
@click.option(
    "--site", multiple=True, metavar="NAME",
    help="enrol: the site of the machines that it lets in. api: a site that the program sees, by "
    "its name or id; several times for several. Without it the program sees every site.",
)  # fmt: skip
@click.option(
    "--scope", multiple=True, type=click.Choice(tokens.SCOPES),
    help="What the program may do (api), several times for several: read, decide (what its role "
    "may change), ingest (let new machines in). Unless given: read, and decide with a role above "
    "viewer.",
)  # fmt: skip
@click.option(
    "--role", type=click.Choice(tokens.TOKEN_ROLES),
    help="Bounds what the program may (api); viewer unless given.",
)  # fmt: skip
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD",
    help="The last day on which it works; for ever.",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1, 3650), help="Valid for so many days; for ever.")
@click.option(
    "--address", multiple=True, metavar="NETWORK",
    help="An address or network that it works from, such as 192.0.2.7 or 10.0.0.0/8; several "
    "times for several.",
)  # fmt: skip
@pass_settings
def add_command(
    settings: Settings,
    kind: str,
    name: str | None,
    site: tuple[str, ...],
    scope: tuple[str, ...],
    role: str | None,
    expires: datetime | None,
    days: int | None,
    address: tuple[str, ...],
) -> None:
    """Make a token and print it: the only time that anybody sees it."""
    if kind == tokens.ENROL and role is not None:
        raise SettingsError("--role is for api tokens: an enrolment token only lets machines in.")
    if expires is not None and days is not None:
        raise SettingsError("--expires and --days contradict each other: give one of them.")
    names_site = kind == tokens.ENROL or tokens.INGEST in scope
    if names_site and len(site) > 1:
        raise SettingsError("A token puts the machines that it lets in into one --site.")
    moment = system_clock()
    ends: datetime | None
    if expires is not None:
        ends = datetime.combine(expires.date() + timedelta(days=1), time.min, settings.timezone)
    else:
        ends = moment + timedelta(days=days) if days else None
    with writing(open_database(settings)) as connection:
        spec = tokens.TokenSpec(
            kind, name or "", site[0] if site and names_site else None, scope, role,
            frozenset(site_ids(connection, site)) if site and not names_site else None,
            address, ends,
        )  # fmt: skip
        peppers = tokens.Peppers.from_settings(settings)
        try:
            text = tokens.add(connection, spec, actor(), moment, peppers)
        except tokens.TokenError as error:
            raise SettingsError(str(error)) from error
    credential = tokens.parse_credential(text)
    assert credential is not None, "it was made a moment ago"
    click.echo(text)
    click.echo("It is not shown again. To end it: ", nl=False, err=True)
    click.echo(f"inventory-hub token revoke {credential.public_id}", err=True)


@token_command.command("list")
@click.option("--machines", is_flag=True, help="The machines' own keys too.")
@pass_settings
def list_command(settings: Settings, machines: bool) -> None:
    """List the tokens: id, kind, state, last use, name, and what they may."""
    moment, peppers = system_clock(), tokens.Peppers.from_settings(settings)
    with reading(open_database(settings)) as connection:
        rows = tokens.listed(connection, machines=machines)
        sites = {row.token_id: tokens.site_names_of(connection, row) for row in rows}
    for row in rows:
        state, seen = tokens.state_of(row, moment, peppers), tokens.last_used(row)
        used = f"{seen:%Y-%m-%d %H:%M}" if seen else "never"
        more = row.site or row.role or (row.machine_id or "")[:12]
        limits = _limits(row, sites[row.token_id], settings)
        ending = "".join(f"  {name} {value}" for name, value in limits.items() if value)
        click.echo(
            f"{row.public_id}  {row.kind:7}  {state:7}  {used:16}  {row.name}  {more}{ending}"
        )
    if not rows:
        click.echo("There is no token yet: inventory-hub token add --help", err=True)


def _limits(row: Any, sites: list[str] | None, settings: Settings) -> Mapping[str, str]:
    """What a token is limited to, by the option that limits it."""
    ends = row.expires_at and row.expires_at.astimezone(settings.timezone)
    return {
        "scope": " ".join(sorted(tokens.scopes_of(row))) if row.kind == tokens.API else "",
        "site": "" if sites is None else ", ".join(sites) or "none",
        "until": f"{ends:%Y-%m-%d %H:%M}" if ends else "",
        "from": (row.addresses or "").replace(",", ", "),
    }


@token_command.command("revoke")
@click.argument("public_id", metavar="ID")
@pass_settings
def revoke_command(settings: Settings, public_id: str) -> None:
    """End the token or machine key of that ID (as listed, or the token itself) at once."""
    credential = tokens.parse_credential(public_id)
    public_id = credential.public_id if credential else public_id
    with writing(open_database(settings)) as connection:
        if not tokens.revoke(connection, public_id, actor(), system_clock()):
            raise SettingsError(
                f"There is no valid token {public_id[:16]!r}: "
                "inventory-hub token list shows them all."
            )
    click.echo(f"{public_id} is revoked.")
