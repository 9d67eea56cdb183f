"""A file of answers, one JSON object a line, as providers hand out what a batch has come to."""

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
            try:
                yield kind.model_validate_json(line)
            except ValidationError:
                raise errors.malformed(line) from None
