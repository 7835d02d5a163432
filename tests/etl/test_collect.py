"""Whole runs over real HTTP: what the vendors say is stored; what they say wrongly fails the run
with its reason, and yesterday's numbers stand."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from db.settings import SettingsError, load
from db.tables import (
    collection_runs,
    daily_counts,
    device_payloads,
    device_snapshots,
    quarantined_records,
    run_details,
)
from etl.collect.collect import collect
from etl.collect.gather import CollectedRows
from etl.collect.verdict import Outcome
from etl.demo.faults import Faults
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from etl.records.record import FetchStats, Raw
from etl.runtime import lease
from etl.sources import Source, ninja, threatlocker
from etl.vendor.http import Session
from tests.support.samples import some
from tests.support.small_hub import Hub

pytestmark = pytest.mark.any_database

LAST = date(2026, 3, 14)
DAY = LAST - timedelta(days=1)
DEVICES = "devices-detailed"
COMPUTERS = "ComputerGetByAllParameters"


def hasty(module: Any) -> Any:
    """A source that tries again without a pause in between."""

    def fetch(session: Session) -> Iterator[Raw]:
        session.sleep = lambda seconds: None
        yield from module.fetch(session)

    return SimpleNamespace(**{**vars(module), "fetch": fetch})


SOURCES: dict[str, Source] = {"ninja": hasty(ninja), "threatlocker": hasty(threatlocker)}


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=1, devices=60, sites=5, last_day=LAST, months=1)


@pytest.fixture
def vendors(fleet: Fleet) -> Iterator[SimulatedVendors]:
    with SimulatedVendors(fleet, day=DAY, page_limit=16) as running:
        yield running


class Real:
    """A hub that collects from the simulated vendors."""

    def __init__(self, engine: Engine, vendors: SimulatedVendors, folder: Path) -> None:
        self.hub = Hub(engine)
        self.engine, self.vendors = engine, vendors
        self.environ = vendors.environ() | {"DATA_DIR": str(folder)}

    def run(self, source: str, day: date, **arguments: Any) -> Outcome:
        self.vendors.day = min(day, LAST)
        # Troubles are what a test asks for; the days' own ones are another test's.
        self.vendors.ninja_faults.standing.clear()
        self.vendors.threatlocker_faults.standing.clear()
        now = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
        clock = arguments.pop("clock", lambda: now)
        with lease.take(self.engine) as held:
            return collect(
                self.engine, held, SOURCES[source], day, clock, load(self.environ), **arguments
            )

    def faults(self, source: str) -> Faults:
        return self.vendors.ninja_faults if source == "ninja" else self.vendors.threatlocker_faults

    def standing(self) -> object:
        return [self.hub.all(table) for table in (device_snapshots, daily_counts)]


@pytest.fixture
def real(sqlite_engine: Engine, vendors: SimulatedVendors, tmp_path: Path) -> Real:
    return Real(sqlite_engine, vendors, tmp_path)


def test_two_days_of_both_vendors_are_stored_unchanged(
    engine: Engine, vendors: SimulatedVendors, fleet: Fleet, tmp_path: Path
) -> None:
    real = Real(engine, vendors, tmp_path)
    for day in (DAY, LAST):
        for source in SOURCES:
            outcome = real.run(source, day)
            assert outcome.state == "complete", outcome.reason

    for day in (DAY, LAST):
        devices = {str(row["id"]): row for row in fleet.ninja(day).devices}
        stored = real.hub.on(day)
        assert stored.keys() == devices.keys()
        classes = Counter(row.node_class for row in stored.values())
        assert classes == Counter(row["nodeClass"] for row in devices.values())
        computers = [row for row in fleet.threatlocker(day).computers if not row["isDeleted"]]
        portal = real.hub.on(day, "threatlocker")
        assert portal.keys() == {row["computerId"].lower() for row in computers}
        assert sum(real.hub.counted("ninja", day).values()) == len(devices)
        assert sum(real.hub.counted("threatlocker", day).values()) == len(computers)
        assert sum(real.hub.counted("assets", day).values()) < len(devices) + len(computers)
    run = real.hub.runs()[-1]
    assert run.organizations == len(fleet.ninja(LAST).organizations)
    assert run.locations == len(fleet.ninja(LAST).locations)
    assert run.pages > 3 and run.promised is None
    assert real.hub.runs("threatlocker")[-1].promised == len(computers)


def test_every_key_that_a_vendor_sends_can_be_read_again(real: Real, fleet: Fleet) -> None:
    real.run("ninja", DAY)

    bodies = {row.device_id: row.body for row in real.hub.all(device_payloads)}
    told = {str(row["id"]): row for row in fleet.ninja(DAY).devices}
    for key, row in real.hub.on(DAY).items():
        stable = json.loads(zlib.decompress(bodies[row.device_id]))
        sent = told[key]
        assert stable.keys() <= sent.keys()
        left_out = sent.keys() - stable.keys()
        assert left_out <= {path.split(".")[0].split("[")[0] for path in ninja.VOLATILE}


def test_an_unchanged_day_opens_no_stretch(
    real: Real, vendors: SimulatedVendors, fleet: Fleet
) -> None:
    vendors.world = (fleet.ninja(DAY), fleet.threatlocker(DAY))
    for source in SOURCES:
        assert real.run(source, DAY).state == "complete"
    before = len(real.hub.all(device_snapshots))

    # A day later the clocks of all rows have moved on.
    later = fleet.ninja(LAST).devices
    contact = {row["id"]: row["lastContact"] for row in later if "lastContact" in row}
    rows = [
        {**row, "lastContact": contact.get(row["id"], 1.0), "offline": True}
        for row in fleet.ninja(DAY).devices
    ]
    vendors.world = (fleet.ninja(DAY)._replace(devices=rows), fleet.threatlocker(DAY))
    outcome = real.run("ninja", LAST)

    assert outcome.published is not None and outcome.published.changed == 0
    assert len(real.hub.all(device_snapshots)) == before


UNUSABLE = (
    ("html", {}, "a web page, “Maintenance” instead of data"),
    ("truncated", {}, "text that is no JSON"),
    ("error_object", {}, "an object where a list belongs"),
    ("unauthorized", {"times": None}, "answered 401 with"),
    ("forbidden", {}, "answered 403 with"),
    ("not_found", {"times": None}, "answered 404 with"),
    ("too_many_requests", {"times": None, "retry_after": "1"}, "answered 429 with"),
    ("server_error", {"times": None, "status": 500}, "answered 500 with"),
    ("server_error", {"times": None, "status": 503}, "answered 503 with"),
    ("dropped", {"times": None}, "broke the connection"),
    ("redirect", {}, "answered 302, a redirect"),
    ("huge", {"megabytes": 40}, "more than 32 MB at once"),
    ("gzip_bomb", {"megabytes": 200}, "more than 32 MB at once"),
)


@pytest.mark.parametrize(
    ("source", "kind", "detail", "reason"),
    # An odd share takes the sources in turn.
    some([(source, *answer) for answer in UNUSABLE for source in sorted(SOURCES)], 9),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unusable_response_fails_the_run_and_yesterdays_numbers_stand(
    real: Real, source: str, kind: Any, detail: dict[str, Any], reason: str
) -> None:
    assert real.run(source, DAY).state == "complete"
    before = real.standing()
    real.faults(source).add(kind, DEVICES if source == "ninja" else COMPUTERS, **detail)

    outcome = real.run(source, LAST)

    assert outcome.state == "failed"
    assert outcome.reason is not None and reason in outcome.reason
    assert outcome.reason.startswith(("NinjaRMM ", "ThreatLocker "))
    assert real.standing() == before
    run = real.hub.runs(source)[-1]
    assert (run.state, run.published, run.reason) == ("failed", False, outcome.reason)
    # Its text is for people; which request it was is in the log.
    path = DEVICES if source == "ninja" else COMPUTERS
    assert path not in outcome.reason
    (details,) = [row for row in real.hub.all(run_details) if row.run_id == outcome.run_id]
    assert f"{path}" in details.log and "The request that failed: " in details.log
    # The next day, all being well, it goes on.
    real.faults(source).clear()
    assert real.run(source, LAST + timedelta(days=1)).state == "complete"


NGINX = b"""<html>\r
<head><title>502 Bad Gateway</title></head>\r
<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx/1.18.0</center></body>\r
</html>"""
CLOUDFLARE = b"""<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>
<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script></head></html>"""
SIGN_IN = b"""<!DOCTYPE html><html><head><title>Log in &ndash; Portal</title></head><body>
<form><input name="user"><input type="password" name="p"></form></body></html>"""
PROBLEM = (
    b'{"type": "about:blank", "title": "Too busy", "status": 503, "detail": "Try <b>later</b>."}'
)
UNAVAILABLE = "its server is not available right now"
ANSWERS = (
    (502, NGINX, {}, f"with a web page, “502 Bad Gateway”: {UNAVAILABLE}", "nginx/1.18.0"),
    (522, NGINX, {}, "“502 Bad Gateway”: Cloudflare cannot reach its server", "<center>"),
    (403, CLOUDFLARE, {"cf-mitigated": "challenge"},
     "with a check for browsers (Cloudflare): its protection lets no program through. Ask",
     "cf-mitigated: challenge"),
    (503, CLOUDFLARE, {}, "its protection lets no program through", "challenge-platform"),
    (503, PROBLEM, {"Content-Type": "application/problem+json"},
     f"with “Too busy: Try later .”: {UNAVAILABLE}", "<b>later</b>"),
    (400, b'{"error": {"message": "No such cursor"}}', {},
     "with “No such cursor”: it did not understand the request", '"error"'),
    (500, b"oops,\n<b>bad</b> thing", {},
     "with “oops, bad thing”: something went wrong inside its server", "oops,\n<b>bad</b>"),
    (504, b"", {}, f"with nothing: {UNAVAILABLE}", "HTTP 504"),
    (200, SIGN_IN, {}, "a sign-in page, “Log in – Portal” instead of data", 'type="password"'),
    (302, b"", {"Location": "https://portal.example/login?next=x"}, "answered 302, a redirect",
     "Location: https://portal.example/login"),
    (200, b"[1, 2", {}, "text that is no JSON", "[1, 2"),
    (500, b"<html><title>" + b"x" * 9000, {}, "answered 500", "<html><title>xxx"),
)  # fmt: skip
"""Status, body, headers; what the reason says, what the raw answer holds."""


def test_whatever_a_vendor_answers_is_one_sentence_and_the_raw_answer_is_kept(real: Real) -> None:
    for source, path in (("ninja", DEVICES), ("threatlocker", COMPUTERS)):
        for day, (status, body, headers, says, keeps) in enumerate(ANSWERS):
            faults = real.faults(source)
            faults.clear()
            faults.add("answer", path, times=None, status=status, value=body, headers=headers)
            outcome = real.run(source, DAY + timedelta(days=day))
            assert outcome.state == "failed" and outcome.reason is not None
            assert says in outcome.reason, outcome.reason
            assert not re.search(r"</?[a-z!]|\n", outcome.reason), outcome.reason
            assert len(outcome.reason) < 600
            (details,) = [row for row in real.hub.all(run_details) if row.run_id == outcome.run_id]
            assert keeps in details.answer and len(details.answer) <= 4096
            lines = json.loads(details.log)
            assert [lines[0][1:], lines[-1][1]] == [
                ["info", f"Collecting {SOURCES[source].FACTS.label} for {outcome.day}."],
                "error",
            ]
            retried = sum("Trying again" in text for _at, _level, text in lines)
            assert retried == (4 if status >= 500 else 0), lines
            assert outcome.reason in lines[-1][2]


@pytest.mark.parametrize(
    ("source", "path", "kind", "detail", "reason"),
    [
        ("ninja", DEVICES, "repeated_page", {"times": None}, "the same page again"),
        ("ninja", DEVICES, "missing_page", {"after": 1}, "empty page"),
        ("ninja", "organizations", "server_error", {"times": None}, "answered 503"),
        ("ninja", "locations", "html", {}, "a web page"),
        ("ninja", "oauth/token", "html", {}, "a web page"),
        ("ninja", "oauth/token", "forbidden", {}, "gave no access token: it answered 403"),
        ("threatlocker", COMPUTERS, "fewer_rows", {"times": None}, "fewer rows than promised"),
        ("threatlocker", COMPUTERS, "missing_page", {"times": None}, "fewer rows than promised"),
        ("threatlocker", "GetChildOrg", "forbidden", {}, "answered 403"),
    ],
)
def test_an_incomplete_list_fails_the_run(
    real: Real, source: str, path: str, kind: Any, detail: dict[str, Any], reason: str
) -> None:
    assert real.run(source, DAY).state == "complete"
    before = real.standing()
    real.faults(source).add(kind, path, **detail)

    outcome = real.run(source, LAST)

    assert outcome.state == "failed"
    assert reason in (outcome.reason or ""), outcome.reason
    assert real.standing() == before


@pytest.mark.parametrize(("path", "what"), [("organizations", "organizations"),
                                            ("locations", "locations")])  # fmt: skip
def test_empty_lists_of_names_fail_the_run(real: Real, path: str, what: str) -> None:
    assert real.run("ninja", DAY).state == "complete"
    before = real.standing()
    real.faults("ninja").add("missing_page", path, times=None)

    outcome = real.run("ninja", LAST)

    assert outcome.state == "failed"
    assert f"NinjaRMM answered no {what}, the last run had" in (outcome.reason or "")
    assert real.standing() == before


def test_half_a_list_without_a_total_is_held_as_suspicious(real: Real) -> None:
    assert real.run("ninja", DAY).state == "complete"
    before = real.standing()
    real.faults("ninja").add("missing_page", DEVICES, times=None, after=1)

    outcome = real.run("ninja", LAST)

    assert outcome.state == "suspicious" and "vanished at once" in (outcome.reason or "")
    assert real.standing() == before


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        *((source, kind) for source in sorted(SOURCES)
          for kind in ("server_error", "too_many_requests", "dropped")),
        ("ninja", "unauthorized"),  # its token is forgotten, a new one helps
    ],
)  # fmt: skip
def test_a_transient_failure_does_not_fail_the_run(real: Real, source: str, kind: Any) -> None:
    path = DEVICES if source == "ninja" else COMPUTERS
    real.faults(source).add(kind, path)

    assert real.run(source, DAY).state == "complete"


def test_bad_rows_are_repaired_or_quarantined_and_the_others_stored(
    engine: Engine, vendors: SimulatedVendors, tmp_path: Path
) -> None:
    real = Real(engine, vendors, tmp_path)
    for kind in ("nul", "surrogate", "long_text", "missing_field"):
        named = "organizationId" if kind == "missing_field" else "displayName"
        vendors.ninja_faults.add(kind, DEVICES, row=1, field=named)  # type: ignore[arg-type]
        vendors.threatlocker_faults.add(kind, COMPUTERS, row=1)  # type: ignore[arg-type]

    day = real.run("ninja", DAY)
    portal = [real.run("threatlocker", DAY) for _ in range(4)]

    assert (day.state, day.quarantined) == ("complete", 1)
    assert [(run.state, run.quarantined) for run in portal] == [
        ("complete", 0), ("complete", 0), ("complete", 0), ("complete", 1),
    ]  # fmt: skip
    repaired = sorted(filter(None, (row.repaired for row in real.hub.on(DAY).values())))
    assert any("2 NUL characters replaced" in line for line in repaired)
    assert any("1 half surrogate pair replaced" in line for line in repaired)
    assert any("cut from 10000 to 255 characters" in line for line in repaired)
    for aside in real.hub.all(quarantined_records):
        assert "names no organization" in aside.reason
        assert json.loads(zlib.decompress(aside.body))
    assert len(real.hub.on(DAY)) == 59
    # What was sent is kept as it was sent.
    bodies = [zlib.decompress(row.body) for row in real.hub.all(device_payloads)]
    assert any(b"\\u0000" in body for body in bodies)
    assert any(b"\\ud800" in body for body in bodies)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_a_row_without_its_id_makes_the_run_suspicious(real: Real, source: str) -> None:
    assert real.run(source, DAY).state == "complete"
    before = real.standing()
    real.faults(source).add("missing_id", DEVICES if source == "ninja" else COMPUTERS)

    outcome = real.run(source, LAST)

    assert outcome.state == "suspicious"
    assert "1 row has an id that cannot be read" in (outcome.reason or "")
    assert real.standing() == before


def test_count_warnings_are_stored_with_a_complete_run(
    real: Real, vendors: SimulatedVendors, fleet: Fleet
) -> None:
    organizations = [{**row, "computerCount": 999} for row in fleet.threatlocker(DAY).organizations]
    portal = fleet.threatlocker(DAY)._replace(organizations=organizations)
    vendors.world = (fleet.ninja(DAY), portal)

    assert real.run("threatlocker", DAY).state == "complete"

    assert "the organization list counts 999 computers" in real.hub.runs("threatlocker")[0].reason


def test_progress_is_reported_and_stored_after_each_page(real: Real) -> None:
    seen: list[tuple[int, int]] = []

    def page(stats: FetchStats) -> None:
        (run,) = real.hub.all(collection_runs)
        seen.append((run.pages, run.records))
        assert (run.state, run.pages, run.records) == ("running", stats.pages, stats.rows)

    real.run("ninja", DAY, on_page=page)

    counts = [rows for _, rows in seen]
    assert counts == sorted(counts) and counts[-1] == 60 and len(set(counts)) > 3


def test_a_run_that_begins_before_midnight_belongs_to_the_day_on_which_it_began(
    real: Real,
) -> None:
    instants = iter(range(10**6))
    begin = datetime(2026, 3, 13, 23, 59, tzinfo=UTC)

    outcome = real.run("ninja", DAY, clock=lambda: begin + timedelta(seconds=40 * next(instants)))

    assert outcome.state == "complete"
    (run,) = real.hub.runs()
    assert run.business_date == DAY and run.finished_at.date() > DAY


def test_a_missing_setting_starts_no_run(real: Real) -> None:
    del real.environ["NINJA_CLIENT_SECRET"]

    with pytest.raises(SettingsError, match="set NINJA_CLIENT_SECRET or NINJA_CLIENT_SECRET_FILE"):
        real.run("ninja", DAY)

    assert real.hub.runs() == [] and real.vendors.requests == []


def test_a_stopped_run_is_marked_as_stopped_by_hand(real: Real) -> None:
    def page(stats: FetchStats) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        real.run("ninja", DAY, on_page=page)

    (run,) = real.hub.runs()
    assert (run.state, run.reason) == ("failed", "Stopped by hand; nothing was published.")


def test_a_run_stopped_after_publishing_stays_complete(real: Real) -> None:
    from etl.collect.verdict import Attempt, record_failure

    real.run("ninja", DAY)
    (run,) = real.hub.runs()
    with lease.take(real.engine) as held:
        attempt = Attempt(
            real.engine, held, SOURCES["ninja"], DAY, run.run_id, lambda: datetime.now(UTC),
            load(real.environ), FetchStats(),
        )  # fmt: skip
        record_failure(attempt, CollectedRows(), "Stopped by hand; nothing was published.")

    assert real.hub.runs() == [run]


def test_no_secret_is_stored_or_logged(real: Real) -> None:
    real.environ["NINJA_CLIENT_SECRET"] = "wrong-secret-of-ours"
    real.environ["THREATLOCKER_API_KEY"] = "wrong-key-of-ours"

    for source in SOURCES:
        outcome = real.run(source, DAY)
        assert outcome.state == "failed"
        assert "of-ours" not in (outcome.reason or "")
        assert "of-ours" not in real.hub.runs(source)[0].reason
