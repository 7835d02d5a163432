"""Lists that come in pages, read to their end. What does not add up is an error, never a short
list."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from etl.records.record import Raw
from etl.records.text import kind
from etl.vendor.http import Session

MOST_PAGES = 5_000
"""A vendor with five million devices would need more; one that never ends needs a limit."""

_LARGEST_ID = 2**63 - 1
_Key = TypeVar("_Key", int, str)


def read_id(value: object) -> int | None:
    """A row id: a positive whole number or its decimal digits; None for all else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_ID:
        return value
    return None


def pages_after(
    session: Session, path: str, *, fleet: bool = False, page_size: int = 1000
) -> Iterator[Any]:
    """The rows of a list that goes on `after` the largest id seen, each id once.

    The vendor promises no total, and may give smaller pages than asked for: only an empty page
    is the end, and only when it is empty a second time, for nothing else would tell a lost page.

    Args:
        fleet: whether the rows are the devices, to be counted in `session.tally`.

    Raises:
        CollectionError: an answer is no list, or the list does not move on.
    """
    after = 0
    seen: set[int] = set()
    for _ in range(MOST_PAGES):
        params = {"pageSize": page_size} | ({"after": after} if after else {})
        rows = _rows(session, session.get(path, params).data, path)
        if not rows:
            if _rows(session, session.get(path, params).data, path):
                raise session.failure(
                    f"gave an empty page of {path} where rows follow (after id {after})",
                    "Collect again later; if this stays so, the vendor's paging has changed.",
                )
            return
        fresh, ids = _fresh(rows, lambda row: read_id(row.get("id")), seen)
        last = max(ids, default=0)
        if last <= after:
            raise session.failure(
                f"answered {path} with the same page again: no id in it comes after {after}",
                "Collect again later; if this stays so, the vendor's paging has changed.",
            )
        after = last
        session.tally.page(len(fresh) if fleet else 0)
        yield from fresh
    raise _endless(session, path)


def pages_by_number(
    session: Session,
    path: str,
    body: Mapping[str, Any],
    key_of: Callable[[Raw], str | None],
    *,
    fleet: bool = False,
    page_size: int = 500,
) -> Iterator[Any]:
    """The rows of a list whose pages have numbers, each key once, as many as promised.

    The promise is the largest total seen, in the `Pagination` header or as `totalRows` of a row;
    without a promise only an empty page is the end.

    Args:
        key_of: a row's id, None when it cannot be read (such a row counts as one of its own).
        fleet: whether the rows are the devices, to be counted in `session.tally`.

    Raises:
        CollectionError: an answer is no list, a page repeats, or the rows are not as many as
            promised.
    """
    seen: set[str] = set()
    count = 0
    promised: int | None = None
    for number in range(1, MOST_PAGES + 1):
        reply = session.post(path, {**body, "pageNumber": number, "pageSize": page_size}, empty=[])
        rows = _rows(session, reply.data, path)
        promised = _largest(promised, _header_total(reply.headers), *map(_row_total, rows))
        fresh, _ = _fresh(rows, key_of, seen)
        if rows and not fresh:
            raise session.failure(
                f"answered page {number} of {path} with rows of earlier pages only",
                "Collect again later; if this stays so, the vendor's paging has changed.",
            )
        count += len(fresh)
        if fleet:
            session.tally.promised = promised
        if rows:
            session.tally.page(len(fresh) if fleet else 0)
        yield from fresh
        if not rows or (promised is not None and count >= promised):
            break
    else:
        raise _endless(session, path)
    if promised is None and count:
        session.tally.warnings.append(
            f"{session.label} promised no total for {path}: nobody can say whether the {count} "
            "rows are all."
        )
    if promised is not None and count != promised:
        less = "fewer" if count < promised else "more"
        raise session.failure(
            f"gave {less} rows than promised for {path}: {count} of {promised}, "
            f"the last on page {number}",
            "Collect again later: when rows only moved while they were read, it passes by itself.",
        )


def _fresh(
    rows: list[Any], key_of: Callable[[Raw], _Key | None], seen: set[_Key]
) -> tuple[list[Any], list[_Key]]:
    """The rows whose key is not in `seen`, where it is put, and the keys that can be read."""
    fresh, keys = [], []
    for row in rows:
        key = key_of(row) if isinstance(row, dict) else None
        if key is not None:
            keys.append(key)
        if key is None or key not in seen:
            fresh.append(row)
        if key is not None:
            seen.add(key)
    return fresh, keys


def _rows(session: Session, data: Any, path: str) -> list[Any]:
    if isinstance(data, list):
        return data
    shown = json.dumps(data)[:200]
    raise session.failure(
        f"answered {path} with {kind(data)} where a list belongs: {shown}",
        "Collect again later; if this stays so, check the key's rights and the address.",
    )


def _endless(session: Session, path: str) -> Exception:
    return session.failure(
        f"did not come to an end of {path} in {MOST_PAGES} pages", "Report this: it is a fault."
    )


def _header_total(headers: Mapping[str, str]) -> object:
    try:
        pagination = json.loads(headers.get("Pagination", "null"))
    except ValueError:
        return None
    if not isinstance(pagination, dict):
        return None
    return {str(name).lower(): value for name, value in pagination.items()}.get("totalitems")


def _row_total(row: object) -> object:
    return row.get("totalRows") if isinstance(row, dict) else None


def _largest(*totals: object) -> int | None:
    numbers = [
        total for total in totals
        if isinstance(total, int) and not isinstance(total, bool) and total >= 0
    ]  # fmt: skip
    return max(numbers, default=None)
