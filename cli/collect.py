"""`collect` and `process`."""

import sys
from datetime import date, datetime
from typing import Any

import click
from sqlalchemy import Connection

from cli.database import open_database
from cli.progress import Progress
from cli.settings import pass_settings
from dashboard.base.clock import system_clock
from db.engine import reading
from db.history.kept import FIRST_MONTH
from db.history.runs import ended_sources
from db.plurals import plural
from db.settings import Settings, SettingsError
from etl.collect.collect import business_day, collect
from etl.collect.run_log import attempts_since
from etl.runtime import lease, stopping
from etl.snapshots.publish import check_publish_date
from etl.sources import Source, awaits_first_report, configured, discover
from etl.work.after_collection import process, run_after_collection
from etl.work.due import collect_times, last_due

EXIT_CODES = {"complete": 0, "suspicious": 3, "failed": 4}


def select_sources(settings: Settings, names: tuple[str, ...]) -> list[Source]:
    """The sources of those names, or every configured one.

    Raises:
        SettingsError: there is no source of a name.
    """
    sources = discover()
    unknown = [name for name in names if name not in sources]
    if unknown:
        raise SettingsError(f"There is no source {unknown[0]!r}: choose from {', '.join(sources)}.")
    if names:
        return [sources[name] for name in dict.fromkeys(names)]
    return [source for source in sources.values() if configured(source, settings)]


def without_inactive(connection: Connection, chosen: list[Source]) -> list[Source]:
    """`chosen` without ended sources, which are listed on standard error, and without the agent
    until a machine has reported.

    Raises:
        SettingsError: none is left.
    """
    chosen = [source for source in chosen if not awaits_first_report(connection, source)]
    if not chosen:
        settings = " or ".join(
            " and ".join(setting.name for setting in source.FACTS.required)
            for source in discover().values()
            if source.FACTS.required
        )
        raise SettingsError(
            f"No source is configured: set {settings}, or let machines report themselves "
            "(inventory-hub token add --kind enrol)."
        )
    ended = ended_sources(connection)
    for source in chosen:
        name = source.FACTS.name
        if name in ended:
            click.echo(
                f"{name} was ended on {ended[name]} and is left out; to begin again: "
                f"inventory-hub collect {name}",
                err=True,
            )
    remaining = [source for source in chosen if source.FACTS.name not in ended]
    if not remaining:
        raise SettingsError("Every configured source was ended: name the one to collect.")
    return remaining


def only_due(
    connection: Connection, chosen: list[Source], settings: Settings, now: datetime
) -> list[Source]:
    """Those of `chosen` that the worker would collect now: configured, not ended, and without a
    complete or held run since their time."""
    ended = ended_sources(connection)
    times = collect_times(settings)
    due = []
    for source in chosen:
        name = source.FACTS.name
        if (
            not configured(source, settings)
            or name in ended
            or awaits_first_report(connection, source)
        ):
            continue
        last = last_due(now, times[name], settings.timezone)
        attempts = attempts_since(connection, name, last.day, last.since, again=last.again)
        if not attempts.succeeded:
            due.append(source)
    return due


class Day(click.DateTime):
    """A date on which a collection can have been; a mistyped year is none."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        day: datetime = super().convert(value, param, ctx)
        if day.date().isoformat() < FIRST_MONTH:
            self.fail(f"{value} is before {FIRST_MONTH}: check the year.", param, ctx)
        return day


@click.command("collect")
@click.argument("sources", nargs=-1)
@click.option("--date", "day", type=Day(), help="Business date; today.")
@click.option(
    "--due", is_flag=True,
    help="Only what COLLECT_AT says is due and has no complete run yet: for timers and cron.",
)  # fmt: skip
@pass_settings
def collect_command(
    settings: Settings, sources: tuple[str, ...], day: datetime | None, due: bool
) -> None:
    """Collect SOURCES (every configured one) and publish today's snapshot."""
    if due and day:
        raise click.UsageError("--due and --date contradict each other: give one of them.")
    chosen = select_sources(settings, sources)
    for source in chosen if not due else ():
        settings.of_source(source.FACTS)
    engine = open_database(settings)
    today = business_day(system_clock, settings)
    business_date: date = day.date() if day else today
    worst = 0
    stopping.on_signals()
    with lease.take(engine) as held:
        with reading(engine) as connection:
            if due:
                chosen = only_due(connection, chosen, settings, system_clock())
            elif not sources:
                chosen = without_inactive(connection, chosen)
            for source in chosen:
                check_publish_date(connection, source.FACTS.name, business_date, today)
        if not chosen:
            click.echo("Nothing is due.")
            return
        for source in chosen:
            stopping.check()
            with Progress(f"Collecting {source.FACTS.label}", "devices") as progress:
                outcome = collect(
                    engine, held, source, business_date, system_clock, settings, progress.page
                )
            click.echo(outcome)
            worst = max(worst, EXIT_CODES[outcome.state])
        closed, _ = run_after_collection(engine, held, system_clock(), settings)
    for month in closed:
        click.echo(f"{month} is closed.")
    sys.exit(worst)


@click.command("process")
@click.option("--rebuild", type=Day(), help="Redo the counts from this date on only.")
@pass_settings
def process_command(settings: Settings, rebuild: datetime | None) -> None:
    """Redo the day counts and month-ends of open months, close what is due, and purge."""
    since, today = rebuild.date() if rebuild else date.min, business_day(system_clock, settings)
    if since > today:
        raise click.UsageError(f"{since} is in the future: choose {today} or an earlier day.")
    engine = open_database(settings)
    with lease.take(engine) as held:
        counted, closed, purged = process(engine, held, system_clock(), settings, since=since)
    for month in closed:
        click.echo(f"{month} is closed.")
    click.echo(
        f"Recalculated {plural(counted, 'day')}; purged {plural(purged, 'stretch', 'stretches')}."
    )
