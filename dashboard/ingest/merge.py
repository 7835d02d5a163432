"""Merges a report into its machine's row. Pure; an absent key keeps the value, null clears it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from json import dumps
from typing import Any

from dashboard.ingest.report import Report

REMEMBERED_REPORTS = 128
"""How many of a machine's newest reports are recognised when they come twice."""
_DIGEST_BYTES = 8
CLONE_WINDOW = timedelta(hours=1)
"""Two processes that alternate within it are two machines with one id."""

_COPIED_KEYS = (
    "hostname", "ip", "os", "os_version", "cpu_percent", "memory_total_mb", "memory_used_mb",
    "computer_model", "computer_activation", "activation_days", "agent_version", "boot_time",
    "serial", "manufacturer", "disk_total_mb", "disk_used_mb", "logged_in_user", "site",
    "product_type", "chassis", "default_target", "has_desktop",
)  # fmt: skip
"""The keys of a report that are columns of `inventory` unchanged."""

Row = dict[str, Any]


def is_duplicate(row: Mapping[str, Any], report: Report) -> bool:
    """Whether `report` is one of the newest that its machine has sent."""
    if report.report_id is None:
        return False
    digest, recent = _digest(report.report_id), row["recent_reports"]
    return any(
        recent[at : at + _DIGEST_BYTES] == digest for at in range(0, len(recent), _DIGEST_BYTES)
    )


def merge_report(
    row: Row, report: Report, now: datetime, *, live: bool, site: str | None, is_new: bool
) -> Row:
    """`row` after `report`.

    Args:
        now: when it was received.
        live: it describes the present; else it comes from a spool and describes its timestamp.
        site: the site of the machine's enrolment token; it wins over the report's.
        is_new: no row of this machine was stored before.
    """
    reported_at = now if live else report_time(report, now)
    after = dict(row)
    after["received_at"] = now
    if not is_new:
        after["updated_at"] = now
    if report.report_id is not None:
        after["recent_reports"] = (row["recent_reports"] + _digest(report.report_id))[
            -REMEMBERED_REPORTS * _DIGEST_BYTES :
        ]
    if row["reported_at"] is not None and reported_at < row["reported_at"]:
        return after  # The row is newer.
    after["reported_at"] = reported_at
    present_keys = report.model_fields_set
    for name in _COPIED_KEYS:
        if name in present_keys:
            after[name] = getattr(report, name)
    if "mac_addresses" in present_keys:
        macs = report.mac_addresses
        after["mac_addresses"] = None if macs is None else dumps(macs, ensure_ascii=False)
    if site is not None:
        after["site"] = site
    if live:
        skew = None if report.timestamp is None else report.timestamp - now
        after["clock_skew_seconds"] = (
            None if skew is None else max(-(2**31), min(2**31 - 1, round(skew.total_seconds())))
        )
        _detect_clone(after, report, now)
    return after


def report_time(report: Report, now: datetime) -> datetime:
    """When a spooled report was made, by its machine's clock; never later than `now`."""
    return now if report.timestamp is None else min(report.timestamp, now)


def _detect_clone(after: Row, report: Report, now: datetime) -> None:
    """Set `clone_seen_at` when two agent processes take turns under one id: a stream comes back
    after another one reported."""
    stream = report.stream_id or report.hostname
    if stream is None:
        return
    stream = stream[:36]
    if after["stream"] is None:
        after["stream"], after["stream_since"] = stream, now
    elif stream != after["stream"]:
        if stream == after["other_stream"] and now - after["stream_since"] <= CLONE_WINDOW:
            after["clone_seen_at"] = now
        after["other_stream"], after["stream"] = after["stream"], stream
        after["stream_since"] = now


def _digest(report_id: str) -> bytes:
    return blake2b(report_id.encode(), digest_size=_DIGEST_BYTES).digest()
