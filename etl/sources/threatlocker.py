"""ThreatLocker, portal API: every computer of the managed organization and all below it.

Two lists, read one after the other: the child organizations, then the computers, ordered by a
name that does not change meanwhile. Each computer carries its organization's id and name;
the list's display name takes precedence. Deleted computers are not requested.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time

from pydantic import Field

from db.setting_types import HeaderText, SourceSettings, VendorAddress
from db.sources import SourceFacts
from etl.records.record import BadRecord, Raw, Record, UnreadableId
from etl.records.text import IP_LENGTH, KEY_LENGTH, TextCleaner, json_type
from etl.vendor.http import Session
from etl.vendor.oauth import ApiKeyAuth
from etl.vendor.pagers import paginate_by_number


class ThreatLockerSettings(SourceSettings):
    """How to reach the API."""

    threatlocker_base_url: VendorAddress
    """Address of the portal API up to and including /portalapi, with your instance letter, e.g.
    https://portalapi.g.threatlocker.com/portalapi"""
    threatlocker_api_key: HeaderText = Field(repr=False)
    """Token of an API user"""
    threatlocker_organization_id: HeaderText = "00000000-0000-0000-0000-000000000000"
    """Id of the organization whose computers, and those of all organizations below it, are
    collected; default the token's own"""


FACTS = SourceFacts(
    name="threatlocker",
    label="ThreatLocker",
    badge="T",
    colour="#8A4FA0",
    collect_at=time(3, 0),
    order=20,
    expected=True,
    settings=ThreatLockerSettings,
    address="threatlocker_base_url",
)

VOLATILE = (
    "lastCheckin",
    "lastCheckinIPAddress",
    "lastCheckinLocalIPAddresses",
    "hasAtLeastOneCheckin",
    "username",
    "denyCountOneDay",
    "denyCountThreeDays",
    "denyCountSevenDays",
    "hasZeroDeniesFourDays",
    "isLearningMoreThanFourDays",
    "isLearningModeMoreThanSeven",
    "isLearningModeLongerThanFiveYears",
    "hasInstalationAtLeastSevenDaysAgo",
    "isReadyToSecure",
    "isNeededReview",
    "progressBarLearning",
    "maintenenceBannerIds",
    "restartComputerNeeded",
    "shouldRestart",
    "totalRows",
)

_ADVICE = {
    401: "Check THREATLOCKER_API_KEY: the token as shown once, without Bearer before it.",
    403: "Give the API user the rights View Computers and View Organizations in the organization "
    "THREATLOCKER_ORGANIZATION_ID; TOKEN_REVOKED also means a wrong instance letter in "
    "THREATLOCKER_BASE_URL or a token that was revoked or long unused.",
}
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ZERO_GUID = "00000000-0000-0000-0000-000000000000"
_SHOWN_WARNINGS = 10


def fetch(session: Session) -> Iterator[Raw]:
    """Every computer with its organization's row, None where the list does not have it."""
    settings = session.settings_as(ThreatLockerSettings)
    key = settings.threatlocker_api_key
    session.redact(key)
    session.auth = ApiKeyAuth(
        {
            "Authorization": key,
            "ManagedOrganizationId": settings.threatlocker_organization_id,
        },
        _ADVICE,
    )
    # The documentation is ambiguous about which switch includes grandchildren; both are harmless.
    body = {
        "searchText": "",
        "orderBy": "name",
        "isAscending": True,
        "includeAllChildren": True,
        "childOrganizations": True,
    }
    rows = paginate_by_number(
        session, "/Organization/OrganizationGetChildOrganizationsByParameters", body, _organization
    )
    organizations = {_organization(row): row for row in rows if isinstance(row, dict)}
    organizations.pop(None, None)
    session.stats.organizations = len(organizations)
    # Not by last check-in, which changes meanwhile and moves rows between pages.
    body = {
        "searchText": "",
        "orderBy": "computername",
        "isAscending": True,
        "childOrganizations": True,
        "showLastCheckIn": True,
        "showDeleted": False,
    }
    collected: Counter[str | None] = Counter()
    computers = paginate_by_number(
        session, "/Computer/ComputerGetByAllParameters", body, _computer, devices=True
    )
    for computer in computers:
        organization_id = _organization(computer) if isinstance(computer, dict) else None
        collected[organization_id] += 1
        yield {"computer": computer, "organization": organizations.get(organization_id)}
    session.stats.warnings += count_warnings(organizations, collected)


def to_record(raw: Raw) -> Record:
    """One computer of the API as a record."""
    row = raw["computer"]
    if not isinstance(row, dict):
        raise UnreadableId(f"the row is {json_type(row)}, not a computer")
    key = _computer(row)
    if key is None:
        raise UnreadableId(f"its computerId is {json_type(row.get('computerId'))} that is no GUID")
    organization_id = _organization(row)
    if organization_id is None:
        raise BadRecord(
            f"computer {key} names no organization (organizationId is "
            f"{json_type(row.get('organizationId'))})",
            key,
        )
    cleaner = TextCleaner()
    organization = raw["organization"] or {}
    names = (organization.get("displayName"), organization.get("name"), row.get("organization"))
    alias_names = (cleaner.text(name, "organization") for name in names)
    return Record(
        source_key=key,
        alias_key=organization_id,
        alias_name=next((name for name in alias_names if name), None),
        payload=row,
        hostname=cleaner.text(row.get("hostname"), "hostname"),
        display_name=cleaner.text(row.get("computerName"), "display name"),
        os=cleaner.text(row.get("operatingSystem"), "os"),
        serial=cleaner.text(row.get("serialNumber"), "serial", KEY_LENGTH),
        unmanaged="deleted in ThreatLocker" if row.get("isDeleted") is True else None,
        last_contact=_instant(row.get("lastCheckin")),
        ip=cleaner.text(row.get("lastCheckinIPAddress"), "ip", IP_LENGTH),
        repaired=cleaner.repaired,
    )


def _computer(row: Raw) -> str | None:
    """The id of a computer: a GUID in lower case."""
    value = row.get("computerId")
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if _GUID.fullmatch(text) and text != _ZERO_GUID else None


def _organization(row: Raw) -> str | None:
    """The id of an organization, of its own row or of a computer's: text in lower case."""
    return _organization_id(row.get("organizationId"))


def _organization_id(value: object) -> str | None:
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if text and len(text) <= KEY_LENGTH and text.isprintable() else None


def _instant(value: object) -> datetime | None:
    """An ISO 8601 time as an instant, UTC when it names no zone; None when unreadable."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value.strip())
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # The year 1 is how .NET writes "never".
    return instant if 2000 <= instant.year < 2100 else None


def count_warnings(
    organizations: dict[str | None, Raw], collected: Counter[str | None]
) -> list[str]:
    """A warning for each organization whose listed count is neither the number of its own rows nor
    that of its own and all organizations below it: portals give a parent either."""
    below = _with_those_below(organizations, collected)
    warnings = [
        f"{TextCleaner().text(row.get('displayName'), 'name') or key}: the organization list "
        f"counts {row['computerCount']} computers, {collected[key]} were collected"
        + (
            f", {below[key]} with the organizations below it."
            if below[key] > collected[key]
            else "."
        )
        for key, row in organizations.items()
        if isinstance(row.get("computerCount"), int)
        and row["computerCount"] not in (collected[key], below[key])
    ]
    if len(warnings) > _SHOWN_WARNINGS:
        more = len(warnings) - _SHOWN_WARNINGS
        return [*warnings[:_SHOWN_WARNINGS], f"{more} more organizations count other than we did."]
    return warnings


def _with_those_below(
    organizations: dict[str | None, Raw], collected: Counter[str | None]
) -> Counter[str | None]:
    """The computers that were collected of each organization and of all those below it."""
    below: Counter[str | None] = Counter()
    for organization, computers in collected.items():
        counted: set[str | None] = set()
        above: str | None = organization
        while above is not None and above not in counted:
            counted.add(above)
            below[above] += computers
            above = _organization_id(organizations.get(above, {}).get("parentId"))
    return below
