"""One attempt at a model: its time-outs, the pieces of its answer, and what its faults mean."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from app.errors import ModelError, ModelTimeout, OrchestratorError, Unavailable
from app.models.base import Completion, Delta, Model, Prompt, StreamingModel
from app.models.outcome import Attempt
from app.models.patience import Patience
from app.models.voice import SinkFailed, Voice
from app.settings import ModelSettings

#: Seconds that a component which is told to stop is waited for.
_STOPPING = 1.0

_log = logging.getLogger(__name__)


class ComponentFault(ModelError):
    """A component raised what it should not: a fault of its own, which a retry does not mend."""

    code = "internal"


class Attempting:
    """An attempt under way, the `number`-th of its call, which may take `timeout` seconds, and `most` in any case.

    With a `voice` it is streamed: the time for which the sink lets it wait is not the model's, and counts only for
    `most`. `on_sign` is called once, with the first piece.
    """

    def __init__(
        self,
        number: int,
        model: Model,
        *,
        settings: ModelSettings,
        timeout: float,
        most: float,
        voice: Voice | None,
        now: Callable[[], float],
        on_sign: Callable[[], None] = lambda: None,
    ) -> None:
        self._number = number
        self._model = model
        self._settings = settings
        self._timeout = timeout
        self._most = most
        self._voice = voice
        self._now = now
        self._on_sign = on_sign
        self._started = self._last = now()
        self._held = 0.0
        self._first: float | None = None
        self._gap: float | None = None
        self._text: list[str] = []
        self._answer: Completion | None = None

    async def run(self, prompt: Prompt) -> Attempt:
        """Ask; raises nothing but CancelledError, and what the sink raises."""
        try:
            return await self._run(prompt)
        except SinkFailed as failed:
            raise cast("Exception", failed.__cause__) from None

    async def _run(self, prompt: Prompt) -> Attempt:
        answer = await self._ask(prompt)
        attempt = self._ended(self._answer or answer)  # a stream that was whole is so, however it then closed
        return await self._told(attempt, self._voice) if self._voice else attempt

    async def _told(self, attempt: Attempt, voice: Voice) -> Attempt:
        reason, began = attempt.completion.finish_reason if attempt.completion else "", self._now()
        await voice.end(replace(voice.last(self._number), finish_reason=reason, error=attempt.error))
        return replace(attempt, held=attempt.held + self._now() - began)

    def lost(self) -> Attempt:
        """Return the attempt as it stands when it is given up."""
        return replace(self._attempt(), lost=True)

    def _attempt(self, completion: Completion | None = None) -> Attempt:
        text, seconds = "".join(self._text), self._now() - self._started - self._held
        return Attempt(self._number, seconds, completion, None, text, self._first, self._gap, held=self._held)

    def _ended(self, answer: Completion | ModelError) -> Attempt:
        if isinstance(answer, Completion):
            return self._attempt(answer)
        less = self._timeout < self._settings.timeout or self._held > 0
        over = isinstance(answer, ModelTimeout) and self._now() - self._started >= self._most
        return replace(self._attempt(), error=answer, short=less and over)

    async def _ask(self, prompt: Prompt) -> Completion | ModelError:
        """Return the answer, or the error that stands for whatever went wrong."""
        streamed = self._voice is not None and "streaming" in self._model.features
        # The component was told the time; this holds it to it.
        first = self._settings.first_token_timeout if streamed else None
        patience = Patience(self._timeout, first, most=self._most)
        try:
            async with patience:
                return await (self._stream(prompt, patience) if streamed else self._whole(prompt, patience))
        except ModelError as error:
            return error
        except TimeoutError:
            return self._too_late(patience)
        except SinkFailed:
            raise
        except asyncio.CancelledError as fault:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            return fault_of(self._model, fault)  # nobody cancelled the call: something inside of the component was
        except Exception as fault:  # noqa: BLE001  # a third party's component must not stop the worker
            return fault_of(self._model, fault)

    async def _whole(self, prompt: Prompt, patience: Patience) -> Completion:
        completion = await self._model.complete(prompt, timeout=self._timeout)
        if self._voice:
            self._answer = completion
            patience.pause()
            await self._take(Delta(completion.text, completion.reasoning), self._voice)
        return completion

    async def _stream(self, prompt: Prompt, patience: Patience) -> Completion:
        voice, silence = cast("Voice", self._voice), self._settings.token_timeout
        # It cannot know for how long its pieces are not taken; the patience keeps it to its own time.
        stream = cast("StreamingModel", self._model).stream(prompt, timeout=self._most)
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    self._answer = piece
                    return piece
                patience.pause()  # a reader that is slow is not the model's silence
                await self._take(piece, voice)
                patience.allow(silence)
        raise Unavailable("the answer ended without an end", provider=self._model.provider)

    async def _take(self, delta: Delta, voice: Voice) -> None:
        now = self._now()
        if self._first is None:
            self._first = now - self._started
            self._on_sign()
        else:
            self._gap = max(self._gap or 0.0, now - self._last)
        try:
            if await voice.say(self._number, delta):
                self._text.append(delta.text)
        finally:
            self._last = self._now()
            self._held += self._last - now

    def _too_late(self, patience: Patience) -> ModelTimeout:
        silence = patience.silence
        if silence is not None:
            what = f"no {'first' if self._first is None else 'further'} piece of the answer within {silence:.3g} s"
        elif self._held and patience.over:
            what = f"no time was left for the rest of the answer, of which pieces had to wait for {self._held:.3g} s"
        else:
            what = f"no answer within {self._timeout:.3g} s"
        return ModelTimeout(what, provider=self._model.provider)


def fault_of(model: Model, fault: BaseException) -> ComponentFault:
    """Return the error of a component that raised what it should not, with where it happened in the log."""
    kind = type(fault).__name__
    # Where it happened helps to mend it; what the exception says may quote a key, and stays out.
    _log.error(
        "model component %s raised %s\n%s", model.provider, kind, "".join(traceback.format_tb(fault.__traceback__))
    )
    said = f": {fault}" if isinstance(fault, OrchestratorError) else ""
    return ComponentFault(f"the {model.provider} component failed with {kind}{said}", provider=model.provider)


async def give_up(task: asyncio.Task[Attempt]) -> None:
    """Cancel an attempt and wait until it has ended, but not for a component that does not let itself be stopped."""
    task.cancel()
    await asyncio.wait({task}, timeout=_STOPPING)
