"""The rules of the numbers: pure functions, standard library only.

A file holds one rule: the rule in the customer's sentence, one public function, a verdict and
its reason in words.
"""

from typing import NamedTuple


class Verdict(NamedTuple):
    """What a rule decided and why, in words a manager reads."""

    value: str
    reason: str
