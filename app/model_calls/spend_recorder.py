"""Putting on record what a call has cost, however it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from app.delivery.envelope import Received
from app.delivery.outbox import Outbox
from app.dependencies import ConfiguredModel
from app.model_calls import spend_records
from app.model_calls.charges import is_free
from app.models.base import Model, Prompt
from app.models.limits.limiter import Limiter, Permit
from app.models.outcome import Attempt
from topics.model_requests import ModelRequest

#: Seconds that a call which is given up takes at most to say what it has cost.
_CLOSING_SECONDS = 1.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def recorded(
    received: Received[ModelRequest], configured: ConfiguredModel, nonce: str, outbox: Outbox
) -> AsyncIterator[SpendRecorder]:
    """Yield the model to call; what its attempts have used is sent to `spend` when the context ends.

    That is before the answer is sent, which may yet fail. Where the call itself is given up, because its partition
    has gone to another worker, or by a fault of ours, it is sent if the broker takes it at once.
    """
    recording = SpendRecorder(received, configured, nonce, outbox)
    if is_free(configured):
        yield recording
        return
    try:
        yield recording
    except BaseException:
        await recording.leave()
        raise
    await recording.close()


class SpendRecorder:
    """What the attempts of one call have used. Call its `model`, and `note` what came of it."""

    def __init__(
        self, received: Received[ModelRequest], configured: ConfiguredModel, nonce: str, outbox: Outbox
    ) -> None:
        self._received = received
        self._configured = configured
        self._nonce = nonce
        self._outbox = outbox
        self._attempts: dict[int, Attempt] = {}
        self._sent: set[str] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def model(self) -> ConfiguredModel:
        """The model, which notes of itself how each attempt ended."""
        if is_free(self._configured):
            return self._configured
        return replace(self._configured, limiter=_Watched(self._configured.limiter, self.note))

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that have ended, of a model that costs something."""
        return tuple(attempt for _, attempt in sorted(self._attempts.items()))

    def note(self, *attempts: Attempt) -> None:
        """Note how attempts have ended, or how they stand when they are given up and do not let themselves be stopped.

        Of what is noted twice, the first counts. What ends only when all the others are on record is sent on its own.
        """
        new = {one.number: one for one in attempts if one.number not in self._attempts}
        self._attempts |= new
        if new and self._closed:
            self._dismiss(self._begin())

    async def close(self) -> None:
        """Return when it is on record.

        Raises:
            InvalidEvent: it cannot be sent.
        """
        sending = self._begin()
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait({self._dismiss(sending)})
            raise

    async def leave(self) -> None:
        """Return when it is on record, or cannot be for now."""
        await asyncio.wait({self._dismiss(self._begin())})

    def _begin(self) -> asyncio.Task[None]:
        # A task of its own: whoever waits for it may be cancelled, and again while it says farewell.
        self._closed = True
        sending = asyncio.create_task(self._send())
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        return sending

    async def _send(self) -> None:
        spent = spend_records.spends(self._received.event, self._configured, self.attempts, self._nonce, time.time())
        new = [one for one in spent if one.id not in self._sent]
        self._sent |= {one.id for one in new}
        await self._outbox.publish(spend_records.outgoing(new, self._received.partition), self._received)

    def _dismiss(self, sending: asyncio.Task[None]) -> asyncio.Task[None]:
        """Give it a moment; in place of an error of its own, a call that was cancelled would be made again."""
        timer = asyncio.get_running_loop().call_later(_CLOSING_SECONDS, sending.cancel)

        def ended(task: asyncio.Task[None]) -> None:
            timer.cancel()
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error:
                what = self._received.event.id
                log.warning("what %s has cost is not on record: %s", what, type(error).__name__)

        sending.add_done_callback(ended)
        return sending


class _Watched:
    """Lets attempts through as its limiter does, and notes how they went."""

    def __init__(self, limiter: Limiter, note: Callable[[Attempt], None]) -> None:
        self._limiter = limiter
        self._note = note

    @property
    def model(self) -> Model:
        return self._limiter.model

    async def enter(self, prompt: Prompt, *, priority: int, deadline: float | None) -> Permit:
        permit = await self._limiter.enter(prompt, priority=priority, deadline=deadline)
        return _WatchedPermit(permit, self._note)


class _WatchedPermit:
    def __init__(self, permit: Permit, note: Callable[[Attempt], None]) -> None:
        self._permit = permit
        self._note = note

    @property
    def model(self) -> Model:
        return self._permit.model

    def leave(self, attempt: Attempt | None) -> bool | None:
        if attempt is not None:
            self._note(attempt)
        return self._permit.leave(attempt)
