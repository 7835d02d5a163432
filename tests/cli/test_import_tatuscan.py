"""`import-tatuscan`: intact and damaged TatuScan databases are imported once."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Engine, create_engine, insert, text

from cli.tatuscan_file import read_machines
from db.engine import writing
from db.keys import device_id
from db.machines import blank_machine
from db.settings import SettingsError
from db.tables import api_tokens, audit_log, inventory
from tests.support.api_server import address
from tests.support.cli import UNCHANGED, CliHere, rows
from tests.support.machines import Ingest, ingest, machine_id, report
from tests.support.samples import samples
from tests.support.servers import DatabaseServer

pytestmark = pytest.mark.any_database

SCHEMA = """
CREATE TABLE inventory (
    machine_id VARCHAR(64) NOT NULL, hostname VARCHAR(100) NOT NULL, ip VARCHAR(45) NOT NULL,
    os VARCHAR(100) NOT NULL, os_version VARCHAR(100) NOT NULL, cpu_percent FLOAT NOT NULL,
    memory_total_mb BIGINT NOT NULL, memory_used_mb BIGINT NOT NULL, computer_model VARCHAR(100),
    computer_activation DATETIME, activation_days INTEGER, created_at DATETIME NOT NULL,
    updated_at DATETIME, PRIMARY KEY (machine_id)
)"""
"""TatuScan's table, as its server makes it."""
COLUMNS = (
    "machine_id", "hostname", "ip", "os", "os_version", "cpu_percent", "memory_total_mb",
    "memory_used_mb", "computer_model", "computer_activation", "activation_days", "created_at",
    "updated_at",
)  # fmt: skip
Bring = Callable[..., Result]


def theirs(name: str, **said: Any) -> dict[str, Any]:
    """The row of the machine `name`; times are those of Cuiaba's walls."""
    row = {
        "machine_id": machine_id(name), "hostname": name, "ip": "198.51.100.7", "os": "linux",
        "os_version": "Debian GNU/Linux 12 (bookworm)", "cpu_percent": 12.5,
        "memory_total_mb": 24105, "memory_used_mb": 1251, "computer_model": None,
        "computer_activation": "2024-01-15 00:00:00.000000", "activation_days": None,
        "created_at": "2025-10-22 08:30:00.123456", "updated_at": "2025-10-23 09:00:00.000000",
    }  # fmt: skip
    return row | said


def written(file: Path, *machines: dict[str, Any], schema: str = SCHEMA) -> Path:
    """A TatuScan database of those rows."""
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(schema)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(inventory)")]
        marks = ", ".join("?" * len(columns))
        connection.executemany(
            f"INSERT INTO inventory VALUES ({marks})",
            [[machine[name] for name in columns] for machine in machines],
        )
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tatuscan.db"


@pytest.fixture
def bring(cli: CliHere, file: Path, engine: Engine) -> Bring:
    def run(*arguments: str) -> Result:
        return cli("import-tatuscan", str(file), *arguments, DATABASE_URL=address(engine))

    return run


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


def test_import_takes_machines_with_their_times_once(
    engine: Engine, bring: Bring, file: Path
) -> None:
    anna = theirs("anna", computer_model="X1", activation_days=30)
    bob = theirs("bob", updated_at=None, computer_activation=None, cpu_percent=0)
    before = written(file, anna, bob).read_bytes()

    preview = bring()
    assert preview.exit_code == 0, preview.output
    assert preview.output.splitlines() == [
        f"new: {anna['machine_id']} anna", f"new: {bob['machine_id']} bob",
        "2 machines in the database. Would add 2 and change 0; 0 unchanged; 0 refused; "
        "0 values corrected.",
        UNCHANGED.strip(),
    ]  # fmt: skip
    assert rows(engine, inventory) == []

    done = bring("--yes")
    assert done.exit_code == 0 and "Added 2, changed" in done.output, done.output
    stored = {row.hostname: row for row in rows(engine, inventory)}
    one = stored["anna"]
    assert (one.device_id, one.ip, one.cpu_percent, one.memory_used_mb) == (
        device_id("agent", machine_id("anna")), "198.51.100.7", 12.5, 1251,
    )  # fmt: skip
    assert (one.computer_model, one.activation_days) == ("X1", 30)
    assert one.created_at == utc(2025, 10, 22, 12, 30, 0, 123456)
    assert one.updated_at == one.received_at == one.reported_at == utc(2025, 10, 23, 13)
    assert one.computer_activation == utc(2024, 1, 15, 4)
    two = stored["bob"]
    assert (two.updated_at, two.computer_activation) == (None, None)
    assert two.received_at == two.created_at == one.created_at
    (entry,) = rows(engine, audit_log)
    assert (entry.action, entry.subject) == ("import_tatuscan", "tatuscan.db")
    assert json.loads(entry.detail)["new"] == 2

    again = bring("--yes")
    assert "Added 0, changed 0; 2 unchanged" in again.output
    assert {row.hostname: row for row in rows(engine, inventory)} == stored
    assert file.read_bytes() == before and list(file.parent.glob("tatuscan.db*")) == [file]


def test_imported_machine_keeps_its_id_when_it_reports(
    sqlite_engine: Engine, cli: CliHere, file: Path
) -> None:
    written(file, theirs("anna", computer_model="X1"))
    done = cli("import-tatuscan", str(file), "--yes", DATABASE_URL=address(sqlite_engine))
    assert done.exit_code == 0, done.output
    with ingest(sqlite_engine) as here:
        answer = here.post(report("anna"), here.token())
    assert answer.status_code == 200 and answer.json()["key"]
    item = answer.json()["item"]
    assert (item["computer_model"], item["created_at"][:10]) == ("X1", "2025-10-22")


def test_import_keeps_newer_facts_and_fills_missing_ones(
    engine: Engine, bring: Bring, file: Path
) -> None:
    newer, older = utc(2026, 1, 1), utc(2024, 1, 1)
    kept = {"ip": "192.0.2.1", "os": "windows", "cpu_percent": 1.0, "serial": "S"}
    with writing(engine) as connection:
        for name, at in (("anna", newer), ("bob", older), ("carl", newer)):
            row = blank_machine(machine_id(name), at) | kept | {"hostname": f"our {name}"}
            row |= {"received_at": at, "reported_at": at}
            row |= {"computer_activation": older} if name == "carl" else {}
            connection.execute(insert(inventory).values(row))
    written(file, *(theirs(name, computer_model="X1") for name in ("anna", "bob", "carl")))

    said = bring("--yes")
    assert "Added 0, changed 3;" in said.output, said.output
    stored = {row.machine_id: row for row in rows(engine, inventory)}
    anna, bob, carl = (stored[machine_id(name)] for name in ("anna", "bob", "carl"))
    assert (anna.hostname, anna.ip, anna.os, anna.received_at) == (
        "our anna", "192.0.2.1", "windows", newer,
    )  # fmt: skip
    assert (anna.computer_model, anna.computer_activation) == ("X1", utc(2024, 1, 15, 4))
    assert anna.created_at == utc(2025, 10, 22, 12, 30, 0, 123456), "it was first seen there"
    assert (bob.hostname, bob.ip, bob.cpu_percent, bob.serial) == (
        "bob", "198.51.100.7", 12.5, "S",
    )  # fmt: skip
    assert (bob.created_at, bob.received_at) == (older, utc(2025, 10, 23, 13))
    assert carl.computer_activation == older, "what is set here stays"
    assert "computer_model nothing -> X1" in said.output

    again = bring("--yes")
    assert "Added 0, changed 0; 3 unchanged" in again.output
    assert {row.machine_id: row for row in rows(engine, inventory)} == stored


def test_machine_that_tatuscan_got_by_hand_is_added_by_hand_here(
    sqlite_engine: Engine, cli: CliHere, file: Path
) -> None:
    zeros = {"os": "Chrome OS", "os_version": "", "ip": "0.0.0.0", "cpu_percent": 0}
    zeros |= {"memory_total_mb": 0, "memory_used_mb": 0}
    written(file, theirs("cart", **zeros), theirs("idle", cpu_percent=0), theirs("known", **zeros))
    at = utc(2026, 1, 1)
    with writing(sqlite_engine) as connection:
        row = blank_machine(machine_id("known"), at) | {"hostname": "known", "received_at": at}
        connection.execute(insert(inventory).values(row))
    command = ("import-tatuscan", str(file), "--yes")
    done = cli(*command, DATABASE_URL=address(sqlite_engine))
    assert f"new: {machine_id('cart')} cart, added by hand" in done.output, done.output
    stored = {row.hostname: row for row in rows(sqlite_engine, inventory)}
    assert stored["cart"].received_at is stored["cart"].updated_at is None
    assert stored["idle"].received_at == utc(2025, 10, 23, 13)
    assert stored["known"].received_at == at, "here it reported"
    again = cli(*command, DATABASE_URL=address(sqlite_engine))
    assert "Added 0, changed 0; 3 unchanged" in again.output
    # A later report there makes it an ordinary machine here.
    written(file, theirs("cart"))
    cli(*command, DATABASE_URL=address(sqlite_engine))
    stored = {row.hostname: row for row in rows(sqlite_engine, inventory)}
    assert stored["cart"].received_at == utc(2025, 10, 23, 13)


def test_invalid_rows_are_refused_and_invalid_values_mended(
    engine: Engine, bring: Bring, file: Path
) -> None:
    good = theirs("good")
    wrong = [
        theirs("none", machine_id=""), theirs("slash", machine_id="a/b"),
        theirs("number", machine_id=7), theirs("twice", machine_id=good["machine_id"].upper()),
        theirs("future", updated_at="2199-01-01 00:00:00.000000"),
        theirs("timeless", created_at="soon", updated_at="0001-01-01 00:00:00"),
    ]  # fmt: skip
    odd = theirs(
        "odd", hostname="h" * 300, ip=b"1" * 46, os="a\0b", os_version=12, cpu_percent="NaN",
        memory_total_mb=-1, memory_used_mb=2**62, computer_activation="garbage",
        activation_days="x", created_at="never", computer_model="\x1b[2J",
    )  # fmt: skip
    endless = theirs("endless", cpu_percent=float("inf"), hostname="")
    written(file, good, *wrong, odd, endless)

    done = bring("--yes")
    assert done.exit_code == 4, done.output
    lines = done.output.splitlines()
    assert [line for line in lines if line.startswith("refused")] == [
        "refused: row 2 (none): its id is empty, not 64 hex digits: add it with "
        "inventory-hub machine add",
        "refused: row 3 (slash): its id is 'a/b', not 64 hex digits: add it with "
        "inventory-hub machine add",
        "refused: row 4 (number): its id is '7', not 64 hex digits: add it with "
        "inventory-hub machine add",
        "refused: row 5 (twice): another row has its id, in other letters",
        "refused: row 6 (future): its last report is of 2199-01-01 04:00 UTC, which is to come: "
        "check --zone",
        "refused: row 7 (timeless): it has neither a first nor a last report whose time can be "
        "read",
    ]
    assert "9 machines in the database. Added 3, changed" in lines[-1]
    assert "6 refused; 10 values corrected." in lines[-1], done.output
    stored = {row.machine_id: row for row in rows(engine, inventory)}
    row = stored[machine_id("odd")]
    assert (row.hostname, row.ip, row.os, row.os_version) == (
        "h" * 100, "1" * 45, "a\ufffdb", "12",
    )  # fmt: skip
    assert row.cpu_percent is row.memory_total_mb is row.computer_activation is None
    assert row.created_at == row.received_at == utc(2025, 10, 23, 13)
    assert row.computer_model == "\x1b[2J" and "\x1b" not in done.output
    assert stored[machine_id("endless")].cpu_percent is None
    assert "Added 0, changed 0; 3 unchanged" in bring("--yes").output


def test_a_file_without_the_newest_columns_is_read(
    sqlite_engine: Engine, cli: CliHere, file: Path
) -> None:
    schema = "CREATE TABLE inventory (machine_id TEXT, hostname TEXT, created_at DATETIME)"
    written(file, theirs("anna"), schema=schema)
    done = cli("import-tatuscan", str(file), "--yes", DATABASE_URL=address(sqlite_engine))
    assert done.exit_code == 0, done.output
    (row,) = rows(sqlite_engine, inventory)
    assert (row.hostname, row.os, row.os_version, row.memory_used_mb) == ("anna", None, "", 0)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "no table inventory"), (b"hostname,ip\nanna,1\n" * 400, "not a database"),
        ("CREATE TABLE devices (a)", "no table inventory"),
        ("CREATE TABLE inventory (machine_id, ip)", "lacks hostname, created_at"),
    ],
)  # fmt: skip
def test_file_that_is_no_tatuscan_database_is_refused(
    sqlite_engine: Engine, cli: CliHere, file: Path, content: bytes | str, named: str
) -> None:
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(content)
    done = cli("import-tatuscan", str(file), "--yes", DATABASE_URL=address(sqlite_engine))
    assert done.exit_code == 2 and named in done.output, done.output
    assert rows(sqlite_engine, audit_log) == []


SERVERS = ["postgres_server", "mariadb_server"]


@pytest.fixture(params=SERVERS)
def their_server(request: pytest.FixtureRequest) -> Iterator[URL]:
    """TatuScan's database on a server, with the machine anna and a row without an id."""
    server: DatabaseServer = request.getfixturevalue(request.param)
    url, engine = server.create(), None
    try:
        engine = create_engine(url)
        theirs_there = theirs("anna", computer_model="X1")
        # MariaDB keeps no zone.
        zone = "-04:00" if url.get_backend_name() == "postgresql" else ""
        kept = "TIMESTAMPTZ" if zone else "DATETIME(6)"
        with engine.begin() as connection:
            connection.execute(text(SCHEMA.replace("DATETIME", kept)))
            times = [name for name in COLUMNS if str(theirs_there[name]).startswith("202")]
            row = theirs_there | {name: f"{theirs_there[name]}{zone}" for name in times}
            marks = ", ".join(f":{name}" for name in COLUMNS)
            connection.execute(text(f"INSERT INTO inventory VALUES ({marks})"), row)
            connection.execute(
                text(f"INSERT INTO inventory VALUES ({marks})"), row | {"machine_id": ""}
            )
        yield url
    finally:
        if engine is not None:
            engine.dispose()
        server.drop(url)


def test_a_servers_database_is_read_and_refused_as_our_own(
    sqlite_engine: Engine, cli: CliHere, their_server: URL, tmp_path: Path
) -> None:
    address_there = their_server.render_as_string(hide_password=False)
    for command in ("migrate", "doctor", "serve"):
        done = cli(command, SQLALCHEMY_DATABASE_URI=address_there, AUTH="none")
        assert done.exit_code == 2, done.output
        assert "is a TatuScan database: run inventory-hub import-tatuscan" in done.output
        assert "set DATABASE_URL to a new, empty database" in done.output

    password = tmp_path / "password"
    password.write_text(f"{their_server.password or ''}\n")
    done = cli(
        "import-tatuscan", their_server.set(password=None).render_as_string(), "--yes",
        "--password-file", str(password), DATABASE_URL=address(sqlite_engine),
    )  # fmt: skip
    assert done.exit_code == 4 and "1 refused" in done.output, done.output
    (one,) = rows(sqlite_engine, inventory)
    assert (one.hostname, one.computer_model, one.memory_total_mb) == ("anna", "X1", 24105)
    assert one.created_at == utc(2025, 10, 22, 12, 30, 0, 123456)
    assert one.updated_at == utc(2025, 10, 23, 13)
    assert one.computer_activation == utc(2024, 1, 15, 4)
    (entry,) = rows(sqlite_engine, audit_log)
    assert entry.subject == their_server.database


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("postgresql://nobody:hidden@127.0.0.1:1/there", "postgresql+psycopg2://nobody:***@"),
        ("mysql://nobody:hidden@127.0.0.1:1/there", "mysql+pymysql://nobody:***@127.0.0.1:1"),
        ("oracle://nobody:hidden@host/there", "names 'oracle', which is not supported"),
        ("nowhere.db", "nowhere.db is no file: give TatuScan's SQLite file, or an address."),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(
    sqlite_engine: Engine, cli: CliHere, place: str, named: str
) -> None:
    done = cli("import-tatuscan", place, DATABASE_URL=address(sqlite_engine))
    assert done.exit_code == 2 and named in done.output and "hidden" not in done.output, done.output


def test_settings_of_tatuscan_lead_to_its_file_which_stays_as_it_is(
    cli: CliHere, file: Path
) -> None:
    before = written(file, theirs("anna")).read_bytes()
    moved = {"TATUSCAN_DB_DIR": str(file.parent), "AUTH": "none"}
    for command in ("migrate", "doctor", "serve", "worker", "collect"):
        done = cli(command, **moved)
        assert done.exit_code == 2, done.output
        assert (
            f"his is a TatuScan database: run inventory-hub import-tatuscan {file} --yes after you "
            "have set TATUSCAN_DB_FILE to a new name, such as inventory.db."
        ) in done.output
    assert file.read_bytes() == before and list(file.parent.glob("tatuscan.db*")) == [file]

    moved["TATUSCAN_DB_FILE"] = "inventory.db"
    assert cli("migrate", **moved).exit_code == 0
    done = cli("import-tatuscan", str(file), "--yes", **moved)
    assert done.exit_code == 0 and "Added 1, changed 0" in done.output, done.output
    assert "ok   database" in cli("doctor", **moved).output


def test_unknown_zone_is_refused(sqlite_engine: Engine, cli: CliHere, file: Path) -> None:
    written(file)
    done = cli("import-tatuscan", str(file), "--zone", "Mars", DATABASE_URL=address(sqlite_engine))
    assert done.exit_code == 2 and "--zone" in done.output


def test_a_machine_that_enrolled_keeps_its_key(engine: Engine, bring: Bring, file: Path) -> None:
    with ingest(engine) as hub:
        enrolled(hub)
        written(file, theirs("anna", updated_at="2026-11-23 09:00:00"))
        key = rows(engine, api_tokens)
        bring("--yes")
        assert rows(engine, api_tokens) == key


def enrolled(hub: Ingest) -> None:
    hub.now = datetime.now(UTC) - timedelta(days=400)
    hub.enrol("anna")


ANYTHING = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=120),
    st.binary(max_size=120), st.datetimes().map(str),
)  # fmt: skip


@settings(max_examples=samples(50, 3000))
@given(values=st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, ANYTHING)), max_size=3))
def test_any_file_content_is_imported_or_refused(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, Any]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "anything.db"
    loose = f"CREATE TABLE inventory ({', '.join(COLUMNS)})"
    written(file, *values, theirs("good"), schema=loose)
    try:
        found = read_machines(file, UTC, utc(2026, 1, 1))
    except SettingsError as error:
        pytest.fail(str(error))
    assert found.count == len(values) + 1 == len(found.machines) + len(found.refused)
    assert found.machines[-1]["hostname"] == "good"
