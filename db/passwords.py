"""Passwords: which are accepted, and their argon2id hashes."""

import threading
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from db.translatable import TranslatableError

SHORTEST, LONGEST = 12, 1000
_LEAST_SCORE = 3
"""Of zxcvbn's 0 to 4: below it are common passwords, names and patterns, with a year too."""
_SCORED_LETTERS = 72

_hasher = PasswordHasher()
# Each hash takes 64 MB: many sign-ins at once would otherwise exhaust a small machine.
_memory = threading.BoundedSemaphore(2)


class WeakPassword(TranslatableError):
    """A password is not accepted; the text says why and what to do."""


def check_strength(password: str, related: Sequence[str] = ()) -> None:
    """Check a new password.

    Args:
        related: words that are easy to guess for this person, such as the name.

    Raises:
        WeakPassword: it is too short, too long or too common.
    """
    if len(password) < SHORTEST:
        raise WeakPassword("Choose a password of %(n)s characters or more.", n=SHORTEST)
    if len(password) > LONGEST:
        raise WeakPassword("Choose a password of at most %(n)s characters.", n=LONGEST)
    known = [*related, "inventory", "hub", "inventoryhub"]
    if zxcvbn(password[:_SCORED_LETTERS], user_inputs=known)["score"] < _LEAST_SCORE:
        raise WeakPassword(
            "This password is easy to guess. Choose four words that do not belong together."
        )


def hash_password(password: str) -> str:
    """The text to store."""
    with _memory:
        return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether `stored` is the hash of `password`; takes the same time without a hash."""
    with _memory:
        try:
            return _hasher.verify(stored or _no_password(), password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def needs_rehash(stored: str) -> bool:
    """Whether `stored` was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


_unknown: str | None = None


def _no_password() -> str:
    global _unknown
    if _unknown is None:
        _unknown = _hasher.hash("no password")
    return _unknown
