"""Deterministic noise from (fleet, machine, day), so that days can be read in any order; much
cheaper than seeding a generator for each machine and day."""

_MASK = (1 << 64) - 1


def hash_bits(*parts: int) -> int:
    """64 well-mixed bits of the given whole numbers (splitmix64's finaliser, chained)."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = (state ^ part) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def fraction(bits: int, shift: int = 0) -> float:
    """16 of the bits as a number from 0 up to, not including, 1."""
    return ((bits >> shift) & 0xFFFF) / 65536.0
