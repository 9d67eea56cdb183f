"""The functions that expressions may call: all are deterministic, and none produces large output from small input."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

#: Those of CEL itself, as this implementation has them.
BUILT_IN = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "has", "int", "uint", "double", "string", "bytes"}
    | {"timestamp", "duration", "type", "dyn", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek"}
    | {"getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds"}
)
#: Those of CEL's usual extensions that can be offered; two of them are bounded below.
_EXTENSIONS = frozenset(
    {"bool", "min", "max", "sum", "indexOf", "lastIndexOf", "substring", "lowerAscii", "upperAscii", "trim"}
    | {"slice", "sort", "reverse"}
)
MAX_PARTS = 1000
#: Characters of a text that is joined.
JOINED = 1024 * 1024

KNOWN = BUILT_IN | _EXTENSIONS | {"split", "join"}


def extensions(names: Iterable[str]) -> dict[str, Callable[..., Any]]:
    """Return those of `names` that the language does not have itself."""
    from cel.stdlib import STDLIB_FUNCTIONS  # noqa: PLC0415  # part of the server's extra

    ours: dict[str, Callable[..., Any]] = {"split": split, "join": join}
    return {name: ours.get(name) or STDLIB_FUNCTIONS[name] for name in names if name not in BUILT_IN}


def split(text: str, separator: str) -> list[str]:
    """Return the parts of `text`.

    Raises:
        ValueError: there are more than `MAX_PARTS`.
    """
    parts = text.split(separator, MAX_PARTS) if separator else list(text[: MAX_PARTS + 1])
    if len(parts) > MAX_PARTS:
        raise ValueError(f"a string can be split into at most {MAX_PARTS} parts")
    return parts


def join(items: list[str], separator: str = "") -> str:
    """Return the texts with `separator` between them.

    Raises:
        ValueError: an item is not a string, or the result would be larger than a mebibyte.
    """
    if not all(isinstance(item, str) for item in items):
        raise ValueError("only texts can be joined; convert other items with string(x)")
    if sum(map(len, items)) + len(separator) * len(items) > JOINED:
        raise ValueError(f"the joined text would have more than {JOINED} characters")
    return separator.join(items)
