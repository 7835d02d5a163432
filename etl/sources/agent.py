"""Our own agent: every machine that reported within the last days, read from our own database where
the ingest route stored it, and every machine that was added by hand because no agent runs on it. A
machine's `site`, as it spells it, is its organization.
"""

import json
from collections.abc import Iterator
from datetime import datetime, time
from typing import Annotated, Any

from db.machines import SOURCE, present_days, present_machines, site_key
from db.setting_types import SourceSettings, whole
from db.sources import SourceFacts
from db.thresholds import RANGES
from etl.records.record import Raw, Record
from etl.records.text import IP_LENGTH, KEY_LENGTH, TextCleaner
from etl.rules.device_type import RoleFacts
from etl.rules.macs import canonical_macs
from etl.vendor.http import Session


class AgentSettings(SourceSettings):
    """Which machines count."""

    agent_present_days: Annotated[int, whole(*RANGES["agent_present_days"])] = 30
    """Days after its last report for which a machine still counts, days on which no machine
    reported left out, until thresholds are saved in Settings; machines added by hand count
    always"""


FACTS = SourceFacts(
    name=SOURCE,
    label="Agent",
    badge="A",
    colour="#0F8A7A",
    collect_at=time(4, 0),
    order=90,
    self_reporting=True,
    settings=AgentSettings,
)

VOLATILE = (
    "cpu_percent",
    "memory_used_mb",
    "disk_used_mb",
    "ip",
    "boot_time",
    "logged_in_user",
    "updated_at",
    "received_at",
    "reported_at",
    "clock_skew_seconds",
)

_BOOKKEEPING = (
    "device_id",
    "recent_reports",
    "stream",
    "other_stream",
    "stream_since",
    "clone_seen_at",
    "search_text",
)
"""Columns of the ingest route's own bookkeeping, not reported by the machine."""


def fetch(session: Session) -> Iterator[Raw]:
    """Every machine that counts as present, in pages of a thousand."""
    days = present_days(session.database(), session.settings_as(AgentSettings).agent_present_days)
    n = 0
    for n, row in enumerate(present_machines(session.database(), days, session.zone), 1):
        yield {name: _plain(name, value) for name, value in row.items() if name not in _BOOKKEEPING}
        if n % 1000 == 0:
            session.stats.count_page(1000)
    session.stats.count_page(n % 1000)
    if n == 0:
        raise session.failure(
            f"knows no machine that reported in the last {days} days",
            "Look at the Machines page, and whether machines can reach this server.",
        )


def to_record(raw: Raw) -> Record:
    """One machine as a record."""
    cleaner = TextCleaner()
    site = cleaner.text(raw["site"], "site")
    received_at = raw["received_at"]
    return Record(
        source_key=raw["machine_id"],
        alias_key=None if site is None else site_key(site),
        alias_name=None if site is None else " ".join(site.split()),
        payload=raw,
        hostname=cleaner.text(raw["hostname"], "hostname"),
        display_name=cleaner.text(raw["hostname"], "display name"),
        os=cleaner.text(raw["os_version"] or raw["os"], "os"),
        serial=cleaner.text(raw["serial"], "serial", KEY_LENGTH),
        role=RoleFacts(
            raw["os"],
            raw["product_type"],
            raw["chassis"],
            raw["default_target"],
            raw["has_desktop"],
        ),
        added_by_hand=None if received_at else True,
        last_contact=datetime.fromisoformat(received_at) if received_at else None,
        ip=cleaner.text(raw["ip"], "ip", IP_LENGTH),
        repaired=cleaner.repaired,
        macs=canonical_macs(raw["mac_addresses"]),
        user=cleaner.text(raw["logged_in_user"], "user"),
    )


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return json.loads(value) if name == "mac_addresses" and value is not None else value
