"""Answers that are shown while they are made."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from app.cli.kafka.client import Client
from app.cli.kafka.reader import Reader
from app.cli.output import Output
from app.cli.tasks import result_view
from app.errors import InvalidEvent
from app.streamed_text import StreamedText
from topics import RESULT_CHUNKS
from topics.result_chunks import ResultChunk
from topics.results import Result


@dataclass(slots=True)
class _StreamedAnswer:
    """One that is being made, and as much of it as was printed."""

    assembled: StreamedText = field(default_factory=StreamedText)
    shown: str = ""


#: A task and one of its steps.
StepKey = tuple[str, str]


class StreamPrinter:
    """Prints the answers to those tasks that are expected as they come, one after the other.

    While one is printed, the others are kept until it has ended. What was printed cannot be taken back: an answer that
    begins anew is printed again, with a note. `several` says that there may be several tasks, whose ids are then
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
        self._at: StepKey | None = None  # whose turn it is
        self._last: StepKey | None = None
        self._mid_line = False  # amid a line

    def expect(self, task_id: str) -> None:
        """Print what comes of this task: to be called before it is sent."""
        self._answers[task_id] = defaultdict(_StreamedAnswer)

    @asynccontextmanager
    async def following(self, client: Client) -> AsyncIterator[None]:
        """Print what comes while the context lasts.

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
                with suppress(InvalidEvent):  # the result is whole without it
                    self.take(RESULT_CHUNKS.parse(record.value, max_bytes=max_bytes))

    def take(self, chunk: ResultChunk) -> None:
        """Print what a piece adds, when it is its answer's turn; nothing for a task that is over, or not expected."""
        if chunk.task_id not in self._answers:
            return
        if self._output.programs:
            self._output.emit(chunk)
            return
        self._answers[chunk.task_id][chunk.step].assembled.add(chunk)
        self._go_on()

    def finish(self, result: Result) -> None:
        """Print what of an expected task's answer was not printed yet, when it is its turn."""
        if self._output.programs:
            self._answers.pop(result.task_id)
            self._done(result)
            return
        self._results[result.task_id] = result
        self._go_on()

    def _close(self) -> None:
        """Let all that has ended have its turn, though another answer has not."""
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
        """Print `text`, of which the beginning may have been printed before."""
        if answer.shown.startswith(text):
            return
        self._head(place)
        if not text.startswith(answer.shown):
            self._break()
            self._output.note("[begins anew]")
            answer.shown = ""
        self._output.piece(text[len(answer.shown) :])
        answer.shown, self._mid_line = text, True

    def _head(self, place: StepKey) -> None:
        """Say whose answer follows, where that is not clear."""
        if place != self._last and (self._several or self._last):
            self._break()
            self._output.note(f"[{' '.join(place)}]" if self._several else f"[{place[1]}]")
        self._last = place

    def _break(self) -> None:
        """End the line on which pieces were printed."""
        if self._mid_line:
            self._output.piece("\n")
        self._mid_line = False


def _matches(answer: Any, shown: str) -> bool:
    """Whether an answer is what was shown: the text, or the data that it says."""
    if isinstance(answer, str):
        return answer == shown
    with suppress(ValueError):
        return bool(json.loads(shown) == answer)
    return False
