from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from app import vectors
from app.retrieval.chunking.chunker import chunk_document
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.ingest import prepare_chunks
from topics.chunks import DocumentChunks
from topics.documents import Document

EMBEDDER = HashingEmbedder()
GUIDE = Document(
    id="guide",
    text="# Guide\n\n" + "\n\n".join(f"Paragraph {number} is “here”." for number in range(40)),
    collection="docs",
)


async def prepared(document: Document, **options: Any) -> list[DocumentChunks]:
    return await prepare_chunks(document, **{"embedder": EMBEDDER, "words": 10, "overlap": 2, **options})


async def test_all_chunks_are_there_in_order() -> None:
    parts = await prepared(GUIDE, part_bytes=5000)
    assert len(parts) > 2
    assert [part.part for part in parts] == list(range(len(parts)))
    assert [one.chunk for part in parts for one in part.chunks] == chunk_document(GUIDE, words=10, overlap=2)
    assert {(part.document_id, part.version, part.collection) for part in parts} == {
        ("guide", parts[0].version, "docs")
    }


@pytest.mark.parametrize("part_bytes", [2500, 5000, 20_000])
async def test_no_part_is_larger_than_allowed(part_bytes: int) -> None:
    sizes = [len(part.to_json()) for part in await prepared(GUIDE, part_bytes=part_bytes)]
    assert max(sizes) <= part_bytes
    assert all(size > part_bytes - 2000 for size in sizes[:-1])


async def test_a_chunk_larger_than_a_part_goes_alone() -> None:
    assert all(len(part.chunks) == 1 for part in await prepared(GUIDE, part_bytes=100))


async def test_a_chunk_is_embedded_with_its_heading() -> None:
    (part,) = await prepared(Document(id="a", text="# Backups\n\nCopy the log."))
    expected = (await EMBEDDER.embed(["Backups\nCopy the log."]))[0]
    assert np.array_equal(vectors.decode(part.chunks[0].embedding), expected)


async def test_a_chunk_of_a_table_is_embedded_with_its_header() -> None:
    text = "# Parts\n\n| no | name |\n|---|---|\n" + "".join(f"| {number} | bolt |\n" for number in range(30))
    (part,) = await prepared(Document(id="a", text=text), words=25)
    expected = await EMBEDDER.embed([f"Parts\n| no | name |\n{one.chunk.text}" for one in part.chunks[1:]])
    found = [vectors.decode(one.embedding) for one in part.chunks[1:]]
    assert len(found) > 3
    assert np.array_equal(found, expected)


async def test_the_tags_of_a_table_are_not_embedded() -> None:
    rows = "".join(f"<tr><td>{number}</td><td>bolt</td></tr>" for number in range(60))
    text = f"<table><tr><th>no</th><th class='x'>name</th></tr>{rows}</table>"
    (part,) = await prepared(Document(id="a", text=text), words=25)
    last = part.chunks[-1]
    assert last.chunk.header == "<tr><th>no</th><th class='x'>name</th></tr>"
    words = " ".join(word for word in re.sub("<[^>]+>", " ", f"{last.chunk.header} {last.chunk.text}").split())
    assert np.array_equal(vectors.decode(last.embedding), (await EMBEDDER.embed([words]))[0])


async def test_the_parts_name_their_embedder() -> None:
    assert {part.embedder for part in await prepared(GUIDE, part_bytes=5000)} == {EMBEDDER.name}


@pytest.mark.parametrize(
    "document",
    [Document(id="a", text="gone", deleted=True), Document(id="a"), Document(id="a", text=" \n")],
)
async def test_nothing_to_say_is_one_empty_part(document: Document) -> None:
    (part,) = await prepared(document)
    assert (part.document_id, part.part, part.chunks) == ("a", 0, ())


async def test_the_same_document_is_the_same_version() -> None:
    assert await prepared(GUIDE) == await prepared(GUIDE)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "# Guide\n\nother"},
        {"collection": "more"},
        {"source": "elsewhere"},
        {"format": "text"},
    ],
)
async def test_another_document_is_another_version(change: dict[str, str]) -> None:
    before, after = await prepared(GUIDE), await prepared(GUIDE.model_copy(update=change))
    assert before[0].version != after[0].version


@pytest.mark.parametrize(
    "change", [{"words": 20}, {"overlap": 5}, {"embedder": HashingEmbedder(dimensions=8)}, {"part_bytes": 5000}]
)
async def test_another_setting_is_another_version(change: dict[str, Any]) -> None:
    assert (await prepared(GUIDE))[0].version != (await prepared(GUIDE, **change))[0].version
