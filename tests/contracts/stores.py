"""Stores of each kind for their contract, on real databases."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.retrieval.base import Embedder, SearchableStore
from app.retrieval.memory import MemoryStore
from app.retrieval.registry import build_store
from app.settings import RetrievalSettings

T = TypeVar("T")
Make = Callable[[Embedder], SearchableStore]


def makers(request: pytest.FixtureRequest) -> dict[str, Callable[[], Make]]:
    """Return for each kind what starts its database and makes empty stores in it."""
    return {
        "memory": lambda: MemoryStore,
        "milvus": lambda: _each_empty("milvus", str(_installed("milvus_lite", _folder(request) / "m.db"))),
        "pgvector": lambda: _each_empty("pgvector", request.getfixturevalue("postgres_url")),
        "qdrant": lambda: _each_empty("qdrant", _installed("qdrant_client", ":memory:")),
    }


def _installed(package: str, place: T) -> T:
    """Return where a database is, or skip the test."""
    pytest.importorskip(package)
    return place


def _folder(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue("tmp_path")
    return folder


def _each_empty(kind: str, endpoint: str, **options: Any) -> Make:
    numbers = itertools.count()

    def make(embedder: Embedder) -> SearchableStore:
        index = f"contract_{next(numbers)}"
        settings = RetrievalSettings(store=kind, endpoint=endpoint, timeout=30, options={"index": index, **options})
        return build_store(settings, embedder)

    return make
