"""The one way in which the agent asks the system for something that may fail."""

import logging
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
Default = TypeVar("Default")
_log = logging.getLogger(__name__)


class Guard:
    """Calls probes; a probe that fails takes no other along."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    def __call__(
        self, name: str, probe: Callable[[], Result], default: Default
    ) -> Result | Default:
        """The result of `probe`, or `default` when it fails. The failure is logged under `name`,
        once until the probe works again."""
        try:
            result = probe()
        # Whatever it is: psutil lets through what the system's libraries raise, and no fact is
        # worth losing the report.
        except Exception as error:
            if name not in self._failing:
                _log.warning("%s cannot be found out: %s: %s", name, type(error).__name__, error)
                self._failing.add(name)
            return default
        self._failing.discard(name)
        return result
