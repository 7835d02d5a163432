"""`month` and `import-counts`."""

import getpass
from pathlib import Path

import click

from cli.database import open_database
from cli.settings import pass_settings
from dashboard.base.clock import system_clock
from db.engine import writing
from db.history.kept import FIRST_MONTH, is_month
from db.plurals import plural
from db.settings import Settings
from etl.months.close import close_month, reopen_month
from etl.months.imports import import_counts, remove_counts
from etl.runtime import lease


def actor() -> str:
    """The operating system's user, for the audit log."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # The user of a container may have no name.
        return "command line"


def _month(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not is_month(value):
        raise click.BadParameter(
            f"{value!r} is no month: give it like 2026-10, from {FIRST_MONTH} on."
        )
    return value


@click.group("month")
def month_command() -> None:
    """Close a month, or open the newest closed one again."""


@month_command.command("close")
@click.argument("month", metavar="YYYY-MM", callback=_month)
@pass_settings
def close_command(settings: Settings, month: str) -> None:
    """Close YYYY-MM, the oldest open month: its numbers do not change any more."""
    engine = open_database(settings)
    with lease.take(engine) as held, writing(engine) as connection:
        held.hold(connection)
        close_month(connection, month, actor(), system_clock(), settings)
    click.echo(f"{month} is closed.")


@month_command.command("reopen")
@click.argument("month", metavar="YYYY-MM", callback=_month)
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@pass_settings
def reopen_command(settings: Settings, month: str, reason: str) -> None:
    """Open YYYY-MM, the newest closed month, again."""
    engine = open_database(settings)
    with lease.take(engine) as held, writing(engine) as connection:
        held.hold(connection)
        reopen_month(connection, month, reason, actor(), system_clock(), settings)
    click.echo(f"{month} is open again. To close it: inventory-hub month close {month}")


@click.command("import-counts")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--remove", "month", metavar="MONTH", help="Remove what was imported of a month.")
@pass_settings
def import_counts_command(settings: Settings, file: Path | None, month: str | None) -> None:
    """Import month-end counts from before the first collection: a CSV FILE with the columns month,
    site, source, device_type, billing_status, count, separated by commas or semicolons; or remove
    those of a MONTH (2025-11)."""
    if (file is None) == (month is None):
        raise click.UsageError("Give either a FILE to import or --remove MONTH.")
    engine = open_database(settings)
    now = system_clock().astimezone(settings.timezone)
    if month is not None:
        with lease.take(engine) as held, writing(engine) as connection:
            held.hold(connection)
            bases = remove_counts(connection, month, actor(), now)
        click.echo(f"Removed what was imported of {month}: {', '.join(bases)}.")
        return
    assert file is not None, "one of both is given"
    data = file.read_bytes()
    with lease.take(engine) as held, writing(engine) as connection:
        held.hold(connection)
        done = import_counts(connection, file.name, data, actor(), now)
    click.echo(
        f"{plural(done.counts, 'count')} of {plural(len(done.months), 'month')} imported, "
        f"{done.months[0]} to {done.months[-1]}."
    )
    if done.replaced:
        click.echo(f"Replaced what was imported before: {', '.join(done.replaced)}.")
    if done.new_sites:
        click.echo(f"New sites that need a review: {', '.join(done.new_sites)}.")
