"""`import-tatuscan`: imports the machines of a TatuScan database."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from sqlalchemy import URL, Connection, select

from cli.machines import dry_run_unless, yes_option
from cli.months import actor
from cli.settings import pass_settings
from cli.tatuscan_file import FACTS, read_machines
from cli.terminal import minute, printable
from cli.users import read_password
from dashboard.base.clock import system_clock
from db import audit
from db.bulk import chunks, insert_many, upsert
from db.engine import normalise_url
from db.machines import blank_machine, rows_for_update, with_search_text
from db.plurals import plural
from db.setting_types import WrongValue
from db.settings import Settings, SettingsError
from db.tables import NAME_LENGTH, inventory

MANUAL_COLUMNS = ("computer_model", "computer_activation", "activation_days")
"""Columns that TatuScan's agents never sent: somebody set them, so they fill empty ones here."""
Row = dict[str, Any]


@click.command("import-tatuscan")
@click.argument("place", metavar="FILE|ADDRESS")
@click.option(
    "--zone", default="America/Cuiaba", show_default=True,
    help="TIMEZONE of the TatuScan server: its file holds wall clock times without one.",
)  # fmt: skip
@click.option(
    "--password-file", metavar="FILE",
    help="Holds the password of ADDRESS, which others would read on the command line; - is "
    "standard input.",
)  # fmt: skip
@yes_option
@pass_settings
def import_tatuscan_command(
    settings: Settings, place: str, zone: str, password_file: str | None, yes: bool
) -> None:
    """Take the machines of a TatuScan database over: its SQLite FILE, or the ADDRESS of its
    PostgreSQL or MySQL database, such as postgresql://user@host/name. It is only read.

    A machine that is known here keeps what it told later than TatuScan knows; its first day, model
    and activation are filled in where they are missing. One that was added to TatuScan by hand is
    added by hand here too. To do it twice changes nothing more. A row that cannot be taken is
    listed with its reason, and the exit code is 4.
    """
    try:
        source_zone = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"--zone is {zone!r}: give a name like America/Cuiaba.") from None
    moment = system_clock()
    database = _database(place, password_file)
    imported = read_machines(database, source_zone, moment)
    with dry_run_unless(settings, yes) as connection:
        new, changed, sentences = plan(connection, imported.machines)
        for line in (*imported.refused, *imported.mended, *sentences):
            click.echo(printable(line))
        counts = {
            "read": imported.count, "refused": len(imported.refused),
            "mended": len(imported.mended), "new": len(new), "changed": len(changed),
            "unchanged": len(imported.machines) - len(new) - len(changed),
        }  # fmt: skip
        if yes:
            insert_many(connection, inventory, [with_search_text(row) for row in new])
            upsert(connection, inventory, [with_search_text(row) for row in changed])
            detail = counts | {"zone": zone}
            name = str(database.database if isinstance(database, URL) else database.name)
            name = name[:NAME_LENGTH]
            audit.write_entry(connection, actor(), "import_tatuscan", name, moment, detail)
        click.echo(_summary(counts, yes))
    if imported.refused:
        raise SystemExit(4)


def _database(place: str, password_file: str | None) -> Path | URL:
    """The SQLite file, or the address with its password.

    Raises:
        SettingsError: it is neither.
    """
    if "://" not in place:
        if not Path(place).is_file():
            raise SettingsError(f"{place} is no file: give TatuScan's SQLite file, or an address.")
        return Path(place)
    try:
        url = normalise_url(place)
    except WrongValue as wrong:
        raise SettingsError(
            f"The address {wrong.state or 'cannot be used'}: {wrong.fix}."
        ) from None
    if url.get_backend_name() == "sqlite":
        return _database(url.database or "", None)
    password = read_password(password_file)
    return url if password is None else url.set(password=password)


def plan(connection: Connection, machines: Sequence[Row]) -> tuple[list[Row], list[Row], list[str]]:
    """The rows of `inventory` to insert and to replace, and a sentence for each of them."""
    known: dict[str, Mapping[str, Any]] = {}
    for part in chunks(sorted(row["machine_id"] for row in machines)):
        statement = select(inventory).where(inventory.c.machine_id.in_(part))
        known |= {row.machine_id: row._mapping for row in rows_for_update(connection, statement)}
    new, changed, sentences = [], [], []
    for row in machines:
        before = known.get(row["machine_id"])
        if before is None:
            new.append(_new_row(row))
            by_hand = "" if row["last_at"] else ", added by hand"
            sentences.append(f"new: {row['machine_id']} {row['hostname']}{by_hand}")
            continue
        after = _merged_row(before, row)
        differing = [name for name, value in after.items() if value != before[name]]
        if differing:
            changed.append(after)
            differences = ", ".join(_differences(before, after, differing))
            sentences.append(f"changed: {row['machine_id']} {before['hostname']}: {differences}")
    return new, changed, sentences


def _new_row(row: Row) -> Row:
    times = {"received_at": row["last_at"], "reported_at": row["last_at"]}
    born = blank_machine(row["machine_id"], row["created_at"])
    return (
        born | {name: row[name] for name in row if name in born and row[name] is not None} | times
    )


def _merged_row(before: Mapping[str, Any], row: Row) -> Row:
    """`before` with the earlier first day, the newer facts and the missing values of `row`."""
    after = dict(before)
    after["created_at"] = min(before["created_at"], row["created_at"])
    known_at, last_at = before["received_at"], row["last_at"]
    if last_at is not None and (known_at is None or last_at > known_at):
        facts = {name: row[name] for name in (*FACTS, *MANUAL_COLUMNS) if row[name] is not None}
        last = dict.fromkeys(("received_at", "reported_at", "updated_at"), row["last_at"])
        return after | facts | last
    for name in MANUAL_COLUMNS:
        if before[name] is None:
            after[name] = row[name]
    return after


def _differences(before: Mapping[str, Any], after: Row, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield f"{name} {_format(before[name])} -> {_format(after[name])}"


def _format(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    return minute(value) if isinstance(value, datetime) else str(value)


def _summary(counts: Mapping[str, int], yes: bool) -> str:
    new, changed = counts["new"], counts["changed"]
    done = f"Added {new}, changed {changed}" if yes else f"Would add {new} and change {changed}"
    return (
        f"{plural(counts['read'], 'machine')} in the database. {done}; {counts['unchanged']} "
        f"unchanged; {counts['refused']} refused; {plural(counts['mended'], 'value')} corrected."
    )
