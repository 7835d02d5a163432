"""What it takes to add a filter and a page: tried in a copy of the rooms, in few files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

FILTER = {
    "dashboard/base/params.py": {
        '    Filter(\n        **choice("type", ': """\
    Filter(
        "system", "Only these operating systems.", TEXT_SCHEMA, named("none is so long."),
        "systems", repeat=True, sort=True, stored=False,
    ),
""",
        "    managed_by: tuple[str, ...] = ()\n\n    @property": (
            "    systems: tuple[str, ...] = ()\n"
        ),
    },
    "dashboard/queries/entities.py": {
        '    names |= {"search_text"': '    names["os"] = bool(filters.systems)\n',
        "    if filters.locations:": """\
    if filters.systems:
        conditions.append(rows.c.os.in_(filters.systems))
""",
    },
    "dashboard/components/shell/filter_bar.py": {
        "def machine_fields(": """\
def _system(name: str, _sites: Sequence[Option]) -> Component:
    return choices_field(name, "System", [(SYSTEM, SYSTEM)], "All systems")


SYSTEM = "Windows 11 Pro"
_CONTROLS["system"] = _system


""",
    },
    "dashboard/words/filter_words.py": {
        '    "as_of": lambda': '    "system": lambda name, *_: f"on {name}",\n',
    },
    "dashboard/api/files/about.py": {
        '        ("Types", ': '        ("Systems", "; ".join(filters.systems) or "all"),\n',
    },
}
"""By file and the line that it stands before."""

PAGE = {
    "dashboard/pages/licences.py": '''\
"""Which licences run out?"""

import dash
from dash import html

dash.register_page(
    __name__, path="/licences", name="Licences", order=6.7, icon="licences", key="l"
)


def layout(**_query: str) -> html.Div:
    """A sentence."""
    return html.Div(html.H1("Licences"))
''',
    "assets/icons/licences.svg": "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'/>",
}
STYLE = (
    "assets/css/02-base.css",
    '.icon-licences { --icon: url("/assets/icons/licences.svg"); }\n',
)

ASK = """
import json, sys
from pathlib import Path

import cli
from dashboard.app import create_app
from db.engine import open_engine, sqlite_url
from db.migrate import upgrade
from tests.support.callbacks import run_callback
from tests.support.demo_dashboard import ENVIRON, NOW
from tests.support.worlds import named_world
from db.settings import load

engine = open_engine(sqlite_url(Path(sys.argv[1])))
upgrade(engine)
named_world().save(engine)
app = create_app(engine, clock=lambda: NOW, settings=load(ENVIRON))
client = app.server.test_client()
text = lambda path: client.get(path).get_data(as_text=True)
query = "basis=ninja&system=Windows+11+Pro"
print(json.dumps({
    "devices": json.loads(text(f"/api/dashboard/devices?{query}"))["count"],
    "all": json.loads(text("/api/dashboard/devices?basis=ninja"))["count"],
    "file": text(f"/export/devices.csv?{query}"),
    "months": json.loads(text(f"/api/months?{query}")).get("error"),
    "paths": json.loads(text("/api/openapi.json"))["paths"],
    "chips": run_callback(app, "chips.children", filters=query, address="/devices"),
    "why": run_callback(app, "drawer-body.children", **{"drawer-asked": {
        "figure": "count", "query": "system=Windows+11+Pro",
    }}),
    "head": text("/"),
    "layout": text("/_dash-layout"),
    "sync_filters": next(each for each in app._callback_list if "..filters.data" in each["output"]),
    "found": client.get("/licences").status_code,
    "missing": client.get("/licenses").status_code,
}))
"""


def ask(copy: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASK, copy / "inventory.db"],
        cwd=copy,
        env={"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_a_filter_with_a_control_costs_five_files_and_a_page_three(tmp_path: Path) -> None:
    for room in ("assets", "cli", "dashboard", "db", "etl", "tests"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=left_out)
    for name, insertions in FILTER.items():
        content = (tmp_path / name).read_text("utf-8")
        for before, line in insertions.items():
            assert content.count(before) == 1, (name, before)
            content = content.replace(before, line + before)
        (tmp_path / name).write_text(content, "utf-8")
    for name, content in PAGE.items():
        (tmp_path / name).write_text(content, "utf-8")
    with (tmp_path / STYLE[0]).open("a", encoding="utf-8") as file:
        file.write(STYLE[1])
    assert len(FILTER) <= 5
    assert len({*PAGE, STYLE[0]}) <= 4

    answers = ask(tmp_path)
    assert answers["devices"] == 1 < answers["all"]
    assert answers["file"].count("\n") == 2
    assert answers["months"] == "Months are not counted by system: leave system out."
    assert "system" in [
        parameter["name"] for parameter in answers["paths"]["/api/sites"]["get"]["parameters"]
    ]
    assert "on Windows 11 Pro" in json.dumps(answers["chips"])
    why = json.dumps(answers["why"], ensure_ascii=False)
    assert "Billable devices (on Windows 11 Pro) on 22 Nov 2026" in why
    assert "left out by the filter “on Windows 11 Pro”" in why
    assert "&quot;system&quot;" in answers["head"]
    assert '"filter-system"' in answers["layout"]
    assert "filter-system.data-value" in answers["sync_filters"]["output"]
    for part in ("inputs", "state"):
        assert "filter-system" in [each["id"] for each in answers["sync_filters"][part]]
    assert (answers["found"], answers["missing"]) == (200, 404)
    assert "icon icon-licences" in answers["layout"]
    assert (
        "&quot;path&quot;: &quot;/licences&quot;, &quot;key&quot;: &quot;l&quot;" in answers["head"]
    )
