"""Failed attempts to sign in: whoever guesses has to wait, the owner elsewhere does not."""

from collections.abc import Callable

from dashboard.ingest.rate_limit import WINDOW_SECONDS, RateLimit

FROM_ADDRESS_FOR_NAME = 10
FROM_ADDRESS = 60
"""Many people may share the address of an office."""
FOR_NAME = 100
CODES_FROM_ADDRESS, CODES_FOR_NAME_AN_HOUR = 5, 20
"""A code has six digits, and three are right at a time: so many an hour guess one in two years."""


class FailedAttempts:
    """Counts failures a minute: of one address for one name, of one address for all, and for one
    name from all addresses (`for_name` in `name_seconds`).

    The last limit does not hold for an address from which that name has signed in before, so that
    strangers cannot lock the owner out.
    """

    def __init__(
        self, ticks: Callable[[], float], pair: int = FROM_ADDRESS_FOR_NAME,
        for_name: int = FOR_NAME, name_seconds: float = WINDOW_SECONDS,
    ) -> None:  # fmt: skip
        self._pair = RateLimit(pair, ticks)
        self._address = RateLimit(FROM_ADDRESS, ticks)
        self._name = RateLimit(for_name, ticks, name_seconds)

    def wait_seconds(self, address: str, name: str, *, is_known: bool) -> int | None:
        """The seconds to wait before the next attempt; None if there may be one now.

        Args:
            is_known: whether `name` has signed in from `address` before.
        """
        waits = [
            self._pair.seconds_left((address, name)),
            self._address.seconds_left(address),
            None if is_known else self._name.seconds_left(name),
        ]
        return max((wait for wait in waits if wait), default=None)

    def count(self, address: str, name: str) -> None:
        """Count a failure."""
        self._pair.take((address, name))
        self._address.take(address)
        self._name.take(name)
