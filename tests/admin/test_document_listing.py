from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import vectors
from app.admin.document_listing import FoundDocuments, ListedDocument
from app.cli.documents.commands import nothing
from app.partitioner import partition_of
from app.retrieval.index.chunk_table import ChunkTable
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.retrieval_results import Chunk

VECTOR = vectors.encode(vectors.decode("AACAPwAAAAA="))
PARTITIONS = 4


def part(
    document: str, version: str = "1", number: int = 0, chunks: int = 1, collection: str = "default"
) -> DocumentChunks:
    made = [
        Chunk(
            id=f"{document}#{n}",
            document_id=document,
            source=f"{document}.md",
            heading="Guide > Use",
            lines=(1, 1),
            text="x",
        )
        for n in range(chunks)
    ]
    return DocumentChunks(
        document_id=document,
        version=version,
        part=number,
        collection=collection,
        chunks=tuple(EmbeddedChunk(chunk=chunk, embedding=VECTOR) for chunk in made),
    )


def listed(*records: tuple[DocumentChunks | bytes | None, int, int]) -> list[ListedDocument]:
    """Return what is listed of records: each an event, its partition and its time in milliseconds."""
    found = FoundDocuments()
    for event, partition, at in records:
        value = event.to_json() if isinstance(event, DocumentChunks) else event
        found.add(SimpleNamespace(value=value, partition=partition, timestamp=at))
    return found.documents(PARTITIONS)


def home(document: str) -> int:
    return partition_of(document, PARTITIONS)


def test_a_document_is_listed_with_all_its_parts_and_when_the_last_came() -> None:
    records = [
        (part("a", number=number, chunks=number + 1, collection="docs"), 0, 1000 * number) for number in range(3)
    ]
    assert listed(*records) == [
        ListedDocument(
            id="a",
            title="Guide",
            source="a.md",
            collection="docs",
            chunks=6,
            ingested_at=datetime.fromtimestamp(2, UTC),
        )
    ]


def test_a_new_version_replaces_and_a_part_of_an_old_one_is_left_out() -> None:
    (found,) = listed((part("a", chunks=5), 0, 1), (part("a", "2", chunks=2), 0, 2), (part("a", "1", 1, 9), 0, 3))
    assert found.chunks == 2


def test_what_is_deleted_or_unreadable_is_not_listed() -> None:
    assert listed((part("a"), 0, 1), (part("a", chunks=0), 0, 2), (b"{", 0, 3), (None, 0, 4)) == []


def test_the_documents_own_partition_counts_and_else_the_latest() -> None:
    other, another = [number for number in range(PARTITIONS) if number != home("a")][:2]
    own = (part("a", "2", chunks=2), home("a"), 1)
    stale = (part("a", "1", chunks=1), other, 9)
    assert [one.chunks for one in listed(stale, own)] == [one.chunks for one in listed(own, stale)] == [2]
    assert [one.chunks for one in listed(stale, (part("a", "3", chunks=3), another, 10))] == [3]
    assert listed((part("a", chunks=0), home("a"), 1), stale) == []


def test_documents_are_in_the_order_of_their_ids() -> None:
    assert [one.id for one in listed((part("b"), 0, 1), (part("a"), 1, 2), (part("B"), 2, 3))] == ["B", "a", "b"]


PARTS = st.lists(
    st.builds(
        part,
        document=st.sampled_from("ab"),
        version=st.sampled_from("12"),
        number=st.integers(0, 2),
        chunks=st.integers(0, 2),
        collection=st.sampled_from(["x", "y"]),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(PARTS)
def test_what_is_listed_is_what_an_index_holds(parts: Sequence[DocumentChunks]) -> None:
    table: Any = ChunkTable(2)
    for one in parts:
        table.apply(one)
    entries = table._entries.values()
    held = {(entry.head.document_id, entry.namespace.collection) for entry in entries}
    found = listed(*((one, home(one.document_id), number) for number, one in enumerate(parts)))
    assert {(one.id, one.collection) for one in found} == held
    for document in found:
        assert [document.chunks] == [len([*one.rows()]) for one in entries if one.head.document_id == document.id]


def test_that_two_tenants_documents_of_one_id_are_two() -> None:
    own = [part("a").model_copy(update={"tenant": tenant, "allowed_roles": ("hr",)}) for tenant in ("acme", "bolt", "")]
    gone = part("a", chunks=0).model_copy(update={"tenant": "bolt"})
    found = listed(*((one, 0, number) for number, one in enumerate((*own, gone))))
    assert [(one.id, one.tenant, one.allowed_roles) for one in found] == [("a", "", ("hr",)), ("a", "acme", ("hr",))]


@pytest.mark.parametrize(
    ("collection", "said"),
    [
        ("handbok", "no documents in the collection handbok; did you mean `handbook`?"),
        ("x", "no documents in the collection x; there is handbook"),
        ("handbook", "no documents"),
        (None, "no documents"),
    ],
)
def test_that_an_unknown_collection_is_told_from_an_empty_list(collection: str | None, said: str) -> None:
    (document,) = listed((part("a", collection="handbook"), home("a"), 1))
    assert nothing([document], collection) == said
    assert nothing([], collection) == "no documents"
