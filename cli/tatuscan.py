"""`import-tatuscan`: the machines of a TatuScan database, taken over."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from sqlalchemy import Connection, select

from cli.collecting import now
from cli.machines import carry_out, planning
from cli.months import actor
from cli.tatuscan_file import FACTS, read
from cli.terminal import minute, printable
from db import audit
from db.bulk import chunks, insert_many, upsert
from db.machines import blank_machine, rows_for_update
from db.settings import SettingsError
from db.tables import NAME_LENGTH, inventory

BY_HAND = ("computer_model", "computer_activation", "activation_days")
"""What TatuScan's agents never told: somebody set it, so it fills what is empty here."""
Row = dict[str, Any]


@click.command("import-tatuscan")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--zone", default="America/Cuiaba", show_default=True,
    help="TIMEZONE of the TatuScan server: its file holds wall clock times without one.",
)  # fmt: skip
@carry_out
def import_tatuscan_command(file: Path, zone: str, yes: bool) -> None:
    """Take the machines of TatuScan's SQLite FILE over. It is opened for reading only.

    A machine that is known here keeps what it told later than TatuScan knows; its first day, model
    and activation are filled in where they are missing. To do it twice changes nothing more.
    """
    try:
        source_zone = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"--zone is {zone!r}: give a name like America/Cuiaba.") from None
    moment = now()
    found = read(file, source_zone, moment)
    with planning(yes) as connection:
        new, changed, said = plan(connection, found.machines)
        for line in (*found.refused, *found.mended, *said):
            click.echo(printable(line))
        counts = {
            "read": found.count, "refused": len(found.refused), "mended": len(found.mended),
            "new": len(new), "changed": len(changed),
            "unchanged": len(found.machines) - len(new) - len(changed),
        }  # fmt: skip
        if yes:
            insert_many(connection, inventory, new)
            upsert(connection, inventory, changed)
            detail = counts | {"zone": zone}
            name = file.name[:NAME_LENGTH]
            audit.write_entry(connection, actor(), "import_tatuscan", name, moment, detail)
        click.echo(_counted(counts, yes))


def plan(connection: Connection, found: Sequence[Row]) -> tuple[list[Row], list[Row], list[str]]:
    """The rows of `inventory` to insert and to replace, and a sentence for each of them."""
    known: dict[str, Mapping[str, Any]] = {}
    for part in chunks(sorted(row["machine_id"] for row in found)):
        asked = select(inventory).where(inventory.c.machine_id.in_(part))
        known |= {row.machine_id: row._mapping for row in rows_for_update(connection, asked)}
    new, changed, said = [], [], []
    for row in found:
        before = known.get(row["machine_id"])
        if before is None:
            new.append(_first(row))
            said.append(f"new: {row['machine_id']} {row['hostname']}")
            continue
        after = _laid_over(before, row)
        differing = [name for name, value in after.items() if value != before[name]]
        if differing:
            changed.append(after)
            told = ", ".join(_differences(before, after, differing))
            said.append(f"changed: {row['machine_id']} {before['hostname']}: {told}")
    return new, changed, said


def _first(row: Row) -> Row:
    told = {"received_at": row["last_at"], "reported_at": row["last_at"]}
    born = blank_machine(row["machine_id"], row["created_at"])
    return born | {name: row[name] for name in row if name in born and row[name] is not None} | told


def _laid_over(before: Mapping[str, Any], row: Row) -> Row:
    """`before` with what TatuScan knows later, knows longer, or alone knows."""
    after = dict(before)
    after["created_at"] = min(before["created_at"], row["created_at"])
    if row["last_at"] > before["received_at"]:
        facts = {name: row[name] for name in (*FACTS, *BY_HAND) if row[name] is not None}
        last = dict.fromkeys(("received_at", "reported_at", "updated_at"), row["last_at"])
        return after | facts | last
    for name in BY_HAND:
        if before[name] is None:
            after[name] = row[name]
    return after


def _differences(before: Mapping[str, Any], after: Row, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield f"{name} {_shown(before[name])} -> {_shown(after[name])}"


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    return minute(value) if isinstance(value, datetime) else str(value)


def _counted(counts: Mapping[str, int], yes: bool) -> str:
    took = "Took" if yes else "Would take"
    return (
        f"{counts['read']} machine(s) in the file. {took} {counts['new']} new and change "
        f"{counts['changed']}; {counts['unchanged']} are so already; {counts['refused']} refused; "
        f"{counts['mended']} value(s) mended."
    )
