"""Every page, hover, menu, dialog and file of a fleet that names itself to attack its readers."""

import csv
import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page
from sqlalchemy import Engine, select

from db.engine import reading
from db.tables import collection_runs, devices, inventory, sites
from tests.support.browser_pages import settled
from tests.support.demo_dashboard import NOW, serve_dashboard
from tests.support.hostile_fleet import attack
from tests.support.machines import insert_machines
from tests.support.samples import samples

FILES = (
    "devices", "changes", "sites", "coverage", "machines", "months", "month-ends", "month-bases",
    "movers", "bars", "audit",
)  # fmt: skip
QUERIES = {"month-bases": "?month=2026-10"}
TRIGGERS = tuple("=+-@\t\r\n\0＝＋－＠")
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture(scope="module")
def engine(demo_engine: Engine) -> Engine:
    insert_machines(demo_engine, *({"hostname": f"ws-{n}", "received_at": NOW} for n in range(9)))
    attack(demo_engine)
    return demo_engine


@pytest.fixture(scope="module")
def address(engine: Engine) -> Iterator[str]:
    with serve_dashboard(engine) as (address, _):
        yield address


def pages(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        site = connection.scalars(select(sites.c.site_id)).first()
        device = connection.scalars(select(devices.c.device_id)).first()
        machine = connection.scalars(select(inventory.c.machine_id)).first()
        runs = connection.scalars(select(collection_runs.c.run_id)).all()
    return [
        "/", "/changes", "/sites", f"/sites/{site}", "/devices", f"/devices/{device}",
        "/coverage", "/machines", f"/machines/{machine}", "/report", "/months", "/months/2026-10",
        "/collections", f"/collections?run={max(runs)}", "/settings", "/settings/sites",
        "/settings/rules", "/settings/audit",
    ]  # fmt: skip


INTRUDERS = "a[href^='javascript'], a[href^='//'], img[src='x']"
OPENERS = "#page button:not([disabled]):visible"
"""What opens a menu, a dialog or a drawer; none of them decides anything by one click."""
MARKS = "#page .js-plotly-plot .point, #page [title], #page .ag-cell"


def test_sec_12_no_text_of_the_fleet_runs_or_leads_elsewhere(
    quiet: Page, engine: Engine, address: str
) -> None:
    quiet.context.grant_permissions(["clipboard-read", "clipboard-write"])
    quiet.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    for path in pages(engine):
        quiet.goto(address + path)
        settled(quiet)
        for number in range(min(quiet.locator(OPENERS).count(), samples(1, 20))):
            opener = quiet.locator(OPENERS).nth(number)
            if opener.is_visible():
                opener.click(force=True)
                settled(quiet)
                quiet.keyboard.press("Escape")
        for number in range(min(quiet.locator(MARKS).count(), samples(1, 20))):
            quiet.locator(MARKS).nth(number).hover(force=True)
        assert quiet.evaluate("window.hit") is None, path
        assert quiet.locator("a[href^='javascript'], a[href^='//'], img[src='x']").count() == 0, (
            path
        )
        assert "49 49 49" not in quiet.locator("body").inner_text(), path


def test_sec_13_no_chart_has_a_link_or_markup_of_the_fleet(
    quiet: Page, engine: Engine, address: str
) -> None:
    charts = 0
    for path in ("/", "/changes", "/machines", "/months"):
        quiet.goto(address + path)
        settled(quiet)
        charts += quiet.locator("#page .js-plotly-plot").count()
        assert quiet.locator("#page .js-plotly-plot :is(svg a, b, img, script)").count() == 0
    assert charts > 2


def test_sec_15_templates_come_back_as_they_are(address: str) -> None:
    text = requests.get(f"{address}/export/devices.csv", timeout=60).text
    assert "{{7*7}} ${7*7} <%= 7*7 %>" in text and "49" not in re.findall(r"\b49 49 49\b", text)


@pytest.mark.parametrize("name", FILES)
def test_sec_16_no_cell_of_a_file_is_a_formula(address: str, name: str) -> None:
    text = requests.get(f"{address}/export/{name}.csv{QUERIES.get(name, '')}", timeout=60)
    assert text.status_code == 200, text.text
    cells = [
        cell for row in csv.reader(io.StringIO(text.content.decode("utf-8-sig"))) for cell in row
    ]
    assert [cell for cell in cells if cell.startswith(TRIGGERS) and not _is_number(cell)] == []
    sheet = requests.get(f"{address}/export/{name}.xlsx{QUERIES.get(name, '')}", timeout=60)
    with zipfile.ZipFile(io.BytesIO(sheet.content)) as parts:
        assert "<f>" not in parts.read(SHEET).decode()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.full
def test_sec_16_libreoffice_sees_no_formula(address: str, tmp_path: Path) -> None:
    """`make test-all` installs LibreOffice for it."""
    assert shutil.which("soffice"), "run .ci/packages all"
    names = [f"{name}.{kind}" for name in FILES for kind in ("csv", "xlsx")]
    for name in names:
        query = QUERIES.get(name.split(".")[0], "")
        answer = requests.get(f"{address}/export/{name}{query}", timeout=60)
        (tmp_path / name).write_bytes(answer.content)
    for name in names:
        subprocess.run(
            ["soffice", "--headless", f"-env:UserInstallation=file://{tmp_path}/profile",
             "--convert-to", "fods", "--outdir", str(tmp_path / name[-4:].strip(".")), name],
            cwd=tmp_path, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    read = list(tmp_path.rglob("*.fods"))
    assert len(read) == len(names)
    for path in read:
        assert "table:formula" not in path.read_text(encoding="utf-8"), path
