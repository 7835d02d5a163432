"""`inventory-agent`: the command line."""

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Sequence

from agent import __version__, settings
from agent.cycle import Agent, Reporter, settle_id
from agent.settings import Settings, SettingsError
from agent.state import Lock, Locked, State, Unusable

DONE, WRONG, FAILED, TAKEN = 0, 2, 4, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code: 0 done, 2 wrong settings, 4 not delivered, 5 another one is running."""
    options = _options(arguments)
    try:
        found = settings.of_this_process()
        _configure_logs(found.log_level)
        if options.print:
            return _print(found)
        found.server  # noqa: B018 -- before anything is touched
        stop = threading.Event()
        _on_signals(stop)
        with Lock(found.state_dir):
            agent = Agent(found, State(found.state_dir), stop)
            if options.once:
                return DONE if agent.once() else FAILED
            agent.run()
            return DONE
    except (SettingsError, Unusable) as error:
        print(error, file=sys.stderr)
        return WRONG
    except Locked as error:
        print(error, file=sys.stderr)
        return TAKEN


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="inventory-agent",
        description="Reports this machine to Inventory Hub, or to a TatuScan server.",
        epilog="Settings: INVENTORY_HUB_URL, INVENTORY_HUB_TOKEN and others, see docs/agent.md.",
    )
    parser.add_argument("--version", action="version", version=f"inventory-agent {__version__}")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="send one report and end")
    how.add_argument("--print", action="store_true", help="print one report, send nothing")
    return parser.parse_args(arguments)


def _print(found: Settings) -> int:
    state = State(found.state_dir)
    machine_id = state.machine_id
    if machine_id is None:
        try:
            with Lock(found.state_dir):
                state.load()
                machine_id = settle_id(state, threading.Event(), patience=0)
        except (Locked, Unusable) as error:
            raise Unusable(f"This machine has no id yet. {error}") from error
    report = Reporter(found, threading.Event()).report(machine_id)
    print(json.dumps(report, indent=2, ensure_ascii=False))
    return DONE


def _configure_logs(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def _on_signals(stop: threading.Event) -> None:
    """From now on SIGTERM and Ctrl-C set `stop`."""
    if sys.platform == "win32":
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        return
    # A handler that sets an event may come while the same thread holds that event's lock; so a
    # thread of its own waits for the signals.
    wanted = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)

    def wait() -> None:
        signal.sigwait(wanted)
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
