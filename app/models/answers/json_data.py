"""JSON from a provider: what is not needed to understand it does not matter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

BYTE_ORDER_MARK = "\ufeff"
# Line ends and tabs within strings are not escaped by every gateway.
_DECODER = json.JSONDecoder(strict=False)


def decode(text: str) -> Any:
    """Return the value in a text.

    Raises:
        ValueError: it is not valid JSON, or too deeply nested.
    """
    try:
        return _DECODER.decode(text.removeprefix(BYTE_ORDER_MARK).strip())
    except RecursionError:
        raise ValueError("too deeply nested") from None


def text_of(body: bytes) -> str:
    """Return a body as text; bytes that are not valid in its encoding become `surrogateescape`'s halves."""
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding, "surrogateescape")
    except UnicodeDecodeError:  # UTF-16 that is cut off
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
