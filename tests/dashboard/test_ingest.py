"""Ingest on every database: TatuScan's contract, authentication, rate limits, batches."""

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
from sqlalchemy import Engine

from dashboard.ingest.items import TATUSCAN_KEYS
from dashboard.ingest.report import REQUIRED, Report
from db.keys import device_id
from db.tables import agent_hours, api_tokens, audit_log, inventory, report_days
from tests.support.api_server import make_app, serve_with_granian
from tests.support.machines import STOCK, STOCK_HEADERS, Ingest, ingest, machine_id, report, utc


@pytest.fixture
def hub(engine: Engine) -> Iterator[Ingest]:
    with ingest(engine) as found:
        yield found


@pytest.fixture
def here(sqlite_engine: Engine) -> Iterator[Ingest]:
    with ingest(sqlite_engine) as found:
        yield found


def refused(answer: requests.Response, status: int, reason: str) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"], told["reason"]) == (status, status, reason), told
    assert told["error"].endswith((".", "]", "'", "30"))
    return told


# TatuScan's contract


def test_the_tatuscan_client_needs_no_token_when_ingest_is_open(engine: Engine) -> None:
    with ingest(engine, INGEST_AUTH="open", TIMEZONE="America/Cuiaba") as hub:
        first = hub.post(STOCK, **STOCK_HEADERS)
        hub.now += timedelta(minutes=1)
        second = hub.post(STOCK, **STOCK_HEADERS)
        listed = hub.ask("GET", "/api/machines").json()

    assert (first.status_code, second.status_code) == (201, 200)
    item = second.json()["item"]
    assert set(TATUSCAN_KEYS) <= set(item)
    said = json.loads(STOCK)
    assert {name: item[name] for name in said if name != "timestamp"} == {
        name: value for name, value in said.items() if name != "timestamp"
    }
    assert item["created_at"] == "2026-11-22T10:30:00.000000-04:00"
    assert item["updated_at"] == "2026-11-22T10:31:00.000000-04:00"
    assert first.json()["item"]["updated_at"] is None
    assert first.json()["message"] == "Inventory added successfully"
    assert listed["count"] == 1 and listed["items"][0]["machine_id"] == said["machine_id"]


def test_without_a_token_the_tatuscan_client_is_refused_and_nothing_stored(hub: Ingest) -> None:
    answer = hub.post(STOCK, **STOCK_HEADERS)

    refused(answer, 401, "missing_credential")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert hub.rows(inventory) == hub.rows(agent_hours) == []


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("pt-BR,pt;q=0.9", "Inventário adicionado com sucesso"),
        ("en-US", "Inventory added successfully"),
        ("fr", "Inventory added successfully"),
    ],
)
def test_messages_are_in_the_clients_language(here: Ingest, header: str, message: str) -> None:
    answer = here.post(report(), here.token(), **{"Accept-Language": header})
    assert answer.json()["message"] == message


def test_fields_absent_from_a_first_report_get_tatuscans_values(here: Ingest) -> None:
    said = report()
    del said["os_version"], said["memory_used_mb"], said["timestamp"]
    item = here.post(said, here.token()).json()["item"]
    assert (item["os_version"], item["memory_used_mb"]) == ("", 0)
    assert item["computer_model"] is None


def test_an_absent_field_keeps_its_value_and_null_clears_it(hub: Ingest) -> None:
    key = hub.enrol(computer_model="X1", serial="S-1", mac_addresses=["00:1b:21:12:34:56"])
    kept = hub.post(report(), key).json()["item"]
    assert (kept["computer_model"], kept["serial"]) == ("X1", "S-1")
    assert kept["mac_addresses"] == ["00:1b:21:12:34:56"]

    cleared = hub.post(report(computer_model=None, mac_addresses=None, cpu_percent=None), key)
    item = cleared.json()["item"]
    assert item["computer_model"] is item["mac_addresses"] is item["cpu_percent"] is None
    assert item["serial"] == "S-1"


def test_texts_are_cut_and_unstorable_characters_replaced(hub: Ingest) -> None:
    key = hub.enrol()
    odd = report(hostname="h" * 101, ip="1" * 46, os="a\0b\ud800c", serial="'; DROP TABLE--%s{}")
    item = hub.post(odd, key).json()["item"]
    assert (len(item["hostname"]), len(item["ip"])) == (100, 45)
    assert (item["os"], item["serial"]) == ("a\ufffdb\ufffdc", "'; DROP TABLE--%s{}")


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        (1705276800, "2024-01-15T00:00:00.000000+00:00"),
        ("2024-01-15", "2024-01-15T00:00:00.000000+00:00"),
        ("15/01/2024", "2024-01-15T00:00:00.000000+00:00"),
        ("2024-01-15T10:00:00-04:00", "2024-01-15T14:00:00.000000+00:00"),
        ("", None),
        (None, None),
    ],
)
def test_an_activation_is_read_as_tatuscan_reads_it(
    here: Ingest, said: object, stored: str | None
) -> None:
    item = here.post(report(computer_activation=said), here.token()).json()["item"]
    assert item["computer_activation"] == stored


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu_percent": "abc"}, {"cpu_percent": 101}, {"cpu_percent": -1}, {"hostname": 5},
        {"hostname": ["a"]}, {"memory_total_mb": 2**63}, {"memory_total_mb": -1},
        {"machine_id": "A"}, {"machine_id": ""}, {"machine_id": "../x"}, {"machine_id": None},
        {"cpu_percent": math.nan}, {"memory_total_mb": math.inf},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_value_of_a_required_key_is_named_and_nothing_stored(
    here: Ingest, wrong: dict[str, Any]
) -> None:
    body = report(**wrong, boot_time="yesterday")
    told = refused(here.post(body, here.token()), 400, "malformed")
    assert told["fields"] == list(wrong)
    assert here.rows(inventory) == []


RASPBERRY = (
    b'{"machine_id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",'
    b'"hostname":"pi-norte","ip":"10.0.0.9","os":"linux",'
    b'"os_version":"Raspbian GNU/Linux 12 (bookworm)","cpu_percent":3,"memory_total_mb":900,'
    b'"memory_used_mb":200,"timestamp":"1969-12-31T21:00:40-03:00",'
    b'"boot_time":"1969-12-31T21:00:05-03:00"}'
)
"""A report of a machine without a clock that was made before its network was there."""

UNREADABLE = [
    ("activation_days", ["x", 2**40, math.nan, []]),
    ("boot_time", [
        "yesterday", 7, "1969-12-31T21:00:05-03:00", "1970-01-01T00:00:00Z", "0001-01-01",
        "9999-12-31T23:59:59-14:00", "1999-12-31T23:59:59Z", "2000-01-01T00:00:00+01:00",
    ]),
    ("computer_activation", [
        "garbage", 1e20, True, "0001-01-01", "1969-12-31", math.nan, math.inf, {},
    ]),
    ("disk_total_mb", [-1, 2**63, "many", math.nan, math.inf, -math.inf]),
    ("disk_used_mb", [-1, {}]),
    ("mac_addresses", ["00:11", {}, 7]),
    ("memory_used_mb", [-1, math.nan, "8.9"]),
    ("has_desktop", ["perhaps", 7, []]),
    *((name, [7, [], {}, True, math.nan]) for name in (
        "agent_version", "chassis", "computer_model", "default_target", "logged_in_user",
        "manufacturer", "os_version", "product_type", "serial", "site",
    )),
]  # fmt: skip
"""Optional facts of a report, each with values that cannot be read."""


def test_optional_fact_that_cannot_be_read_is_null_and_the_report_is_stored(
    here: Ingest,
) -> None:
    cases = [(name, value) for name, values in UNREADABLE for value in values]
    for n, (name, value) in enumerate(cases):
        answer = here.post(report(f"pc-{n}", **{name: value}), here.token())
        assert answer.status_code == 201, (name, value, answer.text)
        item = answer.json()["item"]
        assert item[name] is None and item["hostname"] == f"pc-{n}", (name, value)
    optional = set(Report.model_fields) - set(REQUIRED) - {"timestamp", "report_id", "stream_id"}
    assert {name for name, _ in cases} == optional
    assert len(here.rows(inventory)) == len(cases)

    long = json.dumps(report("long", disk_total_mb=7)).replace(": 7", ": " + "9" * 5000)
    assert here.post(long, here.token()).json()["item"]["disk_total_mb"] is None
    several = report(timestamp=7, report_id=7, stream_id=[], boot_time=7, unknown=math.nan)
    assert here.post(several, here.token()).status_code == 201
    late = report("late", report_id="r" * 37), report("late", report_id="r", boot_time="x", site=7)
    told = here.batch([*late], here.token()).json()["items"]
    assert [item["status"] for item in told] == [400, 200], "or it would count twice"
    answer = here.post(RASPBERRY, here.token())
    assert answer.status_code == 201 and answer.json()["item"]["boot_time"] is None
    macs = [
        "00:1b:21:12:34:56",
        7,
        None,
        INFINIBAND,
        *(f"00:1b:21:00:00:{n:02x}" for n in range(80)),
    ]
    item = here.post(report("many", mac_addresses=macs), here.token()).json()["item"]
    assert item["mac_addresses"][:2] == [macs[0], INFINIBAND] and len(item["mac_addresses"]) == 64


INFINIBAND = "00:00:10:29:fe:80:00:00:00:00:00:00:50:6b:4b:03:00:aa:bb:cc"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_body_with_a_byte_order_mark_is_read(here: Ingest, encoding: str) -> None:
    body = json.dumps(report(hostname="escritório"), ensure_ascii=False).encode(encoding)
    for sent, headers in ((body, {}), (gzip.compress(body), {"Content-Encoding": "gzip"})):
        answer = here.post(sent, here.token(site="Acme"), **headers)
        assert answer.json()["item"]["hostname"] == "escritório", answer.text
        here.ask("DELETE", f"/api/machines/{machine_id('anna')}")
    late = json.dumps({"reports": [report(report_id="1")]}).encode(encoding)
    assert here.post(late, here.token(), "/api/machines/batch").json()["count"] == 1


def test_missing_fields_are_listed(here: Ingest) -> None:
    said = report()
    del said["ip"], said["os"]
    told = refused(here.post(said, here.token()), 400, "malformed")
    assert told["error"] == "Missing required fields: ['ip', 'os']"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nothing", b"[]", b"7", b"null", b'"machine_id"', b"\xff\xfe", b"\xef\xbb\xbf{}",
        b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}', b'{"a": 1, "a": 2}', b"[" * 10_000,
        b'{"a":' * 5_000, b'{"a": ' + b"9" * 60_000 + b"}", "{}".encode("utf-16"),
    ],
    ids=range(16),
)  # fmt: skip
def test_a_body_that_is_no_report_is_refused(here: Ingest, body: bytes) -> None:
    refused(here.post(body, here.token()), 400, "malformed")


# Sizes and encodings


def test_a_body_over_64_kb_is_refused_before_it_is_read(here: Ingest) -> None:
    large = report(hostname="h" * 66_000)
    refused(here.post(large, here.token()), 413, "too_large")
    refused(here.post(b"x" * 70_000, here.token()), 413, "too_large")

    def parts() -> Iterator[bytes]:
        for _ in range(80):
            yield b"x" * 1024

    sent = {"Authorization": f"Bearer {here.token()}", "Content-Type": "application/json"}
    answer = requests.post(here.address + "/api/machines", data=parts(), headers=sent, timeout=60)
    refused(answer, 413, "too_large")


def test_sec_07_gzip_is_decompressed_up_to_a_limit(here: Ingest) -> None:
    key, zipped = here.token(), {"Content-Encoding": "gzip"}
    assert here.post(gzip.compress(json.dumps(report()).encode()), key, **zipped).ok
    bomb = gzip.compress(b" " * 100_000_000)
    assert len(bomb) > 64 * 1024
    small_bomb = gzip.compress(b" " * 10_000_000)
    assert len(small_bomb) < 64 * 1024
    refused(here.post(bomb, key, **zipped), 413, "too_large")
    refused(here.post(small_bomb, key, **zipped), 413, "too_large")
    refused(here.post(small_bomb, key, "/api/machines/batch", **zipped), 413, "too_large")
    whole = gzip.compress(b"{}")
    for broken in (whole[:-4], whole + b"more", b"no gzip", zlib.compress(b"{}")):
        refused(here.post(broken, key, **zipped), 400, "malformed")
    for encoding in ("gzip, gzip", "br", "deflate"):
        refused(here.post(whole, key, **{"Content-Encoding": encoding}), 415, "encoding")


def test_another_content_type_than_json_is_refused(here: Ingest) -> None:
    for kind in ("text/plain", "multipart/form-data; boundary=x", ""):
        refused(here.post(STOCK, here.token(), **{"Content-Type": kind}), 415, "not_json")
    assert here.post(STOCK, here.token(), **{"Content-Type": "Application/JSON; charset=utf-8"}).ok


# Who may


def test_a_token_enrols_a_machine_and_its_own_key_is_returned_once(hub: Ingest) -> None:
    token = hub.token(site="Acme")
    first = hub.post(report(site="Another"), token)
    key = first.json()["key"]
    second = hub.post(report(site="Another"), key)

    assert (first.status_code, second.status_code) == (201, 200)
    assert "key" not in second.json()
    assert second.json()["item"]["site"] == "Acme", "the token says whose machine it is"
    kinds = {row.kind: row for row in hub.rows(api_tokens)}
    stored = " ".join(map(str, (*kinds["machine"], *kinds["enrol"])))
    assert key.split("_", 3)[3] not in stored and token.split("_", 3)[3] not in stored


def test_a_machine_with_a_key_is_not_enrolled_again(hub: Ingest) -> None:
    key = hub.enrol()
    refused(hub.post(report(hostname="stolen"), hub.token()), 403, "already_enrolled")
    assert hub.post(report(), key).json()["item"]["hostname"] == "anna"


def test_the_enrolling_report_whose_answer_was_lost_gets_a_key_again(hub: Ingest) -> None:
    token, first = hub.token(), report(report_id=str(uuid4()))
    lost = hub.post(first, token).json()["key"]
    again = hub.post(first, token)
    assert again.status_code == 200 and again.json()["key"] != lost
    refused(hub.post(report(), lost), 401, "unknown_credential")
    assert hub.post(report(), again.json()["key"]).ok
    refused(hub.post(first, token), 403, "already_enrolled")
    assert hub.rows(agent_hours)[0].n == 2


def test_asvs_15_3_3_a_key_writes_its_own_machine_only(hub: Ingest) -> None:
    anna, bob = hub.enrol("anna"), hub.enrol("bob")
    refused(hub.post(report("bob", hostname="stolen"), anna), 403, "wrong_machine")
    refused(hub.post(report("carl"), anna), 403, "wrong_machine")
    assert {row.hostname for row in hub.rows(inventory)} == {"anna", "bob"}
    assert hub.post(report("bob"), bob).ok


def test_sec_06_revoked_and_unknown_credentials_have_different_answers_at_once(hub: Ingest) -> None:
    key, token = hub.enrol(), hub.token()
    assert hub.post(report(), key).ok
    hub.revoke(key)
    refused(hub.post(report(), key), 403, "revoked")
    refused(hub.post(report(), token), 403, "revoked")
    hub.revoke(token)
    refused(hub.post(report("bob"), token), 403, "revoked")
    public_id = key.split("_")[2]
    for wrong in ("x", key[:-1], key.upper(), public_id, machine_id("anna"), "ihub_machine__", "é"):
        answer = hub.post(report(), wrong.encode().decode("latin-1"))
        refused(answer, 401, "unknown_credential")


def test_an_expired_token_enrols_nobody(here: Ingest) -> None:
    token = here.token(expires_at=here.now + timedelta(minutes=1))
    assert here.post(report("anna"), token).status_code == 201
    here.now += timedelta(minutes=2)
    refused(here.post(report("bob"), token), 403, "revoked")


def test_open_ingest_does_not_open_machines_that_have_a_key(engine: Engine) -> None:
    with ingest(engine, INGEST_AUTH="open") as hub:
        hub.enrol("anna")
        refused(hub.post(report("anna", hostname="stolen")), 401, "missing_credential")
        assert hub.post(report("bob")).status_code == 201
        assert hub.post(report("bob"), hub.token()).json()["key"], "later it gets a key"
        refused(hub.post(report("bob")), 401, "missing_credential")


def test_machines_read_nothing_and_api_tokens_do_not_report(here: Ingest) -> None:
    key, path = here.enrol(), f"/api/machines/{machine_id('anna')}"
    for method, address in (("GET", "/api/machines"), ("GET", path), ("DELETE", path)):
        assert here.ask(method, address, key).status_code == 403
        assert here.ask(method, address, here.token()).status_code == 403
    viewer = here.api_token("viewer")
    refused(here.post(report(), viewer), 403, "wrong_kind")
    assert here.ask("GET", "/api/machines", viewer).status_code == 200
    assert here.ask("DELETE", path, viewer).status_code == 403
    assert here.ask("GET", "/api/machines", viewer[:-1]).status_code == 401
    assert here.ask("DELETE", path, here.api_token("administrator")).status_code == 200
    here.revoke(viewer)
    assert here.ask("GET", "/api/dashboard/today", viewer).status_code == 403


def test_without_sign_in_only_api_tokens_read(sqlite_engine: Engine) -> None:
    with serve_with_granian(make_app(sqlite_engine, auth="password")) as address:
        here = Ingest(address, sqlite_engine)
        assert here.ask("GET", "/api/machines").status_code == 401
        assert here.ask("GET", "/api/machines", here.api_token("viewer")).status_code == 200
        assert here.post(report(), here.token()).status_code == 201, "AUTH never affects ingest"


# How often


def test_more_than_60_reports_a_minute_of_one_machine_wait(here: Ingest) -> None:
    key, other = here.enrol("anna"), here.enrol("bob")
    answers = [here.post(report(), key) for _ in range(62)]
    assert [answer.status_code for answer in answers[:60]] == [200] * 60
    refused(answers[60], 429, "too_many_requests")
    assert 0 < int(answers[60].headers["Retry-After"]) <= 60
    assert here.post(report("bob"), other).ok


def test_more_than_60_wrong_credentials_a_minute_from_one_address_wait(here: Ingest) -> None:
    key = here.enrol()
    codes = [here.post(report(), f"ihub_machine_x_{n}").status_code for n in range(62)]
    assert codes == [401] * 60 + [429] * 2
    assert here.post(report(), key).ok, "who is known here is not held up"


def test_address_rate_limit_can_be_set(sqlite_engine: Engine) -> None:
    with ingest(sqlite_engine, INGEST_ADDRESS_RATE="3", INGEST_AUTH="open") as here:
        codes = [here.post(report(str(n))).status_code for n in range(4)]
    assert codes == [201, 201, 201, 429]


# Reports that come late, or twice


def test_a_batch_is_stored_in_order_and_each_report_once(hub: Ingest) -> None:
    key = hub.enrol()
    told = [
        report(
            cpu_percent=10 * n, report_id=str(uuid4()),
            timestamp=f"2026-11-22T1{2 + n // 3}:{10 * (n % 3):02d}:00Z",
        )
        for n in range(1, 6)
    ]  # fmt: skip
    hub.now += timedelta(hours=1)
    first, again = hub.batch(told, key), hub.batch(told, key)

    assert first.json()["count"] == 5
    assert [one["reason"] for one in first.json()["items"]] == ["stored"] * 5
    assert [one["reason"] for one in again.json()["items"]] == ["known"] * 5
    hours = {row.hour: row for row in hub.rows(agent_hours)}
    assert {hour.hour: row.n for hour, row in hours.items()} == {12: 2, 13: 3, 14: 1}
    assert hours[utc("2026-11-22T13:00:00Z")].cpu_sum == 30 + 40 + 50
    assert hours[utc("2026-11-22T13:00:00Z")].cpu_max == 50


def test_older_reports_do_not_overwrite_newer_facts(here: Ingest) -> None:
    key = here.enrol()
    old = report(hostname="before", report_id="1", timestamp="2026-11-01T00:00:00Z")
    new = report(hostname="after", report_id="2", timestamp="2026-11-22T14:29:59Z")
    here.now += timedelta(minutes=5)
    here.batch([old], key)
    assert here.rows(inventory)[0].hostname == "anna"
    late = new | {"timestamp": "2026-11-22T14:34:00Z"}
    here.batch([late], key)
    assert here.rows(inventory)[0].hostname == "after"
    assert here.rows(inventory)[0].received_at == here.now


def test_invalid_report_in_a_batch_does_not_affect_others(here: Ingest) -> None:
    key = here.enrol()
    reports = [
        report(report_id="1"), report(report_id="2", cpu_percent=500), 7, report(),
        report("bob", report_id="3"), report(report_id="4"),
    ]  # fmt: skip
    items = here.batch(reports, key).json()["items"]
    assert [one["status"] for one in items] == [200, 400, 400, 400, 400, 200]
    assert here.rows(agent_hours)[0].n == 3
    for wrong in ([], [report(report_id=str(n)) for n in range(101)]):
        refused(here.batch(wrong, key), 400, "malformed")
    refused(here.post({"reports": 7}, key, "/api/machines/batch"), 400, "malformed")


def test_wrong_machine_clock_does_not_change_times(here: Ingest) -> None:
    key = here.enrol(timestamp="2036-11-22T14:30:00Z")
    assert here.rows(inventory)[0].clock_skew_seconds == 3653 * 86400
    assert here.rows(inventory)[0].received_at == here.now
    assert [row.hour.year for row in here.rows(agent_hours)] == [2026]
    here.batch([report(report_id="1", timestamp="2040-01-01T00:00:00Z")], key)
    assert [row.hour.year for row in here.rows(agent_hours)] == [2026]
    assert here.post(report(timestamp="garbage"), key).ok
    assert [row.day.isoformat() for row in here.rows(report_days)] == ["2026-11-22"]


def test_cloned_machines_are_detected_and_restarts_are_not(here: Ingest) -> None:
    key = here.enrol(stream_id="a")
    for stream in ("a", "b", "c"):
        here.post(report(stream_id=stream), key)
    assert here.rows(inventory)[0].clone_seen_at is None
    here.post(report(stream_id="b"), key)
    assert here.rows(inventory)[0].clone_seen_at == here.now
    assert here.ask("GET", "/api/machines?clones=yes").json()["count"] == 1


# The list and single machines


def test_machines_are_listed_whole_or_in_pages_filtered_and_sorted(hub: Ingest) -> None:
    for n, name in enumerate(("carl", "anna", "bob")):
        hub.enrol(name, os=("linux", "windows")[n % 2], site=("Acme", None, "Acme")[n])
    hub.now += timedelta(minutes=5)
    hub.enrol("dora")
    ask = lambda query: hub.ask("GET", f"/api/machines{query}").json()  # noqa: E731
    names = lambda query: [one["hostname"] for one in ask(query)["items"]]  # noqa: E731

    assert names("") == ["anna", "bob", "carl", "dora"] == names("?limit=10")
    assert ask("") == hub.ask("GET", "/api/inventory").json()
    page = ask("?limit=2&offset=1&sort=-hostname")
    assert (page["count"], [one["hostname"] for one in page["items"]]) == (4, ["carl", "bob"])
    assert names("?state=online") == ["dora"] and names("?state=late") == ["anna", "bob", "carl"]
    assert names("?site=Acme") == ["bob", "carl"] and names("?os=windows") == ["anna"]
    assert names("?q=AR") == ["carl"]
    for wrong in ("?state=x", "?sort=x", "?limit=0", "?nothing=1", "?clones=no"):
        assert hub.ask("GET", f"/api/machines{wrong}").status_code == 400


def test_single_machine_is_read_changed_and_deleted(hub: Ingest) -> None:
    key, path = hub.enrol(), f"/api/machines/{machine_id('anna')}"
    assert hub.ask("GET", path).json()["item"]["hostname"] == "anna"

    changed = hub.ask(
        "PATCH", path, json={"computer_activation": "2024-01-15", "activation_days": 10},
        headers={"Accept-Language": "pt"},
    )  # fmt: skip
    assert changed.json()["message"] == "Inventário atualizado"
    assert changed.json()["item"]["activation_days"] == 10
    assert hub.post(report(), key).json()["item"]["activation_days"] == 10
    for wrong in (
        {},
        {"hostname": "x"},
        [],
        {"activation_days": "x"},
        {"computer_activation": "x"},
    ):
        assert hub.ask("PATCH", path, json=wrong).status_code == 400

    assert hub.ask("DELETE", path).json() == {"message": "Inventory removed"}
    assert hub.ask("DELETE", path).json()["error"] == f"Inventory not found: {machine_id('anna')}"
    assert {hub.ask(method, path, json={"activation_days": 1}).status_code
            for method in ("GET", "PATCH", "DELETE")} == {404}  # fmt: skip
    assert hub.rows(inventory) == hub.rows(agent_hours) == []
    assert [row.action for row in hub.rows(audit_log)] == ["machine_change", "machine_delete"]
    refused(hub.post(report(), key), 401, "unknown_credential")
    assert hub.post(report(), hub.token()).status_code == 201, "it may come back"
    assert hub.rows(inventory)[0].device_id == device_id("agent", machine_id("anna"))


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_other_methods_and_addresses_answer_json(here: Ingest, method: str) -> None:
    path = f"/api/machines/{machine_id('anna')}"
    assert here.ask(method, path).json()["code"] == 405
    assert here.ask("POST", "/api/inventory").json()["code"] == 405
    assert here.ask("POST", "/api/machines/").json()["code"] in (404, 405)


# A database that is not there


def test_no_report_is_acknowledged_without_a_database(sqlite_engine: Engine) -> None:
    with ingest(sqlite_engine, INGEST_AUTH="open") as here:
        assert here.post(report()).ok
        with sqlite_engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE inventory RENAME TO elsewhere")
        answer = here.post(report("bob"))
        refused(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == "10" and "elsewhere" not in answer.text
        with sqlite_engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO inventory")
        assert here.post(report("bob")).status_code == 201
