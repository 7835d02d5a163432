"""A dashboard with people who see only some of its sites, and what none of them may read."""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

from dash import Dash
from sqlalchemy import Connection, Engine, insert, select, update

from dashboard.app import create_app
from db import audit, passwords, users
from db.coverage import SITE_MISMATCH, facts_text
from db.engine import reading, writing
from db.history.changes import EntityChange
from db.history.explain import EntityState
from db.history.reasons import Reason
from db.machines import blank_machine, with_search_text
from db.roles import ADMINISTRATOR, MANAGER, VIEWER
from db.settings import load
from db.tables import (
    OPEN_END,
    collection_runs,
    count_restatements,
    coverage_findings,
    device_latest,
    device_snapshots,
    devices,
    inventory,
    month_changes,
    month_closings,
    month_members,
    quarantined_records,
    report_days,
    run_details,
    site_aliases,
    sites,
)
from db.tables import users as users_table
from etl.collect.collect import collect
from etl.runtime import lease
from etl.sources import discover
from tests.support.demo_dashboard import LAST_DAY, NOW
from tests.support.machines import machine_id

PASSWORD = "seven plain copper kettles"
KEY = "0f8e5b1c7a9d42638e5fb0c1d2a39487"
SETTINGS = {"AUTH": "password", "SECRET_KEY": KEY, "TIMEZONE": "UTC"}
MONTH = "2026-10"
"""A closed month."""

PEOPLE: Mapping[str, tuple[str, list[int] | None]] = {
    "everything": (MANAGER, None),
    "reader": (VIEWER, None),
    "admin": (ADMINISTRATOR, None),
    "one": (VIEWER, [1]),
    "two": (MANAGER, [2, 3]),
    "none": (VIEWER, []),
}
"""Who there is: name, role, sites."""

MACHINES = {
    "quartz-11": 1, "quartz-12": 1, "basalt-21": 2, "marble-31": 3, "granite-51": 5,
    "granite-52": 5, "nowhere-77": None,
}  # fmt: skip
"""Machines whose agents report, with the site that each names."""


def people_dashboard(engine: Engine) -> Dash:
    """Serve the small demo in `engine` to `PEOPLE`."""
    settings = load(SETTINGS)
    _report_machines(engine)
    clock = lambda: NOW  # noqa: E731
    with lease.take(engine) as held:
        collect(engine, held, discover()["agent"], LAST_DAY, clock, settings)
    with writing(engine) as connection:
        _name_other_sites(connection)
        _add_people(connection)
    app = create_app(engine, clock=clock, settings=settings)
    app.server.test_client().get("/login")
    return app


def _add_people(connection: Connection) -> None:
    hashed = passwords.hash_password(PASSWORD)
    for name, (role, own) in PEOPLE.items():
        user_id = users.add(connection, name, role, "test", NOW)
        if role != ADMINISTRATOR:
            users.set_sites(connection, users.by_id(connection, user_id), own, "test", NOW)
        of_id = users_table.c.user_id == user_id
        connection.execute(update(users_table).where(of_id).values(password_hash=hashed))


def _report_machines(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = connection.execute(select(sites.c.site_id, sites.c.name))
        named = {site_id: name for site_id, name in rows}
        connection.execute(insert(report_days).values(day=LAST_DAY))
        for number, (name, site) in enumerate(MACHINES.items(), 1):
            row = blank_machine(machine_id(name), NOW) | {
                "hostname": name, "os": "linux", "os_version": f"Debian {name}",
                "ip": f"198.51.100.{number}", "serial": f"SER-{name}-00{number}",
                "cpu_percent": 5.0, "logged_in_user": f"user-of-{name}",
                "site": named[site] if site else None,
                "received_at": NOW - timedelta(minutes=number),
            }  # fmt: skip
            connection.execute(insert(inventory).values(with_search_text(row)))


def _name_other_sites(connection: Connection) -> None:
    """Let what belongs to the whole fleet, or to one site, name another."""
    other = connection.scalar(select(sites.c.name).where(sites.c.site_id == 5))
    runs, stretch = collection_runs.c, device_snapshots.c
    last = connection.scalar(select(runs.run_id).order_by(runs.run_id.desc()).limit(1))
    assert last is not None
    connection.execute(
        update(collection_runs)
        .where(runs.run_id == last)
        .values(reason=f"{other} sent 12345678 rows", changed_keys=other, records=12345678)
    )
    connection.execute(
        insert(quarantined_records).values(
            run_id=last, position=1, source_key="unread-of-granite", reason=f"{other}: no name",
            body=b"x\x9c\xab\xae\x05\x00\x01u\x00\xf9",
        )
    )  # fmt: skip
    log = json.dumps([[NOW.isoformat(), "warning", f"unread-of-granite at {other}"]])
    connection.execute(update(run_details).where(run_details.c.run_id == last).values(log=log))
    if connection.scalar(select(run_details.c.run_id).where(run_details.c.run_id == last)) is None:
        connection.execute(insert(run_details).values(run_id=last, answer=other, log=log))
    at = {
        site: connection.execute(
            select(stretch.device_id, stretch.asset_id)
            .where(stretch.site_id == site, stretch.valid_to == OPEN_END)
            .order_by(stretch.device_id)
            .limit(1)
        ).one()
        for site in (1, 2, 5)
    }
    _move_in_closed_month(connection, str(other))
    for site in (1, 2):
        facts = {"serial": "QUARTZ-1"} if site == 1 else {"sites": [str(site), "5"]}
        connection.execute(
            insert(coverage_findings).values(
                kind=SITE_MISMATCH, asset_id=at[site].asset_id, device_id=at[site].device_id,
                other_device_id=at[5].device_id, facts=facts_text(facts),
                since=date(2026, 11, 1), until=OPEN_END,
            )
        )  # fmt: skip
        entry = audit.write_entry(
            connection, "Ana", "merge_sites", f"Granite Annex into {other}", NOW, {"into": other}
        )
        connection.execute(
            insert(count_restatements).values(
                entry_id=entry, snapshot_date=date(2026, 10, 31), basis="assets", site_id=site,
                device_type="workstation", billing_status="billable", before=1, after=2,
            )
        )  # fmt: skip


def _move_in_closed_month(connection: Connection, other: str) -> None:
    """Let devices have come to sites 1 and 2 from site 5 in the closed month."""
    closing = connection.execute(select(month_closings)).one()
    earlier = closing.dates.replace("2026-10-31", "2026-09-30")
    connection.execute(update(month_closings).values(dates_before=earlier))
    names = [field.name for field in fields(EntityState)]
    member = month_members.c
    for site in (1, 2):
        row = connection.execute(
            select(month_members).where(member.site_id == site, member.speaks.is_(True)).limit(1)
        ).one()
        now = EntityState(**{name: row._mapping[name] for name in names})
        then = replace(now, site_id=5, site=other, location="Granite Annex")
        moved = Reason("site", date(2026, 10, 20), {"was": other, "now": now.site})
        body = json.dumps(EntityChange(now.asset_id, then, now, (moved,)).to_json())
        connection.execute(
            insert(month_changes).values(
                closing_id=closing.closing_id, basis="assets", entity_id=now.asset_id,
                site_then=5, site_now=site, body=zlib.compress(body.encode()),
            )
        )  # fmt: skip


class Reader:
    """Somebody who is signed in."""

    def __init__(self, app: Dash, name: str) -> None:
        self.app, self.client = app, app.server.test_client()
        self.token = self._token(self.client.get("/login").text)
        fields = {"username": name, "password": PASSWORD, "csrf_token": self.token}
        assert self.client.post("/login", data=fields).status_code == 303
        self.token = self._token(self.client.get("/").text)

    def _token(self, page: str) -> str:
        field = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert field
        return field[1]

    @property
    def headers(self) -> dict[str, str]:
        """What a page of ours sends with each request."""
        return {"X-CSRF-Token": self.token}

    def get(self, path: str) -> tuple[int, str]:
        response = self.client.get(path)
        return response.status_code, text_of(response.data, path)

    def json(self, path: str) -> Any:
        code, text = self.get(path)
        assert code == 200, (path, text)
        return json.loads(text)

    def callback(
        self, key: str, query: str, values: Mapping[str, Any], *, pressed: str | None = None
    ) -> tuple[int, str]:
        """One callback of the registered map, with values that make it answer; `pressed` is the
        input that changed, instead of all."""
        one = self.app.callback_map[key]
        written = one["output"] if isinstance(one["output"], list) else [one["output"]]
        parts = {
            kind: [part | {"value": _value_of(part, query, values)} for part in one[kind]]
            for kind in ("inputs", "state")
        }
        outputs = [
            {"id": part.component_id, "property": part.component_property} for part in written
        ]
        body = {
            "output": key,
            "outputs": outputs if isinstance(one["output"], list) else outputs[0],
            "changedPropIds": [f"{part['id']}.{part['property']}" for part in parts["inputs"]]
            if pressed is None
            else [pressed],
            **parts,
        }
        answer = self.client.post("/_dash-update-component", json=body, headers=self.headers)
        return answer.status_code, answer.text

    def callbacks(self, query: str, values: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
        """Every callback of the registered map."""
        for key, one in self.app.callback_map.items():
            if one.get("callback"):
                yield key, *self.callback(key, query, values)


_GRID = {"startRow": 0, "endRow": 500, "sortModel": [], "filterModel": {}}


def _value_of(part: Mapping[str, Any], query: str, values: Mapping[str, Any]) -> Any:
    name, kind = part["id"], part["property"]
    if name == "filters":
        return query
    if kind == "getRowsRequest":
        return _GRID
    if kind == "n_clicks":
        return 1
    if kind == "pathname":
        return values.get(kind, values.get("address", "/sites"))
    return values.get(name)


def text_of(data: bytes, path: str) -> str:
    """What stands in an answer, also in a packed file."""
    if not data.startswith(b"PK"):
        return data.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return "\n".join(text_of(packed.read(name), path) for name in packed.namelist())


@dataclass(frozen=True)
class Secrets:
    """What nobody who sees only some sites may read."""

    words: frozenset[str]

    def in_text(self, text: str) -> list[str]:
        """Those that stand in `text`."""
        plain = text.replace("\\u2019", "’").replace("\\u002f", "/")
        return sorted(w for w in self.words if w in plain or json.dumps(w)[1:-1] in plain)


def secrets_of(engine: Engine, own: set[int]) -> Secrets:
    """Names, serials, ids and places of other sites, of the devices that never stood at one of
    `own`, and of the whole fleet's runs."""
    stretch = device_snapshots.c
    with reading(engine) as connection:
        named = [
            row
            for table in (sites, site_aliases)
            for row in connection.execute(select(table.c.name, table.c.site_id))
        ]
        rows = connection.execute(
            select(
                stretch.device_id, stretch.site_id, stretch.hostname, stretch.display_name,
                stretch.serial, stretch.location, devices.c.source_key, device_latest.c.ip,
            )
            .join(devices, devices.c.device_id == stretch.device_id)
            .outerjoin(device_latest, device_latest.c.device_id == stretch.device_id)
        ).all()  # fmt: skip
    names = {row.name for row in named if row.site_id not in own}
    kept = {row.name for row in named if row.site_id in own}
    visible = {row.device_id for row in rows if row.site_id in own}
    hidden, seen = {"12345678", "unread-of-granite", "Granite Annex"}, set()
    for row in rows:
        texts = {row.hostname, row.display_name, row.serial, row.ip, str(row.device_id)}
        if row.device_id in visible:
            seen |= texts | {row.location}
        else:
            hidden |= texts
        if row.site_id not in own:
            hidden.add(row.location)
    for name, site in MACHINES.items():
        if site not in own:
            hidden |= {name, machine_id(name), f"user-of-{name}"}
    words = (names | hidden) - kept - seen - {None}
    # Short or common texts stand in other places by chance.
    return Secrets(frozenset(w for w in words if w and len(w) > 5 and w not in ("Main office",)))
