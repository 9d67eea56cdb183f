"""One attempt at a model call: its timeouts, its stream, and the mapping of its failures to errors."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from app.cancellation import ends_task
from app.errors import ModelError, ModelTimeout, OrchestratorError, Unavailable
from app.models.answers.verdict import empty_answer
from app.models.base import Completion, Delta, Model, Prompt, StreamingModel
from app.models.calling.continuation import RepetitionFilter, without_repetition
from app.models.calling.stream_merge import SinkFailed, StreamMerge
from app.models.calling.stream_timeouts import StreamTimeouts
from app.models.outcome import Attempt
from app.models.paid import cut_answer
from app.settings import ModelSettings
from topics.model_responses import Usage

#: Seconds to wait for a component that was cancelled.
_CANCEL_SECONDS = 1.0

_log = logging.getLogger(__name__)


class ComponentFault(ModelError):
    """A component raised what it should not: a bug in the component, which a retry does not fix."""

    code = "internal"


class AttemptRunner:
    """A running attempt, the `number`-th of its call, which may take `timeout` seconds, and `most` in any case.

    With a `merge` it is streamed: the time it waits for the sink is not the model's, and counts only for
    `most`. It goes on with what was `said`, and does not repeat it. `on_output` is called once, with the first piece.
    """

    def __init__(  # noqa: PLR0913  # what an attempt needs; two have defaults
        self,
        number: int,
        model: Model,
        *,
        settings: ModelSettings,
        timeout: float,
        most: float,
        merge: StreamMerge | None,
        said: str = "",
        now: Callable[[], float],
        on_output: Callable[[], None] = lambda: None,
    ) -> None:
        self._number = number
        self._model = model
        self._settings = settings
        self._timeout = timeout
        self._most = most
        self._merge = merge
        self._now = now
        self._on_output = on_output
        self._started = self._last = now()
        self._sink_seconds = 0.0
        self._first: float | None = None
        self._gap: float | None = None
        self._text: list[str] = []
        self._received: list[Delta] = []  # also what another attempt was faster with
        self._usage = Usage()
        self._counted = False
        self._answer: Completion | None = None
        self._said = said
        self._repetition = RepetitionFilter(said)

    async def run(self, prompt: Prompt) -> Attempt:
        """Make the attempt; raises nothing but CancelledError, and what the sink raises."""
        try:
            return await self._run(prompt)
        except SinkFailed as failed:
            raise cast("Exception", failed.__cause__) from None

    async def _run(self, prompt: Prompt) -> Attempt:
        answer = await self._ask(prompt)
        attempt = self._finish(self._answer or answer)  # a stream that was complete stays so, however it then closed
        return await self._send_end(attempt, self._merge) if self._merge else attempt

    async def _send_end(self, attempt: Attempt, merge: StreamMerge) -> Attempt:
        reason, began = attempt.completion.finish_reason if attempt.completion else "", self._now()
        await merge.end(replace(merge.last(self._number), finish_reason=reason, error=attempt.error))
        return replace(attempt, held=attempt.held + self._now() - began)

    def lost(self) -> Attempt:
        """Return the attempt as it stands when it is abandoned."""
        return replace(self._attempt(), lost=True)

    def _attempt(self, completion: Completion | None = None) -> Attempt:
        text, seconds = "".join(self._text), self._now() - self._started - self._sink_seconds
        return Attempt(
            self._number,
            seconds,
            completion,
            None,
            text,
            self._first,
            self._gap,
            held=self._sink_seconds,
            partial=None if completion else self._partial(),
        )

    def _partial(self) -> Completion | None:
        text = "".join(delta.text for delta in self._received)
        reasoning = "".join(delta.reasoning for delta in self._received)
        return cut_answer(Completion(text, usage=self._usage, reasoning=reasoning), counted=self._counted)

    def _finish(self, answer: Completion | ModelError) -> Attempt:
        if isinstance(answer, Completion):
            answer = empty_answer(answer, self._model.provider, said=self._said) or self._without_repetition(answer)
        if isinstance(answer, Completion):
            return self._attempt(answer)
        less = self._timeout < self._settings.timeout or self._sink_seconds > 0
        over = isinstance(answer, ModelTimeout) and self._now() - self._started >= self._most
        attempt = self._attempt()
        return replace(attempt, error=answer, short=less and over, partial=answer.answer or attempt.partial)

    def _without_repetition(self, answer: Completion) -> Completion:
        text = without_repetition(self._said, answer.text) if self._said else answer.text
        if text == answer.text:
            return answer
        repaired = tuple(sorted({*answer.repaired, "repeated"}))
        return replace(answer, text=text, left_out=answer.text.removesuffix(text), repaired=repaired)

    async def _ask(self, prompt: Prompt) -> Completion | ModelError:
        """Return the answer, or the error that it failed with."""
        streamed = self._merge is not None and "streaming" in self._model.features
        # The component was told the timeout; this enforces it.
        first = self._settings.first_token_timeout if streamed else None
        timeouts = StreamTimeouts(self._timeout, first, most=self._most)
        try:
            async with timeouts:
                return await (self._stream(prompt, timeouts) if streamed else self._whole(prompt, timeouts))
        except ModelError as error:
            return error
        except TimeoutError:
            return self._timeout_error(timeouts)
        except SinkFailed:
            raise
        except BaseException as fault:  # a third party's component must not stop the worker
            if ends_task(fault):
                raise
            return component_fault(self._model, fault)

    async def _whole(self, prompt: Prompt, timeouts: StreamTimeouts) -> Completion:
        completion = await self._model.complete(prompt, timeout=self._timeout)
        if self._merge:
            self._answer = completion
            timeouts.pause()
            await self._take(Delta(completion.text, completion.reasoning), self._merge)
            await self._show_held_back(self._merge)
        return completion

    async def _stream(self, prompt: Prompt, timeouts: StreamTimeouts) -> Completion:
        merge, silence = cast("StreamMerge", self._merge), self._settings.token_timeout
        # The model cannot know how long its pieces wait for the consumer; `timeouts` counts only its own time.
        stream = cast("StreamingModel", self._model).stream(prompt, timeout=self._most)
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    self._answer = piece
                    timeouts.pause()
                    await self._show_held_back(merge)
                    return piece
                if piece.text or piece.reasoning:
                    timeouts.pause()  # a slow consumer is not the model's silence
                    await self._take(piece, merge)
                    timeouts.allow(silence)
                if piece.usage:
                    self._usage, self._counted = piece.usage, True
        raise Unavailable("the stream ended before the answer was complete", provider=self._model.provider)

    async def _take(self, delta: Delta, merge: StreamMerge) -> None:
        now = self._now()
        if self._first is None:
            self._first = now - self._started
            self._on_output()
        else:
            self._gap = max(self._gap or 0.0, now - self._last)
        self._received.append(delta)
        self._counted = False
        await self._show(Delta(self._repetition.add(delta.text), delta.reasoning), merge)

    async def _show_held_back(self, merge: StreamMerge) -> None:
        if rest := self._repetition.close():
            await self._show(Delta(rest), merge)

    async def _show(self, delta: Delta, merge: StreamMerge) -> None:
        began = self._now()
        try:
            if await merge.write(self._number, delta):
                self._text.append(delta.text)
        finally:
            self._last = self._now()
            self._sink_seconds += self._last - began

    def _timeout_error(self, timeouts: StreamTimeouts) -> ModelTimeout:
        silence = timeouts.silence
        if silence is not None:
            what = f"no {'first' if self._first is None else 'further'} token within {silence:.3g} s"
        elif self._sink_seconds and timeouts.over:
            what = f"no time was left for the rest of the answer: its consumer was slow for {self._sink_seconds:.3g} s"
        else:
            what = f"no answer within {self._timeout:.3g} s"
        return ModelTimeout(what, provider=self._model.provider)


def component_fault(model: Model, fault: BaseException) -> ComponentFault:
    """Return the error of a component that raised an unexpected exception; the log gets the traceback."""
    kind = type(fault).__name__
    # The place helps to fix it; the exception's message may quote a key, and stays out.
    _log.error(
        "model component %s raised %s\n%s", model.provider, kind, "".join(traceback.format_tb(fault.__traceback__))
    )
    said = f": {fault}" if isinstance(fault, OrchestratorError) else ""
    return ComponentFault(f"the {model.provider} component failed with {kind}{said}", provider=model.provider)


async def cancel_attempt(task: asyncio.Task[Attempt]) -> None:
    """Cancel an attempt and wait until it has ended, but not for a component that ignores cancellation."""
    task.cancel()
    await asyncio.wait({task}, timeout=_CANCEL_SECONDS)
