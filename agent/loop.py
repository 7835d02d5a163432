"""The agent's loop: report, spool, deliver, wait; or once."""

import logging
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil

from agent import __version__, identity, probes
from agent.client import Client, Stopped
from agent.delivery import Uploader
from agent.guard import Guard
from agent.probes import Probes
from agent.settings import Settings, SettingsError
from agent.spool import Spool
from agent.state import State

TATUSCAN_KEYS = (
    "hostname", "ip", "os", "os_version", "cpu_percent", "memory_total_mb", "memory_used_mb",
)  # fmt: skip
JITTER = 0.1
"""Part of the interval by which it varies at random, so that a fleet does not report in step."""
RECENT_BOOT_SECONDS = 600.0
"""Seconds since boot within which a whole fleet may be starting, as after a power cut."""
NETWORK_WAIT_SECONDS = 60
"""Seconds that the first start waits for the network, whose MACs make the machine's id."""
_log = logging.getLogger(__name__)


class Reporter:
    """Builds reports of this machine."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._site = settings.site
        self._probes = Probes(stop)
        self._stream_id = str(uuid.uuid4())

    def report(self, machine_id: str) -> dict[str, Any]:
        """One report: TatuScan's nine keys first, then ours."""
        facts = self._probes.collect()
        # A TatuScan server answers 500 to null.
        facts["ip"] = facts["ip"] or ""
        report = {
            "machine_id": machine_id,
            **{name: facts.pop(name) for name in TATUSCAN_KEYS},
            "timestamp": probes.now(),
            "agent_version": __version__,
            **facts,
            "report_id": str(uuid.uuid4()),
            "stream_id": self._stream_id,
        }
        # Without the setting the site is the token's; null would clear it.
        return report | ({"site": self._site} if self._site else {})


def ensure_machine_id(
    state: State,
    stop: threading.Event,
    wait_seconds: int = NETWORK_WAIT_SECONDS,
    detect: Callable[[], tuple[str | None, bool]] | None = None,
) -> str:
    """This machine's id; determined and saved on the first call ever.

    Args:
        wait_seconds: to wait for a hardware address to come up.
        detect: returns an id or None, and whether one may come up later; by default
            `identity.detect_id`.
    """
    if state.machine_id is None:
        detect = detect or partial(identity.detect_id, Guard())
        machine_id, may_come_up = detect()
        while machine_id is None and may_come_up and wait_seconds > 0 and not stop.is_set():
            _log.info("Waiting for the network, whose hardware addresses make this machine's id.")
            stop.wait(5)
            wait_seconds -= 5
            machine_id, may_come_up = detect()
        if machine_id is None:
            _log.info("No interface has a lasting hardware address: the machine's id is random.")
        state.machine_id = machine_id or identity.random_id()
        state.save_or_log()
    return state.machine_id


def check_transport(settings: Settings, state: State) -> None:
    """Refuse to send a credential unencrypted; warn about unencrypted reports.

    Raises:
        SettingsError: a credential would go over plain http to another machine.
    """
    if not settings.is_unencrypted:
        return
    if (settings.token or state.key) and not settings.allow_http:
        raise SettingsError(
            "INVENTORY_HUB_URL is plain http to another machine, which would show the credential "
            "to everybody on the way: use https, or set INVENTORY_HUB_ALLOW_HTTP=1."
        )
    _log.warning("Reports go over plain http: everybody on the way can read them.")


def start_delay(interval: float, uptime: float, jitter: Callable[[float, float], float]) -> float:
    """Seconds to the first report: 0, or random when the machine has just booted."""
    return jitter(0.0, interval) if uptime < RECENT_BOOT_SECONDS else 0.0


class Agent:
    """Reports one machine to one server. The caller holds the state folder's lock."""

    def __init__(self, settings: Settings, state: State, stop: threading.Event) -> None:
        check_transport(settings, state)
        self._settings = settings
        self._stop = stop
        self._state = state
        self._machine_id = ensure_machine_id(state, stop)
        self._reporter = Reporter(settings, stop)
        self._spool = Spool(settings.state_dir, settings.spool_bytes, settings.spool_days)
        self._spool.drop_other_machines(self._machine_id)
        client = Client(settings.server, stop, settings.ca_file, proxies=not settings.on_loopback)
        self._uploader = Uploader(client, self._spool, state, settings.token)

    def run(self) -> None:
        """Report until the stop event is set."""
        _log.info(
            "Reporting to %s as %s every %g s.",
            self._settings.server, socket.gethostname(), self._settings.interval,
        )  # fmt: skip
        # Where the time of the last start is not known, it counts as long ago.
        uptime = time.time() - Guard()("boot_time", psutil.boot_time, 0.0)
        next_report = time.monotonic() + start_delay(
            self._settings.interval, uptime, random.uniform
        )
        while not self._stop.is_set():
            now = time.monotonic()
            if now >= next_report:
                self._spool_report()
                varied = random.uniform(1 - JITTER, 1 + JITTER)
                # Reports missed while the machine slept are not made up for.
                next_report = max(next_report, now - self._settings.interval)
                next_report += self._settings.interval * varied
            if len(self._spool) and time.monotonic() >= self._uploader.not_before:
                try:
                    self._uploader.step()
                except Stopped:
                    break
            wake = next_report
            if len(self._spool):
                wake = min(wake, self._uploader.not_before)
            self._stop.wait(max(wake - time.monotonic(), 0.0))
        self._spool.close()

    def once(self) -> bool:
        """Send one report after whatever waits in the spool; whether all was delivered and nothing
        dropped."""
        self._spool_report()
        delivered = True
        while delivered and len(self._spool) and not self._stop.is_set():
            try:
                delivered = self._uploader.step()
            except Stopped:
                break
            if len(self._spool) and delivered:
                self._stop.wait(max(self._uploader.not_before - time.monotonic(), 0.0))
        left = len(self._spool)
        self._spool.close()
        return left == 0 and not self._spool.dropped and not self._uploader.dropped

    def _spool_report(self) -> None:
        if self._state.unsaved:
            self._state.save_or_log()
        report = self._reporter.report(self._machine_id)
        if not self._stop.is_set():
            self._spool.put(report)
