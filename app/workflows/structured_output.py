"""Answers that must be JSON of a schema: asked for, read, and sent back when they are not valid."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pydantic import JsonValue

from app.fusion.jsons import strict
from app.schemas import Schema

_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n\s*```", re.DOTALL | re.IGNORECASE)


class NotJson(ValueError):
    """An answer is not what was asked for; the message says what is wrong, in words for the model."""


def demand(schema: Mapping[str, JsonValue]) -> str:
    """Return the sentence that asks a model for JSON of this schema."""
    return (
        "Answer with one JSON value and nothing else: no explanation, no code fence. It must be valid against this "
        f"JSON Schema:\n{json.dumps(schema, ensure_ascii=False, sort_keys=True)}"
    )


def complaint(error: str) -> str:
    """Return what a model is told whose answer did not fit."""
    return f"That answer cannot be used: {error}. Answer again, with the corrected JSON only."


def read(text: str, schema: Schema) -> JsonValue:
    """Return the JSON value in an answer: the whole of it, or what stands in its code fence or first brackets.

    Raises:
        NotJson: there is none, or it is not valid against the schema.
    """
    value = _parse(text)
    if wrong := schema.complaint(value):
        raise NotJson(wrong)
    return value


def _parse(text: str) -> JsonValue:
    fenced = _FENCED.search(text)
    for ref in (text, *([fenced[1]] if fenced else ()), _bracketed(text)):
        try:
            return strict(ref)
        except ValueError:
            continue
    raise NotJson("it is not valid JSON")


def _bracketed(text: str) -> str:
    """Return what stands from the first opening bracket to the last closing one."""
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    return text[min(starts) : end + 1] if starts else ""
