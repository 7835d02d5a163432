"""A number with its noun, in the English of reasons, refusals and commands."""


def plural(n: int, one: str, many: str = "") -> str:
    """ "1 site", "2 sites"; `many` where the plural is not `one` with an s."""
    return f"{n} {one if n == 1 else many or f'{one}s'}"
