"""Paginated lists, read to their end. A list that is incomplete or repeats itself is an error."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from etl.records.record import Raw
from etl.records.text import json_type
from etl.vendor.answers import MOST_RAW, describe
from etl.vendor.http import Session

MAX_PAGES = 5_000
"""Enough for five million devices; a list that never ends needs a limit."""

_LARGEST_ID = 2**63 - 1
_Key = TypeVar("_Key", int, str)


def parse_id(value: object) -> int | None:
    """A row id: a positive integer or its decimal digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_ID:
        return value
    return None


def paginate_after_id(
    session: Session, path: str, *, devices: bool = False, page_size: int = 1000
) -> Iterator[Any]:
    """The rows of a list paginated by `after=<largest id so far>`, each id once.

    The API returns no total and may return smaller pages than requested: the list ends with an
    empty page, which is requested twice, because a page lost by the vendor looks the same.

    Args:
        devices: whether the rows are devices, to be counted in `session.stats`.

    Raises:
        CollectionError: a page is no list, or the list does not advance.
    """
    after = 0
    seen: set[int] = set()
    for _ in range(MAX_PAGES):
        params = {"pageSize": page_size} | ({"after": after} if after else {})
        rows = _rows(session, session.get(path, params).data, path)
        if not rows:
            if _rows(session, session.get(path, params).data, path):
                raise session.failure(
                    f"gave an empty page where rows follow (after id {after})",
                    "Collect again later; if this stays so, the vendor's paging has changed.",
                    request=path,
                )
            return
        fresh, ids = _fresh(rows, lambda row: parse_id(row.get("id")), seen)
        last = max(ids, default=0)
        if last <= after:
            raise session.failure(
                f"answered with the same page again: no id in it comes after {after}",
                "Collect again later; if this stays so, the vendor's paging has changed.",
                request=path,
            )
        after = last
        session.stats.count_page(len(fresh) if devices else 0)
        yield from fresh
    raise _endless(session, path)


def paginate_by_number(
    session: Session,
    path: str,
    body: Mapping[str, Any],
    key_of: Callable[[Raw], str | None],
    *,
    devices: bool = False,
    page_size: int = 500,
) -> Iterator[Any]:
    """The rows of a list paginated by page number, each key once, as many as promised.

    `promised` is the largest total seen, in the `Pagination` header or as `totalRows` of a row;
    without one the list ends with an empty page.

    Args:
        key_of: a row's id, None when it cannot be read (such a row is never a duplicate).
        devices: whether the rows are devices, to be counted in `session.stats`.

    Raises:
        CollectionError: a page is no list, a page repeats, or the number of rows is not the
            promised one.
    """
    seen: set[str] = set()
    count = 0
    promised: int | None = None
    for number in range(1, MAX_PAGES + 1):
        reply = session.post(path, {**body, "pageNumber": number, "pageSize": page_size}, empty=[])
        rows = _rows(session, reply.data, path)
        promised = _largest(promised, _header_total(reply.headers), *map(_row_total, rows))
        fresh, _ = _fresh(rows, key_of, seen)
        if rows and not fresh:
            raise session.failure(
                f"answered page {number} with rows of earlier pages only",
                "Collect again later; if this stays so, the vendor's paging has changed.",
                request=path,
            )
        count += len(fresh)
        if devices:
            session.stats.promised = promised
        if rows:
            session.stats.count_page(len(fresh) if devices else 0)
        yield from fresh
        if not rows or (promised is not None and count >= promised):
            break
    else:
        raise _endless(session, path)
    if promised is None and count:
        session.stats.warnings.append(
            f"{session.label} promised no total: nobody can say whether the {count} rows are all."
        )
    if promised is not None and count != promised:
        less = "fewer" if count < promised else "more"
        raise session.failure(
            f"gave {less} rows than promised: {count} of {promised}, the last on page {number}",
            "Collect again later: the fault goes away if rows only moved while they were read.",
            request=path,
        )


def _fresh(
    rows: list[Any], key_of: Callable[[Raw], _Key | None], seen: set[_Key]
) -> tuple[list[Any], list[_Key]]:
    """The rows whose key is not in `seen` yet, and all readable keys; adds them to `seen`."""
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
    text = json.dumps(data)
    raise session.failure(
        f"answered with {json_type(data)} where a list belongs: {describe({}, text)}",
        "Collect again later; if this stays so, check the key's rights and the address.",
        answer=text[:MOST_RAW],
        request=path,
    )


def _endless(session: Session, path: str) -> Exception:
    return session.failure(
        f"did not come to an end in {MAX_PAGES} pages",
        "Report this: it is a fault.",
        request=path,
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
