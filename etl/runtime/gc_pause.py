"""Python's search for reference cycles, put off while a whole fleet is in memory.

The rows of 20,000 devices are a million objects without a cycle among them; each full search looks
at all of them, and a publish makes enough new ones to start several: half of its time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Nothing is searched inside; whoever had switched the search off finds it off after."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()
