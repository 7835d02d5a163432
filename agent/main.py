"""`inventory-agent`: the command line."""

import argparse
import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

from agent import __version__, paths, service, settings
from agent.logs import JsonLines
from agent.loop import Agent, Reporter, ensure_machine_id
from agent.settings import Settings, SettingsError
from agent.state import Lock, Locked, State, StateUnusable

EXIT_OK, EXIT_SETTINGS, EXIT_FAILED, EXIT_LOCKED = 0, 2, 4, 5
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code: 0 done, 2 wrong settings, 4 a report was not delivered or was dropped,
    5 another one is running."""
    options = _options(arguments)
    try:
        if options.command in ("install", "uninstall", "status"):
            return _service(options.command)
        if options.command == "service":
            return _serve()
        configured = settings.load_from_process()
        _configure_logs(configured.log_level)
        if options.print:
            return _print(configured)
        stop = threading.Event()
        _on_signals(stop)
        return _report(configured, stop, options.once)
    except (SettingsError, StateUnusable) as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    except Locked as error:
        print(error, file=sys.stderr)
        return EXIT_LOCKED


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
    how.add_argument(
        "command",
        nargs="?",
        choices=("install", "uninstall", "status", "service"),
        metavar="install | uninstall | status",
        help="make this program a service of the system with the settings given now; take it away; "
        "say how it is",
    )
    return parser.parse_args(arguments)


def _report(configured: Settings, stop: threading.Event, once: bool) -> int:
    _ = configured.server  # Raises before anything is touched.
    with Lock(configured.state_dir):
        agent = Agent(configured, State(configured.state_dir), stop)
        if once:
            return EXIT_OK if agent.once() else EXIT_FAILED
        agent.run()
        return EXIT_OK


def _service(command: str) -> int:
    _configure_logs("WARNING")
    try:
        if command == "status":
            code, words = service.status()
            print(words)
            return code
        print(service.install() if command == "install" else service.uninstall())
        return EXIT_OK
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{command} failed: {error}", file=sys.stderr)
        return EXIT_FAILED


def _serve() -> int:
    """Run as a Windows service; other systems start the agent without arguments."""
    if sys.platform != "win32":
        print("service is for Windows itself to call.", file=sys.stderr)
        return EXIT_SETTINGS
    from agent import service_windows

    folder = paths.state_folder()
    folder.mkdir(parents=True, exist_ok=True)
    _configure_logs("INFO", folder / "agent.log")

    def work(stop: threading.Event) -> None:
        try:
            configured = settings.load_from_process()
            logging.getLogger().setLevel(configured.log_level)
            _report(configured, stop, once=False)
        except (SettingsError, StateUnusable, Locked) as error:
            _log.error("%s", error)

    service_windows.serve(work)
    return EXIT_OK


def _print(configured: Settings) -> int:
    state = State(configured.state_dir)
    machine_id = state.machine_id
    if machine_id is None:
        try:
            with Lock(configured.state_dir):
                state.load()
                machine_id = ensure_machine_id(state, threading.Event(), wait_seconds=0)
        except (Locked, StateUnusable) as error:
            raise StateUnusable(f"This machine has no id yet. {error}") from error
    report = Reporter(configured, threading.Event()).report(machine_id)
    print(json.dumps(report, indent=2, ensure_ascii=False))
    return EXIT_OK


def _configure_logs(level: str, file: Path | None = None) -> None:
    if file is None:
        handler: logging.Handler = logging.StreamHandler()
    else:
        handler = RotatingFileHandler(file, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def _on_signals(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM and Ctrl-C."""
    if sys.platform == "win32":
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        return
    # Not in a signal handler: it could run while its thread holds the event's lock.
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)

    def wait() -> None:
        signal.sigwait(stop_signals)
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
