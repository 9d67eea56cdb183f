"""Parse the state of batches, and their result files (JSON Lines)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from app.errors import ModelError
from app.models.answers.assembler import AnswerAssembler, read_answer
from app.models.answers.json_data import decode, text_of
from app.models.base import Completion
from app.models.http.errors import ErrorTranslator

B = TypeVar("B", bound=BaseModel)
#: The name of a request and what became of it.
Answer = tuple[str, Completion | ModelError]

#: The limit for all answers of a batch together, as a multiple of that for one answer.
BATCH_SIZE_FACTOR = 64

#: What a line has, whether or not it says whose it is.
_FIELDS = frozenset({"custom_id", "error", "response", "result"})
_NAME = re.compile(rb'"custom_id"\s*:\s*"([^"\\]*)"')


def read_answers(
    file: bytes, answer: Callable[[Mapping[str, Any]], Completion | ModelError], errors: ErrorTranslator
) -> Iterator[Answer]:
    """Yield the result of each request in a file, by request name; a line becomes one with `answer`.

    A malformed line is the error of its own request, or of nobody if it does not say whose it is: the others were
    answered, and are paid for.

    Raises:
        ModelError: no line is one of a result file.
    """
    # Not `str.splitlines`: line separators of Unicode may stand in an answer.
    lines = [line for line in file.splitlines() if line.strip()]
    known = False
    for line in lines:
        entry, name = _parse(line)
        known = known or bool(name) or bool(_FIELDS & entry.keys())
        if name:
            yield name, answer(entry) if _FIELDS & entry.keys() else errors.malformed(line)
    if lines and not known:
        raise errors.malformed(file)


def _parse(line: bytes) -> tuple[Mapping[str, Any], str]:
    """Return the object in a line, empty if there is none, and the name of its request, empty if it has none."""
    try:
        entry = decode(text_of(line))
    except ValueError:
        found = _NAME.search(line)
        return {}, found[1].decode(errors="replace") if found else ""
    entry = entry if isinstance(entry, dict) else {}
    name = entry.get("custom_id")
    return entry, name if isinstance(name, str) else ""


def latest(answers: Iterable[Answer]) -> dict[str, Completion | ModelError]:
    """Return the results by request name; an error does not replace an answer."""
    found: dict[str, Completion | ModelError] = {}
    for name, answer in answers:
        if isinstance(answer, Completion) or not isinstance(found.get(name), Completion):
            found[name] = answer
    return found


def read_item(body: object, assembler: AnswerAssembler) -> Completion | ModelError:
    """Return the answer in a line, which is as it would be by itself, or the error that it is."""
    try:
        return read_answer((body if isinstance(body, str) else json.dumps(body)).encode(), assembler)
    except ModelError as error:
        return error


def parse_body(body: bytes, kind: type[B], errors: ErrorTranslator) -> B:
    """Parse the body of an answer.

    Raises:
        ModelError: it does not have the documented format.
    """
    try:
        return kind.model_validate(decode(text_of(body)))
    except ValueError:
        raise errors.malformed(body) from None
