"""A report laid over what is known of its machine: pure, absent keeps, null clears."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from json import dumps
from typing import Any

from dashboard.ingest.report import Report

REMEMBERED_REPORTS = 128
"""How many of a machine's newest reports are known again when they come twice."""
_ID_BYTES = 8
CLONE_WINDOW = timedelta(hours=1)

COPIED = (
    "hostname", "ip", "os", "os_version", "cpu_percent", "memory_total_mb", "memory_used_mb",
    "computer_model", "computer_activation", "activation_days", "agent_version", "boot_time",
    "serial", "manufacturer", "disk_total_mb", "disk_used_mb", "logged_in_user", "site",
)  # fmt: skip
"""The keys of a report that are columns of `inventory` as they are."""

Row = dict[str, Any]


def is_known(row: Mapping[str, Any], report: Report) -> bool:
    """Whether `report` is one of the newest that its machine sent before."""
    if report.report_id is None:
        return False
    mark, known = _mark(report.report_id), row["recent_reports"]
    return any(known[at : at + _ID_BYTES] == mark for at in range(0, len(known), _ID_BYTES))


def merged(
    row: Row, report: Report, now: datetime, *, live: bool, site: str | None, is_new: bool
) -> Row:
    """`row` after `report`.

    Args:
        now: when it was received.
        live: it tells what is now; else it comes from a spool and tells what was at its timestamp.
        site: what the machine's enrolment token says; it wins over what the machine says.
        is_new: this is the machine's first report.
    """
    told_at = now if live else moment(report, now)
    after = dict(row)
    after["received_at"] = now
    if not is_new:
        after["updated_at"] = now
    if report.report_id is not None:
        after["recent_reports"] = (row["recent_reports"] + _mark(report.report_id))[
            -REMEMBERED_REPORTS * _ID_BYTES :
        ]
    if told_at < row["reported_at"] and not is_new:
        return after  # newer facts are known already
    after["reported_at"] = told_at
    told = report.model_fields_set
    for name in COPIED:
        if name in told:
            after[name] = getattr(report, name)
    if "mac_addresses" in told:
        macs = report.mac_addresses
        after["mac_addresses"] = None if macs is None else dumps(macs, ensure_ascii=False)
    if site is not None:
        after["site"] = site
    if live:
        skew = None if report.timestamp is None else report.timestamp - now
        after["clock_skew_seconds"] = (
            None if skew is None else max(-(2**31), min(2**31 - 1, round(skew.total_seconds())))
        )
        _follow(after, report, now)
    return after


def moment(report: Report, now: datetime) -> datetime:
    """When a report from a spool was made, by its machine; never later than now."""
    return now if report.timestamp is None else min(report.timestamp, now)


def _follow(after: Row, report: Report, now: datetime) -> None:
    """Notice two live machines behind one id: a process that comes back after another spoke."""
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


def _mark(report_id: str) -> bytes:
    return blake2b(report_id.encode(), digest_size=_ID_BYTES).digest()
