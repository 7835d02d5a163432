"""One report: TatuScan's keys as its clients send them, and ours. Absent keeps, null clears."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from dashboard.ingest.refusal import malformed

REQUIRED = ("machine_id", "hostname", "ip", "os", "cpu_percent", "memory_total_mb")
LARGEST_NUMBER = 2**53 - 1
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


def _cut(length: int) -> Callable[[object], object]:
    def cut(value: object) -> object:
        # No database stores NUL or half a surrogate pair everywhere; the rest is kept as it is.
        return _UNSTORABLE.sub("\ufffd", value)[:length] if isinstance(value, str) else value

    return cut


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) else value


def instant(value: object) -> datetime:
    """An ISO 8601 time with its offset, or UTC when it has none.

    Raises:
        ValueError: it is none, or in no year that anybody means.
    """
    found = datetime.fromisoformat(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a time is written like 2026-11-22T04:20:25Z")
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return _sane(found)


def activation(value: object, zone: tzinfo) -> datetime | None:
    """What TatuScan takes for an activation: nothing, epoch seconds, an ISO time, a date.

    Raises:
        ValueError: anything else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _sane(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=_bounded(value)))
    if not isinstance(value, str):
        raise ValueError("Invalid datetime format")
    text = value.strip()
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year = map(int, match.groups())
        return _sane(datetime.combine(date(year, month, day), datetime.min.time(), zone))
    found = datetime.fromisoformat(text)
    return _sane(found if found.tzinfo else found.replace(tzinfo=zone))


def _bounded(seconds: float) -> float:
    if abs(seconds) > 10**11:
        raise ValueError("Invalid datetime format")
    return seconds


def _sane(found: datetime) -> datetime:
    if not 1970 <= found.year < 2200:
        raise ValueError("the year must be one from 1970 to 2199")
    return found.astimezone(UTC)


def _optional(read: Callable[[Any], datetime | None]) -> Callable[[object], object]:
    def check(value: object) -> object:
        if value is None:
            return None
        try:
            return read(value)
        except (ValueError, OverflowError):
            raise ValueError("this is no time that can be read") from None

    return check


def _timestamp(value: object) -> datetime | None:
    # TatuScan sends it and ignores it: it is no reason to refuse a report.
    try:
        return instant(value)
    except (ValueError, OverflowError):
        return None


Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True, strict=True)]
Text32 = Annotated[str | None, BeforeValidator(_cut(32))]
Text45 = Annotated[str | None, BeforeValidator(_cut(45))]
Text100 = Annotated[str | None, BeforeValidator(_cut(100))]
Text255 = Annotated[str | None, BeforeValidator(_cut(255))]
Percent = Annotated[float, Field(ge=0, le=100)] | None
Megabytes = Annotated[int, Field(ge=0, le=LARGEST_NUMBER), BeforeValidator(_whole)] | None
Token = Annotated[str, StringConstraints(min_length=1, max_length=36, strict=True)] | None


class Report(BaseModel):
    """One report as it came; `model_fields_set` says which keys it had."""

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
        Annotated[int, BeforeValidator(_whole), Field(ge=-(2**31), lt=2**31)] | None
    ) = None
    agent_version: Text32 = None
    boot_time: Annotated[datetime | None, BeforeValidator(_optional(instant))] = None
    serial: Text100 = None
    manufacturer: Text100 = None
    mac_addresses: (
        Annotated[list[Annotated[str, BeforeValidator(_cut(64))]], Field(max_length=64)] | None
    ) = None
    disk_total_mb: Megabytes = None
    disk_used_mb: Megabytes = None
    logged_in_user: Text100 = None
    site: Text255 = None
    timestamp: Annotated[datetime | None, BeforeValidator(_timestamp)] = None
    report_id: Token = None
    stream_id: Token = None


def read(found: Any, zone: tzinfo) -> Report:
    """`found`, a JSON object, as a report.

    Raises:
        Refusal: a required key is missing, or a value is not what its key wants.
    """
    if not isinstance(found, Mapping):
        raise malformed("A report is a JSON object.")
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise malformed(f"Missing required fields: {missing}", missing)
    try:
        report = Report.model_validate(found)
    except ValidationError as error:
        raise _wrong(error) from None
    if report.computer_activation is not None:
        report.computer_activation = read_activation(report.computer_activation, zone)
    return report


def read_activation(value: object, zone: tzinfo) -> datetime | None:
    """`activation`, its error as an answer."""
    try:
        return activation(value, zone)
    except (ValueError, OverflowError):
        shown = _UNSTORABLE.sub("\ufffd", str(value)[:40])
        raise malformed(f"Invalid datetime format: {shown!r}", ["computer_activation"]) from None


def _wrong(error: ValidationError) -> Exception:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    wrong = {".".join(map(str, one["loc"][:2])): one["msg"] for one in found}
    fields = list(dict.fromkeys(str(one["loc"][0]) for one in found))
    said = "; ".join(f"{name}: {message}" for name, message in list(wrong.items())[:5])
    return malformed(f"{said}."[:400], fields)
