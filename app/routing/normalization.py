"""When two answers say the same, as far as that can be seen without a model."""

from __future__ import annotations

import json

from pydantic import JsonValue

from app.normalization import normalize


def normalized(text: str, data: JsonValue = None) -> str:
    """Return the form that answers which say the same have in common.

    JSON (`data`, or a text that is a JSON object or array) is the same whatever its spaces and the order of its
    keys. Other text is the same when it is for a vote.
    """
    if data is None and text.lstrip()[:1] in {"{", "["}:
        data = _parsed(text)
    if data is not None:
        return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return normalize(text)


def _parsed(text: str) -> JsonValue:
    try:
        data: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data
