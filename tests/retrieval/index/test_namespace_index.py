from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval.base import SearchScope
from app.retrieval.index import hybrid, namespace_index
from app.retrieval.index.chunk_table import ChunkRow, DocumentEntry
from app.retrieval.index.namespace_index import NamespaceIndex
from app.retrieval.index.segment import Segment
from topics.chunks import DocumentChunks
from topics.retrieval_results import Chunk

WORDS = ("apple", "pear", "café", "cafe", "engine", "red", "green")
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join), min_size=1, max_size=3)
CHANGES = st.lists(st.tuples(st.sampled_from("abcde"), st.none() | TEXTS, st.booleans()), max_size=12)


def entry(key: str, texts: Sequence[str], roles: tuple[str, ...] | None = None) -> DocumentEntry:
    rows = tuple(
        ChunkRow(
            Chunk(id=f"{key}#{number}", document_id=key, source=key, lines=(1, 1), text=text),
            np.array([len(text) % 3 + 1, number], dtype=np.float32),
        )
        for number, text in enumerate(texts)
    )
    return DocumentEntry(DocumentChunks(document_id=key, version="1", allowed_roles=roles), {0: rows})


def search(segments: Sequence[Segment], query: str = "red cafe apple") -> list[tuple[str, float]]:
    found = hybrid.search(segments, query, np.array([1, 0], dtype=np.float32), limit=5, scope=SearchScope())
    return [(chunk.id, round(chunk.score, 5)) for chunk in found]


@settings(deadline=None)
@given(CHANGES)
async def test_whatever_the_changes_a_search_finds_what_one_new_segment_would(
    changes: list[tuple[str, list[str] | None, bool]],
) -> None:
    index, held = NamespaceIndex(), dict[str, DocumentEntry]()
    for key, texts, searched in changes:
        if texts is None:
            held.pop(key, None)
        else:
            held[key] = entry(key, texts, ("hr",) if key == "e" else None)
        index.set(key, held.get(key))
        if searched:
            await index.segments()
    segments = await index.segments()
    if not held:
        assert not segments
    else:
        fresh = Segment([held[key] for key in sorted(held)])
        assert search(segments) == search([fresh])
        assert search([Segment.merged(segments)]) == search([fresh])


async def test_segments_stay_few_and_each_chunk_is_seldom_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    merged: list[int] = []
    real = Segment.merged.__func__  # type: ignore[attr-defined]  # a class method's function

    def counted(cls: type[Segment], segments: Sequence[Segment]) -> Segment:
        found: Segment = real(cls, segments)
        merged.append(len(found.chunks))
        return found

    monkeypatch.setattr(Segment, "merged", classmethod(counted))
    index = NamespaceIndex()
    for number in range(200):
        index.set(str(number), entry(str(number), ["text"]))
        assert len(await index.segments()) <= namespace_index._MANY + 1
    await index.close()
    assert len(await index.segments()) <= 6
    assert sum(merged) < 200 * 10


async def test_searches_go_on_while_large_segments_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, begun = threading.Event(), threading.Event()

    class Slow(Segment):
        @classmethod
        def merged(cls, segments: Sequence[Segment]) -> Self:
            begun.set()
            go_on.wait(10)
            return super().merged(segments)

    monkeypatch.setattr(namespace_index, "Segment", Slow)
    index = NamespaceIndex()
    for key in "abc":
        index.set(key, entry(key, ["apple"]))
        await index.segments()
    await asyncio.to_thread(begun.wait, 10)
    index.set("a", None)
    index.set("d", entry("d", ["apple"]))
    assert {key for key, _ in search(await index.segments())} == {"b#0", "c#0", "d#0"}
    go_on.set()
    await index.close()
    assert {key for key, _ in search(await index.segments())} == {"b#0", "c#0", "d#0"}


async def test_changes_that_could_not_be_indexed_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    index = NamespaceIndex()
    index.set("a", entry("a", ["apple"]))
    with monkeypatch.context() as patched:
        patched.setattr(namespace_index, "Segment", lambda entries: 1 / (len(entries) - 1))
        with pytest.raises(ZeroDivisionError):
            await index.segments()
    assert [key for key, _ in search(await index.segments())] == ["a#0"]
