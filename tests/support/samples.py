"""How many examples a property test tries: few in `make test`, many in `make test-all`."""

import os

FULL = os.environ.get("SAMPLES", "small") == "full"


def samples(small: int, full: int) -> int:
    """`small` in `make test`, `full` where SAMPLES=full."""
    return full if FULL else small
