"""Print streamed answers."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from app.cli.output import Output
from app.cli.tasks import result_view
from app.client.client import Client
from app.client.reader import Reader
from app.errors import InvalidEvent
from app.streamed_text import StreamedText
from topics import RESULT_CHUNKS
from topics.result_chunks import ResultChunk
from topics.results import Result


@dataclass(slots=True)
class _StreamedAnswer:
    """An answer in progress, and how much of it was printed."""

    assembled: StreamedText = field(default_factory=StreamedText)
    shown: str = ""


#: A task and one of its steps.
StepKey = tuple[str, str]


class StreamPrinter:
    """Prints the answers to expected tasks as they arrive, one after the other.

    While one is printed, the others are buffered until it has ended. What was printed cannot be taken back: an answer
    that restarts is printed again, with a note. `several` says that there may be several tasks, whose ids are then
    printed too. `done` is called with each result once its answer is printed.
    """

    def __init__(
        self, output: Output, *, several: bool = False, done: Callable[[Result], None] = lambda _result: None
    ) -> None:
        self._output = output
        self._several = several
        self._done = done
        self._answers: dict[str, defaultdict[str, _StreamedAnswer]] = {}
        self._results: dict[str, Result] = {}
        self._at: StepKey | None = None  # the one being printed
        self._last: StepKey | None = None
        self._mid_line = False  # a line has been started

    def expect(self, task_id: str) -> None:
        """Print the answer to this task; call it before sending the task."""
        self._answers[task_id] = defaultdict(_StreamedAnswer)

    @asynccontextmanager
    async def following(self, client: Client) -> AsyncIterator[None]:
        """Print answers as they arrive while the context lasts.

        Raises:
            BrokerError: the topic does not exist, or the broker fails.
        """
        async with client.read(RESULT_CHUNKS) as reader:
            work = asyncio.create_task(self._follow(reader, client.settings.topics.max_message_bytes))
            try:
                yield
            finally:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                self._close()

    async def _follow(self, reader: Reader, max_bytes: int) -> None:
        async for record in reader.coming():
            if (record.key or b"").decode(errors="replace") in self._answers:
                with suppress(InvalidEvent):  # the result is complete without it
                    self.take(RESULT_CHUNKS.parse(record.value, max_bytes=max_bytes))

    def take(self, chunk: ResultChunk) -> None:
        """Print or buffer the text of a stream event; tasks that have ended or are not expected are ignored."""
        if chunk.task_id not in self._answers:
            return
        if self._output.programs:
            self._output.emit(chunk)
            return
        self._answers[chunk.task_id][chunk.step].assembled.add(chunk)
        self._go_on()

    def finish(self, result: Result) -> None:
        """Print the rest of an expected task's answer, in order."""
        if self._output.programs:
            self._answers.pop(result.task_id)
            self._done(result)
            return
        self._results[result.task_id] = result
        self._go_on()

    def _close(self) -> None:
        """Print all ended answers, even if the one being printed has not ended."""
        self._break()
        self._at = None
        for task_id in tuple(self._results):
            self._end(task_id)

    def _go_on(self) -> None:
        while place := self._at or self._next():
            (task_id, step), self._at = place, place
            answer = self._answers[task_id][step]
            self._print(place, answer, answer.assembled.text)
            if task_id in self._results:
                self._end(task_id)
            elif not answer.assembled.ended:
                return
            self._break()
            self._at = None
        for task_id in tuple(self._results):
            self._end(task_id)

    def _next(self) -> StepKey | None:
        places = ((task_id, step, one) for task_id, steps in self._answers.items() for step, one in steps.items())
        return next(((task, step) for task, step, one in places if not one.shown.startswith(one.assembled.text)), None)

    def _end(self, task_id: str) -> None:
        result, answers = self._results.pop(task_id), self._answers.pop(task_id)
        if result.status == "succeeded" and not any(_matches(result.answer, one.shown) for one in answers.values()):
            text = result_view.answer_text(result)
            begun = (step for step, one in answers.items() if one.shown and text.startswith(one.shown))
            step = next(begun, "answer")
            self._print((task_id, step), answers.get(step) or _StreamedAnswer(), text)
        self._break()
        self._done(result)

    def _print(self, place: StepKey, answer: _StreamedAnswer, text: str) -> None:
        """Print `text`, whose beginning may have been printed already."""
        if answer.shown.startswith(text):
            return
        self._head(place)
        if not text.startswith(answer.shown):
            self._break()
            self._output.note("[restarted]")
            answer.shown = ""
        self._output.piece(text[len(answer.shown) :])
        answer.shown, self._mid_line = text, True

    def _head(self, place: StepKey) -> None:
        """Print whose answer follows, if that is not clear."""
        if place != self._last and (self._several or self._last):
            self._break()
            self._output.note(f"[{' '.join(place)}]" if self._several else f"[{place[1]}]")
        self._last = place

    def _break(self) -> None:
        """End the current line of streamed text."""
        if self._mid_line:
            self._output.piece("\n")
        self._mid_line = False


def _matches(answer: Any, shown: str) -> bool:
    """Whether an answer equals what was shown: as text, or as the data it contains."""
    if isinstance(answer, str):
        return answer == shown
    with suppress(ValueError):
        return bool(json.loads(shown) == answer)
    return False
