"""`docs/from-the-seeds.md` has a row for whatever the documents of the two earlier systems name."""

import re

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

import agent.settings
from cli.main import main
from db.setting_types import variables
from db.settings import Settings
from etl.sources import discover
from tests.conftest import ROOT
from tests.support.servers import DatabaseServer

VARIABLES = """
NINJA_CLIENT_ID THREATLOCKER_API_KEY DB_PASSWORD SQLALCHEMY_DATABASE_URI TATUSCAN_DB_DIR
TATUSCAN_DB_FILE TATUSCAN_PORT PORT HOST_PORT TIMEZONE SECRET_KEY TATUSCAN_URL TATUSCAN_INTERVAL
TATUSCAN_LOG_LEVEL
""".split()
ADDRESSES = """
/api/health /api/dashboard/today /api/dashboard/comparison /api/dashboard/sites
/api/dashboard/devices /api/machines /api/inventory /report /charts 5000 8040 18040
""".split()
COMMANDS = """
collectors/ninja/collector.py collectors/threatlocker/collector.py scripts/process_data.py
storage/rollups.py dashboard_diffs/app.py docker-compose docker/build.sh docker/deploy.sh alembic
create_all requirements.txt ninja-collector threatlocker-collector data-processor
es-inventory-dashboard.service es-inventory-ninja.timer es-inventory-threatlocker.timer
es-inventory-ninja.service es-inventory-threatlocker.service pytest black flake8 mypy client-build
client-build-all client-run client-daemon client-install client-fmt client-test server-build
server-start server-stop server-restart server-logs server-ps server-test run.py
docker-compose.no-sqlite.yml supervisorctl auditctl sqlite3 add_manual_inventory delete_older
update_activation
""".split()
PATHS = """
/opt/shared-secrets/api-secrets.env /opt/dashboard-project /opt/es-inventory-hub es-secrets
/opt/tatuscan /var/lib/tatuscan /data /etc/supervisor/conf.d/ deploy/tatuscan.conf
/etc/nginx/sites-available/ deploy/nginx/tatuscan.conf /var/log/tatuscan.err.log
/var/log/tatuscan.out.log deploy/k8s/ deploy/systemd/ docker/systemd/ client/.env server/.env
bin/linux/ bin/windows/ client/tatuscan.wxs
""".split()

PAGE = (ROOT / "docs" / "from-the-seeds.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (.*?) ?\|$", PAGE, re.MULTILINE)


def test_everything_that_the_seeds_name_has_a_row() -> None:
    theirs = " ".join(row[0] for row in ROWS)
    named = [*VARIABLES, *ADDRESSES, *COMMANDS, *PATHS]
    assert [
        name for name in named if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", theirs)
    ] == []


def test_the_owner_makes_tables_where_the_seeds_grant_does_not_suffice(
    postgres_server: DatabaseServer,
) -> None:
    (sql,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    theirs = "CREATE DATABASE es_old; GRANT ALL PRIVILEGES ON DATABASE es_old TO es_inventory_user"
    root = create_engine(postgres_server.url, isolation_level="AUTOCOMMIT")
    with root.connect() as connection:
        for statement in f"{sql} {theirs}".split(";"):
            if statement.strip():
                connection.execute(text(statement))
    user = postgres_server.url.set(username="es_inventory_user", password="your_secure_password")
    ours, old = (create_engine(user.set(database=name)) for name in ("es_inventory_db", "es_old"))
    try:
        with ours.begin() as connection:
            connection.execute(text("CREATE TABLE t (a int)"))
        with (
            old.connect() as connection,
            pytest.raises(ProgrammingError, match="for schema public"),
        ):
            connection.execute(text("CREATE TABLE t (a int)"))
    finally:
        ours.dispose()
        old.dispose()
        with root.connect() as connection:
            for name in ("es_inventory_db", "es_old"):
                connection.execute(text(f"DROP DATABASE {name}"))
            connection.execute(text("DROP USER es_inventory_user"))
        root.dispose()


def test_what_the_rows_name_as_ours_exists() -> None:
    assert set(re.findall(r"`inventory-hub ([a-z-]+)", PAGE)) <= set(main.commands)
    ours = " ".join(row[1] for row in ROWS)
    models = [Settings, *(source.FACTS.settings for source in discover().values())]
    known = {name for model in models for each in variables(model) for name in each.names}
    known |= {name for each in agent.settings.SETTINGS for name in each.names} | {"HOST_PORT"}
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", ours)) <= known
    files = re.findall(r"`((?:deploy/|compose)[\w./-]+)`", ours)
    assert len(files) > 5 and [name for name in files if not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {target for line in targets for target in line.split()}
    assert set(re.findall(r"`(?:HOST_PORT=\d+ )?make ([a-z-]+)", ours)) <= known
