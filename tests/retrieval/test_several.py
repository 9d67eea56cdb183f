from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from app.errors import ConfigurationError, RetrievalError
from app.retrieval.base import SearchScope
from app.retrieval.several import Stores
from topics.chunks import DocumentChunks
from topics.retrieval_results import Chunk


@dataclass
class Shelf:
    """Finds what it has, fails, or never answers."""

    names: str = ""
    error: Exception | None = None
    silent: bool = False
    loaded: list[bool] = field(default_factory=list)
    remote: ClassVar[bool] = True

    async def load(self) -> None:
        self.loaded.append(True)
        if self.error:
            raise self.error

    async def apply(self, part: DocumentChunks) -> None:
        """Take nothing in."""

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        assert (query, scope) == ("why?", SearchScope())
        if self.silent:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return [_chunk(name) for name in self.names][:limit]

    async def close(self) -> None:
        """Hold nothing."""


def _chunk(name: str) -> Chunk:
    return Chunk(id=name, document_id=name, source=name, lines=(1, 1), text=name)


async def _search(stores: Stores, *names: str, limit: int = 3) -> tuple[str, dict[str, str]]:
    found = await stores.search("why?", limit=limit, scope=SearchScope(), names=names)
    return "".join(chunk.id for chunk in found.chunks), {name: error.code for name, error in found.failed.items()}


async def test_the_default_one_is_searched_where_none_is_named() -> None:
    stores = Stores({"one": Shelf("ab"), "two": Shelf("c")}, {})
    assert await _search(stores) == ("ab", {})
    assert await _search(stores, "two") == ("c", {})


async def test_what_several_find_is_fused_by_rank() -> None:
    stores = Stores({"one": Shelf("abc"), "two": Shelf("cd"), "three": Shelf("x")}, {})
    assert await _search(stores, "one", "two") == ("cab", {})
    assert await _search(stores, "one", "two", limit=2) == ("ac", {})  # each finds two, and nothing twice


@pytest.mark.parametrize("bad", [Shelf(error=RetrievalError("away")), Shelf(silent=True)])
async def test_one_that_fails_or_is_late_is_left_out_and_named(bad: Shelf) -> None:
    stores = Stores({"one": Shelf("ab"), "bad": bad}, {"one": 60.0, "bad": 0.05})
    assert await _search(stores, "one", "bad") == ("ab", {"bad": "retrieval"})
    with pytest.raises(RetrievalError):
        await _search(stores, "bad")


async def test_an_unknown_one_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"no store is called tow"):
        await _search(Stores({"two": Shelf()}, {}), "tow")


async def test_one_that_is_away_at_the_start_is_no_obstacle() -> None:
    away = Shelf(error=RetrievalError("away"))
    await Stores({"away": away}, {}).load()
    assert away.loaded
    with pytest.raises(ConfigurationError):
        await Stores({"wrong": Shelf(error=ConfigurationError("another embedder"))}, {}).load()
