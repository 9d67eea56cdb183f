"""Answers that are JSON: read from a model's text, and compared."""

from __future__ import annotations

import json

from pydantic import JsonValue
from pydantic_core import from_json

from app.normalization import normalize

_CLOSING = {"{": "}", "[": "]"}


def parse(text: str) -> JsonValue:
    """Return the JSON in a model's answer.

    Strictly the whole of it; or else, leniently, what is between the outermost braces or brackets: of the fenced
    block, if there is just one, of the whole answer otherwise.

    Raises:
        ValueError: there is none.
    """
    try:
        return strict(text)
    except ValueError:
        return strict(_outermost(_only_block(text) or text))


def strict(text: str) -> JsonValue:
    """Return `text` as JSON.

    Raises:
        ValueError: it is not, it is nested more than 200 deep, or it has a number that is too large.
    """
    value: JsonValue = from_json(text.encode(), allow_inf_nan=False)  # which refuses lone surrogates as a ValueError
    json.dumps(value, allow_nan=False)  # which refuses 1e999: it was read as infinity, and could not be written again
    return value


def canonical(value: JsonValue, *, exact: bool = False) -> str:
    """Return one text for all JSON that says the same, whatever the order of keys or the form of numbers.

    Texts in it are normalised, as answers are, unless `exact`.
    """
    return json.dumps(_plain(value, exact=exact), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _only_block(text: str) -> str:
    parts = text.split("```")
    return parts[1] if len(parts) == 3 else ""  # noqa: PLR2004  # before, in, and after the block


def _outermost(text: str) -> str:
    start = min((at for at in map(text.find, _CLOSING) if at >= 0), default=len(text))
    return text[start : text.rfind(_CLOSING.get(text[start : start + 1], "")) + 1]


def _plain(value: JsonValue, *, exact: bool) -> JsonValue:
    if isinstance(value, dict):
        return {key: _plain(part, exact=exact) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part, exact=exact) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return normalize(value) if isinstance(value, str) and not exact else value
