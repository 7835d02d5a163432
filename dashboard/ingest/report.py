"""The model of a report: TatuScan's keys as its clients send them, and ours.

Only the keys that TatuScan requires may refuse a report. Every other fact is null where it cannot
be read, and the report is stored with the rest.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from dashboard.ingest.refusal import Refusal, malformed

REQUIRED = ("machine_id", "hostname", "ip", "os", "cpu_percent", "memory_total_mb")
LARGEST_NUMBER = 2**53 - 1
EARLIEST_BOOT = datetime(2000, 1, 1, tzinfo=UTC)
"""An earlier boot time is that of a clock without a battery, before it was set."""
MAX_MACS = 64
REPORT_ID_LENGTH = 36
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


def _truncate(length: int) -> Callable[[object], object]:
    def truncate(value: object) -> object:
        # NUL and half a surrogate pair cannot be stored in every database.
        return _UNSTORABLE.sub("\ufffd", value)[:length] if isinstance(value, str) else value

    return truncate


def _to_int(value: object) -> object:
    return int(value) if isinstance(value, float) and math.isfinite(value) else value


def parse_timestamp(value: object) -> datetime:
    """An ISO 8601 time; UTC unless it has an offset.

    Raises:
        ValueError: it is none, or its year is not one from 1970 to 2199.
    """
    time = datetime.fromisoformat(value) if isinstance(value, str) else None
    if time is None:
        raise ValueError("a time is written like 2026-11-22T04:20:25Z")
    return _utc(time if time.tzinfo else time.replace(tzinfo=UTC))


def parse_activation(value: object, zone: tzinfo) -> datetime | None:
    """An activation as TatuScan accepts it: empty, epoch seconds, an ISO time, 31/12/2024.

    Args:
        zone: of dates, and of times without an offset.

    Raises:
        ValueError: anything else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _utc(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=_checked_seconds(value)))
    if not isinstance(value, str):
        raise ValueError("Invalid datetime format")
    text = value.strip()
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year = map(int, match.groups())
        return _utc(datetime.combine(date(year, month, day), datetime.min.time(), zone))
    time = datetime.fromisoformat(text)
    return _utc(time if time.tzinfo else time.replace(tzinfo=zone))


def _checked_seconds(seconds: float) -> float:
    if abs(seconds) > 10**11:
        raise ValueError("Invalid datetime format")
    return seconds


def _utc(time: datetime) -> datetime:
    time = time.astimezone(UTC)
    if not 1970 <= time.year < 2200:
        raise ValueError("the year must be one from 1970 to 2199")
    return time


def _moment(value: object) -> datetime | None:
    try:
        return None if value is None else parse_timestamp(value)
    except OverflowError:
        raise ValueError("this is no time that can be read") from None


def _boot_time(value: object) -> datetime | None:
    moment = _moment(value)
    return None if moment is None or moment < EARLIEST_BOOT else moment


def _macs(value: object) -> object:
    """The addresses that can be read, at most `MAX_MACS`."""
    if not isinstance(value, list):
        return value
    return [_truncate(64)(mac) for mac in value if isinstance(mac, str)][:MAX_MACS]


Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True, strict=True)]
Text32 = Annotated[str | None, BeforeValidator(_truncate(32))]
Text45 = Annotated[str | None, BeforeValidator(_truncate(45))]
Text100 = Annotated[str | None, BeforeValidator(_truncate(100))]
Text255 = Annotated[str | None, BeforeValidator(_truncate(255))]
Percent = Annotated[float, Field(ge=0, le=100)] | None
Megabytes = Annotated[int, Field(ge=0, le=LARGEST_NUMBER), BeforeValidator(_to_int)] | None
Token = (
    Annotated[str, StringConstraints(min_length=1, max_length=REPORT_ID_LENGTH, strict=True)] | None
)


class Report(BaseModel):
    """One report; `model_fields_set` has the keys that were sent. A fact with a default that cannot
    be read is null and refuses nothing."""

    machine_id: Hex64
    hostname: Text100
    ip: Text45
    os: Text100
    cpu_percent: Percent
    memory_total_mb: Megabytes
    os_version: Text100 = None
    memory_used_mb: Megabytes = None
    computer_model: Text100 = None
    computer_activation: Any = None
    activation_days: (
        Annotated[int, BeforeValidator(_to_int), Field(ge=-(2**31), lt=2**31)] | None
    ) = None
    agent_version: Text32 = None
    boot_time: Annotated[datetime | None, BeforeValidator(_boot_time)] = None
    serial: Text100 = None
    manufacturer: Text100 = None
    mac_addresses: (
        Annotated[list[str], Field(max_length=MAX_MACS), BeforeValidator(_macs)] | None
    ) = None
    disk_total_mb: Megabytes = None
    disk_used_mb: Megabytes = None
    logged_in_user: Text100 = None
    product_type: Text32 = None
    chassis: Text32 = None
    default_target: Text100 = None
    has_desktop: bool | None = None
    site: Text255 = None
    timestamp: Annotated[datetime | None, BeforeValidator(_moment)] = None
    report_id: Token = None
    stream_id: Token = None


def parse_report(content: Any, zone: tzinfo) -> Report:
    """Validate `content`, parsed JSON.

    Raises:
        Refusal: 400; a required key is missing, or its value is wrong.
    """
    if not isinstance(content, Mapping):
        raise malformed("A report is a JSON object.")
    missing = [name for name in REQUIRED if name not in content]
    if missing:
        raise malformed(f"Missing required fields: {missing}", missing)
    try:
        report = Report.model_validate(content)
    except ValidationError as error:
        unreadable = {str(detail["loc"][0]) for detail in error.errors(include_context=False)}
        if not unreadable.isdisjoint(REQUIRED):
            raise _refusal(error) from None
        report = Report.model_validate({**content, **dict.fromkeys(unreadable)})
    if report.computer_activation is not None:
        try:
            report.computer_activation = parse_activation(report.computer_activation, zone)
        except (ValueError, OverflowError):
            report.computer_activation = None
    return report


def checked_activation(value: object, zone: tzinfo) -> datetime | None:
    """`parse_activation` for a request.

    Raises:
        Refusal: 400.
    """
    try:
        return parse_activation(value, zone)
    except (ValueError, OverflowError):
        storable = _UNSTORABLE.sub("\ufffd", str(value)[:40])
        raise malformed(f"Invalid datetime format: {storable!r}", ["computer_activation"]) from None


def _refusal(error: ValidationError) -> Refusal:
    errors = [
        detail
        for detail in error.errors(include_url=False, include_context=False, include_input=False)
        if detail["loc"][0] in REQUIRED
    ]
    messages = {".".join(map(str, detail["loc"][:2])): detail["msg"] for detail in errors}
    fields = list(dict.fromkeys(str(detail["loc"][0]) for detail in errors))
    text = "; ".join(f"{name}: {message}" for name, message in list(messages.items())[:5])
    return malformed(f"{text}."[:400], fields)
