"""`doctor`: checks settings, database, keys and freshness; each finding says what to do."""

import os
import stat
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cli.database import open_own
from cli.logs import configure_logs
from cli.serve import check_auth
from cli.settings import process_settings
from dashboard.base.clock import system_clock
from db import migrate
from db.database_errors import advice
from db.engine import reading
from db.history.runs import newest_by_source
from db.setting_types import is_loopback
from db.settings import ENV_FILE, Settings, SettingsError, WrongSettings
from etl.collect import run_log
from etl.records.record import FetchStats
from etl.sources import awaits_first_report, configured, discover, open_session
from etl.vendor.http import CollectionError
from etl.work.due import collect_times

STALE_AFTER = timedelta(hours=26)


class Finding(NamedTuple):
    """The result of one check; `warns`: it is right for some, and no fault."""

    ok: bool
    subject: str
    text: str
    warns: bool = False

    def line(self) -> str:
        """As it is printed."""
        state = "FIX " if not self.ok else "warn" if self.warns else "ok  "
        return f"{state} {self.subject}: {self.text}"


@click.command("doctor")
def doctor_command() -> None:
    """Check settings, database, keys and freshness, and say what to do."""
    findings = list(_findings())
    for finding in findings:
        click.echo(finding.line())
    if not all(finding.ok for finding in findings):
        raise SystemExit(2)


def _findings() -> Iterator[Finding]:
    """In the order in which they should be fixed."""
    try:
        settings = process_settings()
    except WrongSettings as wrong:
        for name, sentence in wrong.problems.items():
            yield Finding(False, name, sentence)
        yield Finding(False, "the rest", "database and sources are checked once these are right.")
        return
    configure_logs(settings.log_level)
    yield from _settings(settings)
    engine = yield from _database(settings)
    if engine is not None:
        yield from _sources(settings, engine)
        yield from _missing_sources(engine)


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding(True, "TIMEZONE", f"business days are those of {settings.timezone}")
    times = collect_times(settings).items()
    yield Finding(True, "COLLECT_AT", ", ".join(f"{name} {at:%H:%M}" for name, at in times))
    try:
        check_auth(settings, settings.host)
        how = {
            "none": "nobody signs in; this machine only",
            "password": "people sign in here",
            "oidc": f"people sign in at {settings.oidc_issuer}",
            "proxy": "the proxies of TRUSTED_PROXIES say who sends a request",
        }
        yield Finding(True, "AUTH", how[settings.auth])
    except SettingsError as error:
        yield Finding(False, "AUTH", str(error))
    yield from _exposed(settings)


def _exposed(settings: Settings) -> Iterator[Finding]:
    """What more people can reach than should."""
    files = [ENV_FILE]
    if settings.database.get_backend_name() == "sqlite" and settings.database.database:
        files.append(Path(settings.database.database))
    for file in files:
        if os.name == "posix" and file.is_file() and file.stat().st_mode & stat.S_IROTH:
            text = f"every user of this machine can read it: chmod 600 {file}"
            yield Finding(True, str(file), text, warns=True)
    if not is_loopback(settings.host) and (settings.public_url or "").startswith("https://"):
        text = (
            f"{settings.host}: anybody can reach plain HTTP on port {settings.port}: let a "
            "firewall admit only the proxy"
        )
        yield Finding(True, "HOST", text, warns=True)


def _database(settings: Settings) -> Generator[Finding, None, Engine | None]:
    """What is wrong with the database; returns it when it can be read."""
    place = settings.database.render_as_string(hide_password=True)
    try:
        engine = open_own(settings)
        migrate.check_revision(engine)
        yield Finding(True, "database", f"{place} at revision {migrate.current(engine)}")
        return engine
    except SettingsError as error:
        yield Finding(False, "database", f"{place}: {error}")
    except SQLAlchemyError as error:
        yield Finding(False, "database", advice(error, settings))
    return None


def _sources(settings: Settings, engine: Engine) -> Iterator[Finding]:
    for source in discover().values():
        facts = source.FACTS
        if not configured(source, settings):
            needs = " and ".join(need.name for need in facts.required)
            yield Finding(True, facts.label, f"not configured; to collect it set {needs}")
            continue
        with reading(engine) as connection:
            if awaits_first_report(connection, source):
                yield Finding(True, facts.label, "no machine has reported yet")
                continue
        try:
            # The first row proves address, keys and permissions; nothing is stored.
            session = open_session(source, settings, FetchStats(), engine=engine)
            next(source.fetch(session), None)
        except CollectionError as error:
            yield Finding(False, facts.label, str(error))
            continue
        yield Finding(True, facts.label, "answers with these settings")
        yield _freshness(engine, settings, facts.name, facts.label)


def _missing_sources(engine: Engine) -> Iterator[Finding]:
    """Sources in the database that no installed package provides."""
    with reading(engine) as connection:
        collected = set(newest_by_source(connection))
    for name in sorted(collected - set(discover())):
        text = "its snapshots are kept but not shown: install its file or package again"
        yield Finding(False, name, text)


def _freshness(engine: Engine, settings: Settings, name: str, label: str) -> Finding:
    with reading(engine) as connection:
        last = run_log.last_complete_run(connection, name)
    if last is None:
        at = collect_times(settings)[name]
        text = (
            f"never collected: the worker collects it at {at:%H:%M}, or run "
            f"inventory-hub collect {name}"
        )
        return Finding(False, label, text)
    age = system_clock() - last["finished_at"]
    text = f"last complete run {last['finished_at']:%Y-%m-%d %H:%M} UTC"
    if age > STALE_AFTER:
        return Finding(False, label, f"{text}: see that inventory-hub worker is running")
    return Finding(True, label, text)
