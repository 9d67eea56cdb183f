"""What providers say of batches: how one stands, and files of answers, one JSON object a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import ModelError
from app.models.base import Completion
from app.models.http.errors import ErrorTranslator


class BatchLine(BaseModel):
    """A line of a file of answers: what every one of them has."""

    custom_id: str


B = TypeVar("B", bound=BaseModel)
L = TypeVar("L", bound=BatchLine)

#: How many times as long as one answer all answers of a batch may be together.
BATCH_SIZE_FACTOR = 64


def read_answers(
    file: bytes, kind: type[L], answer: Callable[[L], Completion | ModelError], errors: ErrorTranslator
) -> Iterator[tuple[str, Completion | ModelError]]:
    """Yield what came of each request in a file, by the names of the requests.

    A line that is not what the API promises is the error of its own request: the others were answered, and are paid.

    Raises:
        ModelError: a line does not even say whose it is, as in a file that is none, or of which the end is missing.
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
    """Return what is in the body of an answer.

    Raises:
        ModelError: it is not what the API promises.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        raise errors.malformed(body) from None
