"""`python -m bench`: fill, measure, print the table, remove everything.

Ends with 1 when a limit is missed, with 2 when a database cannot be started.
"""

import argparse
import signal
import sys
import time
from types import FrameType

from bench import (
    agent,
    browser,
    changes,
    csv_export,
    decisions,
    ingest,
    machine_list,
    matching,
    publishing,
    queries,
    sign_in,
)
from bench.fleet import Fleet
from bench.measurements import Measurement, table
from bench.stores import KINDS, OpenStores, Unavailable, stores

PARTS = (
    "snapshots",
    "matching",
    "decisions",
    "machine-list",
    "ingest",
    "sign-in",
    "agent",
    "browser",
)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _stop)
    begun = time.monotonic()
    try:
        with stores(tuple(options.databases)) as opened:
            measurements = _measure(options, opened)
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"{options.devices} devices x {options.days} days, {options.changing:g} % really change "
        f"a day; medians; {time.monotonic() - begun:.0f} s in all\n"
    )
    print(table(measurements))
    return 1 if any(measurement.kept is False for measurement in measurements) else 0


def _stop(signal_number: int, _frame: FrameType | None) -> None:
    # Raised as an exception, so that folders are removed and servers stopped.
    sys.exit(128 + signal_number)


def _measure(options: argparse.Namespace, stores: OpenStores) -> list[Measurement]:
    measurements: list[Measurement] = []
    if "snapshots" in options.parts:
        fleet = Fleet(options.devices, options.shared, options.changing / 100, publishing.LAST_DAY)
        with stores() as databases:
            timings = publishing.load(databases, fleet, options.days)
            for store in databases:
                measurements += publishing.measure(store, timings[store.kind])
                measurements += queries.measure(store, options.days, options.runs)
                measurements += changes.measure(store, options.days, options.runs)
                measurements += csv_export.measure(store, options.runs)
    if "matching" in options.parts:
        with stores() as databases:
            for store in databases:
                measurements += matching.measure(store, options.matched)
    if "decisions" in options.parts:
        with stores() as databases:
            for store in databases:
                measurements += decisions.measure(store, options.devices)
    if "machine-list" in options.parts:
        with stores() as databases:
            for store in databases:
                measurements += machine_list.measure(store, options.listed, options.runs)
    if "ingest" in options.parts:
        with stores() as databases:
            measurements += ingest.measure(databases, options.machines, options.seconds)
    if "sign-in" in options.parts:
        with stores() as databases:
            for store in databases:
                measurements += sign_in.measure(store, options.runs * 5)
    if "agent" in options.parts:
        measurements += agent.measure(options.runs)
    if "browser" in options.parts:
        measurements += browser.measure(stores, options.sites, options.runs)
    return measurements


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--devices", type=int, default=20_000)
    parser.add_argument("--listed", type=int, default=100_000, help="machines in the live list")
    parser.add_argument(
        "--matched", type=int, default=100_000, help="records of three sources in all"
    )
    parser.add_argument("--days", type=int, default=65, help="at least 4")
    parser.add_argument(
        "--runs",
        type=int,
        default=9,
        help="of each question, file, click, load, and reports of an agent",
    )
    parser.add_argument("--changing", type=float, default=1.0, help="percent a day, really")
    parser.add_argument(
        "--shared", type=float, default=0.4, help="part of the devices that is the second source's"
    )
    parser.add_argument(
        "--databases", nargs="+", choices=KINDS, default=list(KINDS), metavar="DATABASE"
    )
    parser.add_argument("--machines", type=int, default=20_000, help="that report")
    parser.add_argument(
        "--sites", type=int, nargs="+", default=list(browser.WORLDS), help="of the fleets that a "
        "browser shows"
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_const", dest="runs", const=3, help="the same as --runs 3"
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load on a server")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART",
        help=f"what to measure: {', '.join(PARTS)}",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    if options.days < 4:
        parser.error("--days: 4 at least, or there is nothing to take a median of.")
    return options


if __name__ == "__main__":
    sys.exit(main())
