"""`docs/from-the-seeds.md` has a row for whatever the documents of the two earlier systems name."""

import re

import agent.settings
from cli.main import main
from db.setting_types import variables
from db.settings import Settings
from etl.sources import discover
from tests.conftest import ROOT

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
/var/log/tatuscan.out.log
""".split()

PAGE = (ROOT / "docs" / "from-the-seeds.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (.*?) ?\|$", PAGE, re.MULTILINE)


def test_everything_that_the_seeds_name_has_a_row() -> None:
    theirs = " ".join(row[0] for row in ROWS)
    named = [*VARIABLES, *ADDRESSES, *COMMANDS, *PATHS]
    assert [
        name for name in named if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", theirs)
    ] == []


def test_what_the_rows_name_as_ours_exists() -> None:
    assert set(re.findall(r"`inventory-hub ([a-z-]+)", PAGE)) <= set(main.commands)
    ours = " ".join(row[1] for row in ROWS)
    models = [Settings, *(source.FACTS.settings for source in discover().values())]
    known = {name for model in models for each in variables(model) for name in each.names}
    known |= {name for each in agent.settings.SETTINGS for name in each.names} | {"HOST_PORT"}
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", ours)) <= known
    files = re.findall(r"`(deploy/(?!docker/)[\w./-]+)`", ours)
    assert len(files) > 2 and [name for name in files if not (ROOT / name).exists()] == []
