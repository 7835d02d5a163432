"""Cleaning of vendor text for storage, and canonical payloads for comparison.

`TextCleaner` cleans the texts of one record and lists its repairs. `canonical` encodes a payload so
that equal payloads give equal bytes, losslessly: NUL, lone surrogates, NaN and Infinity included.
`split_volatile` separates the keys that change hourly; `merge_volatile` puts them back.
"""

import json
import re
from functools import lru_cache
from typing import Any

from db.tables import NAME_LENGTH
from etl.records.record import Raw

# Lengths of the columns that hold them (a test compares them with db.tables).
KEY_LENGTH = 128
CLASS_LENGTH = 64
IP_LENGTH = 64
REPAIRED_LENGTH = 255

# PostgreSQL refuses NUL in text, every database refuses half a surrogate pair.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_CONTROLS = re.compile("[\x01-\x1f\x7f-\x9f\u2028\u2029]+")


class TextCleaner:
    """Cleans the texts of one record and lists the repairs.

    Surrounding blanks are dropped silently (one vendor ends every operating system with one);
    every other change to a text is a repair.
    """

    def __init__(self) -> None:
        self._repairs: list[str] = []

    def text(self, value: object, field: str, length: int = NAME_LENGTH) -> str | None:
        """`value` as text of at most `length` characters; None when nothing is left.

        A number is converted; any other type is dropped.
        """
        if value is None:
            return None
        if not isinstance(value, str):
            return self._from_other(value, field, length)
        if not value.isprintable():
            value = self._printable(value, field)
        value = value.strip()
        if len(value) > length:
            self.add_repair(f"{field}: cut from {len(value)} to {length} characters")
            value = value[:length].rstrip()
        return value or None

    def add_repair(self, repair: str) -> None:
        """Add to the list, e.g. "hostname: 2 NUL characters replaced"."""
        self._repairs.append(repair)

    @property
    def repaired(self) -> str | None:
        """All repairs in one line that fits its column; None when there were none."""
        line = "; ".join(self._repairs)
        return f"{line[: REPAIRED_LENGTH - 1]}…" if len(line) > REPAIRED_LENGTH else line or None

    def _from_other(self, value: object, field: str, length: int) -> str | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.add_repair(f"{field}: a number was read as text")
            return str(value)[:length]
        self.add_repair(f"{field}: {json_type(value)} was ignored, text belongs there")
        return None

    def _printable(self, value: str, field: str) -> str:
        nuls, both = value.count("\0"), len(_UNSTORABLE.findall(value))
        if nuls:
            self.add_repair(f"{field}: {_count(nuls, 'NUL character')} replaced")
        if both > nuls:
            self.add_repair(f"{field}: {_count(both - nuls, 'half surrogate pair')} replaced")
        value = _UNSTORABLE.sub("\ufffd", value).strip()
        value, controls = _CONTROLS.subn(" ", value)
        if controls:
            self.add_repair(f"{field}: {_count(controls, 'run')} of control characters replaced")
        return value


def json_type(value: object) -> str:
    """The type of a JSON value, with its article: "a list", "an object"."""
    names: dict[type, str] = {
        dict: "an object", list: "a list", str: "text", bool: "true or false",
        int: "a number", float: "a number", type(None): "null",
    }  # fmt: skip
    return names.get(type(value), type(value).__name__)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# ASCII only, so that no database and no codec can alter it.
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def canonical(payload: Any) -> bytes:
    """JSON of `payload` with sorted keys, in ASCII. `json.loads` gives the payload back."""
    return _ENCODER.encode(payload).encode("ascii")


# One step of the compiled paths: key -> (whether its list's items are meant, the steps below),
# or None where the key itself is volatile.
_Steps = dict[str, "tuple[bool, _Steps] | None"]


def split_volatile(payload: Raw, paths: tuple[str, ...]) -> tuple[Raw, Raw]:
    """`payload` without the keys at `paths`, and those keys alone in the same shape.

    Args:
        paths: dotted, `[]` after a key that holds a list: "os.lastBootTime",
            "volumes[].freeSpace". A path that the payload does not have, or whose list or
            object is something else there, takes nothing out.
    """
    return _split(payload, _compiled(paths))


def merge_volatile(stable: Raw, volatile: Raw) -> Raw:
    """The whole payload from both parts of `split_volatile`."""
    merged: Raw = _merge(stable, volatile)
    return merged


@lru_cache(maxsize=32)
def _compiled(paths: tuple[str, ...]) -> _Steps:
    tree: _Steps = {}
    for path in paths:
        *parents, leaf = path.split(".")
        if leaf.endswith("[]"):
            raise ValueError(f"{path!r} names the items of a list: name the list or a key in them")
        steps = tree
        for parent in parents:
            key, items = parent.removesuffix("[]"), parent.endswith("[]")
            step = steps.setdefault(key, (items, {}))
            if step is None or step[0] != items:
                raise ValueError(f"{path!r} contradicts another path at {parent!r}")
            steps = step[1]
        if steps.setdefault(leaf, None) is not None:
            raise ValueError(f"{path!r} contradicts a longer path")
    return tree


def _split(payload: Raw, steps: _Steps) -> tuple[Raw, Raw]:
    stable, volatile = dict(payload), {}
    for key, step in steps.items():
        if key not in stable:
            continue
        value = stable[key]
        if step is None:
            volatile[key] = stable.pop(key)
        elif step[0] and type(value) is list:
            pairs = [
                _split(item, step[1]) if type(item) is dict else (item, None) for item in value
            ]
            if any(taken for _, taken in pairs):
                stable[key] = [kept for kept, _ in pairs]
                volatile[key] = [taken for _, taken in pairs]
        elif not step[0] and type(value) is dict:
            kept, taken = _split(value, step[1])
            if taken:
                stable[key], volatile[key] = kept, taken
    return stable, volatile


def _merge(stable: Any, volatile: Any) -> Any:
    if type(stable) is dict and type(volatile) is dict:
        merged = dict(stable)
        for key, value in volatile.items():
            merged[key] = _merge(merged[key], value) if key in merged else value
        return merged
    if type(stable) is list and type(volatile) is list:
        # The volatile part may be newer, and the list shorter or longer since.
        rest = [None] * (len(stable) - len(volatile))
        return [_merge(item, extra) for item, extra in zip(stable, volatile + rest, strict=False)]
    return stable
