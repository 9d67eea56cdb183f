from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app import vectors
from app.errors import InvalidEvent, MissingDependency, RetrievalError
from app.retrieval import snapshot
from app.retrieval.base import SearchScope, Vectors
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.index import namespace_index
from app.retrieval.index.chunk_table import DocumentEntry
from app.retrieval.index.segment import Segment
from app.retrieval.ingest import prepare_chunks
from app.retrieval.memory import MemoryStore
from app.settings import RetrievalSettings
from topics.documents import Document

EMBEDDER = HashingEmbedder()


async def add(store: MemoryStore, document_id: str, text: str) -> None:
    for part in await prepare_chunks(Document(id=document_id, text=text), embedder=EMBEDDER, words=50, overlap=0):
        await store.apply(part)


async def found(store: MemoryStore, query: str) -> list[str]:
    return [chunk.document_id for chunk in await store.search(query, limit=9, scope=SearchScope())]


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def resumed(path: Path, embedder: HashingEmbedder = EMBEDDER) -> MemoryStore:
    store = MemoryStore(embedder, path=path)
    await store.load()
    return store


async def test_a_closed_store_resumes_with_its_position(tmp_path: Path) -> None:
    store = await resumed(tmp_path / "index")
    await add(store, "a", "first text")
    store.set_position({"0": 3, "1": 9})
    await store.close()

    again = await resumed(tmp_path / "index")
    assert again.get_position() == {"0": 3, "1": 9}
    assert await found(again, "text") == ["a"]


async def test_what_was_applied_after_the_save_is_not_in_the_file(tmp_path: Path) -> None:
    store = await resumed(tmp_path / "index")
    await add(store, "a", "first")
    store.set_position({"0": 1})
    await store.save()
    await add(store, "b", "second")
    store.set_position({"0": 2})

    after_a_crash = await resumed(tmp_path / "index")
    assert after_a_crash.get_position() == {"0": 1}
    assert await found(after_a_crash, "second") == ["a"]


async def test_a_file_is_written_only_when_something_changed(tmp_path: Path) -> None:
    path = tmp_path / "index"
    store = await resumed(path)
    await store.save()
    assert not path.exists()

    await add(store, "a", "text")
    await store.save()
    written = path.stat().st_ino
    await add(store, "a", "text")
    store.set_position({})
    await store.save()
    assert path.stat().st_ino == written

    store.set_position({"0": 1})
    await store.save()
    assert path.stat().st_ino != written


async def test_loading_is_no_change(tmp_path: Path) -> None:
    store = await resumed(tmp_path / "index")
    await add(store, "a", "text")
    await store.close()
    written = (tmp_path / "index").stat().st_ino
    await (await resumed(tmp_path / "index")).close()
    assert (tmp_path / "index").stat().st_ino == written


async def test_the_file_of_another_embedder_is_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await resumed(tmp_path / "index")
    await add(store, "a", "text")
    store.set_position({"0": 1})
    await store.close()

    other = await resumed(tmp_path / "index", HashingEmbedder(dimensions=8))
    assert (other.get_position(), await found(other, "text")) == ({}, [])
    assert EMBEDDER.name in caplog.text


class Other(HashingEmbedder):
    """Another embedder with as many dimensions; it counts the texts that it embeds."""

    trusts_unnamed = True

    def __init__(self) -> None:
        super().__init__()
        self.name = "other"
        self.count = 0
        self.remakes_vectors = True

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.count += len(texts)
        return -(await super().embed(texts))


@pytest.mark.parametrize(("named", "count"), [("other", 0), (None, 0), (EMBEDDER.name, 1)])
async def test_vectors_of_another_embedder_are_made_again(named: str | None, count: int) -> None:
    other = Other()
    store = MemoryStore(other)
    (part,) = await prepare_chunks(Document(id="a", text="# T\n\ntext"), embedder=EMBEDDER, words=50, overlap=0)
    await store.apply(part.model_copy(update={"embedder": named}))
    assert other.count == count
    await add(store, "b", "something else")
    assert ((await found(store, "T text"))[0] == "a") == (count > 0)  # the given vectors are the opposite


async def test_vectors_of_another_embedder_are_refused_where_making_them_again_costs_money() -> None:
    other = Other()
    other.remakes_vectors = False
    store = MemoryStore(other)
    (part,) = await prepare_chunks(Document(id="a", text="text"), embedder=EMBEDDER, words=50, overlap=0)
    with pytest.raises(InvalidEvent, match=r"a was embedded with .*, not with other: add the document again, or set"):
        await store.apply(part)
    assert other.count == 0
    await store.apply(part.model_copy(update={"embedder": "other"}))
    assert await found(store, "text") == ["a"]


async def test_vectors_of_an_older_version_of_the_embedder_are_made_again(tmp_path: Path) -> None:
    (part,) = await prepare_chunks(Document(id="a", text="text"), embedder=Other(), words=50, overlap=0)
    store = await resumed(tmp_path / "index")
    await store.apply(part.model_copy(update={"embedder": None}))
    await store.close()
    (kept,) = (snapshot.read(tmp_path / "index", EMBEDDER.name) or snapshot.Snapshot({}, ())).parts
    assert vectors.decode(kept.chunks[0].embedding) == pytest.approx((await EMBEDDER.embed(["text"]))[0])


async def test_a_save_that_failed_is_made_up_for(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    store = MemoryStore(EMBEDDER, path=folder / "index")
    await add(store, "a", "text")
    with pytest.raises(RetrievalError, match="cannot be written"):
        await store.save()
    folder.unlink()
    await store.save()
    assert await found(await resumed(folder / "index"), "text") == ["a"]


async def test_without_a_path_nothing_is_loaded_or_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = MemoryStore(EMBEDDER)
    await store.load()
    await add(store, "a", "text")
    await store.close()
    assert names(tmp_path) == []


async def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RetrievalError, match="cannot be read"):
        await resumed(tmp_path)


async def test_the_position_is_a_copy() -> None:
    store = MemoryStore(EMBEDDER)
    position = {"0": 1}
    store.set_position(position)
    position["0"] = 2
    store.get_position()["0"] = 3
    assert store.get_position() == {"0": 1}


async def test_a_change_is_indexed_once_for_all_who_wait_for_it_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    builds: list[int] = []

    class Counted(Segment):
        def __init__(self, entries: Sequence[DocumentEntry]) -> None:
            builds.append(len(entries))
            super().__init__(entries)

    monkeypatch.setattr(namespace_index, "Segment", Counted)
    store = MemoryStore(EMBEDDER)
    for name in "abc":
        await add(store, name, "text")
    assert builds == []
    await asyncio.gather(*(found(store, "text") for _ in range(5)))
    await add(store, "a", "text")
    await found(store, "text")
    assert builds == [3]
    await add(store, "a", "other text")
    await found(store, "text")
    assert builds == [3, 1]


async def test_what_is_applied_during_a_build_is_found_by_the_next_search(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(EMBEDDER)
    await add(store, "a", "text")
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    class Slow(Segment):
        def __init__(self, entries: Sequence[DocumentEntry]) -> None:
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            super().__init__(entries)

    monkeypatch.setattr(namespace_index, "Segment", Slow)
    early = asyncio.create_task(found(store, "text"))
    await begun.wait()
    await add(store, "b", "text")
    late = asyncio.create_task(found(store, "text"))
    go_on.set()
    assert await early == ["a"]
    assert await late == ["a", "b"]


async def test_a_failing_embedder_is_what_search_raises() -> None:
    class Failing(HashingEmbedder):
        async def embed(self, texts: Sequence[str]) -> Vectors:
            raise RetrievalError(f"no vectors for {len(texts)} text")

    store = MemoryStore(Failing())
    await add(store, "a", "text")
    with pytest.raises(RetrievalError, match="no vectors"):
        await found(store, "text")


async def test_a_missing_package_shows_when_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingDependency):
        await MemoryStore(EMBEDDER).load()


async def test_the_path_comes_from_the_settings(tmp_path: Path) -> None:
    store = MemoryStore.from_settings(RetrievalSettings(path=tmp_path / "index"), EMBEDDER)
    await add(store, "a", "text")
    await store.close()
    assert (tmp_path / "index").exists()
    assert await found(store, "text") == []


async def test_a_save_that_was_cancelled_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    write = snapshot.write

    def slow(*arguments: Any) -> None:
        begun.set()
        go_on.wait(10)
        write(*arguments)

    store = MemoryStore(HashingEmbedder(), path=tmp_path / "index")
    await store.load()
    store.set_position({"0": 1})
    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "write", slow)
        saving = asyncio.create_task(store.save())
        await asyncio.to_thread(begun.wait, 10)
        saving.cancel()
        await asyncio.gather(saving, return_exceptions=True)
    store.set_position({"0": 2})
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing

    again = MemoryStore(HashingEmbedder(), path=tmp_path / "index")
    await again.load()
    assert again.get_position() == {"0": 2}
    await again.close()
