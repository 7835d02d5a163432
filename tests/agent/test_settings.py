"""The agent's settings: three sources, two names, one sentence when they are wrong."""

import logging
from pathlib import Path

import pytest

from agent import __version__
from agent.settings import SETTINGS, Settings, SettingsError, load, parse_duration
from db import __version__ as product
from tests.conftest import ROOT

URL = "https://inventory.example.com"


def settings(folder: Path, **environ: str) -> Settings:
    return load(environ, folder)


def test_agent_version_equals_product_version() -> None:
    assert __version__ == product


def test_defaults_apply_and_the_url_is_required(
    tmp_path: Path,
) -> None:
    found = settings(tmp_path)
    assert (found.interval, found.log_level, found.site, found.token) == (60.0, "INFO", None, None)
    assert (found.spool_bytes, found.spool_days, found.allow_http) == (10_000_000, 30, False)
    with pytest.raises(SettingsError, match="INVENTORY_HUB_URL is not set"):
        _ = found.server


def test_tatuscan_names_work_and_ours_take_precedence(tmp_path: Path) -> None:
    found = settings(
        tmp_path, TATUSCAN_URL=f"{URL}//", TATUSCAN_INTERVAL="2m", TATUSCAN_LOG_LEVEL="warn"
    )
    assert (found.server, found.interval, found.log_level) == (URL, 120.0, "WARNING")
    found = settings(tmp_path, TATUSCAN_URL="http://old", INVENTORY_HUB_URL=URL)
    assert found.server == URL
    assert logging.getLevelName(found.log_level) == logging.INFO


def test_the_process_environment_wins_over_the_ini_file_and_that_over_dotenv(
    tmp_path: Path,
) -> None:
    ini = tmp_path / "agent.ini"
    ini.write_text("[agent]\nurl = http://ini\nsite = Ini 100% & Co\ninterval = 90\n")
    (tmp_path / ".env").write_text(
        "# ours\nexport INVENTORY_HUB_URL=http://dotenv\nINVENTORY_HUB_SITE='Dot'\n"
        'INVENTORY_HUB_LOG_LEVEL="debug"\nPORT=8050\nINVENTORY_HUB_TOKEN=a$b#c\n'
    )
    found = settings(tmp_path, INVENTORY_HUB_CONFIG=str(ini), TATUSCAN_URL="http://environment")
    assert found.server == "http://environment"
    assert (found.site, found.interval) == ("Ini 100% & Co", 90.0)
    assert (found.log_level, found.token) == ("DEBUG", "a$b#c")
    assert set(found.explicit) == {
        f"INVENTORY_HUB_{name}" for name in ("URL", "SITE", "INTERVAL", "LOG_LEVEL", "TOKEN")
    }


def test_a_token_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-from-file\n")
    found = settings(tmp_path, INVENTORY_HUB_TOKEN_FILE=str(tmp_path / "token"))
    assert found.token == "secret-from-file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60s", 60), ("2m", 120), ("1h", 3600), ("1h30m", 5400), ("1.5m", 90), ("1500ms", 1.5),
        ("60", 60), ("1", 1), ("24h", 86400),
    ],
)  # fmt: skip
def test_an_interval_is_written_as_tatuscan_writes_it_or_in_seconds(
    text: str, expected: float
) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["0s", "0", "-5s", "5 s", "s", "1d", "25h", "nan", "1e3", "١s"])
def test_invalid_interval_is_refused(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INVENTORY_HUB_URL", "inventory.example.com"),
        ("INVENTORY_HUB_URL", "ftp://inventory.example.com"),
        ("INVENTORY_HUB_URL", "https://"),
        ("INVENTORY_HUB_URL", "https://user:word@inventory.example.com"),
        ("INVENTORY_HUB_URL", "https://inventory.example.com/?a=b"),
        ("INVENTORY_HUB_URL", "https://inventory.example.com:99999"),
        ("INVENTORY_HUB_URL", "http://[::1"),
        ("INVENTORY_HUB_TOKEN", "two words"),
        ("INVENTORY_HUB_TOKEN", "line\nX-Header: 1"),
        ("INVENTORY_HUB_TOKEN_FILE", "/nowhere/token"),
        ("INVENTORY_HUB_SITE", "line\nbreak"),
        ("INVENTORY_HUB_INTERVAL", "soon"),
        # TatuScan's names, by which the values were given.
        ("TATUSCAN_URL", "inventory.example.com"),
        ("TATUSCAN_INTERVAL", "soon"),
        ("TATUSCAN_LOG_LEVEL", "loud"),
        ("INVENTORY_HUB_LOG_LEVEL", "loud"),
        ("INVENTORY_HUB_CA_FILE", "/nowhere/ca.pem"),
        ("INVENTORY_HUB_ALLOW_HTTP", "yes"),
        ("INVENTORY_HUB_SPOOL_MB", "0"),
        ("INVENTORY_HUB_SPOOL_DAYS", "1.5"),
        ("INVENTORY_HUB_CONFIG", "/nowhere/agent.ini"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, **{name: value})
    text = str(caught.value)
    assert name in text and text.endswith(".") and "\n" not in text
    assert "word@" not in text and "X-Header" not in text


@pytest.mark.parametrize("text", ["url = x\n", "[other]\n", "[agent]\nurll = https://x\n", "\0"])
def test_invalid_ini_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agent.ini"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"agent\.ini"):
        settings(tmp_path, INVENTORY_HUB_CONFIG=str(path))


def test_a_wrong_line_of_a_file_is_named_as_it_is_written(tmp_path: Path) -> None:
    ini, dotenv = tmp_path / "agent.ini", tmp_path / ".env"
    ini.write_text("[agent]\ninterval = soon\n")
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, INVENTORY_HUB_CONFIG=str(ini))
    assert str(caught.value).startswith(f"interval in {ini} is 'soon': set it to a time")
    dotenv.write_text("TATUSCAN_LOG_LEVEL=loud\n")
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path)
    assert str(caught.value).startswith(f"TATUSCAN_LOG_LEVEL in {dotenv} is 'loud': set it to one")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("name", [".env", "agent.ini"])
def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path, name: str, encoding: str) -> None:
    text = "INVENTORY_HUB_SITE=São José\n" if name == ".env" else "[agent]\nsite = São José\n"
    (tmp_path / name).write_bytes(text.encode(encoding))
    config = {"INVENTORY_HUB_CONFIG": str(tmp_path / name)} if name == "agent.ini" else {}
    with pytest.raises(SettingsError, match=rf"{name} (is not UTF-8: save it|cannot be read: )"):
        settings(tmp_path, **config)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfINVENTORY_HUB_SITE=Acme\r\n")
    assert settings(tmp_path).site == "Acme"


def test_every_setting_of_the_agent_is_documented() -> None:
    text = (ROOT / "docs" / "agent.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        for name in setting.names:
            assert f"`{name}`" in text, name
        if setting.default:
            assert f"`{setting.default}`" in text, setting.name
