"""The settings are read whole: every wrong variable is named, with the place that holds it, and how
to fix it."""

import re
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db.engine import sqlite_url
from db.setting_types import variables
from db.settings import Settings, WrongSettings, load, setting_models


def problems(environ: dict[str, str], env_file: Path | None = None) -> dict[str, str]:
    with pytest.raises(WrongSettings) as caught:
        load(environ, env_file)
    return dict(caught.value.problems)


def problem(name: str, value: str) -> str:
    """The sentence about the only wrong variable."""
    (sentence,) = problems({name: value}).values()
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("value", ["", "  "])
def test_an_unset_or_empty_variable_leaves_the_default(value: str) -> None:
    names = [each.name for each in variables(Settings)]
    assert load(dict.fromkeys(names, value)) == load({})
    assert (load({}).port, load({}).retention_days, load({}).auth) == (8050, 65, "password")


@pytest.mark.parametrize(
    "value", ["a$b", "$HOME", "${X}", "a#b", "# a", "'quoted'", '"', "a b  c", "%s", "\\n", "é=é"]
)
def test_a_value_is_taken_trimmed_and_otherwise_unchanged(value: str, tmp_path: Path) -> None:
    secret = f"{value} 0f8e5b1c7a9d42638e5fb0c1d2a39487"
    assert load({"DB_USER": f" {value} ", "DB_PASSWORD": "p"}).db_user == value
    assert load({"SECRET_KEY": secret}).secret_key == secret
    file = tmp_path / "secret"
    file.write_text(secret + "\n", encoding="utf-8")
    assert load({"SECRET_KEY_FILE": str(file)}).secret_key == secret


def test_every_secret_may_be_in_a_file_and_nothing_else_may(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file")
    environ = {"DB_PASSWORD": "itself", "DB_PASSWORD_FILE": str(file)}
    assert load(environ).db_password == "itself"
    assert load(environ | {"DB_PASSWORD": " "}).db_password == "from-file"
    assert load({"DB_USER_FILE": str(file)}).db_user == "es_inventory_user"


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2")
    for name, value in (("SECRET_KEY", "hunter2"), ("SECRET_KEY_FILE", str(tmp_path / "key"))):
        assert "hunter2" not in problem(name, value)
    assert "hunter2" not in problem("DATABASE_URL", "oracle://user:hunter2@host/name")
    for name in ("DB_PASSWORD", "DATABASE_URL"):
        value = "postgresql://u:hunter2@h/d" if name == "DATABASE_URL" else "hunter2"
        assert "hunter2" not in repr(load({name: value}))


WHOLE = "set it to a whole number from"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("RETENTION_DAYS", "0", f"RETENTION_DAYS is '0': {WHOLE} 1 to 36500."),
        ("MONTH_CLOSE_DAYS", "abc", f"MONTH_CLOSE_DAYS is 'abc': {WHOLE} 0 to 36500."),
        ("MONTH_END_RETENTION_MONTHS", "-1", f"MONTH_END_RETENTION_MONTHS is '-1': {WHOLE} 0 to"),
        ("AGENT_PRESENT_DAYS", "0", f"AGENT_PRESENT_DAYS is '0': {WHOLE} 1 to 3650."),
        ("PORT", "http", f"PORT is 'http': {WHOLE} 1 to 65535."),
        ("TATUSCAN_PORT", "70000", f"TATUSCAN_PORT is '70000': {WHOLE} 1 to 65535."),
        ("DB_PORT", "٣", f"DB_PORT is '٣': {WHOLE} 1 to 65535."),
        ("INGEST_ADDRESS_RATE", "x", f"INGEST_ADDRESS_RATE is 'x': {WHOLE} 1 to 1000000."),
        ("INGEST_AUTH", "maybe", "INGEST_AUTH is 'maybe': set it to one of token, open."),
        ("AUTH", "Password", "AUTH is 'Password': set it to one of password, none, proxy, oidc."),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL is 'LOUD': set it to one of DEBUG, INFO, WARNING, ERROR."),
        ("SECRET_KEY", "short", "SECRET_KEY has 5 characters: set it to 32 characters or more;"),
        ("TIMEZONE", "Mars", "TIMEZONE is 'Mars', which is no known zone: set it to a name like"),
        ("TIMEZONE", "../etc/passwd", "TIMEZONE is '../etc/passwd', which is no known zone:"),
        ("COLLECT_AT", "2", "COLLECT_AT cannot be read: set it like ninja=02:00,threatlocker="),
        ("COLLECT_AT", "ninja", "COLLECT_AT cannot be read: set it like"),
        ("COLLECT_AT", "ninja=25:00", "COLLECT_AT cannot be read: set it like"),
        ("COLLECT_AT", "ninja=02:00;agent=03:00", "COLLECT_AT cannot be read: set it like"),
        ("COLLECT_AT", "x=02:00", "with sources of ninja, threatlocker, agent."),
        ("DATABASE_URL", "hub.db", "DATABASE_URL is not a database address: set it to an address"),
        ("SQLALCHEMY_DATABASE_URI", "hub.db", "SQLALCHEMY_DATABASE_URI is not a database address:"),
        ("DATABASE_URL", "oracle://x/y", "DATABASE_URL names 'oracle', which is not supported"),
        ("DB_HOST", "db", "DB_PASSWORD is not set: set DB_PASSWORD or DB_PASSWORD_FILE"),
        ("DB_PASSWORD_FILE", "/nowhere/it", "DB_PASSWORD_FILE points to /nowhere/it, which cannot"),
        ("NINJA_BASE_URL", "http://eu.ninjarmm.com", "NINJA_BASE_URL is 'http://eu.ninjarmm.com':"),
        ("NINJA_CLIENT_ID", "me", "NINJA_CLIENT_SECRET is not set: set NINJA_CLIENT_SECRET or"),
        ("NINJA_CLIENT_SECRET", "two\nlines", "NINJA_CLIENT_ID is not set"),
        ("THREATLOCKER_ORGANIZATION_ID", "é", "THREATLOCKER_ORGANIZATION_ID holds a line break or"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_sentence_with_the_variable_that_holds_it(
    name: str, value: str, sentence: str
) -> None:
    assert sentence in " ".join(problems({name: value}).values())


@pytest.mark.parametrize(
    "value", ["x", "6.5", "1e3", "1_000", "٣", "+5", "--5", "5 6", "-1", "36501", "9" * 5000]
)
def test_only_a_plain_whole_number_is_one(value: str) -> None:
    assert "a whole number from 0 to 36500" in problem("MONTH_CLOSE_DAYS", value)
    assert load({"MONTH_CLOSE_DAYS": " 007 "}).month_close_days == 7


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe\xff"])
def test_a_missing_empty_or_unreadable_secret_file_is_wrong(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    assert problem("SECRET_KEY_FILE", str(file)).startswith("SECRET_KEY_FILE points to")


def test_the_content_of_a_secret_file_is_checked_and_the_file_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short")
    sentence = problem("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert sentence.startswith("SECRET_KEY_FILE names a file whose content has 5 characters: set")


def test_every_wrong_variable_is_reported_and_the_error_says_how_many() -> None:
    wrong = {
        "RETENTION_DAYS": "x", "MONTH_CLOSE_DAYS": "x", "MONTH_END_RETENTION_MONTHS": "x",
        "AGENT_PRESENT_DAYS": "x", "PORT": "x", "INGEST_AUTH": "x", "INGEST_ADDRESS_RATE": "x",
        "SECRET_KEY": "x", "TIMEZONE": "x", "COLLECT_AT": "x", "LOG_LEVEL": "x", "AUTH": "x",
        "NINJA_BASE_URL": "x", "THREATLOCKER_BASE_URL": "x", "DB_NAME": "x",
    }  # fmt: skip
    with pytest.raises(WrongSettings) as caught:
        load(wrong)
    found = caught.value.problems
    also = {"DB_PASSWORD", "THREATLOCKER_API_KEY"}  # Once another one is set.
    assert set(found) == set(wrong) - {"DB_NAME"} | also
    first = next(iter(found.values()))
    assert str(caught.value) == f"{first} 15 more wrong: inventory-hub doctor lists every one."


def test_values_of_all_kinds_are_read() -> None:
    settings = load({
        "TIMEZONE": "America/Chicago", "COLLECT_AT": " ninja = 18:45 , ",
        "SPARE_WORDS": "a, ,b,c d",
        "INTERNAL_SITES": "a, b; c;", "INGEST_ADDRESS_RATE": "60", "INGEST_AUTH": "open",
        "AGENT_PRESENT_DAYS": "7",
    })  # fmt: skip
    assert settings.timezone == ZoneInfo("America/Chicago")
    assert settings.collect_at == {"ninja": time(18, 45)}
    assert (settings.spare_words, settings.internal_sites) == (("a", "b", "c d"), ("a, b", "c"))
    assert (settings.ingest_address_rate, settings.ingest_auth) == (60, "open")
    assert settings.sources["agent"].model_dump() == {"agent_present_days": 7}


# Which variable counts


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ({}, 8050),
        ({"PORT": "1"}, 1),
        ({"PORT": "1", "TATUSCAN_PORT": "2"}, 2),
        # What Kubernetes gives a pod beside a service of that name.
        ({"TATUSCAN_PORT": "tcp://10.43.0.12:80"}, 8050),
        ({"TATUSCAN_PORT": "tcp://10.43.0.12:80", "PORT": "9000"}, 9000),
        ({"PORT": "tcp://10.43.0.12:80", "TATUSCAN_PORT": "9000"}, 9000),
        ({"PORT": "udp://10.43.0.12:80", "TATUSCAN_PORT": "tcp://10.43.0.12:80"}, 8050),
    ],
)
def test_the_port_is_the_first_that_is_no_service_link(environ: dict[str, str], port: int) -> None:
    assert load(environ).port == port


def test_a_service_link_is_not_the_port_of_a_database() -> None:
    link = {"DB_PORT": "tcp://10.43.0.12:5432"}
    assert load(link).database == sqlite_url(Path("data/inventory.db"))
    assert load({**link, "DB_PASSWORD": "p"}).database.port == 5432


def test_the_process_environment_wins_over_the_file_under_any_name(tmp_path: Path) -> None:
    file, secret = tmp_path / ".env", tmp_path / "secret"
    secret.write_text("from-secret-file")
    file.write_text(
        "TATUSCAN_PORT=1000\nDB_PASSWORD=from-dotenv\nRETENTION_DAYS=10\nMONTH_CLOSE_DAYS="
    )
    environ = {"PORT": "2000", "DB_PASSWORD_FILE": str(secret), "RETENTION_DAYS": " "}
    settings = load(environ, file)
    assert (settings.port, settings.db_password) == (2000, "from-secret-file")
    assert (settings.retention_days, settings.month_close_days) == (10, 3)


# The file


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfTIMEZONE=America/Chicago\r\nNINJA_BASE_URL=https://eu.ninjarmm.com\r\n",
        b"# ours\nexport TIMEZONE='America/Chicago'\n\nX=$TIMEZONE # none of ours\n",
    ],
    ids=["byte order mark and CRLF", "shell"],
)
def test_a_file_is_read_as_editors_write_it(data: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(data)
    assert str(load({}, tmp_path / ".env").timezone) == "America/Chicago"


TEXT = "INTERNAL_SITES=São José\nPORT=8050\n"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (TEXT.encode("utf-16"), "is not UTF-8: save it again with the encoding UTF-8."),
        (TEXT.encode("utf-16-le"), "is not UTF-8: save it"),
        (TEXT.encode("latin-1"), "is not UTF-8: save it"),
        (b"PORT=8050\n'AUTH\n", "line 2, cannot be read: write it NAME=value."),
        (b"# ports\nPORT=abc\n", "line 2, is 'abc': set it to a whole number"),
        (b"SECRET_KEY=short\n", "line 1, has 5 characters: set it"),
        (b"SECRET_KEY_FILE=/nowhere\n", "line 1, points to /nowhere, which cannot be read"),
        (None, "cannot be read (Is a directory): make it readable or remove it."),
    ],
)
def test_a_wrong_file_or_line_is_one_sentence(
    data: bytes | None, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    if data is None:
        file.mkdir()
    else:
        file.write_bytes(data)
    (found,) = problems({}, file).values()
    assert sentence in found and str(file) in found and "\n" not in found


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """The secrets file of several programs, outside of the folder hub/ that links to it."""
    file = tmp_path / "shared-secrets" / "api-secrets.env"
    file.parent.mkdir()
    file.touch(0o640)
    link = tmp_path / "hub" / ".env"
    link.parent.mkdir()
    link.symlink_to(file)
    return file


def test_a_shared_secrets_file_is_read_through_its_link(shared: Path) -> None:
    password = 'it\'s $a#"value" = 100 %; ç'
    shared.write_bytes(
        b"\xef\xbb\xbf# of both programs\r\nDASH_DEBUG=1\r\nexport SMTP_PASSWORD='x'\r\n"
        + f"DB_PASSWORD={password}\r\nTIMEZONE=America/Chicago\r\n".encode()
    )
    settings = load({}, shared.parent.parent / "hub" / ".env")
    assert settings.database.password == password
    assert str(settings.timezone) == "America/Chicago"


def test_a_file_of_our_own_is_read_with_any_mode(tmp_path: Path) -> None:
    # An upgrade must not stop a service that ran; doctor warns.
    file = tmp_path / ".env"
    file.write_text("DB_PASSWORD=p\n")
    file.chmod(0o644)
    assert load({}, file).db_password == "p"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o642, 0o666])
def test_a_shared_file_with_secrets_is_refused_when_everybody_can_read_or_change_it(
    shared: Path, mode: int
) -> None:
    link = shared.parent.parent / "hub" / ".env"
    shared.write_text("TIMEZONE=America/Chicago\nNINJA_CLIENT_ID=me\nNINJA_CLIENT_SECRET=hunter2\n")
    shared.chmod(mode)
    (found,) = problems({}, link).values()
    assert found == (
        f"{link} holds NINJA_CLIENT_SECRET, and every user of this machine can read or change it: "
        f"chmod 600 {shared} (or 640, for its group)."
    )
    for private in (0o600, 0o640, 0o660, 0o400):
        shared.chmod(private)
        assert "ninja" in load({}, link).sources
    shared.chmod(mode)
    shared.write_text(
        "TIMEZONE=America/Chicago\nNINJA_CLIENT_SECRET=\nSECRET_KEY_FILE=\nX_TOKEN=1\n"
    )
    assert str(load({}, link).timezone) == "America/Chicago"


# Where the database is

ALL = {
    "DATABASE_URL": "postgres://first/d",
    "SQLALCHEMY_DATABASE_URI": "postgres://second/d",
    "DB_HOST": "third",
    "DB_PASSWORD": "p",
    "TATUSCAN_DB_DIR": "/fourth",
    "TATUSCAN_DB_FILE": "theirs.db",
    "DATA_DIR": "/fifth",
}


@pytest.mark.parametrize(
    ("without", "address"),
    [
        (0, "postgresql+psycopg2://first/d"),
        (1, "postgresql+psycopg2://second/d"),
        (2, "postgresql+psycopg2://es_inventory_user:p@third:5432/es_inventory_db"),
        (4, "sqlite:////fourth/theirs.db"),
        (5, "sqlite:////fifth/inventory.db"),
        (7, "sqlite:///data/inventory.db"),
    ],
)
def test_the_first_address_that_is_set_wins(without: int, address: str) -> None:
    environ = dict(list(ALL.items())[without:])
    assert load(environ).database.render_as_string(hide_password=False) == address


def test_tatuscans_folder_alone_holds_tatuscans_file() -> None:
    assert load({"TATUSCAN_DB_DIR": "/d"}).database == sqlite_url(Path("/d/tatuscan.db"))


@pytest.mark.parametrize("name", ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USER"])
def test_a_postgresql_address_in_parts_needs_the_password(name: str) -> None:
    # Also where it says what is the default anyway: nobody writes it who wants SQLite.
    default: Any = Settings.model_fields[name.lower()].default
    assert problem(name, str(default)).startswith("DB_PASSWORD is not set: set DB_PASSWORD or")


def test_a_password_is_not_interpreted() -> None:
    password = "p@ss:/w%rd#$é"
    assert load({"DB_PASSWORD": password}).database.password == password


# How they are declared


def test_no_variable_is_declared_twice_and_each_has_its_help() -> None:
    declared = [each for model in setting_models() for each in variables(model)]
    names = [name for each in declared for name in each.names]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[A-Z][A-Z0-9_]+", name) for name in names)
    assert all(each.info.description for each in declared)
    assert all(each.name in each.names for each in declared)
