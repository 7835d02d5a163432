"""`machine`: it changes what it prints, nothing else, and only with --yes."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine, insert

from cli.activations import asset_number
from db import tokens
from db.engine import writing
from db.keys import device_id
from db.machines import blank_machine
from db.tables import agent_hours, api_tokens, audit_log, inventory
from tests.support.api_server import address
from tests.support.cli import UNCHANGED, CliHere, rows
from tests.support.machines import machine_id

pytestmark = pytest.mark.any_database

LONG_AGO = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def machine(engine: Engine, name: str, at: datetime = LONG_AGO, **more: Any) -> str:
    """A machine that reported last `at`, with an hour and a key; its id."""
    found = machine_id(name)
    row = blank_machine(found, at) | {"hostname": name} | more
    row |= {"received_at": at, "reported_at": at}
    _, key = tokens.new_credential(tokens.MACHINE, tokens.Peppers())
    hour = {"device_id": row["device_id"], "hour": at, "n": 1} | dict.fromkeys(
        ("cpu_n", "cpu_sum", "cpu_max", "memory_n", "memory_sum", "memory_max"), 0
    )
    with writing(engine) as connection:
        connection.execute(insert(inventory).values(row))
        connection.execute(insert(agent_hours).values(hour))
        connection.execute(
            insert(api_tokens).values(
                **key, name=name, machine_id=found, created_at=at, created_by="a test"
            )
        )
    return found


def run(cli: CliHere, engine: Engine, *arguments: str, **variables: str) -> Result:
    return cli("machine", *arguments, DATABASE_URL=address(engine), **variables)


# add


def test_a_machine_without_an_agent_is_added_once(engine: Engine, cli: CliHere) -> None:
    given = (
        "add", "--hostname", " cart-1 ", "--model", "Chromebook 3", "--serial", "S1",
        "--site", "Harbor  Dental", "--activation", "15/01/2024",
    )  # fmt: skip
    preview = run(cli, engine, *given, TIMEZONE="America/Cuiaba")
    assert preview.exit_code == 0 and preview.output.endswith(UNCHANGED), preview.output
    assert rows(engine, inventory) == []

    done = run(cli, engine, *given, "--yes", TIMEZONE="America/Cuiaba")
    assert done.exit_code == 0, done.output
    found = sha256(b"cart-1").hexdigest()
    expected = f"{found}: hostname cart-1, os Chrome OS, ip 0.0.0.0, computer_model Chromebook 3, "
    expected += "serial S1, site Harbor Dental, computer_activation 2024-01-15"
    assert (
        preview.output == f"Would add {expected}\n{UNCHANGED}"
        and done.output == f"Added {expected}\n"
    )
    (row,) = rows(engine, inventory)
    assert (row.machine_id, row.device_id) == (found, device_id("agent", found))
    assert (row.hostname, row.site, row.cpu_percent) == ("cart-1", "Harbor Dental", None)
    assert row.received_at is row.reported_at is row.updated_at is None, "adding is no report"
    assert row.computer_activation == datetime(2024, 1, 15, 4, tzinfo=UTC)
    (entry,) = rows(engine, audit_log)
    assert (entry.action, entry.subject) == ("machine_add", f"machine {found}")

    for more in ((), ("--yes",)):
        again = run(cli, engine, "add", "--hostname", "cart-1", "--os", "Linux", *more)
        assert again.exit_code == 2 and "already, called cart-1" in again.output
    assert rows(engine, inventory) == [row]


def test_salt_or_id_distinguishes_machines_of_one_hostname(
    sqlite_engine: Engine, cli: CliHere
) -> None:
    for more in ((), ("--salt", "2"), ("--machine-id", "AB" * 32)):
        done = run(cli, sqlite_engine, "add", "--hostname", "cart", *more, "--yes")
        assert done.exit_code == 0, done.output
    assert {row.machine_id for row in rows(sqlite_engine, inventory)} == {
        sha256(b"cart").hexdigest(), sha256(b"cart2").hexdigest(), "ab" * 32,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (("--hostname", " "), "--hostname"), (("--hostname", "h" * 101), "hostname"),
        (("--hostname", "a\x1b[2J"), "hostname"), (("--machine-id", "a/b"), "--machine-id"),
        (("--activation", "soon"), "--activation"), (("--model", "m" * 101), "model"),
    ],
)  # fmt: skip
def test_invalid_machine_is_refused(
    sqlite_engine: Engine, cli: CliHere, wrong: tuple[str, ...], named: str
) -> None:
    done = run(cli, sqlite_engine, "add", "--hostname", "cart", *wrong, "--yes")
    assert done.exit_code == 2 and named in done.output, done.output
    assert rows(sqlite_engine, inventory) == []


# delete-older


def test_delete_older_keeps_the_newest_of_one_hostname_and_site(
    engine: Engine, cli: CliHere
) -> None:
    newest = machine(engine, "a", LONG_AGO, hostname="pc", site="Acme", serial="S")
    older = machine(engine, "b", LONG_AGO - timedelta(days=1), hostname="pc", site="Acme")
    oldest = machine(engine, "c", LONG_AGO - timedelta(9), hostname="pc", site="Acme", serial="S")
    stay = {
        newest,
        machine(engine, "d", LONG_AGO, hostname="pc", site="Bolt"),
        machine(engine, "e", LONG_AGO - timedelta(1), hostname="PC", site="Acme"),
        machine(engine, "f", LONG_AGO - timedelta(2), hostname="pc", site="Acme", serial="T"),
        machine(engine, "g", LONG_AGO, hostname=None),
        machine(engine, "h", LONG_AGO, hostname=None),
    }
    before = rows(engine, inventory)
    preview = run(cli, engine, "delete-older", TIMEZONE="America/Cuiaba")
    assert preview.exit_code == 0, preview.output
    expected = [
        "pc at Acme:",
        f"  keeps   {newest}  last report 2026-03-01 08:00",
        f"  deletes {older}  last report 2026-02-28 08:00",
        f"  deletes {oldest}  last report 2026-02-20 08:00",
        f"  leaves  {machine_id('f')}  last report 2026-02-27 08:00  "
        "its serial number is another one",
    ]
    assert preview.output.splitlines()[:5] == expected
    assert preview.output.endswith(
        "Would delete 2 machines with their hours and keys; left 1 alone.\n" + UNCHANGED
    )
    assert rows(engine, inventory) == before

    done = run(cli, engine, "delete-older", "--yes", TIMEZONE="America/Cuiaba")
    assert done.output.splitlines()[:5] == expected
    assert {row.machine_id for row in rows(engine, inventory)} == stay
    assert {row.machine_id for row in rows(engine, api_tokens)} == stay
    assert {row.device_id for row in rows(engine, agent_hours)} == {
        device_id("agent", one) for one in stay
    }
    assert {(row.action, row.subject) for row in rows(engine, audit_log)} == {
        ("machine_delete", f"machine {older}"), ("machine_delete", f"machine {oldest}"),
    }  # fmt: skip
    again = run(cli, engine, "delete-older", "--yes")
    assert "Deleted 0 machines" in again.output


def test_delete_older_leaves_machines_added_by_hand(sqlite_engine: Engine, cli: CliHere) -> None:
    reporting = machine(sqlite_engine, "a", hostname="cart")
    for salt in ("", "2"):
        run(cli, sqlite_engine, "add", "--hostname", "cart", "--salt", salt, "--yes")
    done = run(cli, sqlite_engine, "delete-older", "--yes")
    assert done.output.splitlines()[1].startswith(f"  keeps   {reporting}")
    assert done.output.count("last report none  it was added by hand") == 2
    assert "Deleted 0 machines" in done.output
    assert len(rows(sqlite_engine, inventory)) == 3


def test_delete_older_keeps_machines_that_both_report(sqlite_engine: Engine, cli: CliHere) -> None:
    now = datetime.now(UTC)
    for name, ago in (("a", 0), ("b", 5), ("c", 60)):
        machine(sqlite_engine, name, now - timedelta(minutes=ago), hostname="localhost")
    done = run(cli, sqlite_engine, "delete-older", "--yes")
    assert f"leaves  {machine_id('b')}" in done.output
    assert {row.machine_id for row in rows(sqlite_engine, inventory)} == {
        machine_id("a"), machine_id("b")
    }  # fmt: skip


def test_control_characters_in_hostnames_are_replaced(sqlite_engine: Engine, cli: CliHere) -> None:
    for name in ("a", "b"):
        machine(sqlite_engine, name, hostname="pc\x1b[1A\r\u202e")
    preview = run(cli, sqlite_engine, "delete-older")
    assert preview.output.isascii() is False and "pc\ufffd[1A\ufffd\ufffd:" in preview.output


# set-activation


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "assets.csv"


def activations(engine: Engine) -> dict[str, tuple[str | None, str | None]]:
    return {
        row.hostname: (
            row.computer_activation and row.computer_activation.isoformat(), row.computer_model,
        )
        for row in rows(engine, inventory)
    }  # fmt: skip


def test_set_activation_by_asset_number_is_idempotent(
    engine: Engine, cli: CliHere, file: Path
) -> None:
    for name in ("IFMT-001234.local", "m77", "lab-9", "vm-9", "pc"):
        machine(engine, name)
    file.write_text(
        "\ufeffDESCRICAO;NUMERO;DATA DA CARGA\r\nnotebook;1234;15/01/2024\r\n\r\n"
        "old;0077;2019-02-03\r\nambiguous;9;01-02-2020\r\nunknown;55;01/01/2019\r\n",
        encoding="utf-8",
    )
    preview = run(cli, engine, "set-activation", str(file), TIMEZONE="America/Cuiaba")
    assert preview.exit_code == 0, preview.output
    expected = [
        "line 2: IFMT-001234.local: computer_activation nothing -> 2024-01-15 00:00",
        "line 4: m77: computer_activation nothing -> 2019-02-03 00:00",
        "line 5: number 9 fits 2 machines (lab-9, vm-9)",
        "line 6: number 55 fits no machine",
    ]
    assert sorted(preview.output.splitlines()[:4]) == expected
    assert preview.output.splitlines()[4] == (
        "Would change 2 machines; 0 unchanged; 2 lines left alone."
    )
    assert set(activations(engine).values()) == {(None, None)}

    arguments = ("set-activation", str(file), "--yes")
    done = run(cli, engine, *arguments, TIMEZONE="America/Cuiaba")
    assert done.exit_code == 0, done.output
    stored = activations(engine)
    assert stored["IFMT-001234.local"] == ("2024-01-15T04:00:00+00:00", None)
    assert stored["m77"] == ("2019-02-03T03:00:00+00:00", None), "it was summer time there"
    assert [row.action for row in rows(engine, audit_log)] == ["machine_change"] * 2
    again = run(cli, engine, *arguments, TIMEZONE="America/Cuiaba")
    assert "Changed 0 machines; 2 unchanged; 2 lines left alone." in again.output
    assert len(rows(engine, audit_log)) == 2


def test_set_activation_by_hostname_sets_date_and_model(
    sqlite_engine: Engine, cli: CliHere, file: Path
) -> None:
    for name in ("Anna", "bob", "carl"):
        machine(sqlite_engine, name, computer_model="X")
    file.write_text(
        "hostname,model,activation_date\nanna,ThinkPad T14,2024-01-15\nbob,,2024-01-16\n"
        "CARL,Y,\nANNA,ThinkPad T14,2024-01-15\n"
    )
    done = run(cli, sqlite_engine, "set-activation", str(file), "--yes")
    assert done.exit_code == 0, done.output
    assert activations(sqlite_engine) == {
        "Anna": ("2024-01-15T00:00:00+00:00", "ThinkPad T14"),
        "bob": ("2024-01-16T00:00:00+00:00", "X"),
        "carl": (None, "Y"),
    }


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "line 1"), (b"NUMERO,hostname,model\n", "line 1"), (b"NUMERO\n7\n", "line 1"),
        (b"hostname,model\n", "no line"), (b"hostname,model\nan\xe9a,X\n", "UTF-8"),
        (b"hostname,model\nanna\n", "line 2: it has 1 cells"),
        (b"hostname,model\nanna,X\nanna,Y\n", "line 3: it says something else than line 2"),
        (b"hostname,activation_date\nanna,31/02/2024\nbob,soon\n", "line 3: 'soon' is no date"),
        (b"hostname,model\n,X\n", "line 2: hostname"), (b"NUMERO,model\nabc,X\n", "number"),
        (b"NUMERO,model\n000,X\n", "number"), (b'hostname,model\n"anna,X\n', "line 2"),
        (b"hostname,model\nanna," + b"m" * 101, "at most 100"),
    ],
)  # fmt: skip
def test_one_wrong_line_refuses_the_whole_file(
    sqlite_engine: Engine, cli: CliHere, file: Path, content: bytes, named: str
) -> None:
    for name in ("anna", "bob"):
        machine(sqlite_engine, name)
    file.write_bytes(content)
    done = run(cli, sqlite_engine, "set-activation", str(file), "--yes")
    assert done.exit_code == 2 and named in done.output, done.output
    assert set(activations(sqlite_engine).values()) == {(None, None)}


@pytest.mark.parametrize(
    ("hostname", "number"),
    [
        ("ifmt-1234", "1234"), ("IFMT_0012-lab", "12"), ("ifmt99", "99"), ("m0077", "77"),
        ("lab-m12b", "12"), ("vm2-345", "345"), ("pc-0", ""), ("anna", ""), ("", ""),
        ("ifmt-1234.campus.local", "1234"), ("dell7420-lab", ""),
    ],
)  # fmt: skip
def test_an_asset_number_is_read_from_a_hostname(hostname: str, number: str) -> None:
    assert asset_number(hostname) == number
