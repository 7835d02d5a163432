"""OAuth tokens: cached, replaced, stored before use, and refused with the fix."""

import json
import multiprocessing
import stat
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from db.settings import load
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from etl.records.record import FetchStats
from etl.sources import ninja, open_session
from etl.sources.ninja import NinjaSettings
from etl.vendor.http import CollectionError, Session
from tests.support.scripted_vendor import (
    FakeTime,
    ReceivedRequest,
    Reply,
    Script,
    ok,
    scripted,
    session_to,
)

LAST = date(2026, 3, 14)
STORE = "ninja-token.json"
GOOD = {"access_token": "access-1", "expires_in": 3600, "token_type": "Bearer"}


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=1, devices=20, sites=3, last_day=LAST, months=1)


def collect(environ: dict[str, str], folder: Path) -> int:
    """How many devices a run of its own gets."""
    session = open_session(ninja, load({**environ, "DATA_DIR": str(folder)}), FetchStats())
    return len(list(ninja.fetch(session)))


def scripted_session(url: str, folder: Path, refresh: str | None, time: FakeTime) -> Session:
    settings = NinjaSettings(
        ninja_client_id="client", ninja_client_secret="hush-hush-secret",
        ninja_refresh_token=refresh,
    )  # fmt: skip
    return session_to(url, folder, time, settings)


def asked_for_tokens(
    script: Script, folder: Path, refresh: str | None = None
) -> list[ReceivedRequest]:
    with scripted(script) as vendor:
        list(ninja.fetch(scripted_session(vendor.url, folder, refresh, FakeTime())))
        return [asked for asked in vendor.asked if asked.path.endswith("/token")]


def answering(*tokens: dict[str, Any]) -> Script:
    """Gives these tokens one after the other, the last for ever, and empty lists."""
    left = list(tokens)

    def script(asked: ReceivedRequest) -> Reply:
        if asked.path.endswith("/token"):
            return ok(left.pop(0) if len(left) > 1 else left[0])
        return ok([])

    return script


def test_without_a_refresh_token_the_client_credentials_grant_is_used(tmp_path: Path) -> None:
    (asked,) = asked_for_tokens(answering(GOOD), tmp_path)
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.form() == {
        "grant_type": "client_credentials", "scope": "monitoring", "client_id": "client",
        "client_secret": "hush-hush-secret",
    }  # fmt: skip
    assert not (tmp_path / STORE).exists()


def test_a_configured_refresh_token_is_used(tmp_path: Path) -> None:
    (asked,) = asked_for_tokens(answering(GOOD), tmp_path, "seed")
    assert asked.form() == {
        "grant_type": "refresh_token", "refresh_token": "seed", "client_id": "client",
        "client_secret": "hush-hush-secret",
    }  # fmt: skip


def test_the_access_token_is_used_until_90_seconds_before_its_expiry(tmp_path: Path) -> None:
    time = FakeTime()
    with scripted(answering(GOOD, {**GOOD, "access_token": "access-2"})) as vendor:
        session = scripted_session(vendor.url, tmp_path, None, time)
        list(ninja.fetch(session))
        time.now += 3600 - 91
        session.get("/organizations", {})
        assert vendor.asked[-1].headers["Authorization"] == "Bearer access-1"
        time.now += 2
        session.get("/organizations", {})
        assert vendor.asked[-1].headers["Authorization"] == "Bearer access-2"


@pytest.mark.parametrize("expires_in", [None, "3600", -5, 0, True, 60, 1e400, [], 10**30])
def test_an_invalid_lifetime_does_not_request_a_token_per_call(
    expires_in: object, tmp_path: Path
) -> None:
    assert len(asked_for_tokens(answering({**GOOD, "expires_in": expires_in}), tmp_path)) == 1


def test_the_rotated_token_is_on_disk_before_the_access_token_is_used(tmp_path: Path) -> None:
    stored: list[dict[str, str]] = []

    def script(asked: ReceivedRequest) -> Reply:
        if asked.path.endswith("/token"):
            return ok({**GOOD, "refresh_token": "second"})
        stored.append(json.loads((tmp_path / STORE).read_text()))
        return ok([])

    asked_for_tokens(script, tmp_path, "first")
    assert stored[0]["refresh_token"] == "second"
    assert "first" not in (tmp_path / STORE).read_text()
    assert stat.S_IMODE((tmp_path / STORE).stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [STORE, "ninja-token.lock"]


def test_each_run_uses_the_token_that_the_last_one_stored(fleet: Fleet, tmp_path: Path) -> None:
    with SimulatedVendors(fleet, refresh_token="seed") as vendors:
        for _ in range(3):
            assert collect(vendors.environ(), tmp_path) == len(fleet.ninja(LAST).devices)
        used = [
            request.params["refresh_token"] for request in vendors.requests
            if request.path.endswith("/token")
        ]  # fmt: skip
    assert len(set(used)) == 3 and used[0] == "seed"


def test_a_crash_right_after_a_rotation_loses_no_token(fleet: Fleet, tmp_path: Path) -> None:
    with SimulatedVendors(fleet, refresh_token="seed") as vendors:
        environ = {**vendors.environ(), "DATA_DIR": str(tmp_path)}
        session = open_session(ninja, load(environ), FetchStats())
        vendors.ninja_faults.add("slow", "organizations", seconds=30)
        thread = threading.Thread(target=lambda: next(iter(ninja.fetch(session))), daemon=True)
        thread.start()
        while not (tmp_path / STORE).exists():
            thread.join(0.02)
        # That run never gets further; the next one finds the successor.
        assert collect(vendors.environ(), tmp_path) == len(fleet.ninja(LAST).devices)
        vendors.ninja_faults.clear()
        thread.join(120)
        environ["DATA_DIR"] = str(tmp_path / "elsewhere")
        with pytest.raises(CollectionError, match="Set a new NINJA_REFRESH_TOKEN"):
            collect(environ, tmp_path / "elsewhere")


def _collect_apart(environ: dict[str, str], folder: Path, answers: Any) -> None:
    answers.put(collect(environ, folder))


def test_two_processes_do_not_use_the_same_refresh_token(fleet: Fleet, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with SimulatedVendors(fleet, refresh_token="seed") as vendors:
        vendors.ninja_faults.add("slow", "/oauth/token", times=2, seconds=0.3)
        runs = [
            context.Process(target=_collect_apart, args=(vendors.environ(), tmp_path, answers))
            for _ in range(2)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join(120)
    assert [run.exitcode for run in runs] == [0, 0]
    assert {answers.get(timeout=120), answers.get(timeout=120)} == {len(fleet.ninja(LAST).devices)}


def test_an_answer_without_a_refresh_token_keeps_the_old_one(tmp_path: Path) -> None:
    asked_for_tokens(answering({**GOOD, "refresh_token": "second"}), tmp_path, "first")
    for _ in range(2):
        (asked,) = asked_for_tokens(answering(GOOD), tmp_path, "first")
        assert asked.form()["refresh_token"] == "second"


def test_a_newly_configured_token_takes_precedence_over_the_stored_one(tmp_path: Path) -> None:
    asked_for_tokens(answering({**GOOD, "refresh_token": "second"}), tmp_path, "first")
    (asked,) = asked_for_tokens(answering({**GOOD, "refresh_token": "b2"}), tmp_path, "b1")
    assert asked.form()["refresh_token"] == "b1"
    (asked,) = asked_for_tokens(answering(GOOD), tmp_path, "b1")
    assert asked.form()["refresh_token"] == "b2"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"seed": 1}', '{"refresh_token": "x"}', "null"]
)
def test_an_unreadable_token_store_is_ignored(content: str, tmp_path: Path) -> None:
    (tmp_path / STORE).write_text(content)
    (asked,) = asked_for_tokens(answering({**GOOD, "refresh_token": "n"}), tmp_path, "seed")
    assert asked.form()["refresh_token"] == "seed"


def test_a_half_written_token_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "ninja-token.new").write_text("half")
    asked_for_tokens(answering({**GOOD, "refresh_token": "second"}), tmp_path, "first")
    assert json.loads((tmp_path / STORE).read_text())["refresh_token"] == "second"


def test_an_unwritable_folder_is_detected_before_the_token_is_used(
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with scripted(answering({**GOOD, "refresh_token": "second"})) as vendor:
        session = scripted_session(vendor.url, blocked / "data", "first", FakeTime())
        with pytest.raises(CollectionError, match="Make DATA_DIR a folder") as caught:
            list(ninja.fetch(session))
        assert caught.value.permanent and not vendor.asked


def test_a_token_lock_that_is_never_released_fails_the_run(tmp_path: Path) -> None:
    path = tmp_path / "ninja-token.lock"
    with FileLock(path), scripted(answering(GOOD)) as vendor:
        session = scripted_session(vendor.url, tmp_path, "first", FakeTime())
        assert session.lock_seconds == 9
        session.lock_seconds = 0
        with pytest.raises(CollectionError) as caught:
            list(ninja.fetch(session))
        message = str(caught.value)
        assert f"another process is asking for it ({path} has been held for 0 s)" in message
        assert not caught.value.permanent and not vendor.asked


@pytest.mark.parametrize(("error", "fix"), [
    ("invalid_client", "Check NINJA_CLIENT_ID and NINJA_CLIENT_SECRET"),
    ("invalid_scope", "Tick the scope Monitoring"),
    ("unsupported_grant_type", "Allow the client credentials grant"),
    ("unauthorized_client", "Allow the client credentials grant"),
    ("invalid_grant", "Set a new NINJA_REFRESH_TOKEN"),
    ("invalid_token", "Set a new NINJA_REFRESH_TOKEN"),
    ("expired_token", "Set a new NINJA_REFRESH_TOKEN"),
    ("something_new", "Check NINJA_BASE_URL"),
    (17, "Check NINJA_BASE_URL"),
])  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_refused_token_is_permanent_and_comes_with_the_fix(
    error: object, fix: str, status: int, tmp_path: Path
) -> None:
    body = json.dumps({"error": error, "error_description": "hush-hush-secret", "error_code": 400})

    def script(asked: ReceivedRequest) -> Reply:
        return Reply(status, body.encode())

    with scripted(script) as vendor:
        session = scripted_session(vendor.url, tmp_path, "seed", FakeTime())
        session.address_name = "NINJA_BASE_URL"
        with pytest.raises(CollectionError, match=fix) as caught:
            list(ninja.fetch(session))
        assert len(vendor.asked) == 1
    assert caught.value.permanent and "hush-hush" not in str(caught.value)


@pytest.mark.parametrize("body", [
    b"<html>Sign in</html>", b"", b'"token"', b"[]", b"{}", b'{"access_token": 5}',
    b'{"access_token": "two\\nlines"}', b'{"access_token": ""}',
])  # fmt: skip
def test_an_answer_that_holds_no_token_is_an_error(body: bytes, tmp_path: Path) -> None:
    with scripted(lambda asked: Reply(200, body)) as vendor:
        with pytest.raises(CollectionError, match="token"):
            list(ninja.fetch(scripted_session(vendor.url, tmp_path, None, FakeTime())))
        assert len(vendor.asked) == 1


def test_a_transient_failure_of_the_token_endpoint_is_retried(fleet: Fleet, tmp_path: Path) -> None:
    with SimulatedVendors(fleet) as vendors:
        vendors.ninja_faults.add("server_error", "/oauth/token", times=1)
        assert collect(vendors.environ(), tmp_path) == len(fleet.ninja(LAST).devices)


def test_the_simulated_vendor_refuses_what_the_real_one_refuses(
    fleet: Fleet, tmp_path: Path
) -> None:
    with SimulatedVendors(fleet, refresh_token="seed") as vendors:
        environ = vendors.environ()
        with pytest.raises(CollectionError, match="Check NINJA_CLIENT_ID"):
            collect({**environ, "NINJA_CLIENT_SECRET": "wrong"}, tmp_path)
        with pytest.raises(CollectionError, match="Set a new NINJA_REFRESH_TOKEN"):
            collect({**environ, "NINJA_REFRESH_TOKEN": "wrong"}, tmp_path)


def test_the_token_lock_is_private_and_released_when_its_process_ends(
    fleet: Fleet, tmp_path: Path
) -> None:
    path = tmp_path / "ninja-token.lock"
    with SimulatedVendors(fleet, refresh_token="seed") as vendors:
        vendors.ninja_faults.add("slow", "/oauth/token", times=1, seconds=30)
        context = multiprocessing.get_context("spawn")
        run = context.Process(target=collect, args=(vendors.environ(), tmp_path))
        run.start()
        while not vendors.requests:
            run.join(0.02)
            assert run.is_alive()
        with pytest.raises(Timeout):
            FileLock(path, timeout=0, preserve_lock_file=True).acquire()
        run.kill()
        run.join()
        with FileLock(path, timeout=0, preserve_lock_file=True):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
