"""`machine`: add machines without an agent, delete old rows, set activation dates."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, select

from cli import activations, same_hostname
from cli.database import open_database
from cli.months import actor
from cli.settings import pass_settings
from cli.terminal import printable
from dashboard.base.clock import system_clock
from dashboard.ingest.report import parse_activation
from db import machines
from db.engine import reading, writing
from db.plurals import plural
from db.settings import Settings, SettingsError
from db.tables import inventory

yes_option = click.option("--yes", is_flag=True, help="Carry it out; else it is only said.")


@contextmanager
def dry_run_unless(settings: Settings, yes: bool) -> Iterator[Connection]:
    """A transaction, read-only unless `yes`; then a hint how to carry the command out."""
    with (writing if yes else reading)(open_database(settings)) as connection:
        yield connection
    if not yes:
        click.echo("Nothing was changed. To carry it out, give the same command with --yes.")


@click.group("machine")
def machine_command() -> None:
    """Add machines without an agent, delete what is left of renewed ones, date them."""


@machine_command.command("add")
@click.option("--hostname", required=True, help="Its name.")
@click.option("--os", "system", default="Chrome OS", show_default=True)
@click.option("--ip", default="0.0.0.0", show_default=True)
@click.option("--model", help="What kind of computer it is.")
@click.option("--serial", help="Its serial number.")
@click.option("--site", help="Whose it is.")
@click.option("--activation", "activated", help="When it was put to work: 2024-01-15.")
@click.option("--machine-id", help="Its id, 64 hex digits; else made of its hostname.")
@click.option("--salt", default="", help="Makes another id of the same hostname.")
@yes_option
@pass_settings
def add_command(
    settings: Settings, hostname: str, system: str, ip: str, model: str | None,
    serial: str | None, site: str | None, activated: str | None, machine_id: str | None,
    salt: str, yes: bool,
) -> None:  # fmt: skip
    """Add a machine that no agent reports. Its id is TatuScan's: SHA-256 of hostname and salt."""
    texts = {
        "hostname": hostname.strip(), "os": system, "ip": ip, "computer_model": model,
        "serial": serial, "site": " ".join(site.split()) if site else None,
    }  # fmt: skip
    check_texts(texts)
    if not texts["hostname"]:
        raise SettingsError("--hostname must be a name.")
    machine_id = machine_id or sha256((hostname.strip() + salt).encode()).hexdigest()
    if not re.fullmatch("[0-9a-fA-F]{64}", machine_id):
        raise SettingsError("--machine-id must be 64 hex digits; leave it out to have one made.")
    moment = system_clock()
    row = machines.blank_machine(machine_id.lower(), moment) | texts
    row["computer_activation"] = _activation(activated, settings.timezone)
    with dry_run_unless(settings, yes) as connection:
        known = connection.execute(
            select(inventory.c.hostname).where(inventory.c.machine_id == row["machine_id"])
        ).first()
        if known is not None:
            raise SettingsError(
                f"There is a machine of the id {row['machine_id']} already, called "
                f"{printable(known.hostname)}: nothing was changed. Two machines of one hostname "
                "need a --salt."
            )
        if yes:
            machines.add(connection, row, actor(), moment)
        values = ", ".join(f"{name} {value}" for name, value in _non_empty(row, settings.timezone))
        click.echo(f"{'Added' if yes else 'Would add'} {row['machine_id']}: {values}")


def check_texts(texts: dict[str, Any]) -> None:
    """Check texts, by column of `inventory`.

    Raises:
        SettingsError: one is too long or has control characters.
    """
    for name, value in texts.items():
        length = getattr(inventory.c[name].type, "length", 0)
        if value is not None and (len(value) > length or not value.isprintable()):
            raise SettingsError(f"The {name} must be printable, with at most {length} letters.")


def _non_empty(row: dict[str, Any], zone: tzinfo) -> Iterator[tuple[str, str]]:
    for name in ("hostname", "os", "ip", "computer_model", "serial", "site", "computer_activation"):
        value = row[name]
        if value is not None:
            text = f"{value.astimezone(zone):%Y-%m-%d}" if name[9:] == "activation" else value
            yield name, text


def _activation(text: str | None, zone: tzinfo) -> datetime | None:
    try:
        return parse_activation(text, zone)
    except (ValueError, OverflowError):
        raise SettingsError(f"--activation is {text!r}: give a date like 2024-01-15.") from None


@machine_command.command("delete-older")
@yes_option
@pass_settings
def delete_older_command(settings: Settings, yes: bool) -> None:
    """Of machines that share a hostname and a site, keep the one that reported last.

    A machine whose network card changed may come back under a new id and leave its old row behind.
    But a shared hostname proves nothing: every fresh image is called localhost or DESKTOP, and two
    customers both have a RECEPTION. So machines of different sites, with different serial numbers,
    and those that report still are left alone. Look at the list before you say --yes.
    """
    with dry_run_unless(settings, yes) as connection:
        moment = system_clock()
        groups = same_hostname.hostname_groups(connection, moment)
        for group in groups:
            click.echo("\n".join(group.lines()))
        older = [machine for group in groups for machine in group.older]
        if yes:
            for machine in older:
                machines.remove(connection, machine.machine_id, actor(), moment)
        kept = sum(len(group.kept) for group in groups)
        verb = "Deleted" if yes else "Would delete"
        click.echo(
            f"{verb} {plural(len(older), 'machine')} with their hours and keys; left {kept} alone."
        )


@machine_command.command("set-activation")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@yes_option
@pass_settings
def set_activation_command(settings: Settings, file: Path, yes: bool) -> None:
    """Set when machines were put to work, and their models, from a CSV FILE.

    Its columns are TatuScan's NUMERO (the asset number that is part of the hostname) and DATA DA
    CARGA, or hostname, activation_date and model. A line that cannot be read refuses the whole
    file; numbers and names that fit no machine, or several, are listed and left alone.
    """
    lines = activations.read(file.read_bytes(), settings.timezone)
    with dry_run_unless(settings, yes) as connection:
        moment = system_clock()
        plan = activations.plan(connection, lines)
        if yes:
            for planned in plan.changes:
                machines.change(connection, planned.machine_id, planned.values, actor(), moment)
        click.echo("\n".join(plan.lines(done=yes)))
