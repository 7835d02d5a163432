"""The migrations on every database."""

import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine, column, event, func, insert, inspect, select

from db import migrate, tokens
from db.engine import open_engine, reading, sqlite_url, writing
from db.keys import device_id
from db.machines import is_added_by_hand
from db.tables import (
    api_tokens,
    asset_links,
    audit_log,
    collection_runs,
    daily_counts,
    device_snapshots,
    inventory,
    jobs,
    metadata,
    rule_versions,
    run_details,
)
from tests.conftest import COMMAND, ROOT
from tests.support.decision_oracle import check
from tests.support.machines import machine_id
from tests.support.samples import samples
from tests.support.small_hub import Hub, Pc
from tests.support.worlds import run_row

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)


def test_migrations_go_up_down_and_up_again(bare_engine: Engine) -> None:
    assert migrate.current(bare_engine) is None
    migrate.upgrade(bare_engine)
    assert migrate.current(bare_engine) == migrate.head()
    migrate.downgrade(bare_engine, "base")
    assert set(inspect(bare_engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(bare_engine)
    assert set(inspect(bare_engine).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_tokens_of_before_there_were_scopes_may_what_they_could(bare_engine: Engine) -> None:
    migrate.upgrade(bare_engine, "0014")
    old = sqlalchemy.table(
        "api_tokens",
        *(column(name) for name in ("kind", "public_id", "secret_hash", "name", "role")),
        column("created_at"), column("created_by"),
    )  # fmt: skip
    made = [("enrol", None), ("api", "viewer"), ("api", "manager"), ("api", "administrator")]
    with writing(bare_engine) as connection:
        for number, (kind, role) in enumerate(made):
            connection.execute(
                old.insert().values(
                    kind=kind, role=role, public_id=str(number), secret_hash="0" * 64, name="a",
                    created_at="2026-11-04 12:00:00", created_by="Ana",
                )
            )  # fmt: skip
    migrate.upgrade(bare_engine)
    with reading(bare_engine) as connection:
        rows = connection.execute(select(api_tokens).order_by(api_tokens.c.token_id)).all()
    found = [(sorted(tokens.scopes_of(row)), row.limited, row.pepper_id) for row in rows]
    assert found == [
        (["ingest"], False, None), (["read"], False, None),
        (["decide", "read"], False, None), (["decide", "read"], False, None),
    ]  # fmt: skip


def test_data_collected_before_the_newest_revisions_is_continued_after_them(
    engine: Engine,
) -> None:
    hub = Hub(engine)
    rows = [
        Pc("1", "1", "Harbor", "front-1", serial="SN-0001"),
        Pc("2", "1", "Harbor", "desk-2", managed=False),
    ]
    hub.collect(date(2026, 10, 30), rows)
    licensed = [Pc("a", "t1", "Harbor", "front-1")]
    hub.collect(date(2026, 10, 30), licensed, "threatlocker")
    hub.environ["SPARE_WORDS"] = "front"
    hub.collect(date(2026, 11, 2), rows)

    def stands() -> list[list[dict[str, Any]]]:
        return [
            # How sure a link is nobody wrote down before.
            [{**row._mapping, "score": None} for row in hub.all(table)]
            for table in (device_snapshots, asset_links, rule_versions, daily_counts)
        ]

    before = stands()
    assert before[0][1]["unmanaged"] and before[1] and before[2][1]["first_day"]
    migrate.downgrade(engine, "0003")
    migrate.upgrade(engine)
    assert stands() == before
    more = [*rows, Pc("3", "1", "Harbor", "lab-3"), Pc("4", "1", "Harbor", "front-1.harbor.local")]
    hub.collect(date(2026, 11, 3), more)
    licensed.append(Pc("b", "t1", "Harbor", "LAB-3"))
    hub.collect(date(2026, 11, 3), licensed, "threatlocker")
    with reading(engine) as connection:
        check(connection)
    assert hub.on(date(2026, 11, 3), "threatlocker")["b"].asset_id == device_id("ninja", "3")


def test_failed_jobs_get_the_kind_of_their_failure(engine: Engine) -> None:
    migrate.downgrade(engine, "0005")
    errors = {
        "Unexpected KeyError: 'x'. Please report it with the worker's log.": "unexpected",
        "The worker was stopped before this was done. Ask again when it runs.": "interrupted",
        "The worker ended before this was done. Look whether it took effect.": "interrupted",
        "There is no run 7.": "refused",
        None: None,
    }
    rows = [
        {
            "kind": "collect", "arguments": "{}", "actor": "Ana", "requested_at": NOON,
            "state": "failed" if error else "done", "error": error,
        }
        for error in errors
    ]  # fmt: skip
    with writing(engine) as connection:
        connection.execute(insert(jobs).values(rows[0] | {"state": "waiting", "error": None}))
        connection.execute(insert(jobs), rows)
    migrate.upgrade(engine)
    with reading(engine) as connection:
        kinds = connection.execute(
            select(jobs.c.error, jobs.c.failure_kind).order_by(jobs.c.job_id)
        ).all()
    assert [tuple(row) for row in kinds] == [(None, None), *errors.items()]


def test_machines_added_by_hand_before_have_no_report_after(engine: Engine) -> None:
    migrate.downgrade(engine, "0006")
    times = dict.fromkeys(("created_at", "received_at", "reported_at"), NOON)
    machines = {
        "cart": {}, "reports": {"cpu_percent": 3.0, "stream": "a"}, "again": {"updated_at": NOON},
        "later": {"received_at": NOON + timedelta(days=1)}, "agent": {},
    }  # fmt: skip
    with writing(engine) as connection:
        for name, said in machines.items():
            row = {"machine_id": machine_id(name), "device_id": 1, "recent_reports": b"", **times}
            connection.execute(inventory.insert().values(row | said))
            if name != "agent":
                subject = f"machine {machine_id(name)}"
                entry = {
                    "actor": "Ana",
                    "action": "machine_add",
                    "subject": subject,
                    "at": NOON,
                    "detail": "{}",
                }
                connection.execute(insert(audit_log).values(entry))
    migrate.upgrade(engine)
    with reading(engine) as connection:
        found = connection.execute(select(inventory.c.machine_id).where(is_added_by_hand()))
        assert [*found.scalars()] == [machine_id("cart")]
    migrate.downgrade(engine, "0006")
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).where(is_added_by_hand())) == 0


def test_several_processes_that_migrate_at_the_same_time_do_it_once(
    bare_engine: Engine, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    address = bare_engine.url.render_as_string(hide_password=False)
    processes = samples(2, 3)
    several = [
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, "migrate"],
            env=cli_environment | {"DATABASE_URL": address}, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(processes)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=120) for process in several]
    assert [process.returncode for process in several] == [0] * processes, outputs
    assert migrate.current(bare_engine) == migrate.head()


def test_sqlite_migrations_are_not_interrupted_by_another_process(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "bare.db"))
    commits: list[int] = []
    event.listen(engine, "commit", lambda _connection: commits.append(1))
    migrate.upgrade(engine)
    assert migrate.current(engine) == migrate.head()
    assert len(commits) == 1
    engine.dispose()


def test_a_second_upgrade_changes_nothing(engine: Engine) -> None:
    migrate.upgrade(engine)
    assert migrate.current(engine) == migrate.head()


def test_migrations_create_the_declared_tables(engine: Engine) -> None:
    migrate.check(engine)


def test_distributable_tables_have_no_unique_key_without_device_id(engine: Engine) -> None:
    inspector = inspect(engine)
    for table in ("devices", "device_snapshots", "device_payloads", "device_latest"):
        assert inspector.get_pk_constraint(table)["constrained_columns"][0] == "device_id"
        assert inspector.get_foreign_keys(table) == []
        for index in inspector.get_indexes(table):
            assert not index["unique"] or index["column_names"][0] == "device_id"
        for constraint in inspector.get_unique_constraints(table):
            assert constraint["column_names"][0] == "device_id"


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_every_constraint_has_a_name(name: str) -> None:
    table = metadata.tables[name]
    for constraint in table.constraints:
        assert constraint.name, f"{name} has an unnamed constraint"
    for index in table.indexes:
        assert index.name


def test_a_percent_sign_in_the_paths_of_the_product_and_its_database_is_plain(
    tmp_path: Path, cli_environment: dict[str, str]
) -> None:
    folder = tmp_path / "job%2Fx %(here)s"
    shutil.copytree(ROOT / "db", folder / "db", ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        "from pathlib import Path; import db; from db import migrate; "
        "from db.engine import open_engine, sqlite_url; "
        "here = Path(db.__file__).parent.parent; engine = open_engine(sqlite_url(here / 'a.db')); "
        "migrate.upgrade(engine); migrate.check_revision(engine); print(here.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=cli_environment | {"PYTHONPATH": str(folder)},
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == f"{folder.name}\n", done.stderr


def test_reasons_of_earlier_runs_lose_their_markup_and_keep_it_as_the_raw_answer(
    bare_engine: Engine,
) -> None:
    reason = (
        "NinjaRMM answered 503 to POST /t: <!DOCTYPE html><html><head><title>503 Trouble</title>"
        "</head></html> (tries: 5). Fewer than <5 rows."
    )
    run = run_row("ninja", date(2026, 11, 1), state="failed", published=False, reason=reason)
    migrate.upgrade(bare_engine, "0011")
    with writing(bare_engine) as connection:
        connection.execute(insert(collection_runs).values(run))
    migrate.upgrade(bare_engine)
    with reading(bare_engine) as connection:
        told = "NinjaRMM answered 503 to POST /t: 503 Trouble (tries: 5). Fewer than <5 rows."
        assert connection.scalars(select(collection_runs.c.reason)).all() == [told]
        assert connection.scalars(select(run_details.c.answer)).all() == [reason]
