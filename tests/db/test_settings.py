"""Settings are read strictly: an error names the wrong setting and how to fix it."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from db import settings
from db.settings import Setting, SettingsError

PLAIN = Setting("PLAIN", "Something", "default")
BARE = Setting("BARE", "Something that has no default")
SECRET = Setting("SECRET_THING", "Something secret", secret=True)
NUMBER = Setting("NUMBER", "How many", "7")


@pytest.mark.parametrize("environ", [{}, {"PLAIN": ""}, {"PLAIN": "  "}])
def test_an_unset_or_empty_setting_has_its_default(environ: dict[str, str]) -> None:
    assert settings.env(PLAIN, environ) == "default"


@pytest.mark.parametrize(
    "value", ["a$b", "$HOME", "${X}", "a#b", "# a", "'quoted'", '"', "a b  c", "%s", "\\n", "é=é"]
)
def test_a_value_is_returned_trimmed_and_otherwise_unchanged(value: str, tmp_path: Path) -> None:
    assert settings.env(PLAIN, {"PLAIN": value}) == value
    assert settings.env_required(SECRET, {"SECRET_THING": value}) == value
    file = tmp_path / "secret"
    file.write_text(value + "\n", encoding="utf-8")
    assert settings.env_required(SECRET, {"SECRET_THING_FILE": str(file)}) == value


def test_a_secret_itself_wins_over_its_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from file")
    environ = {"SECRET_THING": "itself", "SECRET_THING_FILE": str(file)}
    assert settings.env(SECRET, environ) == "itself"
    assert settings.env(SECRET, environ | {"SECRET_THING": " "}) == "from file"


def test_only_secrets_have_files(tmp_path: Path) -> None:
    file = tmp_path / "plain"
    file.write_text("from file")
    assert settings.env(PLAIN, {"PLAIN_FILE": str(file)}) == "default"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe\xff"])
def test_an_empty_or_unreadable_secret_file_is_an_error(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="SECRET_THING_FILE points to"):
        settings.env(SECRET, {"SECRET_THING_FILE": str(file)})


def test_a_missing_required_setting_says_how_to_set_it() -> None:
    with pytest.raises(SettingsError, match="BARE is not set: set BARE"):
        settings.env_required(BARE, {})
    with pytest.raises(SettingsError, match="set SECRET_THING or SECRET_THING_FILE"):
        settings.env_required(SECRET, {})


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("65", 65), (" 12 ", 12), ("007", 7)])
def test_env_int_reads_whole_numbers(text: str, number: int) -> None:
    assert settings.env_int(NUMBER, {"NUMBER": text}) == number


@pytest.mark.parametrize(
    "text", ["x", "6.5", "1e3", "1_000", "٣", "+5", "--5", "5 6", "-1", "101", "9" * 5000]
)
def test_env_int_refuses_other_numbers_naming_the_range(text: str) -> None:
    with pytest.raises(SettingsError, match="NUMBER is .* a whole number from 0 to 100"):
        settings.env_int(NUMBER, {"NUMBER": text}, least=0, most=100)


def test_env_choice_accepts_only_the_choices() -> None:
    assert settings.env_choice(PLAIN, ("default", "other"), {}) == "default"
    with pytest.raises(SettingsError, match="PLAIN is 'Other': set it to one of default, other"):
        settings.env_choice(PLAIN, ("default", "other"), {"PLAIN": "Other"})


def test_env_list_drops_empty_parts() -> None:
    assert settings.env_list(PLAIN, {"PLAIN": " a, ,b,,c d "}) == ("a", "b", "c d")
    assert settings.env_list(BARE, {}) == ()
    assert settings.env_list(PLAIN, {"PLAIN": "a, b; c"}, separator=";") == ("a, b", "c")


def test_the_time_zone_is_a_known_one() -> None:
    assert settings.timezone({}) == ZoneInfo("UTC")
    assert str(settings.timezone({"TIMEZONE": "America/Chicago"})) == "America/Chicago"


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "../etc/passwd", "/etc/localtime", "America", "é"]
)
def test_another_time_zone_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="TIMEZONE is"):
        settings.timezone({"TIMEZONE": name})


def test_the_port_alias_takes_precedence_over_its_name() -> None:
    assert settings.env_int(settings.PORT, {}) == 8050
    assert settings.env_int(settings.PORT, {"PORT": "1"}) == 1
    assert settings.env_int(settings.PORT, {"PORT": "1", "TATUSCAN_PORT": "2"}) == 2


def test_every_setting_is_declared_once_with_its_help() -> None:
    names = [name for setting in settings.SETTINGS for name in (setting.name, *setting.aliases)]
    assert len(names) == len(set(names))
    assert all(setting.help for setting in settings.SETTINGS)
    declared = {value for value in vars(settings).values() if isinstance(value, Setting)}
    assert declared == set(settings.SETTINGS)
