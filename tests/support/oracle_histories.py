"""One random history told to the product and to the oracle, and the product's answers beside it.

The product is driven as its users do: collections by the collector, decisions by the functions
that the worker calls, answers through the JSON API. What is compared are the numbers that
PRODUCT.md speaks of; ids of sites are compared by the turn in which the sites came.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from hashlib import sha256
from typing import Any

from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, delete, func, select

from cli.collect import process_command
from cli.machines import machine_command
from dashboard.ingest.report import parse_report
from dashboard.ingest.store import Entry, Store
from db.engine import reading, writing
from db.settings import Settings, SettingsError, use
from db.tables import audit_log, collection_runs, metadata, months, sites
from db.tokens import Peppers
from etl.collect.collect import collect
from etl.decisions.registry import DecisionContext, DecisionRefused
from etl.decisions.rules import save_rules
from etl.decisions.runs import accept_run, end_source, reject_run, withdraw_day
from etl.decisions.sites import merge_sites, move_alias
from etl.decisions.undo import undo
from etl.months.imports import import_counts, remove_counts
from etl.runtime import lease
from etl.snapshots.publish import PublishRefused
from etl.sources import agent
from tests.support.api_server import make_app
from tests.support.oracle.agents import Agents
from tests.support.oracle.answers import BARS, Answers, Bases, Question, percent_change
from tests.support.oracle.classify import Row, Rules
from tests.support.oracle.coverage import Coverage
from tests.support.oracle.hub import NO_SITE, SOURCES, Key, State, by_precedence
from tests.support.oracle.hub import Hub as Oracle
from tests.support.oracle.links import key_of
from tests.support.small_hub import Hub, Pc, noon

DAY_ONE = date(2026, 8, 27)
ALL = ("billable", "spare", "excluded")
TYPES = ("server", "workstation", "vm_guest", "unknown")
PRESENT_DAYS = 2
NOT_DERIVED = ("leases", "jobs", "audit_log", "meta")


@dataclass
class Served:
    """The API on one engine; its clock and its settings are set to the history's."""

    engine: Engine
    day: date = DAY_ONE
    settings: Settings | None = None
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        self.app = make_app(self.engine, clock=lambda: noon(self.day))

    def get(self, path: str, **query: Any) -> Any:
        use(self.settings)
        try:
            response = self.app.test_client().get(path, query_string=query)
        finally:
            use(None)
        assert response.status_code == 200, (path, query, response.text)
        return response.get_json()


def as_pc(row: Row) -> Pc:
    trouble = None if row.readable else "broken on purpose"
    return Pc(
        row.key, row.org, row.org_name, row.hostname, row.display_name, row.location, row.os,
        row.node_class, row.serial, row.managed, macs=row.macs,
        trouble=trouble if row.id_readable else "id",
    )  # fmt: skip


class History:
    """What happened so far, to both."""

    def __init__(
        self, served: Served, *, quiet: int, retention: int = 400, close_days: int = 366
    ) -> None:
        self.served, self.quiet = served, quiet
        self.environ = {
            "RETENTION_DAYS": str(retention), "MONTH_END_RETENTION_MONTHS": "2",
            "MONTH_CLOSE_DAYS": str(close_days), "AGENT_PRESENT_DAYS": str(PRESENT_DAYS),
        }  # fmt: skip
        self.product = Hub(served.engine, self.environ)
        served.settings = self.product.settings
        self.oracle = Oracle(retention=retention, month_ends=2, close_days=close_days)
        self.agents = Agents(PRESENT_DAYS)
        self.purges = retention < 400
        self.entries: dict[int, int] = {}
        self.day = DAY_ONE
        self.fleets: dict[str, dict[str, Row]] = {}
        self.log: list[Any] = []
        with writing(served.engine) as connection:
            for table in metadata.tables.values():
                connection.execute(delete(table))

    # What happens.

    def step(self, kind: str, *arguments: Any) -> None:
        self.log.append((self.day, kind, *arguments))
        getattr(self, kind)(*arguments)
        self.product.run_after_collection(noon(self.day))
        self.oracle.follow_collection()
        closed = [row.month for row in self.product.all(months, closed=True)]
        same(closed, self.oracle.closed, "closed months")
        self.served.day = self.day

    def collect(self, source: str, gap: int, rows: list[Row], gone: set[str], how: str) -> None:
        """`how`: `run`, `fail`, `late` (a backdated day), `half` (a part of the fleet)."""
        self.day += timedelta(days=gap)
        fleet = self.next_fleet(source, rows, gone)
        if how == "half":
            fleet = dict(list(fleet.items())[: len(fleet) // 2 - 1])
        if how == "grown":
            fleet |= {row.key: row for row in quiet(source, 80, "g")}
        day = self.day - timedelta(days=2) if how == "late" else self.day
        self.publish(source, day, list(fleet.values()), fails=how == "fail")
        if how in ("run", "late"):
            self.fleets[source] = fleet

    def next_fleet(self, source: str, rows: list[Row], gone: set[str]) -> dict[str, Row]:
        fleet = self.fleets.get(source) or {row.key: row for row in quiet(source, self.quiet)}
        fleet = fleet | {row.key: of_source(source, row) for row in rows}
        return {key: row for key, row in fleet.items() if key not in gone}

    def publish(self, source: str, day: date, rows: list[Row], *, fails: bool) -> None:
        self.product.sources[source].failure = "The vendor was down." if fails else None
        try:
            done = self.product.collect(day, [as_pc(row) for row in rows], source, today=self.day)
            state = done.state
        except (DecisionRefused, PublishRefused):
            state = "refused"
        expected = self.oracle.collect(source, day, rows, fails=fails)
        assert state == expected or (state, expected) == ("failed", "refused"), (
            f"{source} on {day}: the product says {state}, the oracle {expected}"
        )

    def report(self, gap: int, rows: list[Row]) -> None:
        """Machines report themselves."""
        self.day += timedelta(days=gap)
        for row in map(as_machine, rows):
            content = {
                "machine_id": row.key, "hostname": row.hostname, "ip": "192.0.2.7",
                "os": row.os, "os_version": row.os, "cpu_percent": 1, "memory_total_mb": 8192,
                "serial": row.serial, "site": row.org_name,
            }  # fmt: skip
            report = parse_report(content, UTC)
            store = Store(self.served.engine, lambda: noon(self.day), UTC, Peppers())
            done = store([Entry(None, row.key, (report,), live=True)])[0]
            assert not isinstance(done, Exception), done
            self.agents.report(row, self.day)

    def add_machine(self, row: Row) -> None:
        row = as_machine(row)
        options = {"hostname": row.hostname, "os": row.os, "serial": row.serial,
                   "site": row.org_name}  # fmt: skip
        given = [part for name, text in options.items() if text for part in (f"--{name}", text)]
        done = self.run_command(machine_command, "add", *given, "--yes")
        assert done.exit_code == (0 if self.agents.add(row) else 1), done.output

    def remove_machine(self, hostname: str) -> None:
        key = machine_key(hostname)
        done = self.served.app.test_client().delete(f"/api/machines/{key}")
        assert done.status_code == (200 if self.agents.remove(key) else 404), done.text

    def collect_agents(self, gap: int, how: str) -> None:
        """`how`: `run` or `late`."""
        self.day += timedelta(days=gap)
        day = self.day - timedelta(days=2) if how == "late" else self.day
        try:
            with lease.take(self.served.engine) as held:
                settings = self.product.settings
                state = collect(
                    self.served.engine, held, agent, day, lambda: noon(self.day), settings
                ).state
        except (DecisionRefused, PublishRefused):
            state = "refused"
        expected = self.oracle.collect("agent", day, self.agents.present())
        assert state == expected, f"agents on {day}: product {state}, oracle {expected}"

    def run_command(self, command: Any, *arguments: str) -> Any:
        url = self.served.engine.url.render_as_string(hide_password=False)
        environ = {**self.environ, "DATABASE_URL": url, "TIMEZONE": "UTC"}
        return CliRunner().invoke(command, arguments, env=environ)

    def held(self, source: str) -> int:
        runs = collection_runs.c
        with reading(self.served.engine) as connection:
            return connection.scalar(
                select(runs.run_id).where(runs.source == source, runs.hold == "held")
            ) or 0  # fmt: skip

    def decide(self, deed: Callable[[DecisionContext], object], expected: bool) -> None:
        refused, number = None, self.oracle.decided - 1
        with lease.take(self.served.engine) as lease_held:
            context = DecisionContext(
                self.served.engine, lease_held, "Ana", lambda: noon(self.day), self.product.settings
            )
            try:
                deed(context)
            except (DecisionRefused, PublishRefused) as reason:
                refused = str(reason)
        assert (refused is None) == expected, (refused, "oracle:", expected)
        if number >= 0:
            self.entries.setdefault(number, self.last_entry())

    def last_entry(self) -> int:
        with reading(self.served.engine) as connection:
            return connection.scalar(select(func.max(audit_log.c.entry_id))) or 0

    def undo(self, turn: int) -> None:
        """A decision on sites or rules is undone, unless the product says why it cannot be."""
        open_ones = sorted({each.number for each in self.oracle.decisions
                            if each.undone == date.max and each.kind != "rules"})  # fmt: skip
        if not open_ones:
            return
        number = open_ones[turn % len(open_ones)]
        with lease.take(self.served.engine) as held:
            by = DecisionContext(
                self.served.engine, held, "Ana", lambda: noon(self.day), self.product.settings
            )
            try:
                undo(by, self.entries[number])
            except DecisionRefused:
                return
        self.oracle.undo(number)

    def accept(self, source: str) -> None:
        run = self.held(source)
        vendor = agent if source == "agent" else self.product.sources[source]
        self.decide(lambda by: accept_run(by, vendor, run), self.oracle.accept(source))

    def reject(self, source: str) -> None:
        run = self.held(source)
        self.decide(lambda by: reject_run(by, run, "No."), self.oracle.reject(source))

    def withdraw(self, source: str) -> None:
        newest = self.oracle.newest(source)
        self.decide(
            lambda by: withdraw_day(by, source, newest or self.day), self.oracle.withdraw(source)
        )

    def end(self, source: str) -> None:
        self.decide(lambda by: end_source(by, source), self.oracle.end(source, self.day))

    def merge(self, left: int, right: int) -> None:
        ours, theirs = self.sites()
        if ours:
            left, right = left % len(ours) + 1, right % len(ours) + 1
            self.decide(
                lambda by: merge_sites(by, theirs[left], theirs[right]),
                self.oracle.merge(left, right),
            )

    def alias(self, left: int, right: int) -> None:
        ours, theirs = self.sites()
        known = sorted(self.oracle.aliases)
        if known:
            source, org = known[left % len(known)]
            site = right % len(ours) + 1
            if site in self.oracle.merged:
                return
            self.decide(
                lambda by: move_alias(by, source, org, theirs[site]),
                self.oracle.move_alias(source, org, site),
            )

    def rules(self, words: int, inside: int, order: int) -> None:
        rules = Rules(
            spare_words=(("spare",), ("desk",), ("spare", "desk"))[words % 3],
            spare_node_classes=(("VMWARE_VM_GUEST",), ())[words % 2],
            internal_sites=((), ("Pelican",), ("Pelican", "Harbor"))[inside % 3],
            source_order=(SOURCES, SOURCES[::-1])[order % 2],
        )
        if rules == self.oracle.rules_on(date.max):
            return
        settings = {
            "spare_words": rules.spare_words, "internal_sites": rules.internal_sites,
            "spare_node_classes": rules.spare_node_classes, "source_order": rules.source_order,
            "expected_sources": ["ninja", "threatlocker"],
        }  # fmt: skip
        self.oracle.save_rules(rules)
        self.decide(lambda by: save_rules(by, {k: list(v) for k, v in settings.items()}, "why"),
                    True)  # fmt: skip

    def close(self) -> None:
        first = self.oracle.first()
        border = self.oracle.border()
        if first is None:
            return
        month = f"{border + timedelta(days=1):%Y-%m}" if border else f"{first:%Y-%m}"
        refused = None
        try:
            self.product.close(month)
        except DecisionRefused as reason:
            refused = str(reason)
        assert (refused is None) == self.oracle.close(month), refused

    def reopen(self) -> None:
        if self.oracle.closed:
            self.product.reopen(self.oracle.closed[-1])
            self.oracle.reopen()

    def imports(self, back: int, source: str, place: int, n: int) -> None:
        """A file of month-end counts of one source in one month up to this one."""
        month = month_before(self.day, back)
        name = ("Harbor", "Pelican", "Old Town")[place % 3]
        counts = [("server", "billable", n), ("workstation", "spare", 2), ("server", "excluded", 1)]
        lines = ["month,site,source,device_type,billing_status,count"]
        lines += [f"{month},{name},{source},{kind},{status},{count}"
                  for kind, status, count in counts]  # fmt: skip
        done = self.command(import_counts, "counts.csv", "\n".join(lines).encode())
        expected = self.oracle.import_counts(month, source, [(name, *each) for each in counts])
        assert (done is None) == expected, (done, "oracle:", expected)

    def remove_import(self, back: int) -> None:
        month = month_before(self.day, back)
        done = self.command(remove_counts, month)
        expected = self.oracle.remove_import(month)
        assert (done is None) == expected, (done, "oracle:", expected)

    def command(self, change: Callable[..., object], *arguments: Any) -> str | None:
        """What a command of months does; why it refused, None when it did not."""
        try:
            with lease.take(self.served.engine) as held, writing(self.served.engine) as connection:
                held.hold(connection)
                change(connection, *arguments, "Ana", noon(self.day))
        except (DecisionRefused, PublishRefused, SettingsError) as reason:
            return str(reason)
        return None

    # What is compared.

    def sites(self) -> tuple[dict[int, str], dict[int, int]]:
        """The oracle's sites by turn; the product's id of each turn."""
        with reading(self.served.engine) as connection:
            rows = connection.execute(select(sites).order_by(sites.c.site_id)).all()
        same([row.name for row in rows], list(self.oracle.site_names.values()), "sites")
        return self.oracle.site_names, {n + 1: row.site_id for n, row in enumerate(rows)}

    def compare(self, days: list[date], questions: list[Question]) -> None:
        """The totals of records, machines and the bases of the questions; the questions' answers;
        records and coverage; on these days, or between them."""
        _, self.ids = self.sites()
        self.turns = {product: turn for turn, product in self.ids.items()} | {0: NO_SITE}
        self.answers = Answers(self.oracle, Machines(self))
        bases = dict.fromkeys(("records", "assets", *(each.basis for each in questions)))
        for day in sorted(set(days)):
            self.compare_records(day)
            self.compare_coverage(day)
            for basis in bases:
                self.compare_totals(day, basis)
        for basis in bases:
            self.compare_comparison(days[-1], days[0], basis)
        for question in questions:
            self.compare_months(question)
            self.compare_bases(question)
            for before in days:
                self.compare_changes(question, before, days[-1])

    def filters(self, question: Question) -> dict[str, Any]:
        return {
            "basis": question.basis,
            "site": [self.ids.get(turn, 0) for turn in sorted(question.sites)],
            "type": sorted(question.types), "status": sorted(question.statuses),
        }  # fmt: skip

    def listed(self, day: date, basis: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.served.get(
            "/api/dashboard/devices", as_of=day, basis=basis, status=ALL, limit=1000
        )["items"]
        return found

    def compare_records(self, day: date) -> None:
        resolved = self.oracle.resolve(day)
        expected = {
            key: (state.site, state.device_type, state.status)
            for key, state in self.oracle.records(resolved).items()
        }
        items = self.listed(day, "records")
        same(self.by_key(items), expected, f"records on {day}")
        self.answers.machines[resolved] = machines_of(items)
        speakers = {
            (state.source, state.key): (state.site, state.device_type, state.status)
            for state in self.answers.present("assets", resolved).values()
        }
        same(self.by_key(self.listed(day, "assets")), speakers, f"machines on {day}")

    def by_key(self, items: list[dict[str, Any]]) -> dict[Any, Any]:
        return {
            (item["source"], item["source_key"]): (
                self.turns[item["site_id"] or 0], item["device_type"], item["billing_status"],
            )
            for item in items
        }  # fmt: skip

    def compare_coverage(self, day: date) -> None:
        """What disagrees, about which record of which machine, and since when."""
        resolved = self.oracle.resolve(day)
        coverage = Coverage(self.oracle, self.answers.machines.__getitem__)
        items = self.served.get("/api/coverage", as_of=day, limit=1000)["items"]
        told = Counter(
            (item["kind"], item["asset_id"], item["source"], item["source_key"],
             None if self.purges else item["first_seen"])
            for item in items
        )  # fmt: skip
        since = dict.fromkeys(coverage.on(resolved)) if self.purges else coverage.since(resolved)
        expected = Counter(
            (each.kind, each.machine, *each.record, first and first.isoformat())
            for each, first in since.items()
        )
        same(dict(told), dict(expected), f"coverage on {day}")

    def compare_totals(self, day: date, basis: str) -> None:
        said = self.served.get("/api/dashboard/today", as_of=day, basis=basis)
        same(said["totals"], self.totals(basis, day), f"today {basis} {day}")
        if not self.answers.known(basis, self.oracle.resolve(day)):
            return
        counted = {}
        for item in said["sites"]:
            turn = self.turns[item.pop("site_id") or 0]
            del item["name"]
            if item["total_devices"]:
                counted[turn] = item
        expected = {}
        for turn in (NO_SITE, *self.oracle.site_names):
            totals = self.totals(basis, day, turn)
            if totals["total_devices"]:  # a site of excluded records only is in no total
                expected[turn] = totals
        same(counted, expected, f"sites {basis} {day}")
        same(said["site_count"], len(expected.keys() - {NO_SITE}), f"site_count {basis} {day}")

    def totals(self, basis: str, day: date, site: int | None = None) -> dict[str, int | None]:
        """Rule 4: the seed's fields and ours, of all sites or one; their sums hold in every
        basis."""
        day = self.oracle.resolve(day)
        known = self.answers.known(basis, day)
        present = [] if not known else [
            state for state in self.answers.present(basis, day).values()
            if site in (None, state.site)
        ]  # fmt: skip
        counted = [state for state in present if state.status != "excluded"]
        assets = [] if not known else [
            state for state in self.answers.present("assets", day).values()
            if site in (None, state.site) and state.status != "excluded"
        ]  # fmt: skip
        numbers = {
            "total_devices": len(counted),
            "servers": sum(state.device_type == "server" for state in counted),
            "workstations": sum(state.device_type == "workstation" for state in counted),
            "other_devices": sum(
                state.device_type not in ("server", "workstation") for state in counted
            ),
            "spare_devices": sum(state.status == "spare" for state in counted),
            "billable_devices": sum(state.status == "billable" for state in counted),
            "excluded_devices": sum(state.status == "excluded" for state in present),
            **{f"{s}_devices": sum(state.source == s for state in counted) for s in SOURCES},
            "unique_assets": len(assets)
            if basis in ("records", "assets")
            else self.machines_of_source(basis, day, site),
        }
        unknown = {f"{s}_devices" for s in self.answers.sources(basis)
                   if not self.answers.known(s, day)}  # fmt: skip
        return {name: n if known and name not in unknown else None for name, n in numbers.items()}

    def machines_of_source(self, source: str, day: date, site: int | None) -> int:
        """Rule 4: each machine once, at the site of the record that speaks for it among those of
        the source."""
        together: dict[object, list[State]] = {}
        for state in self.answers.present(source, day).values():
            if state.status != "excluded":
                together.setdefault(self.answers.machines[day][key_of(state)], []).append(state)
        rules = self.oracle.rules_on(day)
        speaking = [by_precedence(states, rules)[0] for states in together.values()]
        return sum(site in (None, state.site) for state in speaking)

    def compare_comparison(self, day: date, before: date, basis: str) -> None:
        """Rules 7 and 11: two days beside each other, and the percentages."""
        said = self.served.get(
            "/api/dashboard/comparison", as_of=day, compare_to=before, basis=basis
        )
        was, now = self.totals(basis, before), self.totals(basis, day)
        same(said["last_month_totals"], was, f"comparison {basis} {before}")
        same(said["today_totals"], now, f"comparison {basis} {day}")
        for name, value in now.items():
            past = was[name]
            change = None if value is None or past is None else value - past
            expected = {
                "current": value, "previous": past, "change": change,
                "change_percent": percent_change(past, value),
            }  # fmt: skip
            same(said["changes"][name], expected, f"comparison {basis} {before} {day} {name}")

    def compare_changes(self, question: Question, before: date, after: date) -> None:
        said = self.served.get(
            "/api/dashboard/changes", as_of=after, compare_to=before, limit=1000,
            **self.filters(question),
        )  # fmt: skip
        expected = self.answers.changes(
            question, self.oracle.resolve(before), self.oracle.resolve(after)
        )
        told = f"changes {question} {before} {after}"
        same(said["bars"], expected.bars, told)
        same(said["opening"], expected.opening, told)
        same(said["closing"], expected.closing, told)
        if expected.opening is None:
            return
        bars = dict.fromkeys(BARS, 0)
        for item in said["items"]:
            bars[item["bar"]] += 1
        same(bars, expected.bars, told + " (the list)")

    def compare_months(self, question: Question) -> None:
        if self.purges:  # what machines there were on a purged day, only the product knew
            question = replace(question, basis="records")
        said = self.served.get(
            "/api/months", as_of=self.day, limit=1000,
            **(self.filters(question) | {"status": list(ALL)}),
        )["items"]  # fmt: skip
        months = {item["month"]: item for item in said}
        for status in ALL:
            one = replace(question, statuses=frozenset({status}))
            expected = self.answers.months(one, self.day)
            told = {month: item[f"{status}_devices"] for month, item in months.items()}
            same(told, expected, f"months {one}")

    def compare_bases(self, question: Question) -> None:
        """Rule 15, for the newest month and the one before."""
        newest = self.oracle.newest()
        if newest is None or self.purges:
            return
        for month in {f"{newest:%Y-%m}", f"{newest.replace(day=1) - timedelta(days=1):%Y-%m}"}:
            expected = self.answers.bases(question, month, self.day)
            if not expected[None].days:
                continue
            said = self.served.get(
                f"/api/months/{month}/bases", as_of=self.day, **self.filters(question)
            )["items"]
            told = {
                None if item["site_id"] is None else self.turns[item["site_id"]]: Bases(
                    item["month_end"], item["device_days"], item["days"], item["average"],
                    item["peak"], item["devices_present"],
                )
                for item in said
            }  # fmt: skip
            if question.sites:
                expected.pop(None)
            same(told, expected, f"bases {month} {question}")

    # Nothing is left to do.

    def check_process_changes_nothing(self) -> None:
        """Everything stored follows from what was told: to make it anew makes the same."""
        before = self.stored()
        done = self.run_command(process_command)
        assert done.exit_code == 0, (done.output, done.exception)
        for table, rows in self.stored().items():
            new, old = Counter(rows), Counter(before[table])
            made, unmade = [*(new - old).elements()][:3], [*(old - new).elements()][:3]
            assert rows == before[table], f"`process` changes {table}: +{made} -{unmade}"

    def stored(self) -> dict[str, list[tuple[Any, ...]]]:
        with reading(self.served.engine) as connection:
            return {
                name: [
                    tuple(row)
                    for row in connection.execute(select(table).order_by(*table.primary_key))
                ]
                for name, table in metadata.tables.items()
                if name not in NOT_DERIVED
            }


class Machines(dict[date, dict[Key, object]]):
    """Which machine each record belongs to on a day, as the product says."""

    def __init__(self, history: History) -> None:
        self.history = history

    def __missing__(self, day: date) -> dict[Key, object]:
        self[day] = machines_of(self.history.listed(day, "records"))
        return self[day]


def machines_of(items: list[dict[str, Any]]) -> dict[Key, object]:
    return {(item["source"], item["source_key"]): item["asset_id"] for item in items}


def machine_key(hostname: str) -> str:
    """The id that `machine add` makes of a name."""
    return sha256(hostname.encode()).hexdigest()


def as_machine(row: Row) -> Row:
    """A row as the agent's source makes it of what a machine reports: called by its hostname, and
    of the organization that is its site's name."""
    site = row.org_name
    return Row(
        machine_key(row.hostname or ""), site and site.casefold(), site, row.hostname,
        row.hostname, os=row.os, serial=row.serial,
    )  # fmt: skip


def month_before(day: date, months: int) -> str:
    """The month so many months before that of a day."""
    turn = day.year * 12 + day.month - 1 - months
    return f"{turn // 12}-{turn % 12 + 1:02}"


def same(said: Any, expected: Any, about: str) -> None:
    if said == expected:
        return
    if isinstance(said, dict) and isinstance(expected, dict):
        wrong = {
            key: (said.get(key), expected.get(key))
            for key in said.keys() | expected.keys()
            if said.get(key) != expected.get(key)
        }
        raise AssertionError(f"{about}: (product, oracle) {wrong}")
    raise AssertionError(f"{about}: product {said}, oracle {expected}")


def of_source(source: str, row: Row) -> Row:
    """ThreatLocker and the agent know no class and no location, Ninja here no OS."""
    return row if source == "ninja" else replace(row, node_class=None, location=None)


def quiet(source: str, size: int, prefix: str = "q") -> list[Row]:
    """Devices that stay as they are, so that what changes is a small part."""
    row = Row("", "1", "Harbor", os="Windows 11 Pro", node_class="WINDOWS_WORKSTATION")
    return [
        of_source(source, replace(row, key=f"{prefix}{n}", org=("1", "9")[n % 2],
                                  org_name=("Harbor", "Quay")[n % 2]))
        for n in range(size)
    ]  # fmt: skip
