"""`token`: credentials of programs are added, listed and revoked; a secret is printed once."""

import json
import re
from datetime import date

from sqlalchemy import Engine

from db.tables import api_tokens, audit_log, token_sites
from tests.support.cli import CliHere, rows
from tests.support.small_hub import Hub, pcs

KEY = "k1" * 20 + "abcdefg"


def test_tokens_are_added_with_limits_listed_and_revoked(
    cli: CliHere, sqlite_engine: Engine
) -> None:
    Hub(sqlite_engine).collect(date(2026, 10, 30), pcs(range(3)))
    url = sqlite_engine.url.render_as_string(hide_password=False)
    own = {"DATABASE_URL": url, "SECRET_KEY": KEY, "TIMEZONE": "America/Chicago"}
    made = (
        ("--kind", "enrol", "--site", "  Harbor   Dental ", "--days", "9"),
        ("--kind", "api", "--role", "administrator"),
        ("--kind", "api", "--name", "billing", "--site", "harbor dental", "--role", "manager",
         "--expires", "2030-01-31", "--address", "192.0.2.7", "--address", "10.0.0.0/8"),
        ("--kind", "api", "--scope", "ingest", "--scope", "read", "--site", "New"),
    )  # fmt: skip
    texts = []
    for options in made:
        added = cli("token", "add", *options, **own)
        assert added.exit_code == 0, added.output
        found = re.fullmatch(r"ihub_(enrol|api)_([0-9a-f]{12})_[\w-]{43}\n", added.stdout)
        assert found, added.stdout
        assert f"inventory-hub token revoke {found[2]}" in added.stderr
        texts.append(added.stdout.strip())
    ids = [text.split("_")[2] for text in texts]
    listed = cli("token", "list", **own).stdout.splitlines()
    ends = rows(sqlite_engine, api_tokens)[0].expires_at.astimezone(None)
    assert [re.sub(r" {2,}", "|", line) for line in listed[1:]] == [
        f"{ids[1]}|api|ok|never|api|administrator|scope decide read",
        f"{ids[2]}|api|ok|never|billing|manager|scope read|site Harbor Dental"
        "|until 2030-02-01 00:00|from 192.0.2.7/32, 10.0.0.0/8",
        f"{ids[3]}|api|ok|never|api New|New|scope ingest read",
    ]
    assert listed[0].startswith(
        f"{ids[0]}  enrol    ok       never             enrol Harbor Dental"
    )
    assert ends is not None
    assert len(rows(sqlite_engine, token_sites)) == 1
    revoked = cli("token", "revoke", texts[1], **own)
    assert revoked.stdout == f"{ids[1]} is revoked.\n"
    assert cli("token", "revoke", ids[1], **own).exit_code == 2
    states = [line.split()[2] for line in cli("token", "list", **own).stdout.splitlines()]
    assert states == ["ok", "revoked", "ok", "ok"]
    other = own | {"SECRET_KEY": KEY[::-1]}
    states = [line.split()[2] for line in cli("token", "list", **other).stdout.splitlines()]
    assert states == ["unusable", "revoked", "unusable", "unusable"]
    entries = [row for row in rows(sqlite_engine, audit_log) if row.action.startswith("token")]
    assert [(row.action, row.subject) for row in entries] == [
        *(("token_add", f"token {one}") for one in ids), ("token_revoke", f"token {ids[1]}"),
    ]  # fmt: skip
    after = json.loads(entries[2].detail)["after"]
    assert (after["scopes"], after["role"]) == (["read"], "manager")
    assert json.loads(entries[4].detail)["before"] == {"state": "ok"}
    assert not any(text.split("_", 3)[3] in str(row) for text in texts for row in entries)


def test_a_token_that_cannot_be_is_refused_with_the_fix(
    cli: CliHere, sqlite_engine: Engine
) -> None:
    Hub(sqlite_engine).collect(date(2026, 10, 30), pcs(range(3)))
    own = {"DATABASE_URL": sqlite_engine.url.render_as_string(hide_password=False)}
    site = ("--site", "Harbor Dental")
    for options, words in (
        (("--kind", "enrol", "--role", "viewer"), "--role is for api tokens"),
        (("--kind", "enrol", "--scope", "read"), "only lets machines in"),
        (("--kind", "enrol", *site, "--site", "b"), "into one --site"),
        (("--kind", "api", "--site", "Harbour Dental"), "Did you mean 'Harbor Dental'"),
        (("--kind", "api", *site, "--role", "administrator"), "decides nothing"),
        (("--kind", "api", *site, "--role", "manager", "--scope", "decide"), "decides nothing"),
        (("--kind", "api", "--address", "10.0.0.1/8"), "no address or network"),
        (("--kind", "api", "--address", "here"), "no address or network"),
        (("--kind", "api", "--expires", "2020-01-31"), "give a later day"),
        (("--kind", "api", "--expires", "2099-01-31", "--days", "2"), "give one of them"),
        (("--kind", "api", "--name", "a\nb\0"), "printable"),
    ):  # fmt: skip
        refused = cli("token", "add", *options, **own)
        assert (refused.exit_code, refused.stdout) == (2, ""), options
        assert words in refused.stderr, refused.stderr
    assert rows(sqlite_engine, api_tokens) == []
