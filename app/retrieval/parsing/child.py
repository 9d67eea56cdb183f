"""The parser's own process: reads one document after the other, within limits that its parent sets.

It is started with nothing of its parent's environment, so that no secret is in it, and can write no file. A request is
a line of JSON, and then the document; an answer is its length, in eight bytes, and then JSON. Its first answer, of
length 0, says that it is ready.
"""

from __future__ import annotations

import os
import sys
import time
from typing import IO

from pydantic import BaseModel, ConfigDict

from app.errors import MissingDependency, UnreadableDocument
from app.retrieval.parsing.parsed import ParsedDocument
from app.retrieval.parsing.reading import ReadingLimits, read_document
from topics.base import Failure

_NICE = 10
_MOST_FILES = 64


class ParseRequest(BaseModel):
    """What is asked of the process: to read the `size` bytes that follow, in so much processor time."""

    model_config = ConfigDict(frozen=True)

    media_type: str
    size: int
    seconds: float
    limits: ReadingLimits


class ParseAnswer(BaseModel):
    """What was read, or why nothing was."""

    model_config = ConfigDict(frozen=True)

    parsed: ParsedDocument | None = None
    error: Failure | None = None


def main(memory: int) -> None:
    """Serve requests from the standard input until that ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    _confine(memory)
    serve(sys.stdin.buffer, answers)


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Say that this process is ready, and answer each request."""
    answers.write(bytes(8))
    answers.flush()
    while line := requests.readline():
        request = ParseRequest.model_validate_json(line)
        _limit_time(request.seconds)
        answer = _answer(request, requests.read(request.size)).model_dump_json().encode()
        answers.write(len(answer).to_bytes(8, "big") + answer)
        answers.flush()


def _answer(request: ParseRequest, data: bytes) -> ParseAnswer:
    try:
        return ParseAnswer(parsed=read_document(data, request.media_type, request.limits))
    except (UnreadableDocument, MissingDependency) as error:
        return ParseAnswer(error=Failure.of(error))
    except MemoryError:
        return ParseAnswer(error=Failure.of(UnreadableDocument("it takes more memory than retrieval.parsing.memory")))
    except Exception as error:  # noqa: BLE001  # whatever a library raises, the process is there for the next document
        text = f"it cannot be read: {type(error).__name__}: {error}"
        return ParseAnswer(error=Failure.of(UnreadableDocument(text[:500])))


def _confine(memory: int) -> None:
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_FILES, _MOST_FILES))


def _limit_time(seconds: float) -> None:
    """End this process after so much more processor time, should its parent be gone and not do so."""
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 2, most))
