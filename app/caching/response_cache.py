"""The response cache: reuse answers for equal requests, or for requests of the same meaning.

Each request says how old a cached answer may be, and how similar its question must be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, Literal, Protocol, TypeVar

from app.caching.base import Cache, CacheEntry
from app.caching.semantic_index import SemanticIndex, SemanticKey
from topics.base import Event, Failure

#: Fields that may differ between equal requests. Not among them: the branch and the attempt, since another sample or
#: attempt wants a different answer, and the tenant, since tenants do not share answers.
_IDS = {
    "id",
    "task_id",
    "step",
    "purpose",
    "priority",
    "cache_for",
    "cache_similar",
    "expires_at",
    "workflow",
    "stream",
    "batch",
    "ticket",
}


class CacheableResponse(Protocol):
    """An event that answers a request."""

    @property
    def error(self) -> Failure | None:
        """The error, if there is no answer."""
        ...

    def to_json(self) -> bytes:
        """Return the event as JSON."""
        ...

    @classmethod
    def model_validate_json(cls, json_data: bytes) -> Any:
        """Parse the event from JSON."""
        ...


A = TypeVar("A", bound=CacheableResponse)
#: Where an answer is from: made for this request, shared with a concurrent equal one, or from the cache.
Found = Literal["new", "shared", "equal", "similar"]


@dataclass(frozen=True, slots=True)
class CacheResult(Generic[A]):
    """An answer and where it is from."""

    answer: A
    found: Found

    @property
    def cached(self) -> bool:
        """Whether it was made for another request."""
        return self.found != "new"


class ResponseCache:
    """Reuses the answers in `cache`; `clock` is in epoch seconds."""

    def __init__(self, cache: Cache, *, clock: Callable[[], float] = time.time) -> None:
        self._cache = cache
        self._clock = clock
        self._nearest = SemanticIndex()
        self._making: dict[bytes, asyncio.Future[Any]] = {}

    async def get_or_call(
        self,
        request: Event,
        make: Callable[[], Awaitable[A]],
        kind: type[A],
        *,
        max_age: float | None,
        patience: float | None = None,
        near: SemanticKey | None = None,
    ) -> CacheResult[A]:
        """Return an answer that is at most `max_age` seconds old, or else call `make` for a new one.

        With `near`, it may be the answer to another question of the same meaning. While an equal request is being
        answered, its answer is awaited, up to `patience` seconds. Neither failures nor answers from the cache are
        shared, since other requests may accept only newer or more similar ones: each waiter then looks up or makes its
        own. Exceptions of `make` propagate.
        """
        if max_age is None:
            return CacheResult(await make(), "new")
        key = key_of(request)
        if (making := self._making.get(key)) is not None:
            shared = await _wait(making, patience)
            return await self._own(key, make, kind, max_age, near) if shared is None else CacheResult(shared, "shared")
        return await self._announced(key, make, kind, max_age, near)

    async def find(
        self, request: Event, kind: type[A], *, max_age: float | None, near: SemanticKey | None = None
    ) -> CacheResult[A] | None:
        """Return a cached answer, as `get_or_call` would; None if there is none."""
        return None if max_age is None else await self._find(key_of(request), kind, max_age, near)

    async def keep(self, request: Event, answer: A, *, max_age: float | None, near: SemanticKey | None = None) -> None:
        """Cache an answer that was made elsewhere; does nothing without a `max_age`."""
        if max_age is not None:
            await self._keep(key_of(request), answer, max_age, near)

    async def _announced(
        self, key: bytes, make: Callable[[], Awaitable[A]], kind: type[A], max_age: float, near: SemanticKey | None
    ) -> CacheResult[A]:
        making: asyncio.Future[A | None] = asyncio.get_running_loop().create_future()
        self._making[key] = making
        usable: A | None = None
        try:
            given = await self._own(key, make, kind, max_age, near)
            usable = given.answer if given.found == "new" and _reusable(given.answer) else None
        finally:  # whatever happens here, no caller may wait forever
            del self._making[key]
            making.set_result(usable)
        return given

    async def _own(
        self, key: bytes, make: Callable[[], Awaitable[A]], kind: type[A], max_age: float, near: SemanticKey | None
    ) -> CacheResult[A]:
        found = await self._find(key, kind, max_age, near)
        return found or CacheResult(await self._new(key, make, max_age, near), "new")

    async def _find(self, key: bytes, kind: type[A], max_age: float, near: SemanticKey | None) -> CacheResult[A] | None:
        if (answer := await self._read(key, kind, max_age)) is not None:
            return CacheResult(answer, "equal")
        like = self._nearest.find(near) if near else None
        if near is None or like is None:
            return None
        if (answer := await self._read(like, kind, max_age)) is None:
            self._nearest.drop(near.group, like)
            return None
        return CacheResult(answer, "similar")

    async def _read(self, key: bytes, kind: type[A], max_age: float) -> A | None:
        kept = await self._cache.get(key)
        if kept is None or self._clock() - kept.made_at > max_age:
            return None
        try:
            answer: A = kind.model_validate_json(kept.value)
        except ValueError:  # written by another program, or another version of this one
            return None
        return answer

    async def _new(self, key: bytes, make: Callable[[], Awaitable[A]], max_age: float, near: SemanticKey | None) -> A:
        answer = await make()
        await self._keep(key, answer, max_age, near)
        return answer

    async def _keep(self, key: bytes, answer: A, max_age: float, near: SemanticKey | None) -> None:
        if _reusable(answer):
            await self._cache.put(key, CacheEntry(answer.to_json(), self._clock()), max_age)
            if near:
                self._nearest.add(near, key)


async def _wait(making: asyncio.Future[Any], patience: float | None) -> Any:
    """Return the result of the concurrent request; None if it is not shared, or not ready in time."""
    await asyncio.wait([making], timeout=patience)
    return making.result() if making.done() else None


def key_of(request: Event) -> bytes:
    """Return the cache key, which equal requests share."""
    asked = type(request).__name__.encode() + request.model_dump_json(exclude=_IDS, exclude_defaults=True).encode()
    return blake2b(asked, digest_size=16).digest()


def _reusable(answer: CacheableResponse) -> bool:
    """Return whether an answer serves other requests: no failure, and nothing that only a failure has left out."""
    return answer.error is None and not getattr(answer, "incomplete", False)
