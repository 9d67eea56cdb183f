"""JSON from a provider: what is not needed to understand it does not matter."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from app import decoding

#: What may stand around a value.
BLANK = " \t\r\n\0\ufeff"
#: The data of the last event of a stream, which is not JSON.
DONE = "[DONE]"

_NEXT = re.compile(r"[\s\0]*(?:data:\s*)?(?=[{\[])(?!\[DONE\])")
#: As many digits as Python converts.
_MOST_DIGITS = 4300


def _integer(digits: str) -> float:
    return int(digits) if len(digits) < _MOST_DIGITS else math.inf


# Line ends and tabs within strings are not escaped by every gateway.
_DECODER = json.JSONDecoder(strict=False)
_PATIENT = json.JSONDecoder(strict=False, parse_int=_integer)


def values_in(text: str) -> tuple[list[Any], str]:
    """Return the values in a text, one behind the other, and what is left after the last one.

    Raises:
        ValueError: there is none, one of them is not valid JSON, or is too deeply nested.
    """
    text = text.strip(BLANK)
    value, end = _decode(text, 0)
    found = [value]
    if end == len(text):
        return found, ""
    while following := _NEXT.match(text, end):
        value, end = _decode(text, following.end())
        found.append(value)
    return found, text[end:].strip(BLANK)


def decode(text: str) -> Any:
    """Return the value in a text, the first if there are several.

    Raises:
        ValueError: as `values_in`.
    """
    return values_in(text)[0][0]


def _decode(text: str, start: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError:
        raise ValueError("too deeply nested") from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # a number with too many digits
        return _PATIENT.raw_decode(text, start)


def text_of(body: bytes, charset: str | None = None) -> str:
    """Return a body as text; `charset` is what was declared. What is no text becomes `surrogateescape`'s halves."""
    try:
        return decoding.decode(body, decoding.wide_encoding(body) or charset)
    except decoding.NotText:
        return body.decode("utf-8", "surrogateescape")


def mapping(value: object) -> dict[str, Any]:
    """Return an object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, or the one that stands in its place."""
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            yield item


def text(value: object) -> str:
    """Return a text; an empty one in place of anything else."""
    return value if isinstance(value, str) else ""
