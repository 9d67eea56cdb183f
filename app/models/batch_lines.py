"""What providers say of batches: how one stands, and files of answers, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.models.http_errors import Errors

L = TypeVar("L", bound=BaseModel)

#: How many times as long as one answer all answers of a batch may be together.
BOUND = 64


def lines(file: bytes, kind: type[L], errors: Errors) -> Iterator[L]:
    """Yield the lines of a file.

    Raises:
        ModelError: one is not what the API promises.
    """
    for line in file.splitlines():
        if line.strip():
            yield parsed(line, kind, errors)


def parsed(body: bytes, kind: type[L], errors: Errors) -> L:
    """Return what is in the body of an answer.

    Raises:
        ModelError: it is not what the API promises.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        raise errors.malformed(body) from None
