"""The loop: look, keep, deliver, wait. And the same once."""

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import psutil

from agent import __version__, identity, probes
from agent.delivery import Courier
from agent.probes import Probes
from agent.send import Stopped, Wire
from agent.settings import Settings, SettingsError
from agent.spool import Spool
from agent.state import State

TATUSCAN = (
    "hostname", "ip", "os", "os_version", "cpu_percent", "memory_total_mb", "memory_used_mb",
)  # fmt: skip
JITTER = 0.1
"""Part of the interval by which it varies, so that machines that started together drift apart."""
JUST_STARTED = 600.0
"""Seconds since power-on within which a whole fleet may be starting."""
SETTLING = 60
"""Seconds that a machine's first start waits for its network, whose MACs are its id."""
_log = logging.getLogger(__name__)


class Reporter:
    """Makes reports of this machine."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._site = settings.site
        self._probes = Probes(stop)
        self._stream_id = str(uuid.uuid4())

    def report(self, machine_id: str) -> dict[str, Any]:
        """One report: TatuScan's nine keys, then ours."""
        facts = self._probes.collect()
        # A machine off the network has none; TatuScan's server breaks down over null.
        facts["ip"] = facts["ip"] or ""
        report = {
            "machine_id": machine_id,
            **{name: facts.pop(name) for name in TATUSCAN},
            "timestamp": probes.now(),
            "agent_version": __version__,
            **facts,
            "report_id": str(uuid.uuid4()),
            "stream_id": self._stream_id,
        }
        # Without the setting the site is the token's: saying null would clear it.
        return report | ({"site": self._site} if self._site else {})


def settle_id(
    state: State,
    stop: threading.Event,
    patience: int = SETTLING,
    find: Callable[[], tuple[str | None, bool]] = identity.of_this_machine,
) -> str:
    """This machine's id, once and for all."""
    if state.machine_id is None:
        found, may_still_come = find()
        while found is None and may_still_come and patience > 0 and not stop.is_set():
            _log.info("Waiting for the network, whose hardware addresses make this machine's id.")
            stop.wait(5)
            patience -= 5
            found, may_still_come = find()
        if found is None:
            _log.info("No interface has a lasting hardware address: the machine's id is random.")
        state.machine_id = found or identity.at_random()
        state.keep()
    return state.machine_id


def may_send(settings: Settings, state: State) -> None:
    """Whether reports may go where they should.

    Raises:
        SettingsError: a credential would go over a network in plain sight.
    """
    if not settings.readable_on_the_way:
        return
    if (settings.token or state.key) and not settings.allow_http:
        raise SettingsError(
            "INVENTORY_HUB_URL is plain http to another machine, which would show the credential "
            "to everybody on the way: use https, or set INVENTORY_HUB_ALLOW_HTTP=1."
        )
    _log.warning("Reports go over plain http: everybody on the way can read them.")


def start_delay(interval: float, up_for: float, jitter: Callable[[float, float], float]) -> float:
    """Seconds to the first report: none, unless the power may just have come back for a fleet."""
    return jitter(0.0, interval) if up_for < JUST_STARTED else 0.0


class Agent:
    """One machine reporting to one server. Holds the state folder's lock all the time."""

    def __init__(self, settings: Settings, state: State, stop: threading.Event) -> None:
        may_send(settings, state)
        self._settings = settings
        self._stop = stop
        self._state = state
        self._machine_id = settle_id(state, stop)
        self._reporter = Reporter(settings, stop)
        self._spool = Spool(settings.state_dir, settings.spool_bytes, settings.spool_days)
        self._spool.keep_only(self._machine_id)
        wire = Wire(settings.server, stop, settings.ca_file, proxies=not settings.on_loopback)
        self._courier = Courier(wire, self._spool, state, settings.token)

    def run(self) -> None:
        """Report until told to stop."""
        up_for = time.time() - psutil.boot_time()
        next_report = time.monotonic() + start_delay(
            self._settings.interval, up_for, random.uniform
        )
        while not self._stop.is_set():
            now = time.monotonic()
            if now >= next_report:
                self._look()
                varied = random.uniform(1 - JITTER, 1 + JITTER)
                # What was missed, as in a machine that slept, is not made up for.
                next_report = max(next_report, now - self._settings.interval)
                next_report += self._settings.interval * varied
            if len(self._spool) and time.monotonic() >= self._courier.not_before:
                try:
                    self._courier.step()
                except Stopped:
                    break
            wake = next_report
            if len(self._spool):
                wake = min(wake, self._courier.not_before)
            self._stop.wait(max(wake - time.monotonic(), 0.0))
        self._spool.close()

    def once(self) -> bool:
        """One report, and whatever waits before it; whether all was delivered."""
        self._look()
        delivered = True
        while delivered and len(self._spool) and not self._stop.is_set():
            try:
                delivered = self._courier.step()
            except Stopped:
                break
            if len(self._spool) and delivered:
                self._stop.wait(max(self._courier.not_before - time.monotonic(), 0.0))
        left = len(self._spool)
        self._spool.close()
        return left == 0

    def _look(self) -> None:
        if self._state.unsaved:
            self._state.keep()
        report = self._reporter.report(self._machine_id)
        if not self._stop.is_set():
            self._spool.put(report)
