"""`token`: the credentials of machines and other programs."""

from datetime import timedelta

import click
from sqlalchemy import select

from cli.database import open_database
from cli.months import actor
from cli.settings import pass_settings
from dashboard.base.clock import system_clock
from db import audit, tokens
from db.engine import reading, writing
from db.roles import ADMINISTRATOR, MANAGER, VIEWER
from db.settings import Settings, SettingsError
from db.tables import NAME_LENGTH, api_tokens


@click.group("token")
def token_command() -> None:
    """Add, list and revoke the credentials of machines and other programs."""


@token_command.command("add")
@click.option(
    "--kind", type=click.Choice([tokens.ENROL, tokens.API]), required=True,
    help="enrol lets new machines in; api lets another program ask.",
)  # fmt: skip
@click.option("--name", help="What it is for; its kind and site unless given.")
@click.option("--site", help="The site of the machines that it lets in (enrol).")
@click.option(
    "--role", type=click.Choice([VIEWER, MANAGER, ADMINISTRATOR]),
    help="What the program may (api); viewer unless given.",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1, 3650), help="Valid for so many days; for ever.")
@pass_settings
def add_command(
    settings: Settings,
    kind: str,
    name: str | None,
    site: str | None,
    role: str | None,
    days: int | None,
) -> None:
    """Make a token and print it: the only time that anybody sees it."""
    if kind == tokens.ENROL and role is not None:
        raise SettingsError("--role is for api tokens: an enrolment token only lets machines in.")
    if kind == tokens.API and site is not None:
        raise SettingsError("--site is for enrolment tokens: an api token reads all sites.")
    site = " ".join(site.split()) if site else None
    name = name or " ".join([kind, *([site] if site else [])])
    for option, value in (("--name", name), ("--site", site or "")):
        if len(value) > NAME_LENGTH or not value.isprintable():
            raise SettingsError(f"{option} must be printable, with at most {NAME_LENGTH} letters.")
    moment = system_clock()
    with writing(open_database(settings)) as connection:
        text = tokens.create(
            connection, kind, name, actor(), moment, site=site,
            role=(role or VIEWER) if kind == tokens.API else None,
            expires_at=moment + timedelta(days=days) if days else None,
        )  # fmt: skip
        credential = tokens.parse_credential(text)
        assert credential is not None
        detail = {"kind": kind, "name": name, "site": site, "role": role, "days": days}
        audit.write_entry(
            connection, actor(), "token_add", f"token {credential.public_id}", moment, detail
        )
    click.echo(text)
    click.echo("It is not shown again. To end it: ", nl=False, err=True)
    click.echo(f"inventory-hub token revoke {credential.public_id}", err=True)


@token_command.command("list")
@click.option("--machines", is_flag=True, help="The machines' own keys too.")
@pass_settings
def list_command(settings: Settings, machines: bool) -> None:
    """List the tokens: id, kind, state, last use, name."""
    token, moment = api_tokens.c, system_clock()
    kinds = tokens.KINDS if machines else (tokens.ENROL, tokens.API)
    with reading(open_database(settings)) as connection:
        rows = connection.execute(
            select(api_tokens).where(token.kind.in_(kinds)).order_by(token.token_id)
        ).all()
    for row in rows:
        state = (
            "revoked" if row.revoked_at else "expired" if tokens.is_inactive(row, moment) else "ok"
        )
        used = f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never"
        more = row.site or row.role or (row.machine_id or "")[:12]
        click.echo(f"{row.public_id}  {row.kind:7}  {state:7}  {used:16}  {row.name}  {more}")
    if not rows:
        click.echo("There is no token yet: inventory-hub token add --help", err=True)


@token_command.command("revoke")
@click.argument("public_id", metavar="ID")
@pass_settings
def revoke_command(settings: Settings, public_id: str) -> None:
    """End the token or machine key of that ID (as listed, or the token itself) at once."""
    credential = tokens.parse_credential(public_id)
    public_id = credential.public_id if credential else public_id
    with writing(open_database(settings)) as connection:
        if not tokens.revoke(connection, public_id, system_clock()):
            raise SettingsError(
                f"There is no valid token {public_id[:16]!r}: "
                "inventory-hub token list shows them all."
            )
        audit.write_entry(connection, actor(), "token_revoke", f"token {public_id}", system_clock())
    click.echo(f"{public_id} is revoked.")
