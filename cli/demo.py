"""`demo`: fills a database from simulated vendors and serves the dashboard on it."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, Engine, func, select

from cli.database import open_database
from cli.logs import configure_logs
from cli.progress import Progress
from cli.serve import check_port
from dashboard.base.clock import system_clock
from db import migrate, tokens
from db.bulk import upsert
from db.engine import open_engine, reading, sqlite_url, writing
from db.history.runs import newest_by_source
from db.plurals import plural
from db.setting_types import variable, variables
from db.settings import Settings, SettingsError, load, use
from db.tables import collection_runs, meta, sites
from etl.collect.collect import business_day, collect
from etl.collect.run_log import SUSPICIOUS
from etl.coverage.refresh import catch_up
from etl.demo.decided import ACTOR, decide
from etl.demo.earlier_months import earlier_counts
from etl.demo.fleet import Fleet
from etl.demo.servers import SIMULATED, SimulatedVendors
from etl.months.close import close_due
from etl.months.imports import import_counts
from etl.runtime import lease, stopping
from etl.snapshots.retention import apply_retention
from etl.sources import configured, discover
from etl.work.due import collect_times
from etl.work.worker import Worker

AGENT_PREFIXES = ("INVENTORY_HUB_", "TATUSCAN_")


@click.command("demo")
@click.option("--devices", default=400, show_default=True, type=click.IntRange(20, 20_000))
@click.option("--sites", "site_count", default=12, show_default=True, type=click.IntRange(3, 200))
@click.option("--months", default=14, show_default=True, type=click.IntRange(1, 24))
@click.option("--port", default=8050, show_default=True, type=click.IntRange(1, 65535))
@click.option("--data", default="./data/demo", show_default=True, type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True)
@click.option("--once", is_flag=True, help="Fill the database and exit.")
def demo_command(
    devices: int,
    site_count: int,
    months: int,
    port: int,
    data: Path,
    seed: int,
    once: bool,
) -> None:
    """Fill a database from simulated vendors and serve the dashboard on it, for this machine."""
    if not once:
        check_port("127.0.0.1", port)
    environ = demo_environment(os.environ, data)
    settings = load(environ)
    configure_logs(settings.log_level)
    engine = _open_demo(settings)
    requested = {"seed": seed, "devices": devices, "sites": site_count, "months": months}
    kept, last_day = _load_or_store_fleet(engine, requested, business_day(system_clock, settings))
    fleet = Fleet(**kept, last_day=last_day)
    with SimulatedVendors(fleet, loses_a_tenant=True) as vendors:
        environ |= vendors.environ()
        settings = load(environ)
        filled = fill(engine, fleet, vendors, settings)
        if filled:
            furnish(engine, fleet, settings)
        click.echo(f"{plural(filled, 'day')} collected; the data is in {data}.", err=True)
        engine.dispose()
        if not once:
            _serve(environ, settings, port)


def _open_demo(settings: Settings) -> Engine:
    """The demo's database, migrated if an older version made it."""
    engine = open_engine(settings.database)
    if migrate.current(engine) not in (None, migrate.head()):
        with reading(engine) as connection:
            is_demo = connection.scalar(select(meta.c.value).where(meta.c.name == "demo"))
        if is_demo:
            migrate.upgrade(engine)
    engine.dispose()
    return open_database(settings)


def demo_environment(process_environ: Mapping[str, str], data: Path) -> dict[str, str]:
    """The environment of a demo: the process's, without .env and without real vendors."""
    of_vendors = [source.FACTS.settings for source in discover().values() if source.FACTS.address]
    own = {name for model in of_vendors for each in variables(model) for name in each.all_names}
    environ = {name: value for name, value in process_environ.items() if name not in own}
    if not variable(Settings, "database_url").is_set(environ):
        url = sqlite_url(data.resolve() / "inventory.db")
        environ["DATABASE_URL"] = url.render_as_string(hide_password=False)
    return environ | {"DATA_DIR": str(data), "AUTH": "none", "HOST": "127.0.0.1"}


def fill(engine: Engine, fleet: Fleet, vendors: SimulatedVendors, settings: Settings) -> int:
    """Collect every day of the fleet's history that is not published yet; returns their number."""
    sources = discover()
    times = collect_times(settings)
    with reading(engine) as connection:
        done = _collected(connection)
    todo = [
        day for day in fleet.days() if any(done.get(name, date.min) < day for name in SIMULATED)
    ]
    if not todo:
        return 0
    # Failed runs are part of the demo: the Overview shows their gaps.
    logging.getLogger("etl").setLevel(logging.CRITICAL)
    with lease.take(engine) as held, Progress(_span(todo), "days", len(todo)) as bar:
        for number, day in enumerate(todo, 1):
            vendors.day = day
            for name in SIMULATED:
                if done.get(name, date.min) < day:
                    start = datetime.combine(day, times[name], settings.timezone)
                    collect(engine, held, sources[name], day, _clock(start), settings)
                    # As the worker does.
                    close_due(engine, held, _clock(start)(), settings)
            bar.reach(number)
        catch_up(engine, held, settings)
        apply_retention(engine, held, settings)
    logging.getLogger("etl").setLevel(logging.NOTSET)
    return len(todo)


def _collected(connection: Connection) -> dict[str, date]:
    """The newest day of each source that was published or is held as suspicious."""
    runs = collection_runs.c
    held = connection.execute(
        select(runs.source, func.max(runs.business_date))
        .where(runs.state == SUSPICIOUS)
        .group_by(runs.source)
    )
    done = newest_by_source(connection)
    return done | {source: max(day, done.get(source, day)) for source, day in held}


def furnish(engine: Engine, fleet: Fleet, settings: Settings) -> None:
    """What people have done besides collecting: they decided about sites and duplicates, and
    imported the month before the history. A file of the month before that is left to try."""
    times = collect_times(settings)
    clock = _clock(datetime.combine(fleet.last_day, max(times.values()), settings.timezone))
    with lease.take(engine) as held:
        decide(engine, held, settings, clock)
        with writing(engine) as connection:
            held.hold(connection)
            left, data = earlier_counts(connection, 2)
            (settings.data_dir / left).write_bytes(data)
            now = clock().astimezone(settings.timezone)
            import_counts(connection, *earlier_counts(connection, 1), ACTOR, now)


def _span(days: list[date]) -> str:
    return f"Collecting {days[0]} to {days[-1]}"


def _clock(start: datetime) -> Callable[[], datetime]:
    """A clock that starts at `start` and never passes the present."""
    began = system_clock()
    return lambda: min(start + (system_clock() - began), system_clock())


def _serve(environ: dict[str, str], settings: Settings, port: int) -> None:
    """Run the dashboard in a process of its own and the worker in this one, until stopped."""
    stopping.on_signals()
    sources = {name: source for name, source in discover().items() if configured(source, settings)}
    engine = open_database(settings)
    worker = Worker(engine, sources, system_clock, settings)
    with (
        lease.take(engine, lease.WORKING) as held,
        _dashboard(environ, port) as web,
        _agent(settings, port),
    ):
        thread = threading.Thread(target=worker.run, args=(held,), name="worker")
        thread.start()
        while not stopping.stop_requested() and web.poll() is None:
            time.sleep(0.5)
        worker.stop()
        thread.join()
    if web.returncode not in (0, -signal.SIGTERM):
        raise SystemExit(web.returncode)


@contextmanager
def _dashboard(environ: dict[str, str], port: int) -> Iterator["subprocess.Popen[bytes]"]:
    script = "import sys; from cli.demo import serve_dashboard; serve_dashboard(int(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(port)]
    # In a process group of its own, so that Ctrl-C reaches it only once, through us.
    web = subprocess.Popen(command, env=environ, start_new_session=True)
    try:
        yield web
    finally:
        if web.poll() is None:
            web.terminate()
        web.wait(30)


def serve_dashboard(port: int) -> None:
    """What the process of the dashboard runs: it has its settings from its environment alone."""
    from dashboard import serving

    click.echo(f"Inventory Hub at http://127.0.0.1:{port}")
    serving.serve("127.0.0.1", port, f"{__name__}:make_server")


def make_server() -> Any:
    """The ASGI application, called in granian's process."""
    from dashboard import serving

    settings = load()
    use(settings)
    configure_logs(settings.log_level)
    return serving.make_server(settings)


@contextmanager
def _agent(settings: Settings, port: int) -> Iterator[None]:
    """Run the agent, so that this machine is the one real machine in the demo."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(AGENT_PREFIXES)}
    with writing(open_database(settings)) as connection:
        token = tokens.create(
            connection,
            tokens.ENROL,
            "demo",
            "demo",
            system_clock(),
            expires_at=system_clock() + timedelta(hours=1),
        )
    folder = settings.data_dir.resolve() / "agent"
    folder.mkdir(parents=True, exist_ok=True)
    # A settings file of its own: this machine may have a real agent.
    config = folder / "agent.ini"
    config.write_text("[agent]\n", encoding="utf-8")
    reporting = {
        "INVENTORY_HUB_URL": f"http://127.0.0.1:{port}",
        "INVENTORY_HUB_TOKEN": token,
        "INVENTORY_HUB_STATE_DIR": str(folder),
        "INVENTORY_HUB_LOG_LEVEL": "WARNING",
        "INVENTORY_HUB_CONFIG": str(config),
    }
    command = [sys.executable, "-m", "agent"]
    path = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    process = subprocess.Popen(
        command, env={**own, **path, **reporting}, cwd=folder, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _load_or_store_fleet(
    engine: Engine, requested: dict[str, int], today: date
) -> tuple[dict[str, int], date]:
    """The stored fleet and its last day; a new database stores `requested` and `today`.

    Raises:
        SettingsError: the database holds real data.
    """
    with writing(engine) as connection:
        stored = connection.scalar(select(meta.c.value).where(meta.c.name == "demo"))
        if stored is not None:
            kept = json.loads(stored)
            return kept["fleet"], date.fromisoformat(kept["last_day"])
        for table in (collection_runs, sites):
            if connection.execute(select(table).limit(1)).first() is not None:
                raise SettingsError(
                    "The database holds real data: a demo is not mixed into it. "
                    "Unset DATABASE_URL, or choose another folder with --data."
                )
        value = json.dumps({"fleet": requested, "last_day": today.isoformat()})
        upsert(connection, meta, [{"name": "demo", "value": value}])
    return requested, today
