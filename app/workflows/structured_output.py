"""Answers that must be JSON of a schema: asked for, read, and sent back when they are not valid."""

from __future__ import annotations

from pydantic import JsonValue

from app.json_text import parse
from app.schemas import Schema


class NotJson(ValueError):
    """An answer is not what was asked for; the message says what is wrong, in words for the model."""


def complaint(error: str) -> str:
    """Return what a model is told whose answer did not fit."""
    return f"That answer cannot be used: {error}. Answer again, with the corrected JSON only."


def read(text: str, schema: Schema) -> JsonValue:
    """Return the JSON value in an answer, found in it as `app.json_text.parse` does.

    Raises:
        NotJson: there is none, or it is not valid against the schema.
    """
    try:
        value = parse(text)
    except ValueError as error:
        raise NotJson(str(error)) from None
    if wrong := schema.complaint(value):
        raise NotJson(wrong)
    return value
