"""`grants`: the database rights of the two programs."""

import re

import click

from cli.settings import pass_settings
from db.grants import WEB_USER, WORKER_USER, statements
from db.settings import Settings


def _user(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,31}", name):
        raise click.BadParameter(f"{name!r} is no user's name: use letters, digits and _.")
    return name


@click.command("grants")
@click.option("--web", default=WEB_USER, callback=_user, help="The user of `serve`.")
@click.option("--worker", default=WORKER_USER, callback=_user, help="The user of `worker`.")
@pass_settings
def grants_command(settings: Settings, web: str, worker: str) -> None:
    """Print the statements that give the database users of `serve` and `worker` no more rights than
    they need. Create both users first; run the statements as the user of `migrate`, which owns the
    tables, after each `migrate`."""
    for statement in statements(settings.database, web, worker):
        click.echo(f"{statement};")
