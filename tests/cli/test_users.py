"""`user`: people are added, changed, disabled and listed; the link is printed once."""

import re
from datetime import date
from pathlib import Path

import pyotp
from sqlalchemy import Engine, select

from dashboard.base.clock import system_clock
from db import passwords, second_factors, sessions
from db.engine import reading, writing
from db.tables import audit_log, recovery_codes, user_links, user_sessions, users
from db.vault import Vault
from tests.support.cli import CliHere, rows
from tests.support.small_hub import Hub, pcs

PASSWORD = "seven plain copper kettles"


def test_a_person_is_added_changed_disabled_and_let_in_again(
    cli: CliHere, sqlite_engine: Engine, tmp_path: Path
) -> None:
    url = sqlite_engine.url.render_as_string(hide_password=False)
    own = {"DATABASE_URL": url, "PUBLIC_URL": "https://hub.example.com"}
    added = cli("user", "add", "Ana Quiroz", "--role", "administrator", **own)
    assert added.exit_code == 0, added.output
    link = re.fullmatch(r"https://hub\.example\.com/invite/(\S+)\n", added.stdout)
    assert link
    with reading(sqlite_engine) as connection:
        assert sessions.open_link(connection, link[1], system_clock()) is not None
    (tmp_path / "secret").write_text(f"{PASSWORD}\n", encoding="utf-8")
    given = ("--password-file", str(tmp_path / "secret"))
    assert cli("user", "add", "ben", "--role", "viewer", *given, **own).exit_code == 0
    listed = cli("user", "list", **own).stdout.splitlines()
    assert [line.split() for line in listed] == [
        ["invited", "administrator", "all", "sites", "one", "factor", "never", "Ana", "Quiroz"],
        ["ok", "viewer", "all", "sites", "one", "factor", "never", "ben"],
    ]
    with writing(sqlite_engine) as connection:
        sessions.start(connection, 2, "192.0.2.1", "a browser", system_clock())
    assert "ben is disabled" in cli("user", "disable", "BEN", **own).stdout
    assert rows(sqlite_engine, user_sessions) == []
    assert cli("user", "password", "ben", **own).exit_code == 2
    enabled = cli("user", "set", "ben", "--role", "manager", "--enabled", **own)
    assert enabled.stdout == "ben is manager.\n"
    assert cli("user", "password", "ben", **own).stdout.startswith("https://hub.example.com/")
    ben = rows(sqlite_engine, users)[1]
    assert passwords.verify_password(ben.password_hash, PASSWORD), "until the link is used"
    assert [link.user_id for link in rows(sqlite_engine, user_links)] in ([1, 2], [2, 1])
    with reading(sqlite_engine) as connection:
        c = audit_log.c
        actions = connection.execute(select(c.action, c.subject).order_by(c.entry_id)).all()
    assert [tuple(action) for action in actions] == [
        ("user_add", "user Ana Quiroz"), ("user_link", "user Ana Quiroz"),
        ("user_add", "user ben"), ("user_password", "user ben"),
        ("user_disable", "user ben"), ("user_set", "user ben"), ("user_enable", "user ben"),
        ("user_link", "user ben"),
    ]  # fmt: skip


def test_what_cannot_be_done_is_said_in_one_sentence(cli: CliHere, tmp_path: Path) -> None:
    own = {"DATABASE_URL": f"sqlite:///{tmp_path / 'hub.db'}"}
    assert "Nobody can sign in yet" in cli("user", "list", **own).stderr
    assert cli("user", "add", "ana", "--role", "administrator", **own).exit_code == 0
    (tmp_path / "short").write_text("short", encoding="utf-8")
    (tmp_path / "common").write_text("password12345", encoding="utf-8")
    for arguments, words in (
        (("add", "ANA", "--role", "viewer"), "There is a user 'ANA' already"),
        (("add", "local", "--role", "viewer"), "audit log"),
        (("add", " ", "--role", "viewer"), "printable"),
        (("add", "ben"), "--role"),
        (("add", "ben", "--role", "viewer", "--password-file", "short"), "12 characters"),
        (("add", "ben", "--role", "viewer", "--password-file", "common"), "easy to guess"),
        (("add", "ben", "--role", "viewer", "--password-file", "none"), "cannot be read"),
        (("set", "ana"), "Nothing to change"),
        (("set", "ana", "--role", "viewer"), "only administrator"),
        (("disable", "ana"), "only administrator"),
        (("disable", "eve"), "There is no user 'eve'"),
        (("password", "eve"), "inventory-hub user list"),
    ):
        ended = cli("user", *arguments, **own)
        assert (ended.exit_code, words in ended.stderr) == (2, True), (arguments, ended.stderr)
        assert "Traceback" not in ended.stderr
    assert len(cli("user", "list", **own).stdout.splitlines()) == 1, "nothing was added"


def test_a_person_is_limited_to_sites_by_name_or_id(cli: CliHere, sqlite_engine: Engine) -> None:
    own = {"DATABASE_URL": sqlite_engine.url.render_as_string(hide_password=False)}
    Hub(sqlite_engine).collect(date(2026, 11, 22), pcs((1, 2), org="2", org_name="Harbor Dental"))
    Hub(sqlite_engine).collect(
        date(2026, 11, 22), pcs((3,), org="3", org_name="Pelican"), "threatlocker"
    )
    first, second = "Harbor Dental", "Pelican"
    limited = ("--role", "viewer", "--site", first.upper())
    assert cli("user", "add", "eva", *limited, **own).exit_code == 0
    listed = cli("user", "list", **own).stdout
    assert "some sites" in listed
    both = cli("user", "set", "eva", "--site", "1", "--site", second, **own)
    assert both.stdout == "eva is viewer, sees 2 sites.\n"
    for arguments, words in (
        (("--site", first[:-1]), f"Did you mean {first!r}"),
        (("--site", "999"), "There is no site '999'"),
        (("--site", first, "--all-sites"), "contradict"),
        (("--role", "administrator"), "--all-sites"),
    ):
        ended = cli("user", "set", "eva", *arguments, **own)
        assert (ended.exit_code, words in ended.stderr) == (2, True), (arguments, ended.stderr)
    freed = cli("user", "set", "eva", "--all-sites", "--role", "administrator", **own)
    assert freed.stdout == "eva is administrator.\n"
    alone = cli("user", "add", "tom", "--role", "administrator", "--site", first, **own)
    assert alone.exit_code == 2 and "sees every site" in alone.stderr


def test_a_second_factor_is_required_and_reset(cli: CliHere, sqlite_engine: Engine) -> None:
    own = {"DATABASE_URL": sqlite_engine.url.render_as_string(hide_password=False)}
    assert cli("user", "add", "eva", "--role", "viewer", **own).exit_code == 0
    required = cli("user", "set", "eva", "--second-factor", "required", **own)
    assert required.stdout == "eva is viewer, needs a second factor.\n"
    assert "adds second" in cli("user", "list", **own).stdout
    none = cli("user", "second-factor-reset", "eva", **own)
    assert none.exit_code == 2 and "eva has no second factor" in none.stderr
    now, secret = system_clock(), second_factors.new_secret()
    with writing(sqlite_engine) as connection:
        sessions.start(connection, 1, "192.0.2.1", "a browser", now)
        eva = connection.execute(select(users)).one()
        code = pyotp.TOTP(secret).at(now)
        assert second_factors.add(connection, eva, secret, code, Vault("k" * 32), now)
        sessions.start(connection, 1, "192.0.2.1", "a browser", now)
    assert "two factors" in cli("user", "list", **own).stdout
    reset = cli("user", "second-factor-reset", "EVA", **own)
    assert reset.stdout == "eva has no second factor any more and next adds a new one.\n"
    assert [rows(sqlite_engine, each) for each in (recovery_codes, user_sessions)] == [[], []]
    optional = cli("user", "set", "eva", "--second-factor", "optional", **own)
    assert optional.stdout == "eva is viewer.\n"
    everybody = cli("user", "list", **own, REQUIRE_SECOND_FACTOR="everybody")
    assert "adds second" in everybody.stdout
    audited = rows(sqlite_engine, audit_log)
    assert [row.action for row in audited] == [
        "user_add", "user_link", "user_set", "second_factor_add", "second_factor_remove", "user_set"
    ]  # fmt: skip
    assert audited[4].actor.endswith("(command line)")
    removed = cli("user", "set", "eva", "--no-password", **own)
    assert removed.stdout == "eva is viewer.\n"
    assert rows(sqlite_engine, users)[0].password_hash is None
    for auth, words in (("proxy", "by the proxy"), ("oidc", "by single sign-on")):
        added = cli("user", "add", f"Ben of {auth}", "--role", "viewer", AUTH=auth, **own)
        assert words in added.stdout and "/invite/" not in added.stdout
