"""Machines that report themselves become a source: published, linked and purged like any other."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from db import machines
from db.engine import reading, writing
from db.machines import blank_machine
from db.rules import current_rules
from db.settings import load
from db.tables import agent_hours, device_latest, inventory, report_days
from etl.collect.collect import collect
from etl.collect.verdict import Outcome
from etl.decisions.registry import DecisionContext
from etl.decisions.rules import as_json, save_rules
from etl.runtime import lease
from etl.sources import agent, discover
from etl.work.worker import Worker
from tests.support.machines import Ingest, ingest, machine_id, report
from tests.support.small_hub import Hub, Pc

pytestmark = pytest.mark.any_database

TODAY = date(2026, 11, 22)


@pytest.fixture
def hub(engine: Engine) -> Hub:
    return Hub(engine)


@pytest.fixture
def reporting(engine: Engine) -> Iterator[Ingest]:
    with ingest(engine, INGEST_AUTH="open") as found:
        yield found


def collect_agent(hub: Hub, now: datetime, **environ: str) -> Outcome:
    with lease.take(hub.engine) as held:
        return collect(
            hub.engine, held, agent, now.date(), lambda: now, load(hub.environ | environ)
        )


def reported(hub: Hub, name: str, at: datetime, **said: Any) -> None:
    """A machine whose newest report came at `at`."""
    row = blank_machine(machine_id(name), at) | {"hostname": name, **said}
    row |= {"received_at": at, "reported_at": at}
    with writing(hub.engine) as connection:
        connection.execute(insert(inventory).values(row))


def report_day(hub: Hub, *days: date) -> None:
    with writing(hub.engine) as connection:
        connection.execute(insert(report_days), [{"day": day} for day in days])


def names(hub: Hub, day: date = TODAY) -> set[str]:
    return {row.hostname for row in hub.on(day, "agent").values()}


def test_what_was_reported_over_http_is_published_as_a_days_snapshot(
    hub: Hub, reporting: Ingest
) -> None:
    reporting.enrol(
        "anna", site="Acme  LLC", os_version="Windows Server 2022 Standard", serial="S-1",
    )  # fmt: skip
    reporting.enrol("bob")
    told = {"chassis": "desktop", "default_target": "graphical.target"}
    reporting.enrol("desk", **told, has_desktop=True)
    reporting.enrol("rack", **told, has_desktop=False)
    reporting.enrol("mac", os="darwin", os_version="Linux 23.5.0")
    outcome = collect_agent(hub, reporting.now)

    assert (outcome.state, outcome.records) == ("complete", 5)
    found = hub.on(TODAY, "agent")
    kinds = {name: found[machine_id(name)].device_type for name in ("desk", "rack", "mac")}
    assert kinds == {"desk": "workstation", "rack": "server", "mac": "workstation"}
    anna, bob = found[machine_id("anna")], found[machine_id("bob")]
    assert (anna.device_type, anna.billing_status, anna.serial) == ("server", "billable", "S-1")
    assert hub.site_of("acme llc", "agent").name == "Acme LLC"
    assert (bob.device_type, bob.site_id) == ("unknown", 0), "TatuScan sends a name, no role"
    assert hub.runs("agent")[0].pages == 1


def test_a_reported_machine_joins_the_site_and_asset_of_a_vendors_record(
    hub: Hub, reporting: Ingest
) -> None:
    vendor = Pc("1", org="7", org_name="Acme, Inc.", hostname="anna", serial="S-1")
    hub.collect(TODAY, [vendor])
    reporting.enrol("anna.local", site="ACME", serial="S-1")
    collect_agent(hub, reporting.now)

    (mine,) = hub.on(TODAY, "agent").values()
    (theirs,) = hub.on(TODAY).values()
    assert (mine.site_id, mine.asset_id) == (theirs.site_id, theirs.asset_id)


def test_what_changes_each_minute_makes_no_new_stretch(hub: Hub, reporting: Ingest) -> None:
    key = reporting.enrol("anna")
    collect_agent(hub, reporting.now)
    reporting.now += timedelta(days=1)
    reporting.post(
        {"machine_id": machine_id("anna"), "hostname": "anna", "ip": "192.0.2.99", "os": "linux",
         "cpu_percent": 99, "memory_total_mb": 8192, "memory_used_mb": 8000,
         "logged_in_user": "Bob"}, key,
    )  # fmt: skip
    collect_agent(hub, reporting.now)
    assert hub.spans(machine_id("anna"), "agent") == [(TODAY, None)]


def test_a_machine_counts_for_its_days_and_days_without_any_report_are_left_out(
    hub: Hub,
) -> None:
    noon = lambda n: datetime(2026, 11, n, 12, tzinfo=UTC)  # noqa: E731
    report_day(hub, *(date(2026, 11, n) for n in (3, 4, 5, 20, 21)))
    for name, n in (("three", 3), ("four", 4), ("five", 5), ("newest", 21)):
        reported(hub, name, noon(n))

    collect_agent(hub, noon(22), AGENT_PRESENT_DAYS="4")
    assert names(hub) == {"four", "five", "newest"}


def test_days_with_reports_begin_at_midnight_of_the_configured_zone(hub: Hub) -> None:
    report_day(hub, date(2026, 11, 21))
    reported(hub, "before", datetime(2026, 11, 21, 5, 59, tzinfo=UTC))
    reported(hub, "after", datetime(2026, 11, 21, 6, 0, tzinfo=UTC))
    collect_agent(
        hub, datetime(2026, 11, 22, 12, tzinfo=UTC), AGENT_PRESENT_DAYS="1",
        TIMEZONE="America/Chicago",
    )  # fmt: skip
    assert names(hub) == {"after"}


def test_without_present_machines_the_run_fails_and_the_numbers_stand(hub: Hub) -> None:
    report_day(hub, date(2026, 11, 1), date(2026, 11, 2))
    reported(hub, "anna", datetime(2026, 11, 1, tzinfo=UTC))
    collect_agent(hub, datetime(2026, 11, 3, tzinfo=UTC))
    outcome = collect_agent(hub, datetime(2026, 11, 4, tzinfo=UTC), AGENT_PRESENT_DAYS="1")
    assert outcome.state == "failed"
    assert "knows no machine that reported in the last 1 days" in str(outcome.reason)
    assert names(hub, date(2026, 11, 4)) == {"anna"}


def test_the_worker_waits_for_the_first_report_before_it_collects(hub: Hub) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    worker = Worker(hub.engine, {"agent": discover()["agent"]}, lambda: now, hub.settings)
    assert worker.tick() == [] and hub.runs("agent") == []
    report_day(hub, TODAY)
    reported(hub, "anna", now)
    assert worker.tick() == ["agent"]
    assert [run.state for run in hub.runs("agent")] == ["complete"]


def test_machine_added_by_hand_stands_until_it_is_taken_out(hub: Hub, reporting: Ingest) -> None:
    now, cart = reporting.now, machine_id("cart")
    row = blank_machine(cart, now) | {"hostname": "cart", "os": "Chrome OS", "site": "Acme"}
    with writing(hub.engine) as connection:
        assert machines.add(connection, row, "Ana", now)
    worker = Worker(hub.engine, {"agent": discover()["agent"]}, lambda: now, hub.settings)
    assert worker.tick() == ["agent"], "it needs no report of another machine"
    assert hub.on(TODAY, "agent")[cart].reason == "added by hand and not spare"
    assert hub.all(device_latest)[0].last_contact is None

    # Long after, beside machines that drop out.
    report_day(hub, *(TODAY + timedelta(days=n) for n in range(1, 41)))
    reported(hub, "early", now + timedelta(days=1))
    reported(hub, "newest", now + timedelta(days=40))
    later = TODAY + timedelta(days=40)
    collect_agent(hub, now + timedelta(days=40))
    assert names(hub, later) == {"cart", "newest"}
    assert hub.spans(cart, "agent") == [(TODAY, None)]

    # A decision about the rules keeps the mark.
    with reading(hub.engine) as connection:
        wanted = as_json(current_rules(connection)) | {"spare_words": ["cart"]}
    with lease.take(hub.engine) as held:
        clock = lambda: now + timedelta(days=40)  # noqa: E731
        by = DecisionContext(hub.engine, held, "Ana", clock, hub.settings)
        save_rules(by, wanted, "They are on loan.")
    stands = hub.on(later, "agent")[cart]
    assert stands.billing_status == "spare"
    assert stands.reason == 'display name "cart" contains "cart"; added by hand'

    # Once it reports it is a machine like any other.
    reporting.now = now + timedelta(days=41)
    assert reporting.post(report("cart")).status_code == 200
    collect_agent(hub, reporting.now)
    stands = hub.on(later + timedelta(days=1), "agent")[cart]
    assert stands.reason == 'display name "cart" contains "cart"'
    assert {row.last_contact for row in hub.all(device_latest)} >= {reporting.now}
    report_day(hub, *(later + timedelta(days=n) for n in range(2, 40)))
    reported(hub, "last", now + timedelta(days=80))
    present = machines.present_machines(hub.engine, 30, UTC)
    assert {row["hostname"] for row in present} == {"last"}


def test_hours_are_kept_as_long_as_days(hub: Hub) -> None:
    hub.environ = {"RETENTION_DAYS": "5"}
    report_day(hub, TODAY)
    reported(hub, "anna", datetime(2026, 11, 22, tzinfo=UTC))
    hours = [datetime(2026, 11, day, 23, tzinfo=UTC) for day in (15, 16, 17, 22)]
    sums = dict.fromkeys(
        ("n", "cpu_n", "cpu_sum", "cpu_max", "memory_n", "memory_sum", "memory_max"), 1
    )
    with writing(hub.engine) as connection:
        rows = [{"device_id": 1, "hour": hour, **sums} for hour in hours]
        connection.execute(insert(agent_hours), rows)
    collect_agent(hub, datetime(2026, 11, 22, 12, tzinfo=UTC))
    hub.run_after_collection()
    assert [row.hour.day for row in hub.all(agent_hours)] == [17, 22]
