"""How much `make test` tries of what `make test-all` tries whole."""

import os
from collections.abc import Iterable
from typing import TypeVar

import pytest

FULL = os.environ.get("SAMPLES", "small") == "full"
Case = TypeVar("Case")

SERVERS = {"postgresql", "mariadb"}


def samples(small: int, full: int) -> int:
    """`small` in `make test`, `full` where SAMPLES=full; a slice of that where EXAMPLES says how
    many, with a seed of its own (`--hypothesis-seed`)."""
    return int(os.environ.get("EXAMPLES", full)) if FULL else small


def some(cases: Iterable[Case], small: int) -> list[Case]:
    """All cases where SAMPLES=full; in `make test` `small` of them, evenly spread, the first and
    the last among them."""
    every = list(cases)
    if FULL or small >= len(every):
        return every
    return [every[turn * (len(every) - 1) // (small - 1)] for turn in range(small)]


def mark_servers_full(item: pytest.Item) -> None:
    """A test marked `any_database` runs on SQLite in `make test`, on the servers where
    SAMPLES=full."""
    parameters = getattr(item, "callspec", None)
    if not parameters or not item.get_closest_marker("any_database"):
        return
    if not SERVERS.isdisjoint(map(str, parameters.params.values())):
        item.add_marker("full")
