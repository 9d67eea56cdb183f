"""Parse the state of batches, and their result files (JSON Lines)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import ModelError
from app.models.base import Completion
from app.models.http.errors import ErrorTranslator


class BatchLine(BaseModel):
    """A line of a result file: the fields that all lines have."""

    custom_id: str


B = TypeVar("B", bound=BaseModel)
L = TypeVar("L", bound=BatchLine)

#: The limit for all answers of a batch together, as a multiple of that for one answer.
BATCH_SIZE_FACTOR = 64


def read_answers(
    file: bytes, kind: type[L], answer: Callable[[L], Completion | ModelError], errors: ErrorTranslator
) -> Iterator[tuple[str, Completion | ModelError]]:
    """Yield the result of each request in a file, by request name.

    A malformed line is the error of its own request: the others were answered, and are paid for.

    Raises:
        ModelError: a line does not name its request, as in a truncated file or one of another format.
    """
    for line in file.splitlines():
        if not line.strip():
            continue
        try:
            entry = kind.model_validate_json(line)
        except ValidationError:
            yield parse_body(line, BatchLine, errors).custom_id, errors.malformed(line)
        else:
            yield entry.custom_id, answer(entry)


def parse_body(body: bytes, kind: type[B], errors: ErrorTranslator) -> B:
    """Parse the body of an answer.

    Raises:
        ModelError: it does not have the documented format.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        raise errors.malformed(body) from None
