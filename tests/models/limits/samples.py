"""Attempts, tickets and models as the tests of guards need them."""

from __future__ import annotations

import asyncio

from app import errors
from app.models.base import Completion, Features, Prompt, RateLimitHeaders
from app.models.capacity import Capacity
from app.models.limits.base import Admission
from app.models.outcome import Attempt
from topics.model_requests import Message
from topics.model_responses import Usage

PROMPT = Prompt((Message(role="user", content="Hello?"),))

ERRORS: dict[str, type[errors.ModelError]] = {
    kind.code: kind
    for kind in (
        errors.RateLimited,
        errors.Overloaded,
        errors.Unavailable,
        errors.ModelTimeout,
        errors.Unauthorized,
        errors.InvalidRequest,
    )
}


def answered(
    tokens: int = 0,
    *,
    read: int = 0,
    seconds: float = 1.0,
    allowance: RateLimitHeaders | None = None,
    lost: bool = False,
) -> Attempt:
    completion = Completion("Hi.", usage=Usage(input_tokens=read, output_tokens=tokens), allowance=allowance)
    return Attempt(1, seconds, completion=completion, lost=lost)


def failed(code: str, *, retry_after: float | None = None, short: bool = False) -> Attempt:
    return Attempt(1, 1.0, error=ERRORS[code](code, retry_after=retry_after), short=short)


def admission(tokens: int = 10, entered: float = 0.0) -> Admission:
    return Admission(tokens, entered=entered)


class Named:
    """A model that is told from others by its name."""

    provider = "fake"
    features: Features = frozenset()

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.closed = False

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:  # noqa: ARG002  # the port's signature
        return Completion(self.name)

    async def close(self) -> None:
        self.closed = True


class Sized:
    """A model that takes so many calls at once; more wait inside of it, while their time runs."""

    provider = "fake"
    features: Features = frozenset()

    def __init__(self, capacity: int | Capacity, *, seconds: float = 0.0) -> None:
        self.capacity = capacity if isinstance(capacity, Capacity) else Capacity(capacity)
        self._slots = asyncio.Semaphore(self.capacity.size)
        self._seconds = seconds

    async def complete(self, _: Prompt, *, timeout: float) -> Completion:
        try:
            async with asyncio.timeout(timeout), self._slots:
                await asyncio.sleep(self._seconds)
        except TimeoutError:
            raise errors.ModelTimeout("too slow", provider=self.provider) from None
        return Completion("Hi.")

    async def close(self) -> None: ...
