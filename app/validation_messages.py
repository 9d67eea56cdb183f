"""pydantic's words, where ours say the fix better; no value is repeated, since it may be a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MAPPING = "must be a mapping of keys to values"
_MESSAGES: Mapping[str, str] = {
    "missing": "is required",
    "string_type": "must be a string; put quotes around it",
    "string_unicode": "must be valid Unicode text",
    "string_from_other": "must be a text, and is a list or a mapping",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "empty": "is empty; give it a value",
    "blank": "is empty; give it a value",
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": "must be a list, as in [a, b]",
    "list_type": "must be a list, as in [a, b]",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "path_type": "must be a path",
    "too_short": "must have at least one entry",
}
#: In JSON, where a mapping is an object, and each string has quotes.
_IN_JSON: Mapping[str, str] = {
    "string_type": "must be a string",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
}
_TIMES = re.compile(r"(?:datetime|timezone)_")
_SHOULD = re.compile(r"^(?:Input|String|Value|Tuple|List) should")


def in_our_words(kind: str, message: str, *, json: bool = False) -> str:
    """Return what pydantic says of an error of a kind (its `type`); with `json`, for who writes JSON."""
    if json and _TIMES.match(kind):
        return "must be a time with its zone, as in 2026-11-24T11:37:22Z"
    if kind == "string_pattern_mismatch" and r"\x00-\x1f" in message:
        return "must have no control characters, such as line breaks"
    found = (_IN_JSON.get(kind, "") if json else "") or _MESSAGES.get(kind, "")
    return found or _SHOULD.sub("should", message.removeprefix("Value error, "))
