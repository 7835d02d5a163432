"""What it takes to store another field of a source and to show it in the device grid."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

DECLARATION = ("db/tables/devices.py", "    serial: str | None = _stored(String(128), _HASHED)\n")
VALUE = ("etl/sources/ninja.py", '        os=first("os", os.get("name")),\n')
LABEL = ("dashboard/words/field_words.py", '        "serial": _("Serial"),\n')
INSERTED = {
    DECLARATION: "    chassis: str | None = _stored(String(64))\n",
    VALUE: '        chassis=first("chassis", system.get("chassis")),\n',
    LABEL: '        "chassis": _("Chassis"),\n',
}

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", {head!r}, None, None


def upgrade() -> None:
    for table in ("device_snapshots", "month_members"):
        op.add_column(table, sa.Column("chassis", sa.String(64)))
"""

# Collects a day before and one after the column exists, closes the month, and prints what is read.
BEFORE = """
import json, sys
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import SimpleNamespace

from etl.sources import ninja, register_discovered

register_discovered()

from db import migrate
from db.engine import open_engine, reading, sqlite_url, writing
from etl.collect.collect import collect
from etl.runtime import lease
from db.setting_types import SourceSettings
from db.settings import load

engine = open_engine(sqlite_url(Path(sys.argv[1])))
migrate.upgrade(engine)


def rows(session):
    for number in range(1, 4):
        system = {"serialNumber": f"SERIAL-{number}", "chassis": "Tower" if number == 1 else None}
        device = {
            "id": number, "organizationId": 7, "systemName": f"pc-{number}",
            "nodeClass": "WINDOWS_WORKSTATION", "system": system,
        }
        yield {"device": device, "organization": {"id": 7, "name": "Harbor"}, "location": None}
    session.stats.count_page(3)


facts = replace(ninja.FACTS, settings=SourceSettings, address=None)
source = SimpleNamespace(**vars(ninja) | {"FACTS": facts, "fetch": rows})


def collect_on(day):
    noon = datetime.combine(day, time(12), UTC)
    with lease.take(engine) as held:
        outcome = collect(engine, held, source, day, lambda: noon, load({}))
    assert outcome.state == "complete", outcome


def month_proof():
    from db.months.closings import is_unchanged
    from db.tables import month_closings
    from sqlalchemy import select

    with reading(engine) as connection:
        ids = connection.scalars(select(month_closings.c.closing_id)).all()
        return [is_unchanged(connection, closing_id) for closing_id in ids]


def close(month, day):
    from etl.months.close import close_month

    with lease.take(engine) as held, writing(engine) as connection:
        held.hold(connection)
        close_month(connection, month, "Ana", datetime.combine(day, time(13), UTC), {})


"""

OLD_TREE = (
    BEFORE
    + """
collect_on(date(2026, 10, 31))
collect_on(date(2026, 11, 1))
close("2026-10", date(2026, 11, 1))
assert month_proof() == [True]
"""
)

NEW_TREE = (
    BEFORE
    + """
from sqlalchemy import select

from dashboard.app import create_app
from dashboard.components.devices.grid import device_grid
from db.tables import device_snapshots, month_members
from db.settings import load

migrate.check(engine)
proofs = [month_proof()]
collect_on(date(2026, 11, 30))
collect_on(date(2026, 12, 1))
close("2026-11", date(2026, 12, 1))
proofs.append(month_proof())

now = datetime(2026, 12, 1, 14, tzinfo=UTC)
environ = {"AUTH": "none", "TIMEZONE": "UTC"}
server = create_app(engine, clock=lambda: now, settings=load(environ)).server
client = server.test_client()
items = client.get("/api/dashboard/devices?basis=records").get_json()["items"]
history = client.get(f"/api/devices/{items[0]['device_id']}/history").get_json()["items"]
csv = client.get("/export/devices.csv?basis=records").get_data(as_text=True)
document = client.get("/api/openapi.json").get_json()
with server.test_request_context(), reading(engine) as connection:
    columns = {column["field"]: column["headerName"] for column in device_grid("x").columnDefs}
    opened = connection.scalars(
        select(device_snapshots.c.valid_from).where(device_snapshots.c.valid_to > now.date())
    ).all()
    members = connection.execute(select(month_members)).mappings().all()
print(json.dumps({
    "proofs": proofs,
    "label": columns["chassis"],
    "rows": {row["hostname"]: row["chassis"] for row in items},
    "csv": "chassis" in csv and "Tower" in csv,
    "changes": history[0]["changes"],
    "opened": sorted(day.isoformat() for day in opened),
    "members": sorted((row["closing_id"], row["chassis"] or "") for row in members),
    "documented": "chassis" in document["components"]["schemas"]["Device"]["properties"],
}))
"""
)


def test_a_stored_column_of_the_device_grid_costs_three_files(tmp_path: Path) -> None:
    """Its declaration, where its value comes from, its label; besides, a migration. What was stored
    before stays valid: only the device that has a value gets another stretch."""
    for room in ("db", "etl", "dashboard", "cli"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignored)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    database = tmp_path / "hub.db"
    _run(tmp_path, OLD_TREE, database)
    for (name, line), inserted in INSERTED.items():
        file = tmp_path / name
        text = file.read_text()
        assert text.count(line) == 1, f"{name} has changed: insert the test's column elsewhere"
        file.write_text(text.replace(line, line + inserted))
    versions = tmp_path / "db/migrations/versions"
    head = max(file.name[:4] for file in versions.glob("[0-9]*.py"))
    (versions / "9999_chassis.py").write_text(MIGRATION.format(head=head))

    seen = json.loads(_run(tmp_path, NEW_TREE, database).splitlines()[-1])

    assert len(INSERTED) <= 3
    assert seen["proofs"] == [[True], [True, True]]
    assert seen["label"] == "Chassis" and seen["csv"] and seen["documented"]
    assert seen["rows"] == {"pc-1": "Tower", "pc-2": None, "pc-3": None}
    assert seen["changes"] == [{"field": "chassis", "before": None, "after": "Tower"}]
    assert seen["opened"] == ["2026-10-31", "2026-10-31", "2026-11-30"]
    assert seen["members"] == [[1, ""], [1, ""], [1, ""], [2, ""], [2, ""], [2, "Tower"]]


def _run(folder: Path, code: str, database: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, database], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
