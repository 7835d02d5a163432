"""The business rules behind the numbers: pure functions, standard library only.

A file holds one rule, or what several rules share; the docstring is the rule as the customer states
it. A rule about a device returns a verdict with its reason.
"""

from typing import NamedTuple


class Verdict(NamedTuple):
    """What a rule decided, and the reason as people read it."""

    value: str
    reason: str
