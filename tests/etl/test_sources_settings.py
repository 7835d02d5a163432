"""What a source needs to be set, and what is wrong with it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.settings import SettingsError, load
from etl.records.record import FetchStats
from etl.sources import (
    Source,
    configured,
    discover,
    ninja,
    open_session,
    threatlocker,
)
from etl.sources.ninja import NinjaSettings
from tests.conftest import ROOT, RunCli

NINJA = {"NINJA_CLIENT_ID": "client", "NINJA_CLIENT_SECRET": "secret"}
THREATLOCKER = {
    "THREATLOCKER_BASE_URL": "https://portalapi.g.threatlocker.com/portalapi",
    "THREATLOCKER_API_KEY": "ab" * 32,
}


def test_discover_returns_the_sources_of_the_folder_by_name() -> None:
    found = discover()
    assert found["ninja"] is ninja and found["threatlocker"] is threatlocker
    assert [source.FACTS.name for source in found.values()] == list(found)
    for source in found.values():
        assert source.FACTS.label


INSTALLED = """
from datetime import time
from db.sources import SourceFacts
FACTS = SourceFacts("{name}", "Acme", "A", "#010203", time(1))
VOLATILE = ()
def fetch(session): ...
def to_record(raw): ...
"""


def install(folder: Path, code: str) -> None:
    """Put a distribution with the module `acme_hub` and an entry point to it into `folder`."""
    (folder / "acme_hub.py").write_text(code)
    about = folder / "acme_hub-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-hub\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[inventory_hub.sources]\nacme = acme_hub\n")


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which packages can be imported, until the test ends."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("acme_hub", None)


def test_an_installed_source_is_discovered_by_its_entry_point(site_packages: Path) -> None:
    install(site_packages, INSTALLED.format(name="acme"))
    assert list(discover()) == ["acme", "agent", "ninja", "threatlocker"]
    assert discover()["acme"].FACTS.label == "Acme"


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import nothing_like_that", "cannot be loaded .*nothing_like_that"),
        (INSTALLED.format(name="Acme!"), "cannot be loaded .*cannot name a source"),
        (INSTALLED.format(name="ninja"), "two sources 'ninja'"),
        ("VOLATILE = ()", "has no FACTS and no fetch and no to_record"),
    ],
)
def test_a_broken_installed_source_is_named(site_packages: Path, code: str, complaint: str) -> None:
    install(site_packages, code)
    with pytest.raises(SettingsError, match=complaint) as caught:
        discover()
    assert "acme_hub" in str(caught.value)


def test_commands_name_a_broken_installed_source_and_end(tmp_path: Path, run_cli: RunCli) -> None:
    install(tmp_path, "import nothing_like_that")
    done = run_cli("doctor", PYTHONPATH=os.pathsep.join([str(ROOT), str(tmp_path)]))
    assert done.returncode == 2
    assert done.stderr.startswith("The source 'acme' (acme_hub) cannot be loaded")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("source", "environ"), [(ninja, NINJA), (threatlocker, THREATLOCKER)])
def test_a_source_is_configured_when_all_it_needs_is_set(
    source: Source, environ: dict[str, str]
) -> None:
    assert configured(source, load(environ))
    assert not configured(source, load({}))
    assert not configured(source, load({"NINJA_BASE_URL": "https://eu.ninjarmm.com"}))
    for name in environ:
        with pytest.raises(SettingsError, match=f"^{name} is not set: set {name}"):
            load({**environ, name: "  "})
    with pytest.raises(SettingsError, match=f"^{next(iter(environ))} is not set: set "):
        open_session(source, load({}))


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-the-file\n")
    environ = {"NINJA_CLIENT_ID": "client", "NINJA_CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    assert load(environ).of_source(ninja.FACTS) == NinjaSettings(
        ninja_client_id="client", ninja_client_secret="from-the-file"
    )


@pytest.mark.parametrize("secret", ["two\nlines", "curly’quote", "tab\there"])
def test_a_secret_that_no_header_can_carry_is_refused_before_any_request(secret: str) -> None:
    with pytest.raises(
        SettingsError, match="NINJA_CLIENT_SECRET holds .*: copy it again"
    ) as caught:
        load({**NINJA, "NINJA_CLIENT_SECRET": secret})
    assert secret not in str(caught.value)


def test_values_with_shell_metacharacters_are_read_unchanged() -> None:
    secret = "$2b$12$x #y='\"=& z"
    settings = load({**NINJA, "NINJA_CLIENT_SECRET": secret}).of_source(ninja.FACTS)
    assert isinstance(settings, NinjaSettings) and settings.ninja_client_secret == secret


@pytest.mark.parametrize(("url", "address"), [
    ("https://eu.ninjarmm.com", "https://eu.ninjarmm.com"),
    ("https://eu.ninjarmm.com/", "https://eu.ninjarmm.com"),
    ("  https://eu.ninjarmm.com:8443/x// ", "https://eu.ninjarmm.com:8443/x"),
    ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ("http://127.9.9.9", "http://127.9.9.9"),
    ("http://localhost:5000/", "http://localhost:5000"),
    ("http://[::1]:5000", "http://[::1]:5000"),
])  # fmt: skip
def test_an_https_or_loopback_address_is_accepted(url: str, address: str, tmp_path: Path) -> None:
    settings = load({**NINJA, "NINJA_BASE_URL": url, "DATA_DIR": str(tmp_path)})
    session = open_session(ninja, settings)
    assert session.base_url == address and session.address_name == "NINJA_BASE_URL"
    assert session.label == "NinjaRMM" and session.data_dir == tmp_path


@pytest.mark.parametrize("url", [
    "http://eu.ninjarmm.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://0.0.0.0",
    "http://localhost.example.com", "ftp://eu.ninjarmm.com", "eu.ninjarmm.com", "https://", "//x",
    "https://eu.ninjarmm.com:port", "https://[::1", "https://user:hush@eu.ninjarmm.com",
    "https://eu.ninjarmm.com/?a=b", "https://eu.ninjarmm.com/#top", "http://169.254.169.254",
])  # fmt: skip
def test_sec_31_any_other_address_is_refused_naming_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="^NINJA_BASE_URL ") as caught:
        load({**NINJA, "NINJA_BASE_URL": url})
    assert "hush" not in str(caught.value)


def test_a_session_counts_in_the_given_stats() -> None:
    stats = FetchStats()
    assert open_session(threatlocker, load(THREATLOCKER), stats).stats is stats
