"""Answers that may be given again: an exact cache in this worker's memory.

A request says itself how old an answer may be. Only an equal request is given it, and only while it is among the
answers used last, as many as fit.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, Protocol, TypeVar

from topics.base import Event, Failure

#: What tells apart requests that ask the same. A sample's number is in the branch, and a further attempt wants
#: another answer than the first, so that these two are not among them.
_IDS = {"id", "task_id", "step", "purpose", "priority", "cache_for", "expires_at", "workflow", "stream"}
#: What an entry takes besides its text: the objects around it.
_OVERHEAD = 1024


class Answer(Protocol):
    """An event that answers a request."""

    @property
    def error(self) -> Failure | None:
        """Why there is no answer."""
        ...

    def to_json(self) -> bytes:
        """Return it as JSON."""
        ...


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class Given(Generic[A]):
    """An answer, and whether it was made for another request."""

    answer: A
    cached: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: Any
    made_at: float
    size: int


class Answers:
    """Keeps answers of together `max_bytes` at most, the ones used last; `clock` is in seconds."""

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._bytes = 0
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._making: dict[bytes, asyncio.Future[Any]] = {}

    async def give(
        self, request: Event, make: Callable[[], Awaitable[A]], *, max_age: float | None, patience: float | None = None
    ) -> Given[A]:
        """Return an answer that is at most `max_age` seconds old (none: a new one); `make` makes a new one.

        While one is being made for an equal request, it is waited for, up to `patience` seconds. Failures are
        not kept, and not shared either: each that waited for one then makes its own. What `make` raises passes.
        """
        if max_age is None:
            return Given(await make(), cached=False)
        key = _key(request)
        if (known := self._find(key, max_age)) is not None:
            return Given(known, cached=True)
        if (making := self._making.get(key)) is not None:
            shared = await _wait(making, patience)
            return Given(await self._new(key, make), cached=False) if shared is None else Given(shared, cached=True)
        return Given(await self._announced(key, make), cached=False)

    def _find(self, key: bytes, max_age: float) -> Any:
        entry = self._entries.get(key)
        if entry is None or self._clock() - entry.made_at > max_age:
            return None
        self._entries.move_to_end(key)
        return entry.answer

    async def _announced(self, key: bytes, make: Callable[[], Awaitable[A]]) -> A:
        making: asyncio.Future[A | None] = asyncio.get_running_loop().create_future()
        self._making[key] = making
        usable: A | None = None
        try:
            answer = await self._new(key, make)
            usable = answer if answer.error is None else None
        finally:  # whatever happens here, nobody may wait for ever
            del self._making[key]
            making.set_result(usable)
        return answer

    async def _new(self, key: bytes, make: Callable[[], Awaitable[A]]) -> A:
        answer = await make()
        if answer.error is None:
            self._keep(key, answer)
        return answer

    def _keep(self, key: bytes, answer: Answer) -> None:
        entry = _Entry(answer, self._clock(), len(answer.to_json()) + _OVERHEAD)
        self._drop(key)
        if entry.size > self._max_bytes:
            return
        self._entries[key] = entry
        self._bytes += entry.size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: bytes) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self._bytes -= entry.size


async def _wait(making: asyncio.Future[Any], patience: float | None) -> Any:
    """Return what comes of it; None when that is a failure, or not there in time."""
    await asyncio.wait([making], timeout=patience)
    return making.result() if making.done() else None


def _key(request: Event) -> bytes:
    content = request.model_dump_json(exclude=_IDS).encode()
    return blake2b(type(request).__name__.encode() + content, digest_size=16).digest()
