"""One component of each kind, as a package of a user has them: written against `meta_ai_orchestrator` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
from pydantic import BaseModel, JsonValue

from meta_ai_orchestrator.adapters import (
    Completion,
    Features,
    ModelSettings,
    ModelTimeout,
    Prompt,
    Section,
    Usage,
    parse,
)
from meta_ai_orchestrator.caching import CacheEntry, CacheSettings
from meta_ai_orchestrator.connectors import (
    Arguments,
    ConnectorError,
    ConnectorSettings,
    ConnectorUnavailable,
    parse_arguments,
)
from meta_ai_orchestrator.fusion import Candidate, Fused, Panel, StrategyOptions, ranked
from meta_ai_orchestrator.retrieval import (
    Chunk,
    DocumentChunks,
    Embedder,
    RetrievalSettings,
    SearchScope,
    Vectors,
    decode_vector,
)
from meta_ai_orchestrator.routing import Choice, PolicyOptions, RoutingRequest, SinglePassPolicy


class ParrotOptions(Section):
    """What a configuration may have under `options`."""

    says: str = ""


class Parrot:
    """Says what it was told to say, or repeats the question."""

    provider = "acme"
    options = ParrotOptions
    features: Features = frozenset()

    def __init__(self, says: str) -> None:
        self._says = says

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        return cls(parse(name, settings, ParrotOptions).says)

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        if timeout <= 0:
            raise ModelTimeout("no time left", provider=self.provider)
        asked = prompt.messages[-1].content
        said = self._says or asked
        return Completion(said, usage=Usage(input_tokens=len(asked.split()), output_tokens=len(said.split())))

    async def close(self) -> None:
        pass


def discount(price: float, percent: float = 10) -> float:
    if price < 0:
        raise ConnectorError(f"price: must not be negative, but is {price}", status=422)
    return price * (1 - percent / 100)


class Entry(Arguments):
    """What a step passes to the ledger."""

    account: str
    amount: int


class Ledger:
    """Adds up amounts by account; it fails the first time for each account, as a busy service would."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}

    @classmethod
    def from_settings(cls, name: str, settings: ConnectorSettings) -> Self:
        assert name
        assert settings.kind == "ledger"
        return cls()

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        entry = parse_arguments(arguments, Entry)
        if entry.account == "busy" and entry.account not in self._totals:
            self._totals[entry.account] = 0
            raise ConnectorUnavailable(f"too busy, with {timeout:.0f} s left", status=503)
        self._totals[entry.account] = self._totals.get(entry.account, 0) + entry.amount
        return {"total": self._totals[entry.account]}

    async def close(self) -> None:
        self._totals.clear()


class Letters:
    """Embeds a text as how often it has each of some letters."""

    name = "acme-letters-1"
    dimensions = 64

    @classmethod
    def from_settings(cls, settings: RetrievalSettings) -> Self:
        assert settings.embedder == "acme"
        return cls()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), self.dimensions), 0.01, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[sum(word.encode("utf-8", "replace")) % self.dimensions] += 1
        vectors: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return vectors

    async def close(self) -> None:
        pass


class Shelf:
    """Keeps chunks in memory, and compares a query with all of them."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._documents: dict[str, DocumentChunks] = {}
        self._chunks: dict[tuple[str, int], list[tuple[Chunk, Vectors]]] = {}
        self._position: dict[str, int] = {}

    @classmethod
    def from_settings(cls, settings: RetrievalSettings, embedder: Embedder) -> Self:
        assert settings.store == "acme"
        return cls(embedder)

    async def load(self) -> None:
        pass

    async def save(self) -> None:
        pass

    def get_position(self) -> Mapping[str, int]:
        return dict(self._position)

    def set_position(self, position: Mapping[str, int]) -> None:
        self._position = dict(position)

    async def apply(self, part: DocumentChunks) -> None:
        rows = [(one.chunk, decode_vector(one.embedding)) for one in part.chunks]
        key, document = part.document_key, part.model_copy(update={"part": 0, "chunks": ()})
        if part.part == 0 and self._documents.get(key) != document:
            self._chunks = {place: kept for place, kept in self._chunks.items() if place[0] != key}
            self._documents[key] = document
        if self._documents.get(key) == document:
            self._chunks[key, part.part] = rows

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        (asked,) = await self._embedder.embed([query])
        scored = [
            chunk.model_copy(update={"score": float(asked @ row) + 1.0})
            for (document, _), rows in self._chunks.items()
            if scope.admits(self._documents[document])
            for chunk, row in rows
        ]
        return sorted(scored, key=lambda chunk: -chunk.score)[:limit]

    async def close(self) -> None:
        self._chunks.clear()


class Longest:
    """The longest answer."""

    name: ClassVar[str] = "longest"
    Options: ClassVar[type[BaseModel]] = StrategyOptions
    needs_embeddings = False
    models: tuple[str, ...] = ()

    def __init__(self, options: StrategyOptions) -> None:
        """Take the options, of which there are none."""

    def fuse(self, panel: Panel) -> Fused:
        """Return the longest answer; agreement is the share of candidates that gave it."""
        candidates = ranked(panel.candidates, panel.order)
        best = max(candidates, key=lambda candidate: len(candidate.text))
        groups: dict[str, list[str]] = {}
        for candidate in candidates:
            groups.setdefault(candidate.text, []).append(candidate.branch)
        largest_first = sorted(groups.values(), key=len, reverse=True)
        agreement = len(groups[best.text]) / len(candidates)
        reason = f"the longest of {len(candidates)}"
        return Fused(best.text, best.branch, agreement, reason, groups=tuple(map(tuple, largest_first)))

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        """Return whether all have answered: the last may be the longest."""
        return not outstanding


class Alphabetical(SinglePassPolicy):
    """The models in the order of their names."""

    name: ClassVar[str] = "alphabetical"
    Options: ClassVar[type[BaseModel]] = PolicyOptions

    def __init__(self, options: PolicyOptions) -> None:
        pass

    def choose(self, request: RoutingRequest) -> Choice:
        ordered = tuple(sorted(request.models))
        return Choice(ordered[: request.count], ordered[request.count :], reason="by name")


class Drawer:
    """Keeps everything in a dictionary; one for all workers of this process."""

    entries: ClassVar[dict[bytes, CacheEntry]] = {}

    @classmethod
    def from_settings(cls, settings: CacheSettings, app_id: str) -> Self:
        assert settings.store == "acme"
        assert app_id
        return cls()

    async def get(self, key: bytes) -> CacheEntry | None:
        return self.entries.get(key)

    async def put(self, key: bytes, kept: CacheEntry, max_age: float) -> None:
        if max_age > 0:
            self.entries[key] = kept

    async def close(self) -> None:
        pass
