"""Putting on record what a call has cost, however it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from agents import spending
from agents.parts import ConfiguredModel
from app.delivery.envelope import Received
from app.delivery.outbox import Outbox
from app.models.base import Model, Prompt
from app.models.gate import Gate, Passage
from app.models.outcome import Attempt
from topics.model_requests import ModelRequest

#: Seconds that a call which is given up takes at most to say what it has cost.
_FAREWELL = 1.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def recorded(
    received: Received[ModelRequest], configured: ConfiguredModel, nonce: str, outbox: Outbox
) -> AsyncIterator[ConfiguredModel]:
    """Yield the model to call; what its attempts have used is sent to `spend` when the context ends.

    That is before the answer is sent, which may yet fail. Where the call itself is given up, because its partition
    has gone to another worker, or by a fault of ours, it is sent if the broker takes it at once.
    """
    if spending.is_free(configured):
        yield configured
        return
    attempts: list[Attempt] = []

    async def record() -> None:
        made = sorted(attempts, key=lambda attempt: attempt.number)
        spent = spending.spends(received.event, configured, made, nonce, time.time())
        await outbox.publish(spending.outgoing(spent, received.partition), received)

    try:
        yield replace(configured, gate=_Watched(configured.gate, attempts))
    except BaseException:
        try:
            async with asyncio.timeout(_FAREWELL):
                await record()
        except Exception as error:  # noqa: BLE001  # in its place, a call that was cancelled would be made again
            log.warning("what %s has cost is not on record: %s", received.event.id, type(error).__name__)
        raise
    await record()


class _Watched:
    """Lets attempts through as its gate does, and notes how they went."""

    def __init__(self, gate: Gate, attempts: list[Attempt]) -> None:
        self._gate = gate
        self._attempts = attempts

    @property
    def model(self) -> Model:
        return self._gate.model

    async def enter(self, prompt: Prompt, *, priority: int, deadline: float | None) -> Passage:
        passage = await self._gate.enter(prompt, priority=priority, deadline=deadline)
        return _WatchedPassage(passage, self._attempts)


class _WatchedPassage:
    def __init__(self, passage: Passage, attempts: list[Attempt]) -> None:
        self._passage = passage
        self._attempts = attempts

    @property
    def model(self) -> Model:
        return self._passage.model

    def leave(self, attempt: Attempt | None) -> bool | None:
        if attempt is not None:
            self._attempts.append(attempt)
        return self._passage.leave(attempt)
