"""A hub that random steps drive: collections, decisions, months closed and reopened."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select

from db.decisions import restating_kinds
from db.engine import reading, writing
from db.history.runs import border, newest_day
from db.keys import device_id
from db.rules import current_rules
from db.tables import (
    audit_log,
    collection_runs,
    device_snapshots,
    metadata,
    site_aliases,
    sites,
)
from etl.decisions.machines import keep_apart, link_devices, split_device
from etl.decisions.registry import DecisionContext, DecisionRefused
from etl.decisions.rules import save_rules
from etl.decisions.runs import accept_run, end_source, reject_run, withdraw_day
from etl.decisions.sites import merge_sites, move_alias
from etl.decisions.undo import undo
from etl.months.imports import import_counts
from etl.runtime import lease
from etl.snapshots.publish import PublishRefused
from tests.support.decision_oracle import stored_counts, stretches
from tests.support.small_hub import Hub, Pc, noon

NOVEMBER = date(2026, 11, 4)
DAY_ONE = date(2026, 9, 28)
ORGS = {"1": "Harbor", "2": "Harbor Inc", "3": "Pelican", "4": "Pelican Freight", "5": None}
pc = st.builds(
    lambda key, org, hostname, serial, display_name, node_class, managed, trouble: Pc(
        key,
        None if org == "5" else org,
        ORGS[org],
        hostname,
        display_name,
        serial=serial,
        node_class=node_class,
        managed=managed,
        trouble=trouble,
    ),  # fmt: skip
    st.integers(0, 7).map(str),
    st.sampled_from(sorted(ORGS)),
    st.sampled_from((None, "pc-1", "PC-1.local", "pc-2", "pc-3", "srv-1")),
    st.sampled_from((None, None, "SN-0001", "SN-0002", "SN-0003")),
    st.sampled_from((None, "SPARE-07", "Desk")),
    st.sampled_from(("WINDOWS_SERVER", "VMWARE_VM_GUEST", "MAC")),
    st.sampled_from((True, True, True, False)),
    st.sampled_from((*[None] * 9, "its name is a list")),
)
number = st.integers(0, 40)
decision = st.one_of(
    st.tuples(
        st.sampled_from(("link", "link", "split", "apart", "merge", "alias")), number, number
    ),
    st.tuples(st.just("rules"), number, number),
)
source = st.sampled_from(("ninja", "threatlocker", "agent"))
rows = st.lists(pc, max_size=6, unique_by=lambda row: row.key)
collection = st.tuples(source, st.integers(0, 9), rows)
# Of a day that is over, which others may have published since.
late_collection = st.tuples(source, st.sampled_from((1, 1, 2, 3, 5, 9, 20, 45)), rows)
step = st.one_of(
    collection.map(lambda one: ("collect", *one)),
    collection.map(lambda one: ("collect", *one)),
    late_collection.map(lambda one: ("late", *one)),
    decision,
    st.tuples(st.sampled_from(("close", "reopen", "withdraw", "undo")), number, number),
    st.tuples(
        st.sampled_from(("fail", "hold", "accept", "reject", "end", "import", "follow up")),
        number,
        number,
    ),
)

steps = st.lists(step, min_size=3, max_size=14)
histories = st.lists(
    st.one_of(collection.map(lambda one: ("collect", *one)),
              st.tuples(st.sampled_from(("close", "link", "merge")), number, number)),
    min_size=2, max_size=8,
)  # fmt: skip
decisions = st.lists(decision, min_size=1, max_size=6)


@contextmanager
def decision_context(
    hub: Hub, day: date = NOVEMBER, actor: str = "Ana"
) -> Iterator[DecisionContext]:
    with lease.take(hub.engine) as held:
        yield DecisionContext(hub.engine, held, actor, lambda: noon(day), hub.settings)


class RandomHub:
    """A hub that random steps drive: an empty one, unless it is said which day its data ends on."""

    def __init__(
        self,
        engine: Engine,
        environ: dict[str, str] | None = None,
        filled_until: date | None = None,
    ) -> None:
        self.hub = Hub(engine, environ or {"RETENTION_DAYS": "400"})
        self.day = filled_until or DAY_ONE
        if filled_until is not None:
            return
        with writing(engine) as connection:
            for table in metadata.tables.values():
                connection.execute(delete(table))

    def step(self, kind: str, *arguments: Any) -> bool:
        """Whether it was done; what is refused changes nothing."""
        try:
            if kind in ("collect", "late"):
                self.collect(kind, *arguments)
                return True
            return self.decide(kind, *arguments)
        except (DecisionRefused, PublishRefused):
            return False

    def collect(self, kind: str, source: str, gap: int, rows: list[Pc]) -> None:
        """Collect a source for a day after the newest step, or for one before it ("late")."""
        day = self.day + timedelta(days=-gap if kind == "late" else gap)
        self.day = max(self.day, day)
        self.hub.collect(day, [*rows, *self.quiet(source)], source, today=self.day)

    def quiet(self, source: str) -> list[Pc]:
        """Devices that stay as they are: every change in a small fleet would be held as
        suspicious."""
        return [Pc(f"q{n}", "1", "Harbor", f"{source}-{n}") for n in range(60)]

    def decide(self, kind: str, left: int, right: int) -> bool:
        if kind in ("close", "reopen"):
            with reading(self.hub.engine) as connection:
                closed = border(connection)
                first = connection.scalar(select(func.min(collection_runs.c.business_date)))
            if kind == "reopen" and closed is not None:
                self.hub.reopen(f"{closed:%Y-%m}")
            elif first is not None:
                self.hub.close(f"{closed + timedelta(days=1) if closed else first:%Y-%m}")
            return True
        pick: Callable[[Sequence[Any], int], Any] = lambda items, n: items[n % len(items)]  # noqa: E731
        source = self.hub.sources[pick(sorted(self.hub.sources), left)]
        if kind == "import":
            self.import_counts(pick(("2026-08", "2026-09", "2026-10"), left), right)
            return True
        if kind == "follow up":
            self.hub.run_after_collection(noon(self.day))
            return True
        if kind in ("fail", "hold"):
            source.failure = "The vendor broke off." if kind == "fail" else None
            self.hub.collect(self.day, self.quiet(source.NAME)[:20], source.NAME)
            source.failure = None
            return True
        with reading(self.hub.engine) as connection:
            c = device_snapshots.c
            ids = sorted(set(connection.scalars(select(c.device_id))))
            names = connection.execute(
                select(sites.c.site_id, sites.c.name).order_by(sites.c.site_id)
            ).all()
            aliases = connection.execute(
                select(site_aliases.c.source, site_aliases.c.alias_key).order_by(
                    site_aliases.c.source, site_aliases.c.alias_key
                )
            ).all()
            newest = newest_day(connection, source.NAME)
            runs = collection_runs.c
            held = connection.execute(
                select(runs.run_id, runs.source).where(runs.hold == "held").order_by(runs.run_id)
            ).all()
            rules = current_rules(connection)
            log = audit_log.c
            entries = list(
                connection.scalars(
                    select(log.entry_id)
                    .where(log.action.in_(restating_kinds()))
                    .order_by(log.entry_id)
                )
            )
        places = [each.site_id for each in names]
        ids = [each for each in ids if each in self.loud()] or ids
        if not ids or not places:
            return False
        with decision_context(self.hub, self.day) as context:
            if kind == "link":
                link_devices(context, pick(ids, left), pick(ids, right))
            elif kind == "split":
                split_device(context, pick(ids, left))
            elif kind == "apart":
                keep_apart(context, pick(ids, left), pick(ids, right))
            elif kind == "merge":
                merge_sites(context, pick(places, left), pick(places, right))
            elif kind == "alias":
                alias = pick(aliases, left)
                move_alias(context, *alias, pick([*places, None], right))
            elif kind == "rules":
                words = pick([["spare"], ["desk"], ["spare", "desk"], []], left)
                inside = pick(
                    [[], [pick(names, left).name], [each.name for each in names[:2]]], right
                )
                settings = {
                    "spare_words": words, "internal_sites": inside,
                    "spare_node_classes": pick([["VMWARE_VM_GUEST"], []], left),
                    "source_order": pick([["ninja", "threatlocker", "agent"],
                                          ["agent", "threatlocker", "ninja"]], right),
                    "expected_sources": list(rules.expected_sources),
                }  # fmt: skip
                save_rules(context, settings, "random")
            elif kind == "withdraw" and newest is not None:
                withdraw_day(context, source.NAME, newest)
            elif kind == "accept" and held:
                run_id, name = pick(held, left)
                accept_run(context, self.hub.sources[name], run_id)  # type: ignore[arg-type]
            elif kind == "reject" and held:
                reject_run(context, pick(held, left).run_id, "No.")
            elif kind == "end":
                end_source(context, source.NAME)
            elif kind == "undo" and entries:
                undo(context, pick(entries, left))
        return True

    def import_counts(self, month: str, n: int) -> None:
        """Import counts of a month, of every basis for which it may be imported."""
        header = "month,site,source,device_type,billing_status,count"
        for basis in (*self.hub.sources, "assets"):
            file = f"{header}\n{month},Harbor,{basis},server,billable,{900 + n}\n".encode()
            with suppress(DecisionRefused), writing(self.hub.engine) as connection:
                import_counts(connection, "counts.csv", file, "Ana", noon(self.day))

    def loud(self) -> set[int]:
        return {device_id(source, str(n)) for source in self.hub.sources for n in range(8)}

    def newest(self) -> date:
        """The newest day that any source published; the oldest there is, when none did."""
        with reading(self.hub.engine) as connection:
            return newest_day(connection) or date.min

    def frozen(self) -> Any:
        """What no decision may change: everything on and before the border."""
        with reading(self.hub.engine) as connection:
            closed = border(connection)
            if closed is None:
                return None
            then = {
                key: value for key, value in stored_counts(connection).items() if key[1] <= closed
            }
            return closed, stretches(connection, closed), then

    def numbers(self) -> Any:
        with reading(self.hub.engine) as connection:
            merged: list[Any] = []
            for *state, _version, _hash, run, first, until in stretches(connection):
                # A version of the rules splits what they judge, even where they judge alike.
                if merged and merged[-1][0] == (state, run) and merged[-1][2] == first:
                    merged[-1][2] = until
                else:
                    merged.append([(state, run), first, until])
            return stored_counts(connection), merged


def site(hub: Hub, name: str) -> int:
    return next(row.site_id for row in hub.all(sites) if row.name == name)


def device(source: str, key: str) -> int:
    return device_id(source, key)


OCTOBER = date(2026, 10, 30)
