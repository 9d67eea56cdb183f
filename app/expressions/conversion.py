"""Convert between Python and CEL: the input and output of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, JsonValue

from app.expressions.analysis import Path
from app.expressions.functions import LEAST_INT, MOST_UINT

MAX_CHARACTERS = 1024 * 1024
#: The library takes a longer duration for this one.
_LONGEST = timedelta(microseconds=(2**63 - 1) // 1000)
_SCALARS = (str, int, float, type(None))

#: What `follow` returns for a way that leads nowhere.
ABSENT = object()


def select(context: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Return of `context` only what lies on `paths`, as plain data: an evaluation copies all that it is given.

    No path leads on from the end of another. Pydantic models become mappings of their fields. What is absent
    stays absent.
    """
    chosen: dict[str, Any] = {}
    for path in paths:
        _copy(context, chosen, path)
    return chosen


def follow(data: Any, path: Iterable[str | int]) -> Any:
    """Return the part of plain data that a way by names and places leads to, or `ABSENT`."""
    for part in path:
        named = isinstance(data, dict) and isinstance(part, str) and part in data
        placed = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if not (named or placed):
            return ABSENT
        data = data[part]
    return data


def has_large_number(data: Any) -> bool:
    """Whether plain data hold an integer of more than 64 bits, which the library would make a fraction."""
    waiting = [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, int):
            if not LEAST_INT <= one <= MOST_UINT:
                return True
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False


def _copy(source: Any, target: dict[str, Any], path: Path) -> None:
    *above, last = path
    for name in above:
        source = _member(source, name)
        if not _has_names(source):
            if source is not ABSENT:
                target[name] = plain(source)
            return
        target = target.setdefault(name, {})
    if (value := _member(source, last)) is not ABSENT:
        target[last] = plain(value)


def _has_names(source: Any) -> bool:
    """Whether parts of it are named: a model, a mapping, or something that makes its parts when they are asked for."""
    return isinstance(source, BaseModel | Mapping) or (
        hasattr(type(source), "__getitem__") and not isinstance(source, str | bytes | Sequence)
    )


def _member(source: Any, name: str) -> Any:
    if isinstance(source, BaseModel):
        return getattr(source, name) if name in type(source).model_fields else ABSENT
    try:
        return source[name]
    except KeyError:
        return ABSENT


def plain(value: Any) -> Any:
    """Return `value` with models as mappings and tuples as lists; what is plain already is not copied twice."""
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value]


class JsonConverter:
    """Turns what an evaluation yields into JSON, up to `MAX_CHARACTERS`.

    With `sort`, keys are in order: the library gives no order twice, and a replay is to give the same, byte for byte.
    """

    def __init__(self, *, sort: bool = True) -> None:
        self._sort = sort
        self._left = MAX_CHARACTERS

    def of(self, value: Any) -> JsonValue:
        """Return the JSON for `value`: a timestamp as ISO 8601, a duration in seconds.

        Raises:
            ValueError: JSON has no such value, or it is too large.
        """
        self._left -= len(value) if isinstance(value, str) else 1
        if self._left < 0:
            raise ValueError(f"yields more than {MAX_CHARACTERS} characters")
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        if isinstance(value, dict):
            names = map(self._key, value)
            return {name: self.of(value[name]) for name in (sorted(names) if self._sort else names)}
        return _scalar(value)

    def _key(self, name: object) -> str:
        if not isinstance(name, str):
            raise ValueError(f"yields a map with the key {name!r}; JSON keys must be strings")  # noqa: TRY004  # all faults alike
        self._left -= len(name)
        return name


def _scalar(value: Any) -> JsonValue:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"yields {value}, which JSON cannot represent")
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        if abs(value) >= _LONGEST:
            raise ValueError("yields a duration of more than 292 years, which CEL cannot represent")
        return value.total_seconds()
    raise ValueError(f"yields {type(value).__name__}, which JSON cannot represent")
