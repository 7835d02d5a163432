"""Long answers, written while they are read: in constant memory."""

from collections.abc import Iterable, Iterator


def in_parts(texts: Iterable[str], size: int = 64 * 1024) -> Iterator[str]:
    """`texts` in parts worth sending."""
    waiting: list[str] = []
    length = 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length >= size:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)
