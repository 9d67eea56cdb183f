from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import vectors
from app.errors import InvalidEvent
from app.retrieval.index.chunk_table import ChunkRow, ChunkTable, Namespace
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.retrieval_results import Chunk


def part(
    document: str, version: str, number: int, texts: Sequence[str], *, collection: str = "default", size: int = 2
) -> DocumentChunks:
    chunks = tuple(
        EmbeddedChunk(
            chunk=Chunk(id=f"{document}#{text}", document_id=document, source=document, lines=(1, 1), text=text),
            embedding=vectors.encode(np.full(size, len(text), dtype=np.float32)),
        )
        for text in texts
    )
    return DocumentChunks(document_id=document, version=version, part=number, collection=collection, chunks=chunks)


def rows(catalogue: ChunkTable, collection: str) -> list[ChunkRow]:
    entries = [catalogue._entries[key] for key in sorted(catalogue._entries)]
    return [row for entry in entries if entry.namespace == Namespace(collection, "") for row in entry.rows()]


def held(catalogue: ChunkTable, collection: str = "default") -> list[str]:
    return [row.chunk.text for row in rows(catalogue, collection)]


def filled(*parts: DocumentChunks) -> ChunkTable:
    catalogue = ChunkTable(2)
    for one in parts:
        catalogue.apply(one)
    return catalogue


def test_rows_are_ordered_by_document_and_part() -> None:
    catalogue = filled(part("b", "1", 0, ["b0"]), part("a", "1", 0, ["a0"]), part("a", "1", 1, ["a1"]))
    assert held(catalogue) == ["a0", "a1", "b0"]


def test_what_changed_is_told_once() -> None:
    catalogue = ChunkTable(2)
    first = part("a", "1", 0, ["x"])
    assert catalogue.apply(first) == {("default", "")}
    assert catalogue.apply(first) == set()
    assert catalogue.apply(part("a", "2", 0, ["x"])) == {("default", "")}


def test_part_0_again_keeps_the_later_parts_of_its_version() -> None:
    zero, one = part("a", "1", 0, ["x"]), part("a", "1", 1, ["y"])
    assert held(filled(zero, one, zero)) == ["x", "y"]


def test_part_0_with_other_content_replaces_even_in_the_same_version() -> None:
    assert held(filled(part("a", "1", 0, ["x"]), part("a", "1", 1, ["y"]), part("a", "1", 0, ["z"]))) == ["z"]


def test_another_version_replaces_all_parts() -> None:
    assert held(filled(part("a", "1", 0, ["x"]), part("a", "1", 1, ["y"]), part("a", "2", 0, ["z"]))) == ["z"]


@pytest.mark.parametrize("stray", [part("a", "0", 1, ["old"]), part("b", "1", 1, ["unknown"])])
def test_a_later_part_of_another_version_or_document_is_ignored(stray: DocumentChunks) -> None:
    catalogue = filled(part("a", "1", 0, ["x"]))
    assert catalogue.apply(stray) == set()
    assert held(catalogue) == ["x"]


def test_an_empty_part_0_deletes() -> None:
    catalogue = filled(part("a", "1", 0, ["x"]), part("a", "1", 1, ["y"]))
    assert catalogue.apply(part("a", "2", 0, [])) == {("default", "")}
    assert catalogue.apply(part("a", "2", 0, [])) == set()
    assert held(catalogue) == []


def test_a_document_that_moves_leaves_its_collection() -> None:
    catalogue = filled(part("a", "1", 0, ["x"], collection="old"))
    assert catalogue.apply(part("a", "1", 0, ["x"], collection="new")) == {("old", ""), ("new", "")}
    assert (held(catalogue, "old"), held(catalogue, "new")) == ([], ["x"])


def test_other_dimensions_are_refused_whole() -> None:
    catalogue = filled(part("a", "1", 0, ["x"]))
    with pytest.raises(InvalidEvent, match="3 dimensions, the index of 2"):
        catalogue.apply(part("a", "2", 0, ["z"], size=3))
    assert held(catalogue) == ["x"]


def test_a_copy_stays_as_it_was() -> None:
    catalogue = filled(part("a", "1", 0, ["x"]))
    copy = catalogue.copy()
    catalogue.apply(part("a", "1", 1, ["y"]))
    assert held(copy) == ["x"]


PARTS = st.builds(
    part,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["1", "2"]),
    st.integers(0, 2),
    st.lists(st.sampled_from(["x", "yy", "zzz"]), max_size=2),
    collection=st.sampled_from(["one", "two"]),
)


@settings(deadline=None)
@given(st.lists(PARTS, max_size=12))
def test_every_part_may_be_repeated_at_once(log: list[DocumentChunks]) -> None:
    once, twice = filled(*log), filled(*(one for one in log for _ in range(2)))
    for collection in ("one", "two"):
        assert held(once, collection) == held(twice, collection)


@settings(deadline=None)
@given(st.lists(PARTS, max_size=12))
def test_its_parts_make_an_equal_catalogue(log: list[DocumentChunks]) -> None:
    catalogue = filled(*log)
    again = filled(*catalogue.parts())
    for collection in ("one", "two"):
        before, after = rows(catalogue, collection), rows(again, collection)
        assert len(before) == len(after)
        assert all(left.same(right) for left, right in zip(before, after, strict=True))
