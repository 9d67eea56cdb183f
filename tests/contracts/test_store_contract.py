"""What every store keeps, whoever made it: the rules of `topics.chunks`, seen through `search`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from app import vectors
from app.errors import InvalidEvent
from app.retrieval.base import Embedder, Store
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.memory import MemoryStore
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.retrieval_results import Chunk

MAKERS: dict[str, Callable[[Embedder], Store]] = {"memory": MemoryStore}
EMBEDDER = HashingEmbedder()


@pytest.fixture(params=MAKERS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    store = MAKERS[request.param](EMBEDDER)
    yield store
    await store.close()


async def part(
    document: str, version: str, number: int, texts: Sequence[str], collection: str = "default"
) -> DocumentChunks:
    rows = await EMBEDDER.embed(texts)
    chunks = tuple(
        EmbeddedChunk(
            chunk=Chunk(
                id=f"{document}#{number}.{place}",
                document_id=document,
                source=f"{document}.md",
                heading="Guide > Part",
                lines=(place + 1, place + 2),
                text=text,
            ),
            embedding=vectors.encode(row),
        )
        for place, (text, row) in enumerate(zip(texts, rows, strict=True))
    )
    return DocumentChunks(document_id=document, version=version, part=number, collection=collection, chunks=chunks)


async def texts(store: Store, query: str = "text", collection: str = "default") -> set[str]:
    return {chunk.text for chunk in await store.search(query, limit=100, collection=collection)}


async def test_an_empty_store_finds_nothing(store: Store) -> None:
    assert await store.search("anything", limit=3, collection="default") == []


async def test_what_is_found_is_what_was_applied_with_a_score(store: Store) -> None:
    applied = await part("a", "1", 0, ["the text"])
    await store.apply(applied)
    (found,) = await store.search("text", limit=3, collection="default")
    assert found.score > 0
    assert found.model_copy(update={"score": 0.0}) == applied.chunks[0].chunk


async def test_best_first_and_no_more_than_asked(store: Store) -> None:
    await store.apply(await part("a", "1", 0, ["apples and pears", "brokers and topics", "topics"]))
    found = await store.search("brokers and topics", limit=2, collection="default")
    assert len(found) == 2
    assert found[0].text == "brokers and topics"
    assert found[0].score >= found[1].score


async def test_repeating_changes_nothing(store: Store) -> None:
    zero, one = await part("a", "1", 0, ["text zero"]), await part("a", "1", 1, ["text one"])
    for each in (zero, zero, one, one, zero):
        await store.apply(each)
    found = await store.search("text", limit=9, collection="default")
    assert sorted(chunk.text for chunk in found) == ["text one", "text zero"]


async def test_part_0_of_a_new_version_replaces_everything(store: Store) -> None:
    await store.apply(await part("a", "1", 0, ["text old"]))
    await store.apply(await part("a", "1", 1, ["text old too"]))
    await store.apply(await part("a", "2", 0, ["text new"]))
    assert await texts(store) == {"text new"}


async def test_a_later_part_of_an_unknown_version_is_ignored(store: Store) -> None:
    await store.apply(await part("b", "1", 1, ["text of nobody"]))
    await store.apply(await part("a", "2", 0, ["text new"]))
    await store.apply(await part("a", "1", 1, ["text stale"]))
    assert await texts(store) == {"text new"}


async def test_an_empty_part_0_deletes(store: Store) -> None:
    await store.apply(await part("a", "1", 0, ["text"]))
    await store.apply(await part("a", "1", 1, ["more text"]))
    await store.apply(await part("b", "1", 0, ["text of b"]))
    await store.apply(await part("a", "2", 0, []))
    assert await texts(store) == {"text of b"}


async def test_what_changed_is_seen_by_the_next_search(store: Store) -> None:
    await store.apply(await part("a", "1", 0, ["text old"]))
    assert await texts(store) == {"text old"}
    await store.apply(await part("a", "2", 0, ["text new"]))
    assert await texts(store) == {"text new"}


async def test_collections_are_separate(store: Store) -> None:
    await store.apply(await part("a", "1", 0, ["text of one"], "one"))
    await store.apply(await part("b", "1", 0, ["text of two"], "two"))
    assert await texts(store, collection="one") == {"text of one"}
    assert await texts(store, collection="two") == {"text of two"}
    assert await texts(store) == set()


async def test_a_document_is_in_one_collection(store: Store) -> None:
    await store.apply(await part("a", "1", 0, ["text"], "one"))
    await store.apply(await part("a", "2", 0, ["text"], "two"))
    assert (await texts(store, collection="one"), await texts(store, collection="two")) == (set(), {"text"})


async def test_a_malformed_part_is_refused_and_changes_nothing(store: Store) -> None:
    await store.apply(await part("a", "1", 0, ["text"]))
    broken = await part("a", "2", 0, ["text", "text"])
    chunks = (broken.chunks[0], broken.chunks[1].model_copy(update={"embedding": "?"}))
    with pytest.raises(InvalidEvent):
        await store.apply(broken.model_copy(update={"chunks": chunks}))
    assert await texts(store) == {"text"}


@pytest.mark.parametrize("query", ["", "?!", "\U0001f642", "unknown"])
async def test_any_query_is_answered(store: Store, query: str) -> None:
    await store.apply(await part("a", "1", 0, ["text"]))
    assert len(await store.search(query, limit=1, collection="default")) <= 1
