"""Fleets with known coverage findings."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from db import coverage
from db.engine import reading
from db.keys import as_of
from db.tables import coverage_exceptions, coverage_findings, device_snapshots
from etl.coverage.refresh import catch_up
from etl.decisions.coverage import accept_finding, withdraw_acceptance
from etl.decisions.registry import DecisionContext
from etl.runtime import lease
from tests.support.api_server import serve_api
from tests.support.small_hub import Hub, Pc, noon

DAY = date(2026, 3, 9)


def after(days: int) -> date:
    return DAY + timedelta(days=days)


class CoverageFleet(Hub):
    """A hub that looks for findings after each collection."""

    def collect_all(self, day: date, **said: list[Pc]) -> None:
        for source, rows in said.items():
            self.collect(day, rows, source)
        self.refresh()

    def refresh(self) -> None:
        with lease.take(self.engine) as held:
            catch_up(self.engine, held, self.settings)

    def decider(self, held: lease.Lease, day: date) -> DecisionContext:
        return DecisionContext(self.engine, held, "Ana", lambda: noon(day), self.settings)

    def findings_on(self, day: date) -> list[tuple[str, str, str | None]]:
        """What stands on a day: kind, hostname of the record, hostname of the other one."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(coverage_findings)
                .where(coverage.finding_in_force(day))
                .order_by("finding_id")
            ).all()
            names = {
                row.device_id: row.hostname
                for row in connection.execute(select(device_snapshots).where(as_of(day)))
            }
        return sorted(
            (row.kind, names[row.device_id], names.get(row.other_device_id)) for row in rows
        )

    def stored(self) -> list[tuple[Any, ...]]:
        return sorted(tuple(row)[1:] for row in self.all(coverage_findings))


def pc(host: str, **said: Any) -> Pc:
    return Pc(key=said.pop("key", host), hostname=host, **said)


REST = [pc("b"), pc("c"), pc("d")]


class CoverageWorld(CoverageFleet):
    """A fleet, who decides about it, and what the API answers."""

    def accept(self, day: date, kind: str, expires: date | None = None, **which: Any) -> int:
        (row,) = (
            row for row in self.all(coverage_findings, kind=kind, **which)
            if row.until.year == 9999
        )  # fmt: skip
        with lease.take(self.engine) as held:
            by = self.decider(held, day)
            return accept_finding(by, row.finding_id, "The customer wants it so.", expires)

    def withdraw(self, day: date) -> int:
        newest = self.all(coverage_exceptions)[-1].exception_id
        with lease.take(self.engine) as held:
            return withdraw_acceptance(self.decider(held, day), newest)

    def api_findings(
        self, day: date, query: str = "", today: date | None = None
    ) -> list[dict[str, Any]]:
        clock = lambda: noon(today or day)  # noqa: E731
        with serve_api(self.engine, clock=clock) as client:
            body = client.json(f"/api/coverage?as_of={day}&{query}")
        assert body["count"] == len(body["items"])
        items: list[dict[str, Any]] = body["items"]
        return items

    def states(self, day: date, query: str = "", today: date | None = None) -> list[str]:
        return [item["state"] for item in self.api_findings(day, query, today)]


SPARE = pc("s", display_name="spare notebook")


FLEET_WITH_EVERY_KIND: dict[str, list[Pc]] = {
    "ninja": [
        *REST, pc("a"), SPARE, pc("t", key="t1"), pc("T.local", key="t2"),
        pc("n", display_name="Front desk"), pc("m", serial="SN-7711"),
    ],
    "threatlocker": [
        *REST, pc("s"), pc("x"), pc("n", display_name="Back office | Anna"),
        pc("q", serial="SN-7711", org="2", org_name="Pelican Freight"),
    ],
    "agent": [pc("b"), pc("z")],
}  # fmt: skip


EXPECTED = {
    "ninja_without_threatlocker": 4, "threatlocker_without_ninja": 2, "agent_only": 1,
    "duplicate": 1, "spare_mismatch": 1, "site_mismatch": 1, "name_mismatch": 1,
}  # fmt: skip
