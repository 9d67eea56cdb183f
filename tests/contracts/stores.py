"""The checks of each kind of store, on a real database, or on Pinecone's stand-in."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from app.conformance import Check
from app.retrieval.base import Embedder, SearchableStore
from app.retrieval.conformance.store import probe_store
from app.retrieval.memory import MemoryStore
from app.retrieval.registry import build_store
from app.settings import RetrievalSettings
from testkit.stores import weaviate
from testkit.stores.pinecone import pinecone


async def _memory(_request: pytest.FixtureRequest) -> list[Check]:
    return await _all(probe_store(MemoryStore))


async def _milvus(request: pytest.FixtureRequest) -> list[Check]:
    _need("milvus_lite", "pymilvus")
    folder: Path = request.getfixturevalue("tmp_path")
    return await _all(probe_store(_each_empty("milvus", str(folder / "milvus.db"))))


async def _pgvector(request: pytest.FixtureRequest) -> list[Check]:
    return await _all(probe_store(_each_empty("pgvector", request.getfixturevalue("postgres_url"))))


async def _pinecone(_request: pytest.FixtureRequest) -> list[Check]:
    _need("pinecone")
    async with pinecone() as url:
        return await _all(probe_store(_each_empty("pinecone", url)))


async def _qdrant(_request: pytest.FixtureRequest) -> list[Check]:
    _need("qdrant_client")
    return await _all(probe_store(_each_empty("qdrant", ":memory:")))


async def _weaviate(request: pytest.FixtureRequest) -> list[Check]:
    _need("weaviate")
    if reason := weaviate.missing():
        pytest.skip(reason)
    folder: Path = request.getfixturevalue("tmp_path")
    return await weaviate.checks(folder)


RUNS: dict[str, Callable[[pytest.FixtureRequest], Awaitable[list[Check]]]] = {
    "memory": _memory,
    "milvus": _milvus,
    "pgvector": _pgvector,
    "pinecone": _pinecone,
    "qdrant": _qdrant,
    "weaviate": _weaviate,
}


async def _all(checks: AsyncIterator[Check]) -> list[Check]:
    return [check async for check in checks]


def _need(*packages: str) -> None:
    if absent := [package for package in packages if find_spec(package) is None]:
        pytest.skip(f"needs {', '.join(absent)}")


def _each_empty(kind: str, endpoint: str) -> Callable[[Embedder], SearchableStore]:
    numbers = itertools.count()

    def make(embedder: Embedder) -> SearchableStore:
        given: dict[str, Any] = {"store": kind, "endpoint": endpoint, "timeout": 60, "api_key": "a-key-of-the-test"}
        options = {"index": f"contract_{next(numbers)}"}
        if kind == "qdrant":  # in this process it takes no key
            del given["api_key"]
        return build_store(RetrievalSettings.model_validate({**given, "options": options}), embedder)

    return make
