"""The walls stand, and the house style is kept (ARCHITECTURE in README.md and setup.cfg)."""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("db", "etl", "dashboard", "cli", "agent")
MODULES = sorted(
    path
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if "__pycache__" not in path.parts
)
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]

PYWIN32 = {
    "pythoncom", "pywintypes", "servicemanager", "win32com", "win32service", "win32serviceutil",
    "winerror",
}  # fmt: skip

# What a room may import besides the standard library and itself.
ALLOWED = {
    "db": {
        "sqlalchemy",
        "alembic",
        "argon2",
        "boto3",
        "botocore",
        "cryptography",
        "dotenv",
        "hvac",
        "pydantic",
        "pyotp",
        "zxcvbn",
    },
    "etl/rules": {"etl"},
    "agent": {"psutil", "requests", *PYWIN32},
}

# A call, or a keyword in any call, that nobody may write.
FORBIDDEN_CALLS = {
    "eval", "exec", "pickle.load", "pickle.loads", "pandas.read_pickle", "pd.read_pickle",
    "os.system", "os.popen", "yaml.load", "marshal.loads", "tempfile.mktemp",
}  # fmt: skip
FORBIDDEN_KEYWORDS = {
    "verify": False, "shell": True, "debug": True, "dangerously_allow_code": True,
    "dangerously_allow_html": True, "allow_redirects": True,
}  # fmt: skip


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [command, "--no-logo", "--no-cache", "--config", "setup.cfg"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_the_walls_stand() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


FORBIDDEN_IMPORTS = [
    ("db", "etl.records.record", "above db"),
    ("etl/work", "dashboard", "above db"),
    ("dashboard/pages", "etl.records.record", "above db"),
    ("etl/work", "cli", "above db"),
    ("agent", "db.keys", "agent imports none"),
    ("cli", "agent", "no other room imports agent"),
    ("etl/rules", "etl.records.record", "floors of etl"),
    ("dashboard/base", "dashboard.queries.counts", "floors of dashboard"),
    ("dashboard/queries", "dashboard.web.context", "floors of dashboard"),
    ("etl/sources", "etl.sources.ninja", "sources do not know"),
    ("etl/rules", "requests", "rules are pure"),
    ("etl/rules", "db.tables", "rules are pure"),
    ("dashboard/pages", "sqlalchemy", "know SQLAlchemy"),
    ("dashboard/components", "sqlalchemy", "know SQLAlchemy"),
    ("dashboard/figures", "sqlalchemy", "know SQLAlchemy"),
    ("dashboard/words", "sqlalchemy", "know SQLAlchemy"),
    ("dashboard/components", "dashboard.web.context", "of the request"),
    ("dashboard/figures", "dashboard.web.context", "of the request"),
    ("dashboard/words", "dashboard.web.context", "of the request"),
    ("dashboard/components", "dashboard.figures.plain", "draw no figures"),
    ("dashboard/components", "dashboard.decisions.picker", "draw no figures"),
    ("dashboard/figures", "dashboard.components.kit.pill", "no components"),
    ("dashboard/words", "dashboard.figures.plain", "neither figures nor"),
    ("dashboard/words", "dashboard.components.kit.pill", "neither figures nor"),
    ("dashboard/words", "dash", "words are text"),
    ("dashboard/pages", "dashboard.web.bearer", "its context alone"),
    ("etl/work", "etl.demo", "simulated vendors"),
]
"""The folder of a module, what it imports there, and the contract which that breaks."""


def test_forbidden_imports_break_their_contracts(tmp_path: Path) -> None:
    for room in ROOMS:
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=left_out)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for number, (folder, imported_module, _contract) in enumerate(FORBIDDEN_IMPORTS):
        (tmp_path / folder / f"forbidden_{number}.py").write_text(f"import {imported_module}\n")
    (tmp_path / "db" / "history" / "forbidden.py").write_text("import db.months.closings\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    # A heading is underlined; below it stand the imports that break the contract.
    report = done.stdout.split("Broken contracts")[1]
    headings = list(re.finditer(r"^(.+)\n-{3,}$", report, re.MULTILINE))
    ends = [*(heading.start() for heading in headings[1:]), len(report)]
    sections = {
        heading[1]: report[heading.end() : end] for heading, end in zip(headings, ends, strict=True)
    }
    assert any("no circles" in heading for heading in sections)
    unreported = [
        (folder, imported_module, contract)
        for number, (folder, imported_module, contract) in enumerate(FORBIDDEN_IMPORTS)
        if not any(
            contract in heading and f"forbidden_{number} " in text
            for heading, text in sections.items()
        )
    ]
    assert unreported == [], report


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), str(module))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports name the whole path"
            yield node.module.split(".")[0]


@pytest.mark.parametrize("room", ALLOWED)
def test_the_rooms_at_the_bottom_import_little(room: str) -> None:
    allowed = ALLOWED[room] | {room.split("/")[0]} | sys.stdlib_module_names
    for module in (ROOT / room).rglob("*.py"):
        assert set(imported(tree_of(module))) <= allowed, module


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    declared = {
        "a2wsgi": "a2wsgi",
        "alembic": "alembic", "argon2": "argon2-cffi", "authlib": "authlib", "joserfc": "joserfc",
        "babel": "babel", "click": "click", "cryptography": "cryptography", "dash": "dash",
        "dash_ag_grid": "dash-ag-grid",
        "dash_bootstrap_components": "dash-bootstrap-components", "filelock": "filelock",
        "flask": "flask",
        "flask_babel": "flask-babel", "flask_compress": "flask-compress",
        "flask_login": "flask-login",
        "granian": "granian",
            "pydantic": "pydantic",
        "pandas": "pandas", "plotly": "plotly", "prometheus_client": "prometheus-client",
        "psutil": "psutil", "dotenv": "python-dotenv",
        "pyotp": "pyotp", "segno": "segno",
        "markupsafe": "markupsafe", "rapidfuzz": "rapidfuzz", "requests": "requests",
        "schedule": "schedule",
        "sqlalchemy": "sqlalchemy",
        "tqdm": "tqdm", "urllib3": "urllib3",
        "werkzeug": "werkzeug", "xlsxwriter": "XlsxWriter", "zxcvbn": "zxcvbn",
        **dict.fromkeys(PYWIN32, "pywin32"),
    }  # fmt: skip
    # Loaded by name: SQLAlchemy's drivers, granian's loop, the zones of systems that have none.
    by_name = {"psycopg2-binary", "PyMySQL", "tzdata", "uvloop"}
    # Imported where a secret is in such a store.
    extras = {"boto3": "aws", "botocore": "aws", "hvac": "vault"}
    found = {name for module in MODULES for name in imported(tree_of(module))}
    outside = found - sys.stdlib_module_names - set(ROOMS)
    assert outside <= set(declared) | set(extras), "declare it in setup.cfg and here"
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    block = setup.split("install_requires =\n")[1].split("\n\n")[0]
    required = {line.strip().split(">")[0] for line in block.splitlines()}
    assert required == {declared[name] for name in outside - set(extras)} | by_name
    optional = setup.split("[options.extras_require]\n")[1]
    assert all(re.search(rf"^{extra} =$", optional, re.MULTILINE) for extra in extras.values())


def test_clients_of_secret_stores_are_imported_only_where_one_is_asked() -> None:
    tree = tree_of(ROOT / "db" / "secrets.py")
    assert {"boto3", "botocore", "hvac"} <= set(imported(tree))
    at_start = ast.Module([each for each in tree.body if not isinstance(each, ast.FunctionDef)], [])
    assert not {"boto3", "botocore", "hvac"} & set(imported(at_start))


def test_a_module_says_what_it_is() -> None:
    for module in MODULES:
        assert ast.get_docstring(tree_of(module)), f"begin {module} with a docstring"
        vague = {"utils", "helpers", "manager", "misc", "common"} & set(module.stem.split("_"))
        assert not vague, module


def test_sec_14_nobody_opens_a_door_for_strangers() -> None:
    found = [
        f"{name}: {danger}"
        for module, name in zip(MODULES, NAMES, strict=True)
        for danger in dangers(tree_of(module))
    ]
    assert found == []


def dangers(tree: ast.Module) -> Iterator[str]:
    """What `tree` does that nobody may do, with the line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in FORBIDDEN_CALLS:
            yield f"line {node.lineno}: {name}()"
        for keyword in node.keywords:
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            forbidden = FORBIDDEN_KEYWORDS.get(keyword.arg or "")
            if forbidden is not None and value is forbidden:
                yield f"line {node.lineno}: {keyword.arg}={value}"
        sql = name in ("text", "sa.text", "sqlalchemy.text") or name.endswith(".exec_driver_sql")
        if sql and not isinstance(node.args[0], ast.Constant | ast.Name | ast.IfExp):
            yield f"line {node.lineno}: SQL put together from parts in {name}()"


@pytest.mark.parametrize(
    "code",
    [
        "requests.get(url, verify=False)",
        "subprocess.run(command, shell=True)",
        "pandas.read_pickle(path)",
        "AgGrid(dangerously_allow_code=True)",
        "dcc.Markdown(dangerously_allow_html=True)",
        "app.run(debug=True)",
        "connection.execute(text(f'SELECT {name}'))",
        "connection.execute(sqlalchemy.text('SELECT ' + name))",
        "connection.exec_driver_sql('SELECT %s' % name)",
        "eval(expression)",
    ],
)
def test_sec_14_an_open_door_is_seen(code: str) -> None:
    assert len(list(dangers(ast.parse(code)))) == 1


def broad(handler: ast.ExceptHandler) -> bool:
    names = ast.unparse(handler.type).strip("()").split(", ") if handler.type else ["Exception"]
    return bool({"Exception", "BaseException"} & set(names))


def test_broad_excepts_stand_in_their_few_places_only() -> None:
    # Around one source in a run, one task of the worker, one probe in the agent, one request in
    # ingest.
    # One that raises again, after it cleaned up, swallows nothing.
    found = {
        name
        for module, name in zip(MODULES, NAMES, strict=True)
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ExceptHandler) and broad(node)
        if not any(isinstance(inner, ast.Raise) and inner.exc is None for inner in node.body)
    }
    assert found <= {
        "agent/guard.py", "dashboard/ingest/commit_queue.py", "etl/collect/collect.py",
        "etl/work/jobs.py", "etl/work/preview_lane.py",
    }  # fmt: skip


def test_sec_35_the_secret_scan_finds_secrets_and_only_those(tmp_path: Path) -> None:
    path = ROOT / ".ci" / "secret_scan.py"
    specification = importlib.util.spec_from_file_location("secret_scan", path)
    assert specification is not None and specification.loader is not None
    scanner = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(scanner)
    # Put together here, so that the scan of this file finds nothing.
    secrets = [
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        "-----BEGIN " + "PRIVATE KEY-----",
        "key = AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1B2" * 9,
        "xoxb-" + "123456789012-abcdef",
        "https://hub:" + "correct-horse-9@example.com/",
        "NINJA_CLIENT_SECRET=" + "a8f3kd93jf02ksl1mq",
        "  api_key: '" + "3f9c0a7be2d14c55a1e0'",
    ]
    plain = [
        "postgresql://user:password@host/name",
        'f"postgresql://hub:{password}@127.0.0.1:{port}/postgres"',
        "NINJA_CLIENT_SECRET=",
        "#THREATLOCKER_ORGANIZATION_ID=00000000-0000-0000-0000-000000000000",
        "password = secrets.token_hex(8)",
        "AKIA" + "ABCDEFGHIJKLMNOP  # not a secret",
    ]
    for line in secrets:
        assert scanner.scan(line), line
    for line in plain:
        assert scanner.scan(line) == [], line
    (tmp_path / "leak.txt").write_text(secrets[0])
    assert scanner.main(tmp_path) == 1


def test_no_test_imports_another_test() -> None:
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path.stem.startswith("test_")]
    shared = [path for path in (ROOT / "tests" / "support").glob("*.py")]
    imports = {
        f"{path.relative_to(ROOT)}: {node.module}"
        for path in [*tests, *shared]
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.module
        if node.module.startswith("tests.") and ".test_" in node.module
    }
    assert imports == set()
