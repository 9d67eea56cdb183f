"""The port of databases under remote stores, and what they keep: points in an index, of which one is live."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from app.retrieval.stores.conditions import Wanted
from app.vectors import Vector


class IndexOptions(BaseModel):
    """The `options` of a store; a kind that lacks one of them narrows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: str = Field(default="meta_ai", pattern=r"^[a-z][a-z0-9_]{0,40}$")
    kind: Literal["hnsw", "flat"] = "hnsw"
    metric: Literal["cosine", "dot", "euclidean"] = "cosine"
    m: int = Field(default=16, ge=4, le=100)
    ef_construction: int = Field(default=128, ge=8, le=2000)
    ef_search: int = Field(default=100, ge=8, le=1000)
    quantization: Literal["none", "half", "int8", "binary"] = "none"
    words: bool = True


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """What an index was made with; it stands with the index, and another embedder is refused."""

    embedder: str
    dimensions: int
    version: int = 1

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> IndexInfo:
        """Return what `to_json` made; what is not of this project is an index of nobody."""
        try:
            found = json.loads(text)
            return cls(str(found["embedder"]), int(found["dimensions"]), int(found["version"]))
        except (ValueError, KeyError, TypeError):
            return cls("unknown", 0, 0)


@dataclass(frozen=True, slots=True)
class Generation:
    """One index among those that replace each other."""

    name: str
    info: IndexInfo


@dataclass(frozen=True, slots=True)
class Point:
    """A chunk as databases keep it.

    `document` is the key of its document, `revision` a hash of all that the document's chunks share, and `head` that as
    JSON. `words` has a weight for each term.
    """

    id: str
    vector: Vector
    document: str
    revision: str
    head: str
    chunk: str
    source: str
    collection: str
    tenant: str
    roles: list[str]
    tags: list[str]
    numbers: Mapping[str, float]
    words: Mapping[str, float]
    at: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A point that was found: JSON of what its document's chunks share, and of the chunk."""

    id: str
    head: str
    chunk: str


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """What is known of a point without its text."""

    id: str
    document: str
    revision: str


class Database(Protocol):
    """One kind of database. `name`s are those of generations; what fails is one of `failures`.

    `most` is the largest limit of a search. With `has_words`, it finds terms, too.
    """

    failures: tuple[type[Exception], ...]
    most: int
    has_words: bool

    async def open(self) -> None:
        """Connect; called once, before anything else."""
        ...

    async def live(self) -> Generation | None:
        """Return the generation that is searched; None before the first `switch`."""
        ...

    async def create(self, name: str, info: IndexInfo) -> None:
        """Create an empty generation; one that exists is left as it is."""
        ...

    async def switch(self, name: str) -> None:
        """Make a generation the live one, in one step."""
        ...

    async def generations(self) -> list[str]:
        """Return the names of all generations."""
        ...

    async def drop(self, name: str) -> None:
        """Remove a generation; none of this name is fine."""
        ...

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """Write points; those with a known id are replaced. Return when a search finds them."""
        ...

    async def delete(self, name: str, document: str, *, keep: str = "", only: str = "") -> None:
        """Remove the points of a document: all but those of the revision `keep`, or those of the revision `only`."""
        ...

    async def has(self, name: str, point: str, *, tenant: str, collection: str) -> bool:
        """Return whether there is a point with this id."""
        ...

    async def nearest(self, name: str, vector: Vector, *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the points nearest to a vector, the nearest first."""
        ...

    async def matching(self, name: str, terms: Sequence[str], *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the points with some of the terms, the best first."""
        ...

    async def count(self, name: str) -> int:
        """Return the number of points."""
        ...

    def points(self, name: str) -> AsyncIterator[StoredPoint]:
        """Yield all points."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...
