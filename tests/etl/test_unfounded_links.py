"""Links that an earlier version made on what is no evidence any more are undone once, from the day
after the newest closed month on (rule 12)."""

import json
from datetime import date, timedelta
from itertools import combinations

import pytest
from sqlalchemy import Engine, delete, update

from db.decisions import UNDO_UNFOUNDED_LINKS
from db.engine import reading, writing
from db.keys import device_id
from db.tables import (
    OPEN_END,
    asset_links,
    audit_log,
    count_restatements,
    device_latest,
    device_snapshots,
    meta,
    suggestions,
)
from etl.decisions.machines import link_devices
from tests.support.decision_oracle import check
from tests.support.random_hub import decision_context
from tests.support.small_hub import Hub, Pc, noon, pcs

pytestmark = pytest.mark.any_database

OCTOBER, NOVEMBER = date(2026, 10, 31), date(2026, 11, 2)
NIC = ("3c:ec:ef:00:00:01",)
NINJA = [
    Pc("1", hostname="tab-ana", node_class="ANDROID"),
    Pc("2", hostname="front-01", serial="SN-0002"),
    Pc("3", hostname="kiosk", macs=NIC),
    Pc("4", hostname="dc01"),
    Pc("5", hostname="pc-5"),
    Pc("6", hostname="iphone"),
    *pcs(range(100, 110)),
]
LOCKER = [
    Pc("1", "guid", hostname="TAB-ANA", serial="SN-0001", node_class=None),
    Pc("2", "guid", hostname="front-02", serial="SN-0002", node_class=None),
    Pc("4", "guid", hostname="DC01", node_class=None),
    Pc("5", "guid", hostname="PC-5", node_class=None),
    Pc("6", "guid", hostname="iphone", node_class=None),
]
AGENT = [
    Pc("1", "a", hostname="tab-7", serial="sn 0001", node_class=None),
    Pc("3", "a", hostname="stand", macs=NIC, node_class=None),
]
FLEET = {"ninja": NINJA, "threatlocker": LOCKER, "agent": AGENT}
PLACEHOLDER, DRIVERS = "SSN12345678901234567", "00a0c6000000"


def collect(hub: Hub, day: date) -> None:
    for source, rows in FLEET.items():
        hub.collect(day, rows, source)


def make_evidence_void(hub: Hub) -> None:
    """Store names, numbers and addresses as if an earlier version had linked by them."""
    c, link = device_snapshots.c, asset_links.c
    names = {
        ("ninja", "1"): "localhost",
        ("threatlocker", "1"): "localhost.localdomain",
        ("ninja", "4"): "dc01.harbor.local",
        ("threatlocker", "4"): "dc01.pelican.local",
    }
    with writing(hub.engine) as connection:
        for who, name in names.items():
            of_device = update(device_snapshots).where(c.device_id == device_id(*who))
            connection.execute(of_device.values(hostname=name))
        of_serial = update(device_snapshots).where(c.serial == "SN-0002")
        connection.execute(of_serial.values(serial=PLACEHOLDER))
        connection.execute(update(device_latest).values(macs=DRIVERS))
        for was, now in (
            ("hostname tab-ana", "hostname localhost"),
            ("serial sn0002", f"serial {PLACEHOLDER.lower()}"),
            ("mac 3cecef000001", f"mac {DRIVERS}"),
        ):
            of_link = update(asset_links).where(link.evidence == f"{was} at the same site")
            changed = connection.execute(of_link.values(evidence=f"{now} at the same site"))
            assert changed.rowcount == 1
        connection.execute(delete(meta).where(meta.c.name == "evidence"))


def linked(hub: Hub, day: date) -> set[tuple[str, str]]:
    """The pairs of records that are one machine on a day."""
    machine = {
        f"{source} {key}": row.asset_id
        for source in FLEET
        for key, row in hub.on(day, source).items()
    }
    return {(a, b) for a, b in combinations(sorted(machine), 2) if machine[a] == machine[b]}


@pytest.fixture
def hub(engine: Engine) -> Hub:
    hub = Hub(engine)
    for day in (OCTOBER - timedelta(days=1), OCTOBER, NOVEMBER):
        collect(hub, day)
    hub.close("2026-10")
    with decision_context(hub) as by:
        link_devices(by, device_id("ninja", "6"), device_id("threatlocker", "6"))
    make_evidence_void(hub)
    return hub


def test_links_without_evidence_are_undone_once_after_the_border_and_logged(hub: Hub) -> None:
    before = linked(hub, OCTOBER)
    assert len(before) == 7 and hub.counted("assets", NOVEMBER) == {"billable": 16}
    closed = hub.month_end("assets", "2026-10")

    hub.run_after_collection(noon(NOVEMBER))

    founded = {
        ("agent 1", "threatlocker 1"), ("ninja 5", "threatlocker 5"), ("ninja 6", "threatlocker 6"),
    }  # fmt: skip
    assert linked(hub, OCTOBER) == before and hub.month_end("assets", "2026-10") == closed
    assert linked(hub, OCTOBER + timedelta(days=1)) == linked(hub, NOVEMBER) == founded
    assert hub.counted("assets", NOVEMBER) == {"billable": 20}
    with reading(hub.engine) as connection:
        check(connection)
    entries = hub.all(audit_log, action=UNDO_UNFOUNDED_LINKS)
    told = {entry.subject: json.loads(entry.detail) for entry in entries}
    assert {subject: detail.get("because") for subject, detail in told.items()} == {
        "localhost.localdomain and localhost": "other machines may have the name localhost too",
        "front-02 and front-01":
            f"{PLACEHOLDER.lower()} is a placeholder, not a serial number",
        "stand and kiosk":
            "drivers give the hardware address 00a0c6000000 to every machine",
        "dc01.pelican.local and dc01.harbor.local":
            "the domains harbor.local and pelican.local differ",
        "4 links": None,
    }  # fmt: skip
    ended = {row.undone_by for row in hub.links() if row.until != OPEN_END}
    assert ended >= {entry.entry_id for entry in entries if "because" in entry.detail}
    assert {row.entry_id for row in hub.all(count_restatements)} >= {
        entry.entry_id for entry in entries if entry.subject == "4 links"
    }
    suggested = {row.evidence.split(";")[0] for row in hub.all(suggestions, kind="link")}
    assert "hostname dc01 is equal" in suggested

    state = [(row.link_id, row.until) for row in hub.links()]
    hub.run_after_collection(noon(NOVEMBER))
    assert len(hub.all(audit_log, action=UNDO_UNFOUNDED_LINKS)) == len(entries)
    assert [(row.link_id, row.until) for row in hub.links()] == state


def test_a_database_whose_links_have_evidence_only_notes_that_they_were_examined(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    collect(hub, NOVEMBER)
    links = hub.links()

    hub.run_after_collection(noon(NOVEMBER))

    assert hub.links() == links and len(links) == 6
    assert hub.all(audit_log) == []
