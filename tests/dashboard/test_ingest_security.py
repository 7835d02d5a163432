"""Attacks that broke other ingest routes, tried on ours."""

import ast
import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import pytest
from flask import Flask
from sqlalchemy import Engine, select
from werkzeug.serving import make_server

from dashboard.base import access
from db.engine import reading
from db.keys import device_id
from db.machines import blank_machine
from db.tables import api_tokens, audit_log, inventory
from db.tables.base import metadata
from tests.conftest import ROOT
from tests.support.api_server import make_app, serve_in_thread
from tests.support.machines import Ingest, ingest, machine_id, report

TEXTS = (
    "hostname", "ip", "os", "os_version", "computer_model", "agent_version", "serial",
    "manufacturer", "logged_in_user", "site",
)  # fmt: skip
INJECTIONS = (
    "'", '"', "`", ";", "--", "/*", "*/", "\\", "\\'", "%", "%s", "%(id)s", "%%", "{}", "{0}",
    ":x", "?", "$1", "' or 1=1--", "' or ''='", '" or ""="', "') or ('a'='a", "1; drop table x",
    "'; drop table x--", "' union select 1--", "'||(select 1)||'", "' and sleep(9)--",
    "'; select pg_sleep(9)--", "x' and 1=cast(1 as int)--", "admin'--", "' having 1=1--",
    "' group by 1--", "0x27", "%27", "&#39;", "\u2019", "\uff07", "\t", "\r\n", "\\x27",
    "a\\", "'\\''",
)  # fmt: skip


@pytest.fixture
def hub(engine: Engine) -> Iterator[Ingest]:
    with ingest(engine, INGEST_AUTH="open") as found:
        yield found


@pytest.fixture
def here(sqlite_engine: Engine) -> Iterator[Ingest]:
    with ingest(sqlite_engine) as found:
        yield found


# Texts that are statements elsewhere


def test_sec_01_texts_are_stored_unchanged(hub: Ingest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for text in INJECTIONS:
        said = dict.fromkeys(TEXTS, text)
        answer = hub.post(report(text, **said, mac_addresses=[text]))
        assert answer.status_code == 201, answer.text
        read = hub.ask("GET", f"/api/machines/{machine_id(text)}").json()["item"]
        assert {name: read[name] for name in TEXTS} == said
        assert read["mac_addresses"] == [text]
        found = hub.ask("GET", "/api/machines", params={"q": text, "os": text}).json()
        if text.isprintable():
            assert [one["hostname"] for one in found["items"]] == [text]
        else:
            assert found["code"] == 400, "it is told that it cannot be searched"
    assert len(hub.rows(inventory)) == len(INJECTIONS)
    assert caplog.records == []


def test_sec_11_nul_in_any_text_is_replaced(hub: Ingest) -> None:
    reports = [report("anna", report_id=str(n), **{name: "a\0b"}) for n, name in enumerate(TEXTS)]
    plain = [report("anna", report_id=f"plain {n}") for n in range(50)]
    items = hub.batch(plain[:25] + reports + plain[25:]).json()["items"]
    assert {one["status"] for one in items} == {200}
    for name in TEXTS:
        item = hub.post(report(name, **{name: "a\0b"}, mac_addresses=["\0"])).json()["item"]
        assert (item[name], item["mac_addresses"]) == ("a\ufffdb", ["\ufffd"])
    for name in ("machine_id", "report_id", "timestamp", "computer_activation", "boot_time"):
        assert hub.post(report(**{name: "\0"})).status_code in (200, 201, 400)
    assert hub.post(report(report_id="a\0b")).ok, "an id is hashed, never stored"


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_sec_01_no_sql_is_built_from_input() -> None:
    for room in ("dashboard", "cli"):
        for module in (ROOT / room).rglob("*.py"):
            for call in calls(ast.parse(module.read_text(encoding="utf-8"))):
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                assert name not in ("text", "exec_driver_sql", "literal_column") or not any(
                    isinstance(part, ast.JoinedStr | ast.BinOp) for part in call.args
                ), f"{module}:{call.lineno}"


# Credentials


def closed_routes(app: Flask) -> list[tuple[str, str]]:
    """Method and an address of every route that needs a role."""
    found = []
    for rule in app.url_map.iter_rules():
        built = rule.build(dict.fromkeys(rule.arguments, "1"), append_unknown=False)
        assert built is not None
        found += [
            (method, built[1])
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            if access.required_role(rule.rule, method) not in (access.PUBLIC, access.MACHINE)
        ]
    return found


def test_sec_03_what_is_known_of_a_machine_is_no_credential_on_any_route(
    sqlite_engine: Engine,
) -> None:
    app = make_app(sqlite_engine, auth="password")
    with serve_in_thread(make_server("127.0.0.1", 0, app, threaded=True)) as address:
        here = Ingest(address, sqlite_engine)
        key = here.enrol("anna", serial="S-1", mac_addresses=["00:1b:21:12:34:56"])
        prefix, kind, public_id, secret = key.split("_", 3)
        (stored,) = [row.secret_hash for row in here.rows(api_tokens) if row.kind == "machine"]
        wrong = (
            machine_id("anna"), "anna", "S-1", "00:1b:21:12:34:56", public_id, secret, stored,
            str(device_id("agent", machine_id("anna"))), f"{prefix}_{kind}_{public_id}",
            f"{prefix}_{kind}_{public_id}_", f"{prefix}_{kind}_{public_id}_{stored}",
            f"{prefix}_api_{public_id}_{secret.swapcase()}", key.upper(), key.lower(), key[:-1],
            f"{key}x", f"{prefix}_{kind}_{public_id.upper()}x_{secret}", "null", "[]", "%00",
        )  # fmt: skip
        asked = [
            ("GET", "/api/machines"), ("GET", f"/api/machines/{machine_id('anna')}"),
            ("DELETE", f"/api/machines/{machine_id('anna')}"), ("GET", "/api/inventory"),
        ]  # fmt: skip
        for one in wrong:
            for method, path in asked:
                assert here.ask(method, path, one).status_code == 401, (path, one)
        for number, (method, path) in enumerate(closed_routes(app)):
            one = wrong[number % len(wrong)]
            answer = here.ask(method, path, one, allow_redirects=False)
            assert answer.status_code == 401, (method, path, one)
        for one in wrong:
            answer = here.post(report(), one)
            assert (answer.status_code, answer.json()["reason"]) == (401, "unknown_credential")
        assert here.post(report(), key).ok, "the key itself is one"


def test_sec_30_machine_keys_and_enrolment_tokens_read_nothing(sqlite_engine: Engine) -> None:
    app = make_app(sqlite_engine, auth="password")
    closed = closed_routes(app)
    with serve_in_thread(make_server("127.0.0.1", 0, app, threaded=True)) as address:
        here = Ingest(address, sqlite_engine)
        key, token = here.enrol("anna"), here.token()
        for method, path in closed:
            for one in (key, token):
                answer = here.ask(method, path, one, allow_redirects=False)
                assert answer.status_code == 403, (method, path)
    assert len(closed) > 20


def test_sec_29_secrets_are_neither_stored_nor_logged_nor_repeated(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[str] = []
    with ingest(engine) as hub:
        token, api = hub.token(), hub.api_token("administrator")
        key = hub.enrol("anna")
        secrets = [text.split("_", 3)[3] for text in (token, api, key)]
        for shown in (token, api, key, key[:-1], f"{api}x"):
            answers.append(hub.post(report("bob"), shown).text)
            answers.append(hub.post({"key": shown}, shown).text)
            answers.append(hub.batch([report(report_id="1")], shown).text)
            answers.append(hub.ask("GET", "/api/machines", shown).text)
            answers.append(hub.ask("PATCH", f"/api/machines/{shown}", shown, json={}).text)
        hub.revoke(key)
        answers.append(hub.post(report(), key).text)
    with reading(engine) as connection:
        stored = [
            str(tuple(row))
            for table in metadata.tables.values()
            for row in connection.execute(select(table))
        ]
    enrolled = [text for text in answers if '"key": "ihub_machine_' in text]
    assert len(enrolled) == 1, "bob was let in by the token"
    answers.remove(enrolled[0])
    logged = [
        record.getMessage() for record in caplog.records if "PATCH" not in record.getMessage()
    ]
    for secret in secrets:
        assert not [text for text in (*answers, *stored, *logged) if secret in text]


def test_sec_30_tokens_are_rotated_without_a_gap_and_one_key_is_revoked_alone(hub: Ingest) -> None:
    old, new = hub.token(), hub.token()
    keys = {}
    for name, token in (("anna", old), ("bob", new), ("carl", old)):
        keys[name] = hub.post(report(name, report_id=str(uuid4())), token).json()["key"]
    hub.revoke(old)
    assert hub.post(report("dora"), old).json()["reason"] == "revoked"
    assert hub.post(report("dora"), new).status_code == 201
    assert all(hub.post(report(name), key).ok for name, key in keys.items()), "keys outlive tokens"
    hub.revoke(keys["anna"])
    codes = {name: hub.post(report(name), key).status_code for name, key in keys.items()}
    assert codes == {"anna": 403, "bob": 200, "carl": 200}
    assert hub.post(report("anna"), new).json()["reason"] == "revoked", "no token brings it back"


# Bodies


@pytest.mark.parametrize("path", ["/api/machines", "/api/machines/batch"])
def test_sec_07_gzip_bombs_neither_fill_memory_nor_block_others(here: Ingest, path: str) -> None:
    token, zipped = here.token(), {"Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * 60_000_000)
    nested = gzip.compress(gzip.compress(json.dumps(report()).encode()))
    assert len(bomb) < 64 * 1024
    process, peaks, done = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peaks[0] = max(peaks[0], process.memory_info().rss)

    for _ in range(5):  # the memory that each thread begins with
        here.post(nested, token, path, **zipped)
    before = process.memory_info().rss
    watching = threading.Thread(target=watch)
    watching.start()
    try:
        for _ in range(10):
            assert here.post(bomb, token, path, **zipped).status_code == 413
            assert here.post(nested, token, path, **zipped).status_code == 400
        assert here.post(report(str(uuid4())), token).ok
    finally:
        done.set()
        watching.join()
    assert peaks[0] - before < 20 * 1024 * 1024


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/json",
        "application/json5", "application/xml",
    ],
)  # fmt: skip
def test_sec_09_unsupported_content_type_is_refused_before_the_body(
    here: Ingest, kind: str
) -> None:
    where = urlsplit(here.address)
    head = (
        f"POST /api/machines HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: {kind}\r\n"
        f"Authorization: Bearer {here.token()}\r\nContent-Length: 1000000000\r\n\r\n--x\r\n"
    )
    with socket.create_connection((where.hostname, where.port), timeout=120) as sent:
        sent.sendall(head.encode())
        assert sent.recv(64).split(b" ")[1] == b"415"


BIG = "Content-Length: 1000000000"
CHUNKED = "Transfer-Encoding: chunked"


def answer_to(address: str, head: str, body: bytes = b"") -> bytes:
    """What a server answers before it closes, or in ten seconds of silence."""
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=10) as sent:
        sent.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        received = b""
        try:
            while part := sent.recv(4096):
                received += part
        except (TimeoutError, ConnectionResetError):
            pass
        return received


@pytest.mark.parametrize("length", [BIG, CHUNKED])
def test_sec_02_a_wrong_key_is_answered_before_the_body(here: Ingest, length: str) -> None:
    head = (
        "POST /api/machines HTTP/1.1\nHost: x\nContent-Type: application/json\nConnection: close\n"
        f"Authorization: Bearer ihk_0123456789abcdef_wrong\n{length}"
    )
    # The rest of the body never comes: a server that waited for it would not answer.
    body = b"" if length == BIG else b"10\r\n0123456789abcdef\r\n"
    assert answer_to(here.address, head, body).split(b" ")[1] == b"401"


GET = "GET /api/health HTTP/1.1\nHost: x"
SMUGGLED = b"0\r\n\r\nGET /api/machines HTTP/1.1\r\nHost: x\r\n\r\n"


LENGTH = "Content-Length: 4"
AMBIGUOUS = (
    f"{CHUNKED}\nTransfer-Encoding: identity", "Transfer-Encoding: chunked, identity",
    f"{LENGTH}\nContent-Length: 5", "Content-Length: +4", "Content-Length: 0x4",
    "Transfer-Encoding : chunked", " Folded: line", "Bad Name: x",
)  # fmt: skip


@pytest.mark.parametrize("header", AMBIGUOUS, ids=range(len(AMBIGUOUS)))
def test_sec_26_an_ambiguous_request_is_refused_and_ends_its_connection(
    here: Ingest, header: str
) -> None:
    received = answer_to(here.address, f"{GET}\n{header}", SMUGGLED)
    assert received.count(b"HTTP/1.1 ") == 1, received
    assert received.split(b" ")[1] == b"400", received


def test_sec_26_of_two_lengths_the_chunks_count_and_nothing_follows_them(here: Ingest) -> None:
    """RFC 9112, 6.3: whoever does not refuse such a request closes the connection after it."""
    received = answer_to(here.address, f"{GET}\n{LENGTH}\n{CHUNKED}", SMUGGLED)
    assert received.count(b"HTTP/1.1 ") == 1, received


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000, b'{"a":' * 13_000, b'{"cpu_percent": ' + b"9" * 65_000 + b"}",
        b'{"a": NaN}', b'{"a": -Infinity}', b"{" + b'"a": 1, ' * 8_000 + b'"b": 1}',
        json.dumps({f"k{n}": 1 for n in range(5_500)}).encode(), b'{"hostname": "\\ud800"}',
        b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b'{"hostname": "\xed\xa0\x80"}',
        b"1" * 4_400, b"-" * 65_000, b'"' + b"\\u0000" * 10_000 + b'"',
    ],
    ids=range(14),
)  # fmt: skip
def test_sec_10_malicious_bodies_cost_little_more_than_others_of_their_length(
    here: Ingest, body: bytes
) -> None:
    token = here.token()

    def took(body: bytes) -> float:
        begun = time.process_time()
        answer = here.post(body, token)
        assert answer.status_code in (400, 413), answer.text
        return time.process_time() - begun

    no_json = b"x" * len(body)
    pairs = [(took(no_json), took(body)) for _ in range(5)]
    plain, made = (min(each) for each in zip(*pairs, strict=True))
    assert made < 10 * plain


# What somebody did by hand


def test_changes_by_api_tokens_are_audited_by_token_name(here: Ingest) -> None:
    here.enrol("anna")
    path = f"/api/machines/{machine_id('anna')}"
    manager = here.api_token("manager")
    assert here.ask("PATCH", path, manager, json={"activation_days": 1}).ok
    assert here.ask("DELETE", path, manager).status_code == 403
    assert [row.actor for row in here.rows(audit_log)] == ["token manager"]
    assert set(blank_machine(machine_id("anna"), here.now)) == {one.name for one in inventory.c}
