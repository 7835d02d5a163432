"""`doctor`: checks settings, database, keys and freshness; each finding says what to do."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

import click
from sqlalchemy.exc import SQLAlchemyError

from cli.serve import check_auth
from dashboard.base.clock import system_clock
from db import migrate, settings
from db.engine import database_url, open_engine, reading
from db.history.runs import newest_by_source
from db.settings import SettingsError
from etl.collect import run_log
from etl.records.record import FetchStats
from etl.sources import awaits_first_report, configured, discover, open_session
from etl.vendor.http import CollectionError
from etl.work.due import collect_times

STALE_AFTER = timedelta(hours=26)


class Finding(NamedTuple):
    """The result of one check."""

    ok: bool
    subject: str
    text: str


@click.command("doctor")
def doctor_command() -> None:
    """Check settings, database, keys and freshness, and say what to do."""
    # In the order in which they should be fixed.
    findings = [*_settings(), *_database(), *_sources(), *_missing_sources()]
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'FIX '} {finding.subject}: {finding.text}")
    if not all(finding.ok for finding in findings):
        raise SystemExit(2)


def _settings() -> Iterator[Finding]:
    checks: dict[str, Callable[[], str]] = {
        "TIMEZONE": lambda: f"business days are those of {settings.timezone()}",
        "COLLECT_AT": lambda: ", ".join(f"{s} {t:%H:%M}" for s, t in collect_times().items()),
        "AUTH": _auth,
    }
    for subject, check in checks.items():
        try:
            yield Finding(True, subject, check())
        except SettingsError as error:
            yield Finding(False, subject, str(error))


def _auth() -> str:
    check_auth(settings.env_required(settings.HOST))
    return "nobody signs in; this machine only"


def _database() -> Iterator[Finding]:
    try:
        url = database_url()
        revision = migrate.current(open_engine(url))
    except SettingsError as error:
        yield Finding(False, "database", str(error))
        return
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        yield Finding(False, "database", f"{reason}. Check DATABASE_URL and that it is running.")
        return
    place = url.render_as_string(hide_password=True)
    if revision == migrate.head():
        yield Finding(True, "database", f"{place} at revision {revision}")
    else:
        text = f"{place} is at revision {revision}: run inventory-hub migrate."
        yield Finding(False, "database", text)


def _sources() -> Iterator[Finding]:
    for source in discover().values():
        facts = source.FACTS
        try:
            if not configured(source):
                needs = " and ".join(need.name for need in facts.required)
                yield Finding(True, facts.label, f"not configured; to collect it set {needs}")
                continue
            engine = open_engine(database_url())
            with reading(engine) as connection:
                if awaits_first_report(connection, source):
                    yield Finding(True, facts.label, "no machine has reported yet")
                    continue
            # The first row proves address, keys and permissions; nothing is stored.
            next(source.fetch(open_session(source, None, FetchStats(), engine=engine)), None)
            yield Finding(True, facts.label, "answers with these settings")
            yield _freshness(facts.name, facts.label)
        except (SettingsError, CollectionError) as error:
            yield Finding(False, facts.label, str(error))
        except SQLAlchemyError:
            continue  # `_database` reports it.


def _missing_sources() -> Iterator[Finding]:
    """Sources in the database that no installed package provides."""
    try:
        with reading(open_engine(database_url())) as connection:
            collected = set(newest_by_source(connection))
    except (SettingsError, SQLAlchemyError):
        return  # `_database` reports it.
    for name in sorted(collected - set(discover())):
        text = "its snapshots are kept but not shown: install its file or package again"
        yield Finding(False, name, text)


def _freshness(name: str, label: str) -> Finding:
    with reading(open_engine(database_url())) as connection:
        last = run_log.last_complete_run(connection, name)
    if last is None:
        return Finding(False, label, "never collected: run inventory-hub collect")
    age = system_clock() - last["finished_at"]
    text = f"last complete run {last['finished_at']:%Y-%m-%d %H:%M} UTC"
    if age > STALE_AFTER:
        return Finding(False, label, f"{text}: see that inventory-hub worker is running")
    return Finding(True, label, text)
