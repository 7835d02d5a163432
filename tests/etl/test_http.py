"""The vendor client: retries, limits, and errors that say what to do."""

import gzip
import json
import logging
import math
import time as real_time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from etl.vendor.http import CollectionError
from etl.vendor.responses import MAX_RESPONSE_BYTES
from etl.vendor.transport import RETRY_BUDGET_SECONDS
from tests.support.scripted_vendor import FakeTime, Reply, ok, script_of, scripted, session_to

HTML = Reply(502, b"<html><body>Bad gateway</body></html>", {"Content-Type": "text/html"})


def failing(
    *replies: Reply, folder: Path, time: FakeTime | None = None
) -> tuple[CollectionError, int]:
    """The error of asking a vendor that answers `replies`, and how often it was asked."""
    with scripted(script_of(*replies)) as vendor:
        session = session_to(vendor.url, folder, time)
        with pytest.raises(CollectionError) as caught:
            session.get("/devices", {})
        return caught.value, len(vendor.asked)


def answer(*replies: Reply, folder: Path, time: FakeTime | None = None) -> object:
    with scripted(script_of(*replies)) as vendor:
        return session_to(vendor.url, folder, time).get("/devices", {}).data


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_transient_failure_is_retried(status: int, tmp_path: Path) -> None:
    time = FakeTime()
    assert answer(Reply(status, b"busy"), ok([1]), folder=tmp_path, time=time) == [1]
    assert time.slept == [1.0]


def test_pauses_double_and_the_fifth_failure_is_final(tmp_path: Path) -> None:
    time = FakeTime()
    error, asked = failing(HTML, folder=tmp_path, time=time)
    assert asked == 5
    assert time.slept == [1, 2, 4, 8]
    assert not error.permanent
    assert "Vendor answered 502 with a web page: its server is not" in str(error)
    assert error.request == "GET /devices" and "/devices" not in str(error)
    assert error.answer is not None and "<body>Bad" in error.answer
    assert "VENDOR_BASE_URL" in str(error)


def test_each_pause_is_random_between_zero_and_its_limit(tmp_path: Path) -> None:
    seen = []
    with scripted(script_of(HTML)) as vendor:
        session = session_to(vendor.url, tmp_path)
        session.retry_budget._jitter = lambda low, high: seen.append((low, high)) or 0.0  # type: ignore[func-returns-value]  # append answers None
        with pytest.raises(CollectionError):
            session.get("/devices", {})
    assert seen == [(0.0, 1.0), (0.0, 2.0), (0.0, 4.0), (0.0, 8.0), (0.0, 16.0)]


@pytest.mark.parametrize(
    ("header", "pause"),
    [("7", 7.0), ("0", 1.0), ("-3", 1.0), ("soon", 1.0), ("86400", 90.0), ("9" * 400, 90.0)],
)
def test_retry_after_in_seconds_is_honoured_up_to_its_limit(
    header: str, pause: float, tmp_path: Path
) -> None:
    time = FakeTime()
    busy = Reply(429, b"{}", {"Retry-After": header})
    assert answer(busy, ok([1]), folder=tmp_path, time=time) == [1]
    assert time.slept == [pause]


@pytest.mark.parametrize(("seconds", "pause"), [(20, 20.0), (-20, 1.0), (9000, 90.0)])
def test_retry_after_as_a_date_is_read_by_the_vendors_own_clock(
    seconds: int, pause: float, tmp_path: Path
) -> None:
    time = FakeTime()
    theirs = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    headers = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry-After": format_datetime(theirs + timedelta(seconds=seconds), usegmt=True),
    }
    assert answer(Reply(503, b"", headers), ok([1]), folder=tmp_path, time=time) == [1]
    assert time.slept == [pause]


def test_a_vendor_that_asks_for_long_pauses_ends_the_run_within_two_minutes(tmp_path: Path) -> None:
    time = FakeTime()
    error, asked = failing(Reply(429, b"", {"Retry-After": "60"}), folder=tmp_path, time=time)
    assert sum(time.slept) <= RETRY_BUDGET_SECONDS < 120
    assert asked == 2
    assert "answered 429" in str(error)


def test_the_retry_budget_is_for_the_whole_run_and_reset_by_success(tmp_path: Path) -> None:
    time = FakeTime()
    slow = Reply(503, b"", {"Retry-After": "50"})
    with scripted(script_of(slow, slow, ok([1]), slow, slow, ok([2]), slow)) as vendor:
        session = session_to(vendor.url, tmp_path, time)
        assert session.get("/a", {}).data == [1]
        time.now += 1000  # our own work between two pages is not charged to the vendor
        assert session.get("/b", {}).data == [2]
        with pytest.raises(CollectionError):
            session.get("/c", {})
    assert time.slept == [50] * 6


def test_each_retry_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        answer(HTML, ok([1]), folder=tmp_path)
    assert "GET /devices" in caplog.text
    assert "Trying again in 1.0 s." in caplog.text


def _write(*pieces: bytes, pause: float = 0.0) -> Reply:
    def raw(send: Callable[[bytes], object]) -> None:
        for piece in pieces:
            send(piece)
            real_time.sleep(pause)

    return Reply(raw=raw)


@pytest.mark.parametrize(
    "broken",
    [
        _write(),
        _write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2"),
        _write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1, 2\r\n"),
        _write(b"SSH-2.0-OpenSSH_9.2\r\n"),
    ],
    ids=["nothing", "cut", "cut chunk", "no HTTP"],
)
def test_a_broken_connection_is_retried(broken: Reply, tmp_path: Path) -> None:
    assert answer(broken, ok([1]), folder=tmp_path) == [1]
    error, asked = failing(broken, folder=tmp_path)
    assert asked == 5 and not error.permanent
    assert "Vendor broke the connection (tries: 5" in str(error) and error.request == "GET /devices"


def test_a_refused_connection_names_the_address_setting(tmp_path: Path) -> None:
    with scripted(script_of(ok([]))) as vendor:
        url = vendor.url
    with pytest.raises(CollectionError, match="refused the connection.*VENDOR_BASE_URL"):
        session_to(url, tmp_path).get("/devices", {})


def test_an_unknown_host_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="host name is unknown"):
        session_to("https://vendor.invalid", tmp_path).get("/devices", {})


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_response_that_trickles_in_times_out(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.vendor.transport.RESPONSE_TIMEOUT_SECONDS", 0.3)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    pieces = [bytes([byte]) for byte in head + b" " * 100]
    if where == "body":
        pieces = [head, *pieces[len(head) :]]
    error, asked = failing(_write(*pieces, pause=0.1), folder=tmp_path)
    assert asked == 5
    assert "did not finish its answer within" in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_sec_31_a_redirect_is_an_error_and_is_not_followed(status: int, tmp_path: Path) -> None:
    error, asked = failing(
        Reply(status, b"", {"Location": "https://elsewhere.invalid/"}), folder=tmp_path
    )
    assert asked == 1 and error.permanent
    assert "redirect" in str(error) and "Set VENDOR_BASE_URL" in str(error)


@pytest.mark.parametrize(("status", "says"), [
    (400, "answered 400"), (403, "Ask for the right."), (404, "Check VENDOR_BASE_URL"),
    (401, "Ask for the right."), (405, "Check VENDOR_BASE_URL"), (417, "answered 417"),
])  # fmt: skip
def test_a_refusal_is_permanent_and_says_what_to_do(status: int, says: str, tmp_path: Path) -> None:
    error, asked = failing(Reply(status, b'{"Message": "No."}'), folder=tmp_path)
    assert asked == 1 and error.permanent
    assert says in str(error) and "with “No.”" in str(error)
    assert error.answer is not None and '{"Message": "No."}' in error.answer


@pytest.mark.parametrize("body", [
    b"<!DOCTYPE html><html>Sign in</html>", b'[{"id": 1}, {"id"', b"", b"   ", b"OK", b"[1,]",
])  # fmt: skip
def test_a_body_that_is_no_json_is_kept_with_the_error(body: bytes, tmp_path: Path) -> None:
    error, asked = failing(Reply(200, body), folder=tmp_path)
    assert asked == 1
    assert error.request == "GET /devices, answered with 200" and "/devices" not in str(error)
    assert error.answer is not None and body.decode().strip()[:20] in error.answer


def test_what_a_vendor_says_is_one_line_of_200_characters(tmp_path: Path) -> None:
    error, _ = failing(Reply(400, b"a\r\nb\0\x1b[31m" + b"x" * 5000), folder=tmp_path)
    shown = str(error).partition("“")[2].partition("”")[0]
    assert shown.startswith("a b [31mx") and len(shown) == 200


def test_sec_29_secrets_are_redacted_even_where_the_excerpt_is_cut(tmp_path: Path) -> None:
    secret = "s3cr3t/with+signs=" * 3
    for offset in (0, 150, 180, 199):
        with scripted(script_of(Reply(400, b"-" * offset + secret.encode()))) as vendor:
            session = session_to(vendor.url, tmp_path)
            session.redact(secret, None, "")
            with pytest.raises(CollectionError) as caught:
                session.get("/devices", {})
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.answer is not None and "s3cr3t" not in caught.value.answer


def test_gzip_and_deflate_are_decoded(tmp_path: Path) -> None:
    body = json.dumps(["ä"] * 1000).encode()
    for name, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        reply = Reply(200, packed, {"Content-Encoding": name})
        assert answer(reply, folder=tmp_path) == ["ä"] * 1000


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x-gzip", "compress"])
def test_encodings_that_were_not_requested_are_refused(encoding: str, tmp_path: Path) -> None:
    error, _ = failing(Reply(200, b"[]", {"Content-Encoding": encoding}), folder=tmp_path)
    assert "not asked for" in str(error)


def test_sec_08_a_gzip_bomb_is_stopped_early(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * 2**20) for _ in range(256)) + packer.flush()
    assert len(bomb) < 2**20
    error, asked = failing(Reply(200, bomb, {"Content-Encoding": "gzip"}), folder=tmp_path)
    assert asked == 1
    assert f"more than {MAX_RESPONSE_BYTES // 2**20} MB" in str(error)


def test_a_response_without_end_is_stopped_at_the_limit(tmp_path: Path) -> None:
    def endless(send: Callable[[bytes], object]) -> None:
        send(b"HTTP/1.1 200 OK\r\n\r\n[")
        while True:
            send(b'"x",' * 2**16)

    error, _ = failing(Reply(raw=endless), folder=tmp_path)
    assert "MB at once" in str(error)


def test_huge_numbers_and_unusual_texts_are_read_unchanged(tmp_path: Path) -> None:
    digits = "9" * 5000
    body = (
        b"\xef\xbb\xbf[NaN, Infinity, -Infinity, 1e999, %s, 123456789012345678901234567890,"
        b' "\\u0000", "\\ud800", "\xed\xa0\x80"]' % digits.encode()
    )
    data = answer(Reply(200, body), folder=tmp_path)
    assert isinstance(data, list)
    assert math.isnan(data[0]) and data[1] == math.inf and data[3] == math.inf
    assert data[4] == digits and data[5] == 123456789012345678901234567890
    assert data[6:] == ["\0", "\ud800", "\ud800"]


def test_bytes_that_are_no_utf_8_become_replacement_characters(tmp_path: Path) -> None:
    assert answer(Reply(200, b'["caf\xe9"]'), folder=tmp_path) == ["caf�"]


@pytest.mark.parametrize("depth", [100, 100_000])
def test_json_nested_too_deeply_is_refused(depth: int, tmp_path: Path) -> None:
    error, _ = failing(Reply(200, b"[" * depth + b"]" * depth), folder=tmp_path)
    assert "nested deeper" in str(error)


def test_sec_32_neither_netrc_nor_proxy_settings_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with scripted(script_of(ok([1]))) as vendor:
        assert session_to(vendor.url, tmp_path).get("/devices", {}).data == [1]
        assert vendor.asked[0].headers.get("Authorization") is None


def test_the_first_path_prefix_that_exists_is_used(tmp_path: Path) -> None:
    def script(asked: object) -> Reply:
        return ok([1]) if asked.path == "/api/v2/devices" else Reply(404, b"{}")  # type: ignore[attr-defined]  # a ReceivedRequest

    with scripted(script) as vendor:
        session = session_to(vendor.url, tmp_path)
        session.prefixes = ("/v2", "/api/v2")
        assert session.get("/devices", {}).data == [1]
        with pytest.raises(CollectionError, match="404"):
            session.get("/nothing", {})
        assert [asked.path for asked in vendor.asked] == [
            "/v2/devices", "/api/v2/devices", "/api/v2/nothing",
        ]  # fmt: skip
