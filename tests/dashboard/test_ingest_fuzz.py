"""Random bodies: no internal error, no database details, the same answer on every database."""

import gzip
import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.support.machines import LEAKED, Ingest, ingest, machine_id, report
from tests.support.samples import samples

TOGETHER = 6
"""Bodies in one example, which are sent one after another to every database."""
NAMES = ("open", "keyed")
"""The machines of an example; the second one enrols with its first report that is in order."""
_examples = count()


@dataclass(frozen=True)
class Sent:
    """One request about one of `NAMES`; `body` is still to be zipped."""

    method: str
    path: str
    body: bytes
    name: str
    zipped: bool

    def about(self, name: str) -> "Sent":
        """The same of another machine."""
        old, new = machine_id(self.name), machine_id(name)
        body = self.body.replace(old.encode(), new.encode())
        return Sent(self.method, self.path.replace(old, new), body, name, self.zipped)


# What is sent: values, reports, bodies

TROUBLE = st.sampled_from(
    [
        "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "\ufeff", "\U0001f4bb" * 60, "é" * 101,
        "' or 1=1 --", "'; drop table inventory; --", '"', "\\", "%s", "%(x)s", "{}", "{0}", ":p",
        "${7*7}", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "\r\n", "\t", "\x1b[2J",
        "NaN", "null", "a" * 10_000, "2026-11-22T04:20:25Z", "2026-13-45", "0001-01-01",
        "9999-12-31T23:59:59+14:00", "24:00", "2024-W03", "31/02/2024", "1e5", "12.5", "-1",
        "00:1b:21:12:34:56", "0" * 64, "__proto__", "１２", "trailing ", "ﬀ",
    ]
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-5, 200), st.floats(0, 100), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [2**31 - 1, 2**31, -(2**31), 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30,
         -0.0, 0.1, 5e-324, 1e-310, 99.99999999999999, 100.00000000000001, 1e308, 8.9]
    ),
)  # fmt: skip
TEXTS = st.one_of(TROUBLE, st.text(st.characters(exclude_categories=()), max_size=120))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
PERCENTS = st.one_of(st.floats(0, 100), st.integers(0, 100), st.none())
WHOLE = st.one_of(st.integers(0, 2**53 - 1), st.none())
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30))
TIMES = st.builds(
    lambda moment, zone: moment.isoformat() + zone, MOMENTS,
    st.sampled_from(["", "Z", "-04:00", "+14:00"]),
)  # fmt: skip
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "cpu_percent": PERCENTS, "memory_total_mb": WHOLE, "memory_used_mb": WHOLE,
    "disk_total_mb": WHOLE, "disk_used_mb": WHOLE,
    "activation_days": st.one_of(st.integers(-(2**31), 2**31 - 1), st.none()),
    "computer_activation": st.one_of(TIMES, st.integers(0, 2 * 10**9), st.none(), st.just("")),
    "boot_time": TIMES, "timestamp": TIMES,
    "mac_addresses": st.one_of(st.none(), st.lists(TEXTS, max_size=5)),
    "has_desktop": st.one_of(st.none(), st.booleans()),
    "report_id": st.uuids().map(str), "stream_id": st.sampled_from(["a", "b", "c"]),
} | {
    name: st.one_of(TEXTS, st.none())
    for name in (
        "hostname", "ip", "os", "os_version", "computer_model", "agent_version", "serial",
        "manufacturer", "logged_in_user", "site", "product_type", "chassis", "default_target",
    )
}  # fmt: skip
KEYS = st.sampled_from([*FITTING, "machine_id", "__class__", "model_config", "device_id"])
ODD_TEXTS = st.sampled_from(
    [
        b"", b"{}", b"[]", b"null", b"7", b'"machine_id"', b"\xff\xfe{}", b"\xef\xbb\xbf{}",
        b"[" * 5_000, b'{"a":' * 3_000, b"9" * 6_000, b'{"a": 1e999}', b'{"a": NaN}',
        b'{"a": -Infinity}', b'{"a": 1, "a": 2}', b'{"a": "\\ud800"}', b'{"a": "\\u0000"}',
        "{}".encode("utf-16"), b"{" + b'"k": 1,' * 9_000 + b"}", b'{"a": 0x10}', b"{'a': 1}",
        b'{"reports": 7}', b'{"reports": []}', b'{"reports": [null]}', b"\0" * 100, b"x" * 70_000,
    ]
)  # fmt: skip


@st.composite
def reports(draw: st.DrawFn, machine: str) -> dict[str, Any]:
    """A report that is in order, or a few keys away from it."""
    found = report(machine) | draw(st.fixed_dictionaries({}, optional=FITTING))
    if draw(st.booleans()):
        return found
    found |= draw(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
    for name in draw(st.lists(st.sampled_from(sorted(found)), max_size=2)):
        found.pop(name, None)
    return found


@st.composite
def broken(draw: st.DrawFn, text: bytes) -> bytes:
    """Something like `text`: cut, doubled, or with bytes put in."""
    at, to = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    middle = draw(st.one_of(st.just(text[at:to] * 2), st.binary(max_size=8), st.just(b"")))
    return text[:at] + middle + text[to:]


@st.composite
def requests_sent(draw: st.DrawFn) -> Sent:
    """Any request of any of `NAMES`."""
    name = draw(st.sampled_from(NAMES))
    found: Any = draw(reports(name))
    method, path = "POST", "/api/machines"
    kind = draw(st.sampled_from(["one", "one", "one", "one", "batch", "patch", "odd", "broken"]))
    if kind == "batch":
        path = "/api/machines/batch"
        found = {"reports": [found, *draw(st.lists(reports(name), max_size=2))]}
    if kind == "patch":
        method, path = "PATCH", f"/api/machines/{machine_id(name)}"
        found = draw(st.sampled_from([found, {"activation_days": 7}]))
    body = json.dumps(found).encode()
    if kind == "odd":
        body = draw(ODD_TEXTS)
    if kind == "broken":
        body = draw(broken(body))
    return Sent(method, path, body, name, draw(st.integers(0, 9)) == 0)


# Where it is sent


class Place:
    """One served database, and a connection to it that stays open."""

    def __init__(self, hub: Ingest) -> None:
        self.hub, self.session, self.token = hub, requests.Session(), hub.token()
        self.keys: dict[str, str] = {}

    def answer(self, sent: Sent) -> tuple[int, Any]:
        """Status and body, which must be such that any client can read it."""
        headers = {"Content-Type": "application/json"}
        if sent.zipped:
            headers["Content-Encoding"] = "gzip"
        if sent.name.startswith("keyed") and sent.method == "POST":
            headers["Authorization"] = f"Bearer {self.keys.get(sent.name, self.token)}"
        told = self.session.request(
            sent.method, self.hub.address + sent.path, headers=headers, timeout=60,
            data=gzip.compress(sent.body, 1) if sent.zipped else sent.body,
        )  # fmt: skip
        assert told.status_code < 500, told.text
        assert told.status_code < 300 or not LEAKED.search(told.text), told.text
        found = strict(told.text)
        assert isinstance(found, dict) and ("error" in found) == (told.status_code >= 300)
        if "key" in found:
            self.keys[sent.name] = found.pop("key")
        return told.status_code, found

    def machine(self, name: str) -> Any:
        """The stored machine, as its address tells it."""
        told = self.session.get(f"{self.hub.address}/api/machines/{machine_id(name)}", timeout=60)
        return told.status_code, strict(told.text)


def strict(text: str) -> Any:
    """`text` as JSON without NaN."""

    def never(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=never)


@pytest.fixture(scope="module")
def log_is_quiet() -> Iterator[None]:
    logger = logging.getLogger("werkzeug")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


@pytest.fixture
def places(
    sqlite_engine: Engine, postgres_engine: Engine, mariadb_engine: Engine, log_is_quiet: None
) -> Iterator[list[Place]]:
    engines = (sqlite_engine, postgres_engine, mariadb_engine)
    with ExitStack() as servers:
        yield [
            Place(servers.enter_context(ingest(engine, INGEST_AUTH="open"))) for engine in engines
        ]


@settings(max_examples=samples(20, 3500), suppress_health_check=[*HealthCheck])
@given(sent=st.lists(requests_sent(), min_size=TOGETHER, max_size=TOGETHER))
def test_asvs_2_2_1_every_body_gets_the_same_answer_on_every_database(
    places: list[Place], sent: list[Sent]
) -> None:
    # Other machines in each example: what is known of one must not depend on those before.
    example = next(_examples)
    for one in sent:
        mine = one.about(f"{one.name}-{example}")
        first, *others = [place.answer(mine) for place in places]
        assert [first] * len(others) == others
    for name in NAMES:
        first, *others = [place.machine(f"{name}-{example}") for place in places]
        assert [first] * len(others) == others
