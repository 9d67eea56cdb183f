"""The checks of each port, on components that break one promise: the checks notice, and which one it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import JsonValue

from app.caching.base import CacheEntry
from app.caching.conformance import probe_cache
from app.caching.memory import MemoryCache
from app.conformance import Check
from app.connectors.conformance import probe_connector
from app.errors import ConnectorUnavailable
from app.fusion.base import Call, Calls, Candidate, Fused, Panel
from app.fusion.conformance import probe_strategy
from app.fusion.strategies.vote import Vote, VoteOptions
from app.retrieval.base import SearchScope, Vectors
from app.retrieval.conformance.embedder import probe_embedder
from app.retrieval.conformance.store import probe_store
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.memory import MemoryStore
from app.routing.base import Choice, Lookup, ModelAnswer, PolicyOptions, RoutingRequest
from app.routing.conformance import probe_policy
from app.routing.policies.fixed import Fixed
from topics.chunks import DocumentChunks
from topics.retrieval_results import Chunk


async def failed(checks: AsyncIterator[Check]) -> dict[str, Check]:
    return {check.name: check async for check in checks if check.status == "fail"}


class Deaf(MemoryStore):
    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        return await super().search(query, limit=limit, scope=replace(scope, collection="default"))


class Worst(MemoryStore):
    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        return (await super().search(query, limit=limit, scope=scope))[::-1]


class Open(MemoryStore):
    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        return await super().search(query, limit=limit, scope=replace(scope, roles=frozenset({"hr", "law", "it"})))


class Late(Open):
    """Leaves out what may not be found when it has searched."""

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        admitted = await MemoryStore.search(self, query, limit=100, scope=scope)
        found = await super().search(query, limit=limit, scope=scope)
        return [chunk for chunk in found if chunk.id in {one.id for one in admitted}]


class Unfiltered(MemoryStore):
    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        return await super().search(query, limit=limit, scope=replace(scope, filter=None))


class Hoarder(MemoryStore):
    async def apply(self, part: DocumentChunks) -> None:
        if part.chunks or part.part:
            await super().apply(part)


class Forgetful(MemoryStore):
    def set_position(self, position: Mapping[str, int]) -> None:
        """Forget it."""


@pytest.mark.parametrize(
    ("store", "broken"),
    [
        (Deaf, {"collections"}),
        (Worst, {"order"}),
        (Hoarder, {"deletion", "tenants"}),
        (Open, {"roles", "no_place_for_others"}),
        (Late, {"no_place_for_others"}),
        (Unfiltered, {"filters", "no_place_for_others"}),
        (Forgetful, {"position"}),
    ],
)
async def test_a_broken_store(store: Callable[..., MemoryStore], broken: set[str]) -> None:
    assert (await failed(probe_store(store))).keys() == broken


class Long(HashingEmbedder):
    async def embed(self, texts: Sequence[str]) -> Vectors:
        return (await super().embed(texts)) * 2


class Double(HashingEmbedder):
    async def embed(self, texts: Sequence[str]) -> Vectors:
        return (await super().embed(texts)).astype(np.float64)


class Blind(HashingEmbedder):
    async def embed(self, texts: Sequence[str]) -> Vectors:
        return await super().embed(["same"] * len(texts))


@pytest.mark.parametrize(
    ("embedder", "broken"), [(Long, {"rows"}), (Double, {"rows", "no_text"}), (Blind, {"other_text"})]
)
async def test_a_broken_embedder(embedder: Callable[[], HashingEmbedder], broken: set[str]) -> None:
    assert (await failed(probe_embedder(embedder))).keys() == broken


class First(MemoryCache):
    async def put(self, key: bytes, kept: CacheEntry, max_age: float) -> None:
        if await self.get(key) is None:
            await super().put(key, kept, max_age)


class Lower(MemoryCache):
    async def get(self, key: bytes) -> CacheEntry | None:
        return await super().get(key.lower())


class Ageless(MemoryCache):
    async def get(self, key: bytes) -> CacheEntry | None:
        found = await super().get(key)
        return found and replace(found, made_at=0.0)


@pytest.mark.parametrize(
    ("cache", "broken"),
    [(First, {"last_entry"}), (Lower, {"last_entry"}), (Ageless, {"last_entry", "any_bytes"})],
)
async def test_a_broken_cache(cache: Callable[[int], MemoryCache], broken: set[str]) -> None:
    assert (await failed(probe_cache(cache(100_000)))).keys() == broken


def swallow(text: str, **_: JsonValue) -> str:
    return text


def picky(text: str, **others: JsonValue) -> str:
    if others:
        raise ConnectorUnavailable(f"no_such_argument is {others['no_such_argument']}")
    return text


def opaque(text: str) -> Any:
    return {text, object()}


def rude(text: str) -> str:
    raise ValueError(text)


@pytest.mark.parametrize(
    ("function", "broken"),
    [
        (swallow, {"unknown_argument": "broken"}),
        (picky, {"unknown_argument": "broken"}),
        (opaque, {"run": "connector"}),
        (rude, {"run": "internal", "concurrency": "internal"}),
    ],
)
async def test_a_broken_connector(function: Callable[..., Any], broken: dict[str, str]) -> None:
    found = await failed(probe_connector(function, {"text": "planted"}))
    assert {name: check.error for name, check in found.items()} == broken
    assert "planted" not in "".join(check.detail for check in found.values())


class Boastful(Vote):
    def fuse(self, panel: Panel) -> Fused:
        return replace(super().fuse(panel), agreement=1.5)


class Liar(Vote):
    def fuse(self, panel: Panel) -> Fused:
        return replace(super().fuse(panel), text="what nobody said")


class Hasty(Vote):
    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        return bool(candidates) or not outstanding


class Early(Vote):
    def fuse(self, panel: Panel) -> Fused:
        fused = super().fuse(panel)
        return replace(fused, text=panel.candidates[0].text, branch=panel.candidates[0].branch)


class Chatty(Vote):
    def fuse(self, panel: Panel) -> Fused | Calls:  # type: ignore[override]  # that is what is broken
        return super().fuse(panel) if panel.replies else Calls((Call("c", "unnamed", "Well?"),))


@pytest.mark.parametrize(
    ("strategy", "broken"),
    [
        (Boastful, {"sound", "unanimous"}),
        (Liar, {"branch"}),
        (Hasty, {"stays_decided"}),
        (Early, {"arrival"}),
        (Chatty, {"calls", "failed_calls", "single", "unanimous"}),
    ],
)
async def test_a_broken_strategy(strategy: Callable[[VoteOptions], Any], broken: set[str]) -> None:
    assert (await failed(probe_strategy(strategy(VoteOptions())))).keys() == broken


async def test_a_strategy_may_be_about_arrival() -> None:
    assert await failed(probe_strategy(Early(VoteOptions()), by_arrival=True)) == {}


class Greedy(Fixed):
    def choose(self, request: RoutingRequest) -> Choice:
        return Choice(request.models, reason="all")


class Moody(Fixed):
    made: ClassVar[int] = 0

    def __init__(self, options: PolicyOptions) -> None:
        super().__init__(options)
        type(self).made += 1
        self._turn = self.made

    def choose(self, request: RoutingRequest) -> Choice:
        first = self._turn % len(request.models)
        return Choice((request.models[first],), reason="in turn")


class Insistent(Fixed):
    def more(self, request: RoutingRequest, asked: Sequence[str], answers: Sequence[ModelAnswer]) -> Choice | None:  # noqa: ARG002  # the port's signature
        return Choice((request.models[0],), reason="again")


class Stranger(Fixed):
    def lookup(self, request: RoutingRequest) -> Lookup | None:  # noqa: ARG002  # likewise
        return Lookup("", {})


@pytest.mark.parametrize(
    ("policy", "broken"),
    [
        (Greedy, {"sound", "preference", "ends"}),
        (Moody, {"pure"}),
        (Insistent, {"ends"}),
        (Stranger, {"lookup"}),
    ],
)
async def test_a_broken_policy(policy: Callable[[PolicyOptions], Any], broken: set[str]) -> None:
    assert (await failed(probe_policy(lambda: policy(PolicyOptions())))).keys() == broken
