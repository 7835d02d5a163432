"""NinjaRMM (NinjaOne), public API v2: the whole fleet with its organizations and locations.

Three lists, read one after the other, never a call per device: organizations, locations,
devices-detailed. Device rows name their organization and location by id only, so the names are
joined here. Keys without a value are absent or null.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from pydantic import Field

from db.setting_types import HeaderText, SourceSettings, VendorAddress
from db.sources import SourceFacts
from etl.records.record import BadRecord, Raw, Record, UnreadableId
from etl.records.text import CLASS_LENGTH, IP_LENGTH, KEY_LENGTH, TextCleaner, json_type
from etl.rules.macs import canonical_macs
from etl.vendor.http import Session
from etl.vendor.oauth import OAuth2Auth
from etl.vendor.pagers import paginate_after_id, parse_id


class NinjaSettings(SourceSettings):
    """How to reach the API."""

    ninja_base_url: VendorAddress = "https://app.ninjarmm.com"
    """Address of the region where the API client lives, e.g. https://eu.ninjarmm.com"""
    ninja_client_id: HeaderText
    """Client id of the API client (machine-to-machine; its scope is Monitoring)"""
    ninja_client_secret: HeaderText = Field(repr=False)
    """Its secret"""
    ninja_refresh_token: HeaderText | None = Field(default=None, repr=False)
    """Refresh token, for clients without the client credentials grant; its successors are kept
    in DATA_DIR"""


FACTS = SourceFacts(
    name="ninja",
    label="NinjaRMM",
    badge="N",
    colour="#2B6CB0",
    collect_at=time(2, 0),
    order=10,
    expected=True,
    settings=NinjaSettings,
    address="ninja_base_url",
)

VOLATILE = (
    "offline",
    "lastContact",
    "lastUpdate",
    "lastLoggedInUser",
    "publicIP",
    "ipAddresses",
    "maintenance",
    "os.lastBootTime",
    "os.needsReboot",
    "processors[].clockSpeed",
    "volumes[].freeSpace",
    "references.backupUsage",
)

_ADVICE: dict[int | str, str] = {
    401: "Check that the API client still exists and that NINJA_BASE_URL is its region.",
    403: "Give the API client the scope Monitoring (Administration, Apps, API), and its user the "
    "right to see all organizations.",
    "invalid_client": "Check NINJA_CLIENT_ID and NINJA_CLIENT_SECRET, and that NINJA_BASE_URL is "
    "the region where the client was made.",
    "unauthorized_client": "Allow the client credentials grant on the API client, or set "
    "NINJA_REFRESH_TOKEN.",
    "unsupported_grant_type": "Allow the client credentials grant on the API client, or set "
    "NINJA_REFRESH_TOKEN.",
    "invalid_scope": "Tick the scope Monitoring on the API client.",
    **dict.fromkeys(
        ("invalid_grant", "invalid_token", "expired_token"),
        "Set a new NINJA_REFRESH_TOKEN, which no other program uses; or unset it and allow the "
        "client credentials grant.",
    ),
}


def fetch(session: Session) -> Iterator[Raw]:
    """Every device with its organization and location, None where the lists lack them."""
    settings = session.settings_as(NinjaSettings)
    session.prefixes = ("/v2", "/api/v2")
    session.auth = OAuth2Auth(
        session,
        client_id=settings.ninja_client_id,
        client_secret=settings.ninja_client_secret,
        refresh_token=settings.ninja_refresh_token,
        scope="monitoring",
        store="ninja-token.json",
        advice=_ADVICE,
    )
    organizations = _by_id(paginate_after_id(session, "/organizations"))
    session.stats.organizations = len(organizations)
    locations = _by_id(paginate_after_id(session, "/locations"))
    session.stats.locations = len(locations)
    for device in paginate_after_id(session, "/devices-detailed", devices=True):
        row = device if isinstance(device, dict) else {}
        yield {
            "device": device,
            "organization": organizations.get(parse_id(row.get("organizationId"))),
            "location": locations.get(parse_id(row.get("locationId"))),
        }


def to_record(raw: Raw) -> Record:
    """One device of the API as a record."""
    row = raw["device"]
    if not isinstance(row, dict):
        raise UnreadableId(f"the row is {json_type(row)}, not a device")
    number = parse_id(row.get("id"))
    if number is None:
        raise UnreadableId(f"its id is {json_type(row.get('id'))} that names no device")
    key = str(number)
    organization_id = parse_id(row.get("organizationId"))
    if organization_id is None:
        raise BadRecord(
            f"device {key} names no organization (organizationId is "
            f"{json_type(row.get('organizationId'))})",
            key,
        )
    cleaner = TextCleaner()
    organization, location = raw["organization"] or {}, raw["location"] or {}
    os, system, references = (
        _object(row, name, cleaner) for name in ("os", "system", "references")
    )
    location_reference = references.get("location")

    def first(field: str, *values: object, length: int = 255) -> str | None:
        texts = (cleaner.text(value, field, length) for value in values)
        return next((text for text in texts if text), None)

    system_name = row.get("systemName")
    offline = row.get("offline")
    return Record(
        source_key=key,
        alias_key=str(organization_id),
        alias_name=first("organization", organization.get("name")),
        payload=row,
        hostname=first(
            "hostname", row.get("dnsName"), system_name, row.get("netbiosName"), system.get("name")
        ),
        display_name=first("display name", row.get("displayName"), system_name),
        location=first(
            "location",
            location.get("name"),
            location_reference.get("name") if isinstance(location_reference, dict) else None,
        ),
        os=first("os", os.get("name")),
        node_class=first("node class", row.get("nodeClass"), length=CLASS_LENGTH),
        serial=first(
            "serial",
            system.get("serialNumber"),
            system.get("biosSerialNumber"),
            length=KEY_LENGTH,
        ),
        unmanaged=_unmanaged(row.get("approvalStatus"), cleaner),
        last_contact=_instant(row.get("lastContact")),
        online=not offline if isinstance(offline, bool) else None,
        ip=first("ip", row.get("publicIP"), length=IP_LENGTH),
        repaired=cleaner.repaired,
        macs=canonical_macs(row.get("macAddresses")),
        user=first("user", row.get("lastLoggedInUser")),
    )


def _by_id(rows: Iterator[Any]) -> dict[int | None, Raw]:
    by_id = {parse_id(row.get("id")): row for row in rows if isinstance(row, dict)}
    by_id.pop(None, None)
    return by_id


def _object(row: Raw, name: str, cleaner: TextCleaner) -> Raw:
    value = row.get(name)
    if isinstance(value, dict):
        return value
    if value is not None:
        cleaner.add_repair(f"{name}: {json_type(value)} was ignored, an object belongs there")
    return {}


def _unmanaged(status: object, cleaner: TextCleaner) -> str | None:
    # Older API versions omit the status and list approved devices only.
    text = cleaner.text(status, "approval status", CLASS_LENGTH)
    return None if text is None or text.upper() == "APPROVED" else f"approval status is {text}"


def _instant(seconds: object) -> datetime | None:
    """Epoch seconds as an instant; None outside the years 2000 to 2099."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    usable = 946_684_800 <= seconds < 4_102_444_800  # excludes NaN and milliseconds
    return datetime.fromtimestamp(seconds, UTC) if usable else None
