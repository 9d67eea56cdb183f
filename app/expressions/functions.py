"""The functions that expressions may call: all are deterministic, and none produces large output from small input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: Those of CEL itself, as this implementation has them.
BUILT_IN = frozenset(
    {"contains", "startsWith", "endsWith", "matches", "has", "int", "uint", "double", "string", "bytes"}
    | {"timestamp", "duration", "type", "dyn", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek"}
    | {"getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds"}
)
#: Those of CEL's usual extensions that can be offered.
_EXTENSIONS = frozenset(
    {"bool", "min", "max", "charAt", "indexOf", "lastIndexOf", "substring", "lowerAscii", "upperAscii", "trim"}
    | {"slice", "sort", "reverse"}
)
MAX_PARTS = 1000
#: Characters of a text that is joined.
JOINED = 1024 * 1024

#: What stands for a minus sign in the program, and for functions of the library that are replaced by ours: it takes its
#: own where it has one for the type of an operand. No expression can call them.
NEGATIVE = "negative_"
RENAMED = {"size": "size_"}
#: The error of a number that CEL cannot hold.
TOO_LARGE = "the result has more than 64 bits; convert with double(x) first"
LEAST_INT, MOST_INT, MOST_UINT = -(2**63), 2**63 - 1, 2**64 - 1


def extensions(names: Iterable[str]) -> dict[str, Callable[..., Any]]:
    """Return those of `names` that are not the library's own, by the names that the program has for them."""
    from cel.stdlib import STDLIB_FUNCTIONS  # noqa: PLC0415  # part of the server's extra

    ours = [name for name in names if name not in BUILT_IN]
    return {RENAMED.get(name, name): _OURS.get(name) or STDLIB_FUNCTIONS[name] for name in ours}


def size(value: Any) -> int:
    """Return the code points of a text, the bytes of bytes, or the entries of a list or map.

    The library's own counts the bytes of a text.

    Raises:
        ValueError: it has no size.
    """
    if isinstance(value, str | bytes | list | tuple | dict):
        return len(value)
    raise ValueError(f"`size` takes a text, a list or a map, not {described(value)}")


def negative(value: Any) -> Any:
    """Return `-value`; the library's own gives the least integer itself back.

    Raises:
        ValueError: it is not a number, or has more than 64 bits then.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"`-` takes a number, not {described(value)}")  # noqa: TRY004  # all faults alike
    if isinstance(value, int) and not LEAST_INT <= -value <= MOST_INT:
        raise ValueError(TOO_LARGE)
    return -value


def sum_(*items: Any) -> Any:
    """Return the sum of the operands, or of the one list among them.

    Raises:
        ValueError: they cannot be added, or the sum has more than 64 bits.
    """
    from cel.stdlib import STDLIB_FUNCTIONS  # noqa: PLC0415  # likewise

    try:
        total = STDLIB_FUNCTIONS["sum"](*items)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return _whole(total) if isinstance(total, int) else total


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """Return the parts of `text`, with a limit that is not negative so many at most.

    Raises:
        ValueError: there are more than `MAX_PARTS`.
    """
    most = MAX_PARTS + 1 if limit < 0 else min(limit, MAX_PARTS + 1)
    if not most:
        return []
    if separator:
        parts = text.split(separator, most - 1)
    else:
        parts = [*text[: most - 1], *([text[most - 1 :]] if len(text) >= most else [])]
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


def described(value: object) -> str:
    """Return what kind of value this is, for errors."""
    kinds = ((bool, "true or false"), (int | float, "a number"), (str, "a text"), (list, "a list"), (dict, "a map"))
    return "null" if value is None else next((word for kind, word in kinds if isinstance(value, kind)), "this")


def _whole(number: int) -> int:
    """Return a number that CEL can hold: the library makes a larger one a fraction, which is another number."""
    if LEAST_INT <= number <= MOST_UINT:
        return number
    raise ValueError(TOO_LARGE)


_OURS: Mapping[str, Callable[..., Any]] = {
    "join": join,
    "size": size,
    "split": split,
    "sum": sum_,
    NEGATIVE: negative,
}
KNOWN = BUILT_IN | _EXTENSIONS | {"join", "size", "split", "sum"}
