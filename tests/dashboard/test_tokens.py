"""API tokens: scopes, role, sites, expiry and addresses; their stored hashes; what is noted."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random
from statistics import mean, median, variance
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, Row, insert, select, update

from db import tokens
from db.engine import reading, writing
from db.tables import api_tokens, audit_log, sites
from tests.support.api_server import NOW, make_app
from tests.support.machines import machine_id, report
from tests.support.samples import samples
from tests.support.sign_in_site import Site

pytestmark = pytest.mark.any_database

KEY, OTHER_KEY = "k1" * 20 + "abcdefg", "z9" * 20 + "tuvwxyz"
PEPPER, OTHER_PEPPER = "p3" * 20 + "hijklmn", "q7" * 20 + "opqrstu"


class Server:
    """A server, and programs that ask it from an address."""

    def __init__(self, engine: Engine, **environ: str) -> None:
        self.engine, self.now = engine, NOW
        keys = {"SECRET_KEY": KEY} | environ
        app = make_app(engine, auth="password", clock=lambda: self.now, environ=keys)
        self.client: FlaskClient = app.test_client()

    def ask(
        self, path: str, token: str | None, method: str = "GET", address: str = "192.0.2.1",
        **more: Any,
    ) -> Any:  # fmt: skip
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.client.open(
            path, method=method, headers=headers, environ_overrides={"REMOTE_ADDR": address}, **more
        )

    def make(self, kind: str = "api", **more: Any) -> str:
        """A token whose hash is as they all were before there were peppers."""
        with writing(self.engine) as connection:
            return tokens.create(connection, kind, "billing", "Ana", self.now, **more)

    def row(self, token: str) -> Row[Any]:
        public_id = token.split("_")[2]
        with reading(self.engine) as connection:
            return tokens.rows_by_public_id(connection, [public_id])[public_id]


@pytest.fixture
def server(sqlite_engine: Engine) -> Server:
    return Server(sqlite_engine)


def eventually(found: Callable[[], Any]) -> Any:
    """The first true answer, of what is noted beside the request."""
    deadline = time.monotonic() + 120
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return answer


MACHINE = f"/api/machines/{machine_id('anna')}"


def test_a_token_may_what_its_scopes_its_role_and_its_address_allow(server: Server) -> None:
    assert (
        server.ask("/api/machines", server.make("enrol"), "POST", json=report()).status_code == 201
    )
    change, days = ("PATCH", MACHINE), {"activation_days": 1}
    read, decide, both = ("read",), ("decide",), ("read", "decide")
    soon = NOW + timedelta(hours=1)
    # What it is made with, then: may read, may read the audit log, may change, may delete.
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "yes no no no"),
        ({"role": "viewer", "scopes": both}, "yes no no no"),
        ({"role": "manager"}, "yes yes yes no"),
        ({"role": "manager", "scopes": read}, "yes yes no no"),
        ({"role": "administrator", "scopes": decide}, "no no yes yes"),
        ({"role": "administrator", "scopes": ("ingest",)}, "no no no no"),
        ({"addresses": ["192.0.2.0/24", "2001:db8::/32"]}, "yes no no no"),
        ({"addresses": ["198.51.100.0/24"]}, "no no no no"),
        ({"expires_at": soon}, "yes no no no"),
        ({"expires_at": NOW}, "no no no no"),
    ]  # fmt: skip
    for made, expected in cases:
        token = server.make(**made)
        codes = [
            server.ask("/api/sites", token).status_code,
            server.ask("/api/audit", token).status_code,
            server.ask(change[1], token, change[0], json=days).status_code,
            server.ask("/api/machines/" + "0" * 64, token, "DELETE").status_code,
        ]
        said = ["no" if code == 403 else "yes" for code in codes]
        assert (" ".join(said), 401 in codes, 500 in codes) == (expected, False, False), made
    # An address behind a proxy is that of the connection as `trusted_proxies` sees it.
    mapped = server.make(addresses=["192.0.2.0/24"])
    for address, code in (("::ffff:192.0.2.9", 200), ("203.0.113.1", 403), ("", 403), ("x", 403)):
        assert server.ask("/api/sites", mapped, address=address).status_code == code, address


def test_a_token_opens_no_page_and_calls_no_callback(server: Server) -> None:
    token = server.make(role="administrator")
    client = Site(server.engine).browser().client
    headers = {"Authorization": f"Bearer {token}"}
    for method, path in (
        ("GET", "/"), ("GET", "/settings/users"), ("GET", "/_dash-layout"), ("GET", "/account"),
        ("POST", "/_dash-update-component"),
    ):  # fmt: skip
        answer = client.open(path, method=method, json={}, headers=headers)
        assert answer.status_code == 403, path
    assert client.get("/report", headers=headers).status_code == 200


def test_a_token_with_sites_sees_only_these_and_decides_nothing(server: Server) -> None:
    with writing(server.engine) as connection:
        for number, name in ((1, "Harbor Dental"), (2, "Secret Legal")):
            connection.execute(
                insert(sites).values(
                    site_id=number, name=name, match_name=name.lower(), created_at=NOW,
                    needs_review=False, internal=False, search_text=name.lower(),
                )
            )  # fmt: skip
    token = server.make(role="manager", sites=frozenset({1}))
    answer = server.ask("/api/sites", token)
    assert answer.status_code == 200
    assert "Secret Legal" not in answer.text
    assert server.ask("/api/sites?site=2", token).status_code == 404
    assert server.ask(MACHINE, token, "PATCH", json={"activation_days": 1}).status_code == 403
    assert server.ask("/api/audit", token).status_code == 403
    nothing = server.make(sites=frozenset())
    assert server.ask("/api/sites", nothing).get_json()["count"] == 0


def test_asvs_8_3_2_what_is_taken_from_a_token_is_gone_with_the_next_request(
    server: Server,
) -> None:
    token = server.make(role="manager")
    assert server.ask("/api/audit", token).status_code == 200

    def change(**values: Any) -> None:
        with writing(server.engine) as connection:
            connection.execute(update(api_tokens).values(**values))

    change(role="viewer")
    assert server.ask("/api/audit", token).status_code == 403
    change(limited=True)
    assert server.ask("/api/sites", token).get_json()["count"] == 0
    change(limited=False, scopes="decide")
    assert server.ask("/api/sites", token).status_code == 403
    change(scopes="read", revoked_at=NOW)
    assert server.ask("/api/sites", token).status_code == 403


def test_a_token_that_may_ingest_lets_machines_in_from_its_addresses(server: Server) -> None:
    here, other = "192.0.2.1", "203.0.113.9"
    more = {"addresses": ["192.0.2.0/24"], "site": "Harbor Dental"}
    for number, (kind, scopes) in enumerate((("enrol", ()), ("api", ("read", "ingest")))):
        token = server.make(kind, scopes=scopes, **more)
        for address, code in ((here, 201), (other, 403)):
            sent = report(f"{number} {address}")
            answer = server.ask("/api/machines", token, "POST", address, json=sent)
            assert answer.status_code == code, answer.text
            # The first answer opens the door for no other address.
            if code == 403:
                assert answer.get_json()["reason"] == "wrong_address"
            else:
                assert answer.get_json()["item"]["site"] == "Harbor Dental"
    reads = server.make(scopes=("read",))
    refused = server.ask("/api/machines", reads, "POST", json=report("bob"))
    assert (refused.status_code, refused.get_json()["reason"]) == (403, "wrong_kind")


def test_the_last_use_is_written_once_a_minute(server: Server) -> None:
    token = server.make()

    def used() -> datetime | None:
        assert server.ask("/api/sites", token).status_code == 200
        return server.row(token).last_used_at

    assert eventually(used) == NOW
    server.now = NOW + timedelta(seconds=59)
    assert used() == NOW
    server.now = NOW + timedelta(minutes=1)
    assert eventually(lambda: (at := used()) != NOW and at) == server.now


# Stored hashes


def test_hashes_are_hmac_of_the_secret_under_the_pepper_and_older_ones_are_renewed_when_used(
    engine: Engine,
) -> None:
    derived = hmac.new(KEY.encode(), b"inventory-hub api tokens", hashlib.sha256).digest()

    def stored(token: str, pepper: bytes | None) -> str:
        secret = token.split("_", 3)[3].encode()
        plain = hashlib.sha256(secret).hexdigest()
        return plain if pepper is None else hmac.new(pepper, secret, hashlib.sha256).hexdigest()

    def is_stored(server: Server, token: str, pepper: bytes) -> bool:
        return bool(server.row(token).secret_hash == stored(token, pepper))

    first = Server(engine, SECRET_KEY=KEY)
    token, enrol = first.make(), first.make("enrol")
    assert first.row(token).secret_hash == stored(token, None), "as before there were peppers"
    key = first.ask("/api/machines", enrol, "POST", json=report()).get_json()["key"]
    assert first.row(key).secret_hash == stored(key, derived)
    renewals: list[tuple[dict[str, str], bytes]] = [
        ({"SECRET_KEY": KEY}, derived),
        ({"SECRET_KEY": OTHER_KEY, "SECRET_KEY_OLD": KEY},
         hmac.new(OTHER_KEY.encode(), b"inventory-hub api tokens", hashlib.sha256).digest()),
        ({"SECRET_KEY": OTHER_KEY, "TOKEN_PEPPER": PEPPER}, PEPPER.encode()),
        ({"SECRET_KEY": OTHER_KEY, "TOKEN_PEPPER": OTHER_PEPPER, "TOKEN_PEPPER_OLD": PEPPER},
         OTHER_PEPPER.encode()),
    ]  # fmt: skip
    for environ, pepper in renewals:
        server = Server(engine, **environ)
        assert server.ask("/api/sites", token).status_code == 200, environ
        assert server.ask("/api/machines", key, "POST", json=report()).status_code == 200
        for one in (token, key):
            eventually(partial(is_stored, server, one, pepper))
    # Without its pepper, what the database holds is worth nothing.
    strange = Server(engine, SECRET_KEY=KEY)
    assert strange.ask("/api/sites", token).status_code == 401
    assert strange.ask("/api/machines", key, "POST", json=report()).status_code == 401
    assert tokens.state_of(strange.row(token), NOW, tokens.Peppers(derived)) == tokens.UNUSABLE


def stored_row(peppers: tokens.Peppers) -> tuple[str, Any]:
    text, values = tokens.new_credential(tokens.API, peppers)
    return text, SimpleNamespace(**values)


def test_sec_28_secrets_are_compared_in_constant_time_and_an_unknown_id_costs_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peppers = tokens.Peppers(PEPPER.encode(), (OTHER_PEPPER.encode(),))
    text, row = stored_row(peppers)
    right = tokens.parse_credential(text)
    assert right is not None
    wrong = tokens.Credential(right.kind, right.public_id, right.secret[:-1] + "\x7f")
    compared, hashed = [], []
    compare, digest = hmac.compare_digest, hmac.new

    def compare_digest(a: str, b: str) -> bool:
        compared.append((len(a), len(b)))
        return compare(a, b)

    def new(key: bytes, message: bytes, hash_name: Any) -> hmac.HMAC:
        hashed.append(message)
        return digest(key, message, hash_name)

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    monkeypatch.setattr(hmac, "new", new)
    other_kind = tokens.Credential(tokens.ENROL, right.public_id, right.secret)
    for of, credential, answer in (
        (row, right, True), (row, wrong, False), (None, right, False), (row, other_kind, False)
    ):  # fmt: skip
        compared.clear(), hashed.clear()
        assert tokens.verify(of, credential, peppers) is answer
        assert compared == [(64, 64)]
        assert hashed.count(credential.secret.encode()) == 1, "one hash, whatever is stored"


@pytest.mark.skipif(samples(1, 20_000) == 1, reason="it measures time: make test-all")
def test_sec_28_no_time_tells_a_wrong_first_letter_from_a_wrong_last_or_an_unknown_id() -> None:
    peppers = tokens.Peppers(PEPPER.encode())
    text, row = stored_row(peppers)
    right = tokens.parse_credential(text)
    assert right is not None
    swap = {"first": "~" + right.secret[1:], "last": right.secret[:-1] + "~"}
    asked = {
        name: (row, tokens.Credential(right.kind, right.public_id, secret))
        for name, secret in swap.items()
    } | {"unknown": (None, tokens.Credential(right.kind, "0" * 12, right.secret))}
    took: dict[str, list[int]] = {name: [] for name in asked}
    order, draw = list(asked), Random(1)
    for _ in range(samples(1, 20_000)):
        draw.shuffle(order)
        for name in order:
            of, credential = asked[name]
            begun = time.process_time_ns()
            for _repeat in range(5):
                tokens.verify(of, credential, peppers)
            took[name].append(time.process_time_ns() - begun)
    first, last = took["first"], took["last"]
    noise = (variance(first) / len(first) + variance(last) / len(last)) ** 0.5
    assert abs(mean(first) - mean(last)) < 4.5 * noise, "Welch's t of the two"
    # An id is no secret, and to take a stored row or the one of nobody differs by nanoseconds.
    assert median(took["unknown"]) == pytest.approx(median(last), rel=0.05)


# What is sent, and what is noted


def test_sec_28_odd_authorization_is_401_and_never_500(server: Server) -> None:
    token = server.make()
    odd = (
        "Bearer", "Bearer ", "bearer 12345", "Bearer null", "Bearer {}", "Bearer [1]", "Bearer 1e9",
        "Bearer \xff\xfe", "Bearer ihub_api__", "Bearer ihub_api_" + "a" * 9000 + "_b",
        "Bearer " + token.replace("ihub", "IHUB"), f"Bearer {token} {token}", "Bearer \u00e9",
        f"Bearer {token}\x85", "Bearer true", "Bearer 0", "Bearer -1", "Bearer " + "_" * 99,
    )  # fmt: skip
    for value in odd:
        for method, path in (("GET", "/api/sites"), ("POST", "/api/machines")):
            answer = server.client.open(
                path, method=method, json=report(),
                environ_overrides={"HTTP_AUTHORIZATION": value.encode("utf-8").decode("latin-1")},
            )  # fmt: skip
            assert answer.status_code in (401, 429), (value, answer.text)
            if method == "GET":
                assert answer.status_code == 401
    for none in ("Basic YTpi", "x", "Digest a=b"):
        answer = server.client.get("/api/sites", headers={"Authorization": none})
        assert answer.status_code == 401
    assert server.ask("/api/sites", token).status_code == 200


def test_refused_tokens_have_audit_rows_without_their_secrets_once_an_hour(server: Server) -> None:
    token, ended = server.make(), server.make(expires_at=NOW)
    elsewhere = server.make(addresses=["198.51.100.7"])
    public_id, secret = token.split("_", 3)[2:]
    sent = (f"{token}x", f"ihub_api_{secret[:16]}_{secret}", ended, elsewhere, server.make("enrol"))

    def entries() -> list[tuple[str, str, str, str]]:
        c = audit_log.c
        with reading(server.engine) as connection:
            rows = connection.execute(
                select(c.actor, c.subject, c.detail)
                .where(c.action == "token_refused")
                .order_by(c.entry_id)
            ).all()
        for row in rows:
            assert not any(text.split("_", 3)[3][:16] in str(row) for text in (*sent, token))
        details = [json.loads(row.detail) for row in rows]
        return [
            (row.actor, row.subject, detail["reason"], detail["address"])
            for row, detail in zip(rows, details, strict=True)
        ]

    for _again in range(3):
        for one in sent:
            assert server.ask("/api/sites", one).status_code in (401, 403)
    eventually(lambda: len(entries()) >= 5)
    ids = {one: f"token {one.split('_')[2]}" for one in sent}
    here = "192.0.2.1"
    assert entries() == [
        ("stranger", f"token {public_id}", "wrong", here),
        ("stranger", "token ?", "wrong", here),
        ("stranger", ids[ended], "revoked or expired", here),
        ("stranger", ids[elsewhere], "address", here),
        ("stranger", ids[sent[4]], "reads nothing", here),
    ]  # fmt: skip
    server.now = NOW + timedelta(hours=1)
    assert server.ask("/api/machines", f"{token}x", "POST", json=report()).status_code == 401
    assert server.ask("/api/machines", None, "POST", json=report()).status_code == 401
    eventually(lambda: len(entries()) == 6)
    assert entries()[5][2:] == ("unknown_credential", here)
