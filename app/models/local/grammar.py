"""JSON schemas in the form of which llama.cpp makes a grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

_CLASSES = {r"\d": "0-9", r"\w": "A-Za-z0-9_", r"\s": r" \t\n\r"}
_PART = re.compile(r"\[(?:\\.|[^\]\\])*+(?:\]|\Z)|\\.")


def grammar_schema(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    r"""Return `schema` with patterns that llama.cpp knows: it has no `\d`, `\w`, `\s`, and none without `^` and `$`.

    It would leave the others aside by itself, but with a line on the process's standard error for each.
    """
    return dict(_items(schema))


def _items(schema: Mapping[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    for key, value in schema.items():
        if key == "pattern" and isinstance(value, str):
            if value.startswith("^") and value.endswith("$"):
                yield key, _PART.sub(_expand_class, value)
        else:
            yield key, _inner(value)


def _inner(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_inner(item) for item in value]
    return grammar_schema(value) if isinstance(value, dict) else value


def _expand_class(part: re.Match[str]) -> str:
    """Return a character class, or an escape that stands for one, without such escapes."""
    text = part[0]
    if text in _CLASSES:
        return f"[{_CLASSES[text]}]"
    return re.sub(r"\\.", lambda escape: _CLASSES.get(escape[0], escape[0]), text) if text.startswith("[") else text
