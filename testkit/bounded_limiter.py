"""A limiter without guards, for calls that are measured or tested without their guards."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from app.models.base import Model, Prompt
from app.models.limits.limiter import Permit
from app.models.outcome import Attempt


class BoundedLimiter:
    """Lets a fixed number of concurrent attempts through, first come first served."""

    def __init__(self, model: Model, at_once: int) -> None:
        self.model = model
        self._slots = asyncio.Semaphore(at_once)

    async def enter(self, prompt: Prompt, *, priority: int, deadline: float | None) -> Permit:  # noqa: ARG002  # the port's signature
        """Wait for a free slot."""
        await self._slots.acquire()
        return _Permit(self.model, self._slots)


@dataclass(frozen=True, slots=True)
class _Permit:
    model: Model
    slots: asyncio.Semaphore

    def leave(self, attempt: Attempt | None) -> bool:  # noqa: ARG002  # the port's signature
        self.slots.release()
        return False
